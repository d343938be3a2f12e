//! How the network is reached now: whom TLS trusts, the proxies, and the HTTP clients that keep to both.
//!
//! Replaced as a whole when the operator changes one of them. What is connected stays connected; what connects from then on
//! goes the new way.

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
pub(super) type Ways = watch::Receiver<Arc<Way>>;

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
    /// The client of downloads.
    pub(super) downloads: Client,
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
        let downloads = built(download::client(), &trust, &proxies)?;
        Ok(Self { trust, proxies, calls, downloads })
    }

    /// Whether preferences lead another way than others.
    pub(super) fn differs(before: &Preferences, after: &Preferences) -> bool {
        (&before.proxy, &before.authority_file) != (&after.proxy, &after.authority_file)
    }
}

/// Who leads the way: the one who can replace it.
#[derive(Debug)]
pub(super) struct Guide {
    ways: watch::Sender<Arc<Way>>,
    surroundings: Surroundings,
}

impl Guide {
    /// That begins with a way.
    pub(super) fn new(way: Way, surroundings: Surroundings) -> (Self, Ways) {
        let (sender, ways) = watch::channel(Arc::new(way));
        (Self { ways: sender, surroundings }, ways)
    }

    /// Loads the way that other preferences make. To be run where files may be read.
    pub(super) fn load(&self, preferences: &Preferences) -> impl FnOnce() -> Result<Way, EngineError> + Send + 'static {
        let (preferences, surroundings) = (preferences.clone(), self.surroundings.clone());
        move || Way::load(&preferences, &surroundings)
    }

    /// Leads another way from now on.
    pub(super) fn lead(&self, way: Way) {
        self.ways.send_replace(Arc::new(way));
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
