//! What the engine's tests stand on: a journal in memory that refuses on demand, and a server that a test scripts over a pipe.

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

use super::connector::{ConnectError, Connector, Transport};
use super::endpoints::Target;
use super::ledger::{Ledger, NotWritten};
use crate::activity::{ActivityKey, Entry, Fact, Gap, Moment, Seq};
use crate::credentials::{KeyringError, SealKey};
use crate::journal::{KeptNotice, Limits, Purged, RequestSecret, Sealing, Secrets, Unsealed};
use crate::protocol::{Original, RequestId};
use crate::settings::ProfileId;

/// A journal in memory.
#[derive(Default)]
pub(super) struct MemoryLedger {
    entries: Mutex<Vec<Entry>>,
    refuses: AtomicBool,
    takes: Mutex<Duration>,
    alive: Mutex<Option<Moment>>,
    secrets: Mutex<Vec<RequestSecret>>,
    originals: Mutex<Vec<(Seq, Original)>>,
    notices: Mutex<Vec<KeptNotice>>,
}

impl MemoryLedger {
    /// Whether it refuses to write from here on.
    pub(super) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How long it takes to write from here on.
    pub(super) fn take(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// The ids of what was written but gaps, in order.
    pub(super) fn ids(&self) -> Vec<String> {
        let heard = |entry: &&Entry| !matches!(entry.key, ActivityKey::Gap(_));
        self.entries.lock().unwrap().iter().filter(heard).map(|entry| entry.key.id().to_owned()).collect()
    }

    /// What was written, in order.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// The gaps, each as it was written last, in the order in which they began.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<(ActivityKey, Gap)> = Vec::new();
        for entry in self.entries() {
            let Fact::Gap(gap) = entry.fact else { continue };
            match gaps.iter_mut().find(|(key, _)| *key == entry.key) {
                Some((_, known)) => *known = gap,
                None => gaps.push((entry.key, gap)),
            }
        }
        gaps.into_iter().map(|(_, gap)| gap).collect()
    }
}

impl Ledger for MemoryLedger {
    fn append(
        &self,
        _: ProfileId,
        mut entries: Vec<Entry>,
        secrets: Secrets,
    ) -> BoxFuture<'_, Result<Vec<Entry>, NotWritten>> {
        Box::pin(async move {
            let takes = *self.takes.lock().unwrap();
            tokio::time::sleep(takes).await;
            if self.refuses.load(Ordering::SeqCst) {
                return Err(NotWritten { entries, secrets, why: "The disk is full.".to_owned() });
            }
            self.secrets.lock().unwrap().extend(secrets.requests);
            let mut written = self.entries.lock().unwrap();
            for entry in &mut entries {
                entry.seq = Seq(written.len() as u64 + 1);
                written.push(entry.clone());
            }
            let mut originals = self.originals.lock().unwrap();
            originals.extend(secrets.originals.into_iter().map(|(at, original)| (entries[at].seq, original)));
            Ok(entries)
        })
    }

    fn restore(&self, _: ProfileId, before: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        let written = self.entries.lock().unwrap();
        let earlier: Vec<_> = written.iter().filter(|entry| entry.seq < before).cloned().collect();
        Box::pin(async move { Ok(earlier[earlier.len().saturating_sub(limit)..].to_vec()) })
    }

    fn since(&self, _: ProfileId, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        let written = self.entries.lock().unwrap();
        let later = written.iter().filter(|entry| entry.seq >= from).take(limit).cloned().collect();
        Box::pin(async move { Ok(later) })
    }

    fn history(&self, _: ProfileId, key: ActivityKey, _: Seq, _: Seq) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        let written = self.entries.lock().unwrap();
        let of_key = written.iter().filter(|entry| entry.key == key).cloned().collect();
        Box::pin(async move { Ok(of_key) })
    }

    fn original(&self, _: ProfileId, seq: Seq) -> BoxFuture<'_, Result<Option<Original>, String>> {
        let originals = self.originals.lock().unwrap();
        let original = originals.iter().find(|(of, _)| *of == seq).map(|(_, original)| original.clone());
        Box::pin(async move { Ok(original) })
    }

    fn seal_with(&self, _: Result<SealKey, KeyringError>) -> BoxFuture<'_, Result<Sealing, String>> {
        Box::pin(async { Ok(Sealing::On) })
    }

    fn secrets(&self, _: ProfileId) -> BoxFuture<'_, Result<Unsealed, String>> {
        let secrets = self.secrets.lock().unwrap().clone();
        Box::pin(async move { Ok(Unsealed { secrets, ..Unsealed::default() }) })
    }

    fn forget_secret(&self, _: ProfileId, request: RequestId) -> BoxFuture<'_, Result<(), String>> {
        self.secrets.lock().unwrap().retain(|secret| secret.request != request);
        Box::pin(async { Ok(()) })
    }

    fn forget_expired_secrets(&self, now: Moment, lifetime: Duration) -> BoxFuture<'_, Result<u64, String>> {
        let mut secrets = self.secrets.lock().unwrap();
        let held = secrets.len();
        secrets.retain(|secret| secret.expires.unwrap_or_else(|| secret.at.plus(lifetime)) >= now);
        let gone = (held - secrets.len()) as u64;
        Box::pin(async move { Ok(gone) })
    }

    fn scan(&self, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<(ProfileId, Entry)>, String>> {
        Box::pin(async move {
            let entries = self.since(ProfileId::from_u128(0), from, limit).await?;
            Ok(entries.into_iter().map(|entry| (ProfileId::from_u128(0), entry)).collect())
        })
    }

    fn is_purge_due(&self, _: Moment, _: Limits) -> BoxFuture<'_, Result<bool, String>> {
        Box::pin(async { Ok(false) })
    }

    fn purge_step(&self, _: Moment, _: Limits) -> BoxFuture<'_, Result<Purged, String>> {
        Box::pin(async { Ok(Purged::default()) })
    }

    fn keep_notice(&self, notice: KeptNotice) -> BoxFuture<'_, Result<(), String>> {
        self.notices.lock().unwrap().push(notice);
        Box::pin(async { Ok(()) })
    }

    fn notices(&self) -> BoxFuture<'_, Result<Vec<KeptNotice>, String>> {
        let notices = self.notices.lock().unwrap().clone();
        Box::pin(async move { Ok(notices) })
    }

    fn notice_read(&self, profile: Option<ProfileId>, sentence: String) -> BoxFuture<'_, Result<(), String>> {
        self.notices.lock().unwrap().retain(|kept| kept.profile != profile || kept.sentence != sentence);
        Box::pin(async { Ok(()) })
    }

    fn forget_profile(&self, _: ProfileId) -> BoxFuture<'_, Result<(), String>> {
        self.entries.lock().unwrap().clear();
        Box::pin(async { Ok(()) })
    }

    fn alive(&self, _: ProfileId, at: Moment) -> BoxFuture<'_, Result<(), String>> {
        *self.alive.lock().unwrap() = Some(at);
        Box::pin(async { Ok(()) })
    }

    fn last_alive(&self, _: ProfileId) -> BoxFuture<'_, Result<Option<Moment>, String>> {
        let newest = self.entries.lock().unwrap().last().map(|entry| entry.at);
        let last = newest.max(*self.alive.lock().unwrap());
        Box::pin(async move { Ok(last) })
    }

    fn size(&self) -> u64 {
        0
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What a scripted network does with the next attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// Hands the other end of a pipe to the test.
    Connects,
    /// Refuses.
    Refuses,
    /// Keeps silent for ever.
    Silent,
}

/// A network that a test scripts; it counts open sockets.
pub(super) struct Scripted {
    network: Mutex<Network>,
    other_ends: mpsc::Sender<DuplexStream>,
    attempts: AtomicUsize,
    open: Arc<AtomicUsize>,
    most_open: AtomicUsize,
}

impl Scripted {
    /// A network, and where the other ends of its connections come out.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<DuplexStream>) {
        let (other_ends, arriving) = mpsc::channel(1024);
        let scripted = Self {
            network: Mutex::new(Network::Connects),
            other_ends,
            attempts: AtomicUsize::new(0),
            open: Arc::default(),
            most_open: AtomicUsize::new(0),
        };
        (Arc::new(scripted), arriving)
    }

    /// What it does from here on.
    pub(super) fn be(&self, network: Network) {
        *self.network.lock().unwrap() = network;
    }

    /// How often it was asked to connect.
    pub(super) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// How many sockets are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many were ever open at once.
    pub(super) fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
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
                self.most_open.fetch_max(open, Ordering::SeqCst);
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

/// The way between a client and its server, which can begin to lose everything in both directions while both ends stay open.
pub(super) struct Relay(Arc<AtomicBool>);

impl Relay {
    /// Between the other end of a connection and the end that is returned. It ends when either end is closed, unless that is lost too.
    pub(super) fn between(mut client: DuplexStream) -> (Self, DuplexStream, impl Future<Output = ()> + Send) {
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
                // A farewell is lost like everything else.
                std::future::pending::<()>().await;
            }
        };
        (Self(loses), far, relay)
    }

    /// Loses everything from here on.
    pub(super) fn lose(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The server's side of one connection. It answers pings only while the test reads.
pub(super) struct Server(pub(super) WebSocketStream<DuplexStream>);

impl Server {
    /// Answers the upgrade.
    pub(super) async fn upgrade(stream: DuplexStream) -> Self {
        Self(tokio_tungstenite::accept_async(stream).await.expect("an upgrade"))
    }

    /// The next request, or `None` where the client is gone.
    pub(super) async fn request(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Frame::Text(text)) => return Some(serde_json::from_str(text.as_str()).expect("JSON")),
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads the join and accepts it; returns the join.
    pub(super) async fn accept(&mut self) -> Value {
        let join = self.request().await.expect("a join");
        assert_eq!(join["action"], "joinChannel");
        self.send(&joined(&join)).await;
        join
    }

    /// Sends JSON. A client that is gone is no error.
    pub(super) async fn send(&mut self, message: &Value) {
        self.frame(Frame::text(message.to_string())).await;
    }

    /// Sends any frame. A client that is gone is no error.
    pub(super) async fn frame(&mut self, frame: Frame) {
        drop(self.0.send(frame).await);
    }
}

/// The answer to a join.
pub(super) fn joined(join: &Value) -> Value {
    json!({"correlationId": join["correlationId"], "status": 200, "data": {"channelId": "ch-1", "message": "Joined."}})
}

/// A command that is done.
pub(super) fn done(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2}})
}
