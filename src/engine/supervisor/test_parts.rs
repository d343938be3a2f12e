//! Starts a supervisor from parts that a test chooses.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::credentials::Keyring;
use crate::engine::client::connector::Connector;
use crate::engine::client::downloader::Downloader;
use crate::engine::client::network_config::{NetworkConfig, NetworkEnvironment};
use crate::engine::client::rest::RestClient;
use crate::engine::events::event_queue::EventSender;
use crate::engine::network::proxy::ProxyEnvironment;
use crate::engine::runtime::clock::Clocks;
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::test_support::TestJournal;
use crate::settings::{Settings, Store};

use super::*;

/// What an engine of these tests is made of.
pub(crate) struct TestParts<'a> {
    pub(crate) event_sender: EventSender,
    pub(crate) clock: crate::engine::runtime::clock::Clock,
    pub(crate) journal: &'a TestJournal,
    pub(crate) keyring: Keyring,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) data: &'a Path,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) live_from: Seq,
}

impl TestParts<'_> {
    /// Starts the supervisor.
    pub(crate) fn start(self) -> (EngineContext, mpsc::Sender<Action>, Task<()>) {
        let Self { event_sender, clock, journal, keyring, connector, data, store, settings, live_from } = self;
        let surroundings = NetworkEnvironment { ca_file: None, proxies: ProxyEnvironment::default() };
        let network_config = NetworkConfig::load(&settings.preferences, &surroundings).unwrap();
        let (network_config_handle, network_config_receiver) = NetworkConfigHandle::new(network_config, surroundings);
        let (reports, reported) = mpsc::channel(64);
        let clocks = Clocks::new(clock, Arc::new(|| None));
        let owner = || TaskOwner::new(tokio::runtime::Handle::current(), event_sender.clone());
        let context = EngineContext {
            event_sender: event_sender.clone(),
            spawner: owner(),
            clocks: clocks.clone(),
            clock: clocks.as_clock(),
            journal_store: journal.store.clone(),
            keyring,
            rest: RestClient::new(network_config_receiver.clone(), clocks),
            downloader: Downloader::new(network_config_receiver),
            connector,
            reports,
        };
        let (actions, wanted) = mpsc::channel(8);
        let supervisor = run(SupervisorConfig {
            context: context.clone(),
            data: data.to_owned(),
            store,
            settings,
            live_from,
            network_config_handle,
            journal: crate::credentials::JournalId::from_random_bytes([1; 16]),
            recovered: None,
            keeps_links: false,
            sandbox: None,
            sandbox_at_once: false,
            only: None,
            actions: wanted,
            quit: CancellationToken::new(),
            reports: reported,
        });
        // An owner of its own, because the supervisor stops the other one.
        (context, actions, owner().start("running", Box::pin(supervisor)))
    }
}
