//! How the network is reached now: whom TLS trusts, the proxies, and the HTTP clients that keep to both.
//!
//! Replaced as a whole when the operator changes one of them. What is connected stays connected; what connects from then on
//! goes the new way.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use tokio::sync::watch;

use crate::engine::events::error::EngineError;
use crate::engine::network::http1;
use crate::engine::network::proxy::{ProxyEnvironment, ProxyRules};
use crate::engine::network::tls::ca_files::{self, CaFiles, NamedBy};
use crate::engine::network::tls::config::TlsConfig;
use crate::engine::runtime::tasks::TaskOwner;
use crate::settings::Preferences;

use super::download_http::download_client;
use super::rest_http::rest_client;

/// The way as it is now, for whoever connects.
#[derive(Debug, Clone)]
pub(crate) struct NetworkConfigReceiver(watch::Receiver<Current>);

/// The way as it is now.
#[derive(Debug, Clone)]
struct Current {
    network_config: Arc<NetworkConfig>,
    /// Whether the operator has chosen another one, which is being loaded.
    loading: bool,
}

impl NetworkConfigReceiver {
    /// The way as it is now. While the one that the operator chose last is being loaded it waits: nothing connects past a
    /// proxy that was just chosen.
    pub(crate) async fn current(&self) -> Arc<NetworkConfig> {
        let mut network_config_receiver = self.0.clone();
        match network_config_receiver.wait_for(|current| !current.loading).await {
            Ok(current) => current.network_config.clone(),
            // The engine is stopping.
            Err(_gone) => self.now(),
        }
    }

    /// The way as it is now, also while another is being loaded: for words, not for connections.
    pub(crate) fn now(&self) -> Arc<NetworkConfig> {
        self.0.borrow().network_config.clone()
    }
}

/// What the environment says of the network. It does not change while the program runs.
#[derive(Debug, Clone)]
pub(crate) struct NetworkEnvironment {
    /// The file that `PRIVICORE_CA_FILE` names.
    pub(crate) authority: Option<PathBuf>,
    /// The proxies that it names.
    pub(crate) proxies: ProxyEnvironment,
}

/// How the network is reached.
#[derive(Debug)]
pub(crate) struct NetworkConfig {
    /// Whom TLS trusts.
    pub(crate) trust: TlsConfig,
    /// The proxies.
    pub(crate) proxies: ProxyRules,
    /// The client of REST calls.
    pub(crate) calls: Client,
}

impl NetworkConfig {
    /// The way that the preferences and the surroundings make, without the certificate files that they name: those take time
    /// ([`NetworkConfigHandle::load`]). Reads files of the system: not for a task.
    ///
    /// # Errors
    ///
    /// Where this build can speak no TLS or no HTTP at all.
    pub(crate) fn load(preferences: &Preferences, surroundings: &NetworkEnvironment) -> Result<Self, EngineError> {
        Self::with(preferences, surroundings, &CaFiles::default())
    }

    /// The same with the certificate files, as far as they are read.
    fn with(
        preferences: &Preferences,
        surroundings: &NetworkEnvironment,
        files: &CaFiles,
    ) -> Result<Self, EngineError> {
        let trust = TlsConfig::load(files)?;
        let proxies = ProxyRules::of(&preferences.proxy, &surroundings.proxies);
        let calls = built(rest_client(), &trust, &proxies)?;
        let network_config = Self { trust, proxies, calls };
        // So that what is wrong is known now and not when a link is about to expire.
        network_config.downloads("", &[])?;
        Ok(network_config)
    }

    /// A client for one download, by which `host` leads to `addresses` and nowhere else, where there are any: those that were
    /// checked. A proxy resolves names itself.
    ///
    /// # Errors
    ///
    /// Where the client can't be built.
    pub(crate) fn downloads(&self, host: &str, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
        let mut client = download_client();
        if !addresses.is_empty() {
            client = client.resolve_to_addrs(host, addresses);
        }
        built(client, &self.trust, &self.proxies)
    }

    /// Whether preferences lead another way than others.
    pub(crate) fn differs(before: &Preferences, after: &Preferences) -> bool {
        (&before.proxy, &before.authority_file) != (&after.proxy, &after.authority_file)
    }
}

/// Who leads the way: the one who can replace it.
#[derive(Debug)]
pub(crate) struct NetworkConfigHandle {
    network_config_receiver: watch::Sender<Current>,
    surroundings: NetworkEnvironment,
}

impl NetworkConfigHandle {
    /// That begins with a way.
    pub(crate) fn new(
        network_config: NetworkConfig,
        surroundings: NetworkEnvironment,
    ) -> (Self, NetworkConfigReceiver) {
        let (sender, network_config_receiver) =
            watch::channel(Current { network_config: Arc::new(network_config), loading: false });
        (Self { network_config_receiver: sender, surroundings }, NetworkConfigReceiver(network_config_receiver))
    }

    /// Whether preferences or the surroundings name certificate files.
    pub(crate) fn has_files(&self, preferences: &Preferences) -> bool {
        self.files(preferences).next().is_some()
    }

    fn files(&self, preferences: &Preferences) -> impl Iterator<Item = (NamedBy, PathBuf)> + use<> {
        let of_environment = self.surroundings.authority.clone().map(|path| (NamedBy::Environment, path));
        let of_settings = preferences.authority_file.clone().map(|path| (NamedBy::Settings, path));
        of_environment.into_iter().chain(of_settings)
    }

    /// Loads the way that other preferences make. Until [`NetworkConfigHandle::lead`] or [`NetworkConfigHandle::stay`] nothing new connects.
    pub(crate) fn load(&self, preferences: &Preferences) -> Loading {
        self.network_config_receiver.send_modify(|current| current.loading = true);
        let files = Some(CaFiles::read(self.files(preferences)));
        Loading { preferences: preferences.clone(), surroundings: self.surroundings.clone(), files, late: false }
    }

    /// Leads another way from now on.
    pub(crate) fn lead(&self, network_config: NetworkConfig) {
        self.network_config_receiver.send_replace(Current { network_config: Arc::new(network_config), loading: false });
    }

    /// Goes on as before: another way could not be loaded.
    pub(crate) fn stay(&self) {
        self.network_config_receiver.send_modify(|current| current.loading = false);
    }
}

/// A way that is being loaded.
pub(crate) struct Loading {
    preferences: Preferences,
    surroundings: NetworkEnvironment,
    /// `None` once the way is whole.
    files: Option<CaFiles>,
    /// Whether it was given out without some of them.
    late: bool,
}

impl Loading {
    /// The way once its files are read, or without those that take too long; then it comes again as soon as they are read.
    /// `None` when it has come whole, or where that broke, of which a notice says more.
    pub(crate) async fn next(&mut self, spawner: &TaskOwner) -> Option<Result<NetworkConfig, EngineError>> {
        let mut files = self.files.take()?;
        if self.late {
            files.wait().await;
        } else if tokio::time::timeout(ca_files::BUDGET, files.wait()).await.is_err() {
            tracing::warn!("a certificate file takes too long to be read");
            self.late = true;
        }
        let (preferences, surroundings) = (self.preferences.clone(), self.surroundings.clone());
        let loading = spawner.blocking("reading certificates", move || {
            let network_config = NetworkConfig::with(&preferences, &surroundings, &files);
            (network_config, files)
        });
        let (network_config, files) = loading.await?;
        self.files = Some(files).filter(|files| !files.are_read());
        Some(network_config)
    }
}

/// A client that trusts and goes as everything else does.
fn built(builder: ClientBuilder, trust: &TlsConfig, proxies: &ProxyRules) -> reqwest::Result<Client> {
    let proxies = proxies.clone();
    // Whoever calls asks the rule first, so that one that can't be used stops the call with its sentence.
    let rule = move |url: &url::Url| proxies.of_url(url).ok().flatten().map(|through| through.url().clone());
    builder
        .tls_backend_preconfigured(trust.config.as_ref().clone())
        // Not what reqwest would read of the system: one rule for sockets, calls and downloads.
        .no_proxy()
        .proxy(reqwest::Proxy::custom(rule))
        .user_agent(http1::USER_AGENT)
        .build()
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use tokio::runtime::Handle;
    use tokio::time::Instant;

    use super::*;
    use crate::engine::events::event_queue;

    #[tokio::test(start_paused = true)]
    async fn a_certificate_file_that_does_not_come_is_named_after_5_s_and_used_once_it_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let pem = include_bytes!("../../../tests/engine/tls/authority.pem");
        for by_environment in [true, false] {
            // Whoever reads a pipe waits for somebody who writes, as whoever reads from a dead mount does.
            let pipe = folder.path().join(format!("{by_environment}.pem"));
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            let named = Some(pipe.clone());
            let (authority, authority_file) = if by_environment { (named, None) } else { (None, named) };
            let preferences = Preferences { authority_file, ..Preferences::default() };
            let surroundings = NetworkEnvironment { authority, proxies: ProxyEnvironment::default() };
            let network_config = NetworkConfig::load(&preferences, &surroundings).unwrap();
            let (network_config_handle, network_config_receiver) =
                NetworkConfigHandle::new(network_config, surroundings);
            let (event_sender, _events) = event_queue::pair(Arc::new(|| {}));
            let spawner = TaskOwner::new(Handle::current(), event_sender);

            let start = Instant::now();
            let mut loading = network_config_handle.load(&preferences);
            let network_config = loading.next(&spawner).await.unwrap().unwrap();
            assert_eq!(start.elapsed(), ca_files::BUDGET);
            let shortfall = network_config.trust.shortfall.clone().expect("it is missing").to_string();
            assert!(shortfall.contains(&*pipe.to_string_lossy()) && shortfall.contains("within 5 s"), "{shortfall}");
            network_config_handle.lead(network_config);
            assert!(network_config_receiver.current().await.trust.shortfall.is_some());

            let at = pipe.clone();
            let writing = spawner.blocking("writing", move || {
                std::fs::OpenOptions::new().write(true).open(at).and_then(|mut pipe| pipe.write_all(pem)).unwrap();
            });
            let network_config = loading.next(&spawner).await.unwrap().unwrap();
            writing.await.unwrap();
            assert_eq!(network_config.trust.shortfall, None);
            assert!(loading.next(&spawner).await.is_none(), "it comes again and again");
        }
    }
}
