//! How the network is reached now: whom TLS trusts, the proxies, and the HTTP clients that keep to both.
//!
//! Replaced as a whole when the operator changes one of them. What is connected stays connected; what connects from then on
//! goes the new way.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use tokio::sync::watch;

use crate::settings::Preferences;

use super::handle::EngineError;
use super::proxies::{Proxies, ProxyVariables};
use super::trust::{Authority, Trust};
use super::{download, rest};

/// The way as it is now, for whoever connects.
#[derive(Debug, Clone)]
pub(super) struct Ways(watch::Receiver<Current>);

/// The way as it is now.
#[derive(Debug, Clone)]
struct Current {
    way: Arc<Way>,
    /// Whether the operator has chosen another one, which is being loaded.
    loading: bool,
}

impl Ways {
    /// The way as it is now. While the one that the operator chose last is being loaded it waits: nothing connects past a
    /// proxy that was just chosen.
    pub(super) async fn current(&self) -> Arc<Way> {
        let mut ways = self.0.clone();
        match ways.wait_for(|current| !current.loading).await {
            Ok(current) => current.way.clone(),
            // The engine is stopping.
            Err(_gone) => self.now(),
        }
    }

    /// The way as it is now, also while another is being loaded: for words, not for connections.
    pub(super) fn now(&self) -> Arc<Way> {
        self.0.borrow().way.clone()
    }
}

/// What the environment says of the network. It does not change while the program runs.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The file that `PRIVICORE_CA_FILE` names.
    pub(super) authority: Option<PathBuf>,
    /// The proxies that it names.
    pub(super) proxies: ProxyVariables,
}

/// How the network is reached.
#[derive(Debug)]
pub(super) struct Way {
    /// Whom TLS trusts.
    pub(super) trust: Trust,
    /// The proxies.
    pub(super) proxies: Proxies,
    /// The client of REST calls.
    pub(super) calls: Client,
}

impl Way {
    /// The way that the preferences and the surroundings make. Reads files: not for a task.
    ///
    /// # Errors
    ///
    /// Where this build can speak no TLS or no HTTP at all.
    pub(super) fn load(preferences: &Preferences, surroundings: &Surroundings) -> Result<Self, EngineError> {
        let of_environment = surroundings.authority.as_deref().map(Authority::OfEnvironment);
        let of_settings = preferences.authority_file.as_deref().map(Authority::OfSettings);
        let trust = Trust::load(of_environment.into_iter().chain(of_settings))?;
        let proxies = Proxies::of(&preferences.proxy, &surroundings.proxies);
        let calls = built(rest::client(), &trust, &proxies)?;
        let way = Self { trust, proxies, calls };
        // So that what is wrong is known now and not when a link is about to expire.
        way.downloads("", &[])?;
        Ok(way)
    }

    /// A client for one download, by which `host` leads to `addresses` and nowhere else, where there are any: those that were
    /// checked. A proxy resolves names itself.
    ///
    /// # Errors
    ///
    /// Where the client can't be built.
    pub(super) fn downloads(&self, host: &str, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
        let mut client = download::client();
        if !addresses.is_empty() {
            client = client.resolve_to_addrs(host, addresses);
        }
        built(client, &self.trust, &self.proxies)
    }

    /// Whether preferences lead another way than others.
    pub(super) fn differs(before: &Preferences, after: &Preferences) -> bool {
        (&before.proxy, &before.authority_file) != (&after.proxy, &after.authority_file)
    }
}

/// Who leads the way: the one who can replace it.
#[derive(Debug)]
pub(super) struct Guide {
    ways: watch::Sender<Current>,
    surroundings: Surroundings,
}

impl Guide {
    /// That begins with a way.
    pub(super) fn new(way: Way, surroundings: Surroundings) -> (Self, Ways) {
        let (sender, ways) = watch::channel(Current { way: Arc::new(way), loading: false });
        (Self { ways: sender, surroundings }, Ways(ways))
    }

    /// Loads the way that other preferences make; what is returned is to be run where files may be read. Until
    /// [`Guide::lead`] or [`Guide::stay`] nothing new connects.
    pub(super) fn load(&self, preferences: &Preferences) -> impl FnOnce() -> Result<Way, EngineError> + Send + 'static {
        self.ways.send_modify(|current| current.loading = true);
        let (preferences, surroundings) = (preferences.clone(), self.surroundings.clone());
        move || Way::load(&preferences, &surroundings)
    }

    /// Leads another way from now on.
    pub(super) fn lead(&self, way: Way) {
        self.ways.send_replace(Current { way: Arc::new(way), loading: false });
    }

    /// Goes on as before: another way could not be loaded.
    pub(super) fn stay(&self) {
        self.ways.send_modify(|current| current.loading = false);
    }
}

/// A client that trusts and goes as everything else does.
fn built(builder: ClientBuilder, trust: &Trust, proxies: &Proxies) -> reqwest::Result<Client> {
    let proxies = proxies.clone();
    // Whoever calls asks the rule first, so that one that can't be used stops the call with its sentence.
    let rule = move |url: &url::Url| proxies.of_url(url).ok().flatten().map(|through| through.url().clone());
    builder
        .tls_backend_preconfigured(trust.config.as_ref().clone())
        // Not what reqwest would read of the system: one rule for sockets, calls and downloads.
        .no_proxy()
        .proxy(reqwest::Proxy::custom(rule))
        .user_agent(concat!("privicore-monitor/", env!("CARGO_PKG_VERSION")))
        .build()
}
