//! How long a silence a transfer tolerates, under paused time: nothing here touches a disk or a network.

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::activity::Timestamp;
use crate::credentials::Keyring;
use crate::engine::client::downloader::Downloader;
use crate::engine::client::idle_timeout::IdleTimeout;
use crate::engine::client::network_config::{NetworkConfig, NetworkConfigHandle, NetworkEnvironment};
use crate::engine::client::rest::RestClient;
use crate::engine::context::EngineContext;
use crate::engine::download::control::{DownloadHandle, control};
use crate::engine::download::error::DownloadError;
use crate::engine::download::part_file::Destination;
use crate::engine::download::{DownloadJob, SaveTarget};
use crate::engine::events::event_queue;
use crate::engine::network::close_frame::CloseWatch;
use crate::engine::network::endpoints::Endpoints;
use crate::engine::network::proxy::ProxyEnvironment;
use crate::engine::network::transport::Transport;
use crate::engine::runtime::clock::Clocks;
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::runtime::transfer_rate::ProgressMeter;
use crate::engine::state::gaps::PreviousRun;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::engine::test_support::{Scripted, TestJournal};
use crate::settings::{Address, DownloadSettings, Preferences, Profile};

use super::body::{OpenedDownload, Source};
use super::disk_writer::channel;
use super::*;

/// Longer than any of these tests takes.
const LONG_AFTER: Duration = Duration::from_hours(2);

/// A running transfer, and its server.
struct Fixture {
    idle: IdleTimeout,
    server: WebSocketStream<DuplexStream>,
    ended: Task<Result<(), DownloadError>>,
    _download_handle: DownloadHandle,
    _journal: TestJournal,
}

impl Fixture {
    async fn new() -> Self {
        let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender.clone());
        let journal = TestJournal::new(event_sender.clone());
        let surroundings = NetworkEnvironment { ca_file: None, proxies: ProxyEnvironment::default() };
        let network_config = NetworkConfig::load(&Preferences::default(), &surroundings).unwrap();
        let (_guide, network_config_receiver) = NetworkConfigHandle::new(network_config, surroundings);
        let (reports, _reported) = mpsc::channel(8);
        let clock: crate::engine::runtime::clock::Clock = Arc::new(|| Timestamp(0));
        let link_store = LinkStore::default();
        let profile = Profile {
            api: Address::new("https://cab.example.com"),
            websocket: Address::new("wss://cab.example.com"),
            download: Address::new("https://download.example.com"),
            ..Profile::default()
        };
        let (past, previous_run) = oneshot::channel();
        drop(past.send(PreviousRun { now: Timestamp(0), last_seen: None }));
        let (_left, found) = oneshot::channel();
        let shared = (PendingCommands::default(), link_store.clone());
        let store = journal.store.clone();
        let journal_writer =
            JournalWriter::start(profile.id, store, event_sender.clone(), shared, (previous_run, found), &spawner);
        let clocks = Clocks::new(clock, Arc::new(|| None));
        let context = EngineContext {
            event_sender,
            spawner: spawner.clone(),
            clock: clocks.as_clock(),
            clocks: clocks.clone(),
            journal_store: journal.store.clone(),
            keyring: Keyring::in_memory(),
            rest: RestClient::new(network_config_receiver.clone(), clocks),
            downloader: Downloader::new(network_config_receiver),
            connector: Scripted::new().0,
            reports,
        };
        let idle = context.downloader.idle.clone();
        let job = DownloadJob {
            shown: context.event_sender.show_download(profile.id, &"r-1".into(), String::new()),
            profile: profile.id,
            request: "r-1".into(),
            span: None,
            target: SaveTarget::Folder("/in".into()),
            inline: false,
            automatic: false,
            link_store,
            journal_writer,
            endpoints: Arc::new(Endpoints::of(&profile).unwrap()),
            saving: DownloadSettings::default(),
            lifetime: LONG_AFTER,
            key: None,
            token: None,
            context,
        };
        let (ours, theirs) = tokio::io::duplex(1024);
        let ours: Box<dyn Transport> = Box::new(ours);
        let ours = CloseWatch::new(ours, &[]);
        let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let (download_handle, mut control) = control();
        let ended = async move {
            let source = Source::Socket(Box::new(socket));
            let mut opened = OpenedDownload::of(source);
            let mut spot = Destination { folder: "/in".into(), name: "data.bin".into(), replace: false };
            let mut place = TransferTarget { destination: &mut spot, part: "/in/part".into(), links: Vec::new() };
            let (pieces, _arriving) = mpsc::channel(MAX_CHUNKS_IN_FLIGHT);
            let (patience, _waiting) = channel();
            let mut meter = ProgressMeter::new(Instant::now());
            job.pump(&mut opened, pieces, &mut place, &mut control, (&mut meter, &patience)).await
        };
        let ended = spawner.start("downloading", ended);
        Self { idle, server, ended, _download_handle: download_handle, _journal: journal }
    }

    async fn bytes(&mut self) {
        self.server.send(Frame::binary(vec![7; 100])).await.unwrap();
    }

    /// The reason why the transfer failed.
    async fn end(self) -> String {
        let ended = tokio::time::timeout(LONG_AFTER, self.ended).await.expect("it was never given up").unwrap();
        ended.expect_err("it ended as if all had come").sentence
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_download_is_cancelled_at_the_limit_and_not_before() {
    let mut fixture = Fixture::new().await;
    let start = Instant::now();
    // Slow is not silent.
    for _ in 0..10 {
        fixture.bytes().await;
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    let last = start + Duration::from_secs(450);
    let sentence = fixture.end().await;
    assert_eq!(sentence, "Nothing came for 60 s after 1000 bytes. The link is used up.");
    let silent = last.elapsed();
    assert!(silent >= Duration::from_mins(1) && silent < Duration::from_secs(61), "given up after {silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_idle_limit_applies_to_a_running_download() {
    let mut fixture = Fixture::new().await;
    fixture.idle.set(600);
    fixture.bytes().await;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_mins(5)).await;
    fixture.idle.set(1);
    let sentence = fixture.end().await;
    assert_eq!(sentence, "Nothing came for 300 s after 100 bytes. The link is used up.");
    assert!(start.elapsed() < Duration::from_secs(302), "not at once: {:?}", start.elapsed());
}
