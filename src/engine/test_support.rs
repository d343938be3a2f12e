//! Shared by the engine's tests: a real journal that can be made to refuse, and a scripted server at the other end of a pipe.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::activity::{ActivityKey, Entry, Fact, Gap, Seq, Timestamp};
use crate::credentials::{JournalId, Keyring};
use crate::engine::client::connector::Connector;
use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event_queue::{self, EventSender};
use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::endpoints::Target;
use crate::engine::network::transport::Transport;
use crate::journal::handle::{Journal, Opened};
use crate::journal::{PendingWork, ReadOnlyJournal, Sealing};
use crate::settings::ProfileId;

/// A real journal in its own folder, which a test can read at any time and make refuse entries.
pub(crate) struct TestJournal {
    /// The engine's access to it.
    pub(crate) store: JournalStore,
    pub(crate) journal: Journal,
    id: JournalId,
    folder: tempfile::TempDir,
}

impl TestJournal {
    /// An empty journal that publishes events through `event_sender`.
    pub(crate) fn new(event_sender: EventSender) -> Self {
        // In memory if the system has such a folder: some of these tests commit tens of thousands of times.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir()).unwrap();
        let Opened { journal, id, .. } = Journal::open(folder.path()).unwrap();
        let store = JournalStore::new(journal.clone(), event_sender, Arc::new(|| Timestamp(0)));
        Self { store, journal, id, folder }
    }

    /// An empty journal whose events nobody receives.
    pub(crate) fn unobserved() -> Self {
        Self::new(event_queue::channel(Arc::new(|| {})).0)
    }

    /// An empty journal that encrypts and stores secrets.
    pub(crate) async fn sealed() -> Self {
        let journal = Self::unobserved();
        let key = Keyring::in_memory().seal_key(journal.id).await;
        assert_eq!(journal.journal.seal_with(key).await.unwrap(), Sealing::On);
        journal
    }

    /// Sets whether it refuses new entries.
    pub(crate) fn set_refusing(&self, refuses: bool) {
        crate::journal::test_support::refuse_entries(self.folder.path(), refuses);
    }

    /// Sets how long each append takes, by tokio's clock.
    pub(crate) fn set_append_time(&self, time: Duration) {
        self.store.set_append_time(time);
    }

    /// The pending work, once the engine has closed the journal.
    pub(crate) async fn pending_work(&self) -> Vec<PendingWork> {
        let Opened { journal, .. } = Journal::open(self.folder.path()).unwrap();
        let works = journal.pending_work().await.unwrap();
        journal.close().await;
        works.into_iter().map(|(_, work)| work).collect()
    }

    /// The newest sign of life of a profile, once the engine has closed the journal.
    pub(crate) async fn last_seen(&self, profile: ProfileId) -> Option<Timestamp> {
        let Opened { journal, .. } = Journal::open(self.folder.path()).unwrap();
        let alive = journal.last_seen(profile).await.unwrap();
        journal.close().await;
        alive
    }

    /// The committed entries, in order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let archive = ReadOnlyJournal::open(self.folder.path()).unwrap().expect("it has been made");
        archive.entries_from(Seq(0), usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect()
    }

    /// The ids of the committed entries without gaps, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let received = |entry: &Entry| !matches!(entry.key, ActivityKey::Gap(_));
        self.entries().into_iter().filter(received).map(|entry| entry.key.id().to_owned()).collect()
    }

    /// The gaps, each merged from its entries, by the time at which they began.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<(ActivityKey, Gap)> = Vec::new();
        for entry in self.entries() {
            let Fact::Gap(gap) = entry.fact else { continue };
            match gaps.iter_mut().find(|(key, _)| *key == entry.key) {
                Some((_, known)) => known.merge(&gap, true),
                None => gaps.push((entry.key, gap)),
            }
        }
        gaps.into_iter().map(|(_, gap)| gap).collect()
    }
}

/// What a scripted network does with the next connection attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Passes the other end of a pipe to the test.
    Connects,
    /// Refuses the connection.
    Refuses,
    /// Never answers.
    Silent,
}

/// A scripted network; it counts open sockets.
pub(crate) struct Scripted {
    network: Mutex<Network>,
    other_ends: mpsc::Sender<DuplexStream>,
    attempts: AtomicUsize,
    open: Arc<AtomicUsize>,
    max_open: AtomicUsize,
}

impl Scripted {
    /// Creates a network, and the receiver of the other ends of its connections.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<DuplexStream>) {
        let (other_ends, arriving) = mpsc::channel(1024);
        let scripted = Self {
            network: Mutex::new(Network::Connects),
            other_ends,
            attempts: AtomicUsize::new(0),
            open: Arc::default(),
            max_open: AtomicUsize::new(0),
        };
        (Arc::new(scripted), arriving)
    }

    /// Sets what it does from now on.
    pub(crate) fn set_network(&self, network: Network) {
        *self.network.lock().unwrap() = network;
    }

    /// The number of connection attempts.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// The number of open sockets.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The largest number of sockets that were open at once.
    pub(crate) fn max_open(&self) -> usize {
        self.max_open.load(Ordering::SeqCst)
    }
}

impl Connector for Scripted {
    fn connect(&self, target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        match *self.network.lock().unwrap() {
            Network::Silent => Box::pin(std::future::pending()),
            Network::Refuses => Box::pin(async move {
                let source = io::ErrorKind::ConnectionRefused.into();
                Err(ConnectError::Refused { host: target.host, port: target.port, source })
            }),
            Network::Connects => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
                self.max_open.fetch_max(open, Ordering::SeqCst);
                let counted = Counted { stream: ours, open: self.open.clone() };
                self.other_ends.try_send(theirs).expect("the test takes the other ends");
                Box::pin(async move { Ok(Box::new(counted) as Box<dyn Transport>) })
            }
        }
    }
}

/// A socket that is counted while it is open.
struct Counted {
    stream: DuplexStream,
    open: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A relay between a client and its server that can start to lose everything in both directions while both ends stay open.
pub(crate) struct Relay(Arc<AtomicBool>);

impl Relay {
    /// Connects `client` to the end that is returned. The relay ends when either end is closed, unless that is lost as well.
    pub(crate) fn between(mut client: DuplexStream) -> (Self, DuplexStream, impl Future<Output = ()> + Send) {
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let loses = Arc::new(AtomicBool::new(false));
        let lost = loses.clone();
        let relay = async move {
            let (mut up, mut down) = (vec![0; 4096], vec![0; 4096]);
            loop {
                tokio::select! {
                    read = client.read(&mut up) => {
                        let Ok(read @ 1..) = read else { break };
                        if !lost.load(Ordering::SeqCst) && near.write_all(&up[..read]).await.is_err() { return }
                    }
                    read = near.read(&mut down) => {
                        let Ok(read @ 1..) = read else { break };
                        if !lost.load(Ordering::SeqCst) && client.write_all(&down[..read]).await.is_err() { return }
                    }
                }
            }
            if lost.load(Ordering::SeqCst) {
                // A close is lost like everything else.
                std::future::pending::<()>().await;
            }
        };
        (Self(loses), far, relay)
    }

    /// Loses everything from now on.
    pub(crate) fn blackhole(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The server's side of one connection. It answers pings only while the test reads.
pub(crate) struct Server(pub(crate) WebSocketStream<DuplexStream>);

impl Server {
    /// Accepts the upgrade.
    pub(crate) async fn upgrade(stream: DuplexStream) -> Self {
        Self(tokio_tungstenite::accept_async(stream).await.expect("an upgrade"))
    }

    /// The next request, or `None` if the client is gone.
    pub(crate) async fn request(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Frame::Text(text)) => return Some(serde_json::from_str(text.as_str()).expect("JSON")),
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads the join and accepts it; returns the join.
    pub(crate) async fn accept_join(&mut self) -> Value {
        let join = self.request().await.expect("a join");
        assert_eq!(join["action"], "joinChannel");
        self.send(&join_reply(&join)).await;
        join
    }

    /// Sends JSON. It is no error if the client is gone.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.frame(Frame::text(message.to_string())).await;
    }

    /// Sends any frame. It is no error if the client is gone.
    pub(crate) async fn frame(&mut self, frame: Frame) {
        drop(self.0.send(frame).await);
    }
}

/// The reply to a join.
pub(crate) fn join_reply(join: &Value) -> Value {
    json!({"correlationId": join["correlationId"], "status": 200, "data": {"channelId": "ch-1", "message": "Joined."}})
}

/// The message of a finished command.
pub(crate) fn outcome_message(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2}})
}
