//! A profile's validated addresses, from which all sessions, REST calls and downloads are made.
//!
//! A value of [`Endpoints`] proves the operator's consent: without it nothing is sent unencrypted beyond this machine.

use std::net::SocketAddr;

use url::{Host, Url};

use crate::settings::{AddressError, Profile, Protocol, is_loopback};

/// A profile's validated addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// The backend's address.
    pub(crate) api: Url,
    /// The WebSocket proxy's address.
    pub(crate) websocket: Url,
    /// The downstream store's address.
    pub(crate) download: Url,
    /// Hosts for which the operator allowed plain text.
    allowed: Vec<String>,
}

/// Why a profile's addresses can't be used. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// An address is invalid.
    #[error("The {which} can't be used. {source}")]
    Address {
        /// The name of the field.
        which: &'static str,
        /// What is wrong with it.
        source: AddressError,
    },
    /// A connection would not be encrypted.
    #[error(
        "The connection to {hosts} would not be encrypted: anybody on the way could read the token. Use an address that \
         begins with https:// or wss://, or allow it in the sign-in form."
    )]
    NoConsent {
        /// The hosts that would be contacted without encryption.
        hosts: String,
    },
}

impl Endpoints {
    /// Validates a profile's addresses and checks the operator's consent.
    pub(crate) fn of(profile: &Profile) -> Result<Self, EndpointError> {
        let address = |which, source| EndpointError::Address { which, source };
        let api = profile.api.url(Protocol::Http).map_err(|error| address("API address", error))?;
        let websocket =
            profile.websocket.url(Protocol::WebSocket).map_err(|error| address("WebSocket address", error))?;
        let download = profile.download.url(Protocol::Http).map_err(|error| address("download address", error))?;
        let hosts = profile.hosts_without_consent();
        if !hosts.is_empty() {
            return Err(EndpointError::NoConsent { hosts: hosts.join(" and ") });
        }
        Ok(Self { api, websocket, download, allowed: profile.allow_unencrypted.clone() })
    }

    /// The address of a REST call: `path` appended to the backend's address.
    pub(crate) fn call(&self, path: &[&str]) -> Url {
        let mut url = self.api.clone();
        url.set_query(None);
        url.set_fragment(None);
        // An http(s) URL always has path segments; if it had none the call would fail because of its address.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Whether a link may be fetched: it is encrypted, or the host is this machine, or the operator allowed the host.
    pub(crate) fn may_fetch(&self, url: &Url) -> bool {
        matches!(url.scheme(), "https" | "wss")
            || is_loopback(url)
            || url.host_str().is_some_and(|host| self.allowed.iter().any(|allowed| allowed == host))
    }
}

/// The address that a socket connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host: a name or an IP address, IPv6 without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Whether to use TLS.
    pub secure: bool,
    /// Addresses that were checked beforehand: the only ones to connect to. If empty, the host is resolved.
    pub addresses: Vec<SocketAddr>,
}

impl Target {
    /// The target of a `ws(s)` or `http(s)` address.
    pub(crate) fn of(url: &Url) -> Self {
        let secure = matches!(url.scheme(), "wss" | "https");
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        Self {
            host,
            port: url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 }),
            secure,
            addresses: Vec::new(),
        }
    }

    /// The address that it was made from, without path and query.
    pub(crate) fn url(&self) -> Option<Url> {
        let scheme = if self.secure { "wss" } else { "ws" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        Url::parse(&format!("{scheme}://{host}:{}/", self.port)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Address;

    fn profile(api: &str, websocket: &str, download: &str) -> Profile {
        Profile {
            api: Address::new(api),
            websocket: Address::new(websocket),
            download: Address::new(download),
            ..Profile::default()
        }
    }

    #[test]
    fn plain_text_beyond_this_machine_needs_consent() {
        let mut profile = profile("https://a.example.com", "ws://w.example.com", "https://d.example.com");
        let error = Endpoints::of(&profile).unwrap_err();
        assert_eq!(error, EndpointError::NoConsent { hosts: "w.example.com".into() });
        profile.allow_unencrypted.push("w.example.com".into());
        let endpoints = Endpoints::of(&profile).unwrap();
        let may = |url: &str| endpoints.may_fetch(&Url::parse(url).unwrap());
        assert!(may("https://elsewhere.example.com/x") && may("http://localhost:1/x") && may("http://w.example.com/x"));
        assert!(!may("http://elsewhere.example.com/x"));
    }

    #[test]
    fn an_invalid_address_is_named_by_its_field() {
        let error = Endpoints::of(&profile("https://a", "wss://w", "")).unwrap_err().to_string();
        assert!(error.starts_with("The download address can't be used. "), "{error}");
    }

    #[test]
    fn call_paths_are_appended_to_the_address_and_ids_are_escaped() {
        let endpoints = Endpoints::of(&profile("https://a/cab/?x=1#y", "wss://w", "https://d")).unwrap();
        assert_eq!(endpoints.call(&["request-status", "../a?b"]).as_str(), "https://a/cab/request-status/..%2Fa%3Fb");
        let endpoints = Endpoints::of(&profile("https://a", "wss://w", "https://d")).unwrap();
        assert_eq!(endpoints.call(&["health"]).as_str(), "https://a/health");
    }

    #[test]
    fn a_target_has_its_scheme_and_port() {
        let target = |url: &str| Target::of(&Url::parse(url).unwrap());
        assert_eq!(target("wss://h"), Target { host: "h".into(), port: 443, secure: true, addresses: Vec::new() });
        assert_eq!(
            target("ws://[::1]:8083/x"),
            Target { host: "::1".into(), port: 8083, secure: false, addresses: Vec::new() }
        );
        assert_eq!(target("https://p"), Target { host: "p".into(), port: 443, secure: true, addresses: Vec::new() });
        assert_eq!(target("ws://[::1]:8083/x").url().unwrap().as_str(), "ws://[::1]:8083/");
    }
}
