//! The current network configuration: the TLS configuration, the proxies, and the HTTP clients that use both.
//!
//! It is replaced as a whole when the operator changes a part. Existing connections stay; new connections use the new
//! configuration.

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

/// Gives the current network configuration to every client.
#[derive(Debug, Clone)]
pub(crate) struct NetworkConfigReceiver(watch::Receiver<ConfigState>);

/// The current configuration, and whether it is about to change.
#[derive(Debug, Clone)]
struct ConfigState {
    network_config: Arc<NetworkConfig>,
    /// Whether the operator has chosen another one, which is being loaded.
    loading: bool,
}

impl NetworkConfigReceiver {
    /// The current configuration. Waits while the one that the operator chose last is being loaded, so that nothing bypasses
    /// a proxy that was just chosen.
    pub(crate) async fn current(&self) -> Arc<NetworkConfig> {
        let mut network_config_receiver = self.0.clone();
        match network_config_receiver.wait_for(|current| !current.loading).await {
            Ok(current) => current.network_config.clone(),
            // The engine is stopping.
            Err(_gone) => self.snapshot(),
        }
    }

    /// The current configuration, even while another is being loaded: for texts, not for connections.
    pub(crate) fn snapshot(&self) -> Arc<NetworkConfig> {
        self.0.borrow().network_config.clone()
    }
}

/// The network settings of the environment, which do not change while the program runs.
#[derive(Debug, Clone)]
pub(crate) struct NetworkEnvironment {
    /// The file that `PRIVICORE_CA_FILE` names.
    pub(crate) ca_file: Option<PathBuf>,
    /// The proxies that the environment names.
    pub(crate) proxies: ProxyEnvironment,
}

/// The network configuration.
#[derive(Debug)]
pub(crate) struct NetworkConfig {
    /// The certificate authorities that TLS trusts.
    pub(crate) tls: TlsConfig,
    pub(crate) proxies: ProxyRules,
    /// The client of REST calls.
    pub(crate) rest_client: Client,
}

impl NetworkConfig {
    /// Builds the configuration from the preferences and the environment, without the certificate files that they name,
    /// because those take time ([`NetworkConfigHandle::load`]). Blocks, because it reads system files: don't call it in a
    /// task.
    ///
    /// # Errors
    ///
    /// If this build supports no TLS version, or the HTTP client can't be built.
    pub(crate) fn load(preferences: &Preferences, surroundings: &NetworkEnvironment) -> Result<Self, EngineError> {
        Self::with_files(preferences, surroundings, &CaFiles::default())
    }

    /// The same with the certificate files that were read so far.
    fn with_files(
        preferences: &Preferences,
        environment: &NetworkEnvironment,
        files: &CaFiles,
    ) -> Result<Self, EngineError> {
        let tls = TlsConfig::load(files)?;
        let proxies = ProxyRules::of(&preferences.proxy, &environment.proxies);
        let rest_client = build_client(rest_client(), &tls, &proxies)?;
        let network_config = Self { tls, proxies, rest_client };
        // Build one now, so that an error shows up here and not when a link is about to expire.
        network_config.download_client("", &[])?;
        Ok(network_config)
    }

    /// The client for one download. It connects `host` only to `addresses`, which were checked, unless that list is empty. A
    /// proxy resolves names itself.
    ///
    /// # Errors
    ///
    /// If the client can't be built.
    pub(crate) fn download_client(&self, host: &str, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
        let mut client = download_client();
        if !addresses.is_empty() {
            client = client.resolve_to_addrs(host, addresses);
        }
        build_client(client, &self.tls, &self.proxies)
    }

    /// Whether two sets of preferences give different configurations.
    pub(crate) fn has_changed(before: &Preferences, after: &Preferences) -> bool {
        (&before.proxy, &before.authority_file) != (&after.proxy, &after.authority_file)
    }
}

/// The owner of the current network configuration, which can replace it.
#[derive(Debug)]
pub(crate) struct NetworkConfigHandle {
    current: watch::Sender<ConfigState>,
    environment: NetworkEnvironment,
}

impl NetworkConfigHandle {
    /// Creates the handle with an initial configuration.
    pub(crate) fn new(network_config: NetworkConfig, environment: NetworkEnvironment) -> (Self, NetworkConfigReceiver) {
        let (sender, network_config_receiver) =
            watch::channel(ConfigState { network_config: Arc::new(network_config), loading: false });
        (Self { current: sender, environment }, NetworkConfigReceiver(network_config_receiver))
    }

    /// Whether the preferences or the environment name certificate files.
    pub(crate) fn has_files(&self, preferences: &Preferences) -> bool {
        self.certificate_files(preferences).next().is_some()
    }

    fn certificate_files(&self, preferences: &Preferences) -> impl Iterator<Item = (NamedBy, PathBuf)> + use<> {
        let of_environment = self.environment.ca_file.clone().map(|path| (NamedBy::Environment, path));
        let of_settings = preferences.authority_file.clone().map(|path| (NamedBy::Settings, path));
        of_environment.into_iter().chain(of_settings)
    }

    /// Starts to load the configuration of other preferences. Until [`NetworkConfigHandle::replace`] or
    /// [`NetworkConfigHandle::keep_current`] nothing new connects.
    pub(crate) fn load(&self, preferences: &Preferences) -> Loading {
        self.current.send_modify(|current| current.loading = true);
        let files = Some(CaFiles::read(self.certificate_files(preferences)));
        Loading {
            preferences: preferences.clone(),
            environment: self.environment.clone(),
            files,
            returned_partial: false,
        }
    }

    /// Replaces the configuration.
    pub(crate) fn replace(&self, network_config: NetworkConfig) {
        self.current.send_replace(ConfigState { network_config: Arc::new(network_config), loading: false });
    }

    /// Keeps the configuration, because another one could not be loaded.
    pub(crate) fn keep_current(&self) {
        self.current.send_modify(|current| current.loading = false);
    }
}

/// A configuration that is being loaded.
pub(crate) struct Loading {
    preferences: Preferences,
    environment: NetworkEnvironment,
    /// `None` once the configuration is complete.
    files: Option<CaFiles>,
    /// Whether a configuration without some of the files was returned already.
    returned_partial: bool,
}

impl Loading {
    /// Returns the configuration when its files are read, or without the files that take too long; then a second call
    /// returns the complete one when they are read. `None` after the complete one, or if loading panicked, which a notice
    /// reports.
    pub(crate) async fn next(&mut self, spawner: &TaskOwner) -> Option<Result<NetworkConfig, EngineError>> {
        let mut files = self.files.take()?;
        if self.returned_partial {
            files.wait().await;
        } else if tokio::time::timeout(ca_files::READ_TIMEOUT, files.wait()).await.is_err() {
            tracing::warn!("a certificate file takes too long to be read");
            self.returned_partial = true;
        }
        let (preferences, surroundings) = (self.preferences.clone(), self.environment.clone());
        let loading = spawner.blocking("reading certificates", move || {
            let network_config = NetworkConfig::with_files(&preferences, &surroundings, &files);
            (network_config, files)
        });
        let (network_config, files) = loading.await?;
        self.files = Some(files).filter(|files| !files.are_read());
        Some(network_config)
    }
}

/// Builds a client with this TLS configuration and these proxies.
fn build_client(builder: ClientBuilder, trust: &TlsConfig, proxies: &ProxyRules) -> reqwest::Result<Client> {
    let proxies = proxies.clone();
    // Callers check the rule before each call, so that an unusable proxy stops the call with an error.
    let rule = move |url: &url::Url| proxies.of_url(url).ok().flatten().map(|through| through.url().clone());
    builder
        .tls_backend_preconfigured(trust.config.as_ref().clone())
        // Turn off reqwest's own system lookup, so that one rule applies to sockets, calls and downloads.
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
    async fn a_certificate_file_that_is_slow_is_named_after_5_s_and_used_once_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let pem = include_bytes!("../../../tests/engine/tls/authority.pem");
        for by_environment in [true, false] {
            // Reading a pipe blocks until somebody writes, like reading from a dead mount.
            let pipe = folder.path().join(format!("{by_environment}.pem"));
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            let named = Some(pipe.clone());
            let (ca_file, authority_file) = if by_environment { (named, None) } else { (None, named) };
            let preferences = Preferences { authority_file, ..Preferences::default() };
            let surroundings = NetworkEnvironment { ca_file, proxies: ProxyEnvironment::default() };
            let network_config = NetworkConfig::load(&preferences, &surroundings).unwrap();
            let (network_config_handle, network_config_receiver) =
                NetworkConfigHandle::new(network_config, surroundings);
            let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
            let spawner = TaskOwner::new(Handle::current(), event_sender);

            let start = Instant::now();
            let mut loading = network_config_handle.load(&preferences);
            let network_config = loading.next(&spawner).await.unwrap().unwrap();
            assert_eq!(start.elapsed(), ca_files::READ_TIMEOUT);
            let shortfall = network_config.tls.shortfall.clone().expect("it is missing").to_string();
            assert!(shortfall.contains(&*pipe.to_string_lossy()) && shortfall.contains("within 5 s"), "{shortfall}");
            network_config_handle.replace(network_config);
            assert!(network_config_receiver.current().await.tls.shortfall.is_some());

            let at = pipe.clone();
            let writing = spawner.blocking("writing", move || {
                std::fs::OpenOptions::new().write(true).open(at).and_then(|mut pipe| pipe.write_all(pem)).unwrap();
            });
            let network_config = loading.next(&spawner).await.unwrap().unwrap();
            writing.await.unwrap();
            assert_eq!(network_config.tls.shortfall, None);
            assert!(loading.next(&spawner).await.is_none(), "it comes again and again");
        }
    }
}
