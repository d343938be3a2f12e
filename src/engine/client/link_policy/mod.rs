//! Decides whether a link may be fetched. A link is hostile input: everyone who can write to the profile's queue chooses the
//! host.
//!
//! * Plain text only to this machine or to hosts that the operator allowed.
//! * Without a click only from the host of the download address and from hosts that the operator allowed.
//! * From this machine and private networks only for a profile whose API is there too, or for hosts that the operator
//!   allowed: otherwise a link would let a stranger send GETs behind the operator's firewall. The *address* counts, checked
//!   after the name is resolved; the connection goes to exactly the address that was checked. If a proxy makes the
//!   connection, the proxy resolves names and its operator decides what it allows: only addresses in links are checked then.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::{Host, Url};

use crate::engine::events::action::LinkPermission;
use crate::engine::network::endpoints::Endpoints;
use crate::settings::{DownloadSettings, is_loopback};

/// Resolves a name. Injected, so that a test can choose the addresses.
pub(crate) type Resolver = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's resolver.
pub(crate) fn system_resolver() -> Resolver {
    Arc::new(|host, port| {
        Box::pin(async move { tokio::net::lookup_host((host.as_str(), port)).await.map(Iterator::collect) })
    })
}

/// The kind of network that an address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NetworkZone {
    /// The public Internet.
    Public,
    /// A private network, or link-local.
    Private,
    /// This machine.
    ThisMachine,
}

/// Why a link is not fetched. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyViolation {
    /// The sentence for the operator.
    pub(crate) sentence: String,
    /// The permission that would allow it, and for which host.
    pub(crate) remedy_permission: Option<(LinkPermission, String)>,
}

/// What a link is checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkPolicy<'a> {
    pub(crate) endpoints: &'a Endpoints,
    /// The profile's download settings, with what the operator allowed.
    pub(crate) saving: &'a DownloadSettings,
    /// Whether the download starts without a click.
    pub(crate) automatic: bool,
    /// Whether a proxy makes the connection.
    pub(crate) proxied: bool,
}

impl LinkPolicy<'_> {
    /// The addresses that may be connected to for this link; none if a proxy resolves them.
    pub(crate) async fn check(self, url: &Url, resolve: &Resolver) -> Result<Vec<SocketAddr>, PolicyViolation> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let refuse = |permission, sentence| {
            Err(PolicyViolation { sentence, remedy_permission: Some((permission, host.clone())) })
        };
        if self.automatic && !self.is_expected(&host) {
            return refuse(
                LinkPermission::Automatic,
                format!(
                    "The link leads to {host}, which is not the profile's download address, so it was not fetched without \
                     being asked for. Download it yourself, or allow {host} for automatic saving."
                ),
            );
        }
        if !self.endpoints.may_fetch(url) {
            return refuse(
                LinkPermission::Unencrypted,
                format!(
                    "The link leads to {host} without encryption, so it was not fetched. Allow an unencrypted connection to \
                     {host} if you trust the way there."
                ),
            );
        }
        if self.proxied && matches!(url.host(), Some(Host::Domain(_))) {
            return Ok(Vec::new());
        }
        let addresses = resolve_addresses(url, resolve).await.map_err(|error| {
            tracing::debug!(%error, "the host of a link can't be resolved");
            let sentence = format!("The name {host} was not found. The link was not used; try again.");
            PolicyViolation { sentence, remedy_permission: None }
        })?;
        let (mut allowed, mut worst) = (Vec::new(), NetworkZone::Public);
        for address in &addresses {
            let place = zone_of(address.ip());
            if place == NetworkZone::Public || self.may_reach(&host, place, resolve).await {
                allowed.push(*address);
            } else {
                worst = worst.max(place);
            }
        }
        if !allowed.is_empty() {
            return Ok(allowed);
        }
        let at = if worst == NetworkZone::ThisMachine { "on this machine" } else { "in a private network" };
        refuse(
            LinkPermission::Private,
            format!(
                "The link leads to {host} {at}, but the profile's API is not there. It was not fetched, because such a link \
                 could reach private services. Allow {host} if you know it."
            ),
        )
    }

    /// Whether a redirect leads from the Internet to this machine or into a private network. `from` are the addresses that
    /// it came from; they are empty if a proxy resolves them.
    pub(crate) async fn is_inward_redirect(self, from: &[SocketAddr], to: &Url, resolve: &Resolver) -> bool {
        let is_public = |address: &SocketAddr| zone_of(address.ip()) == NetworkZone::Public;
        if !from.is_empty() && !from.iter().any(is_public) {
            return false;
        }
        if self.proxied && matches!(to.host(), Some(Host::Domain(_))) {
            return false;
        }
        // A name that does not resolve leads nowhere.
        resolve_addresses(to, resolve).await.unwrap_or_default().iter().any(|address| !is_public(address))
    }

    /// Whether a host may be fetched from without a click.
    fn is_expected(self, host: &str) -> bool {
        self.endpoints.download.host_str() == Some(host)
            || self.saving.automatic_hosts.iter().any(|known| known == host)
    }

    /// Whether a host that is not public may be reached.
    async fn may_reach(self, host: &str, zone: NetworkZone, resolve: &Resolver) -> bool {
        let download = &self.endpoints.download;
        // The operator entered this very address as the download address; a name could resolve to anything.
        let typed = download.host_str() == Some(host)
            && (is_loopback(download) || !matches!(download.host(), Some(Host::Domain(_)) | None));
        if typed || self.saving.private_hosts.iter().any(|known| known == host) {
            return true;
        }
        let api = resolve_addresses(&self.endpoints.api, resolve).await.unwrap_or_default();
        api.iter().any(|address| self::zone_of(address.ip()) == zone)
    }
}

/// The addresses of a URL's host.
async fn resolve_addresses(url: &Url, resolve: &Resolver) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(443);
    let found = match url.host() {
        Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
        Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
        Some(Host::Domain(name)) => resolve(name.to_owned(), port).await?,
        None => Vec::new(),
    };
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// The network that an address is in. Every address that is not clearly public counts as private.
fn zone_of(ip: IpAddr) -> NetworkZone {
    match ip {
        IpAddr::V4(ip) => zone_of_v4(ip),
        IpAddr::V6(ip) => zone_of_v6(ip),
    }
}

/// Follows the registry of special-purpose addresses (RFC 6890 and its successors).
fn zone_of_v4(ip: Ipv4Addr) -> NetworkZone {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarks = a == 198 && (18..20).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0);
    if ip.is_loopback() || a == 0 {
        NetworkZone::ThisMachine
    } else if ip.is_private()
        || ip.is_link_local()
        || shared
        || benchmarks
        || protocols
        || ip.is_documentation()
        || a >= 224
    {
        NetworkZone::Private
    } else {
        NetworkZone::Public
    }
}

fn zone_of_v6(ip: Ipv6Addr) -> NetworkZone {
    if ip.is_loopback() || ip.is_unspecified() {
        return NetworkZone::ThisMachine;
    }
    let v4 = |high: u16, low: u16| zone_of_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        // Addresses that contain an IPv4 address: mapped, compatible, translated (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        // Within global unicast, the ranges for documentation and tunnels are not public.
        [0x2001, 0 | 0xdb8, ..] => NetworkZone::Private,
        [0x2000..=0x3fff, ..] => NetworkZone::Public,
        _ => NetworkZone::Private,
    }
}

#[cfg(test)]
mod tests;
