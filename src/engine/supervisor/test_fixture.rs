//! An engine with a backend, a proxy and a keyring that a test can make silent, and with time under the test's control.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::credentials::{Keyring, SecretStore, StoreError};
use crate::engine::events::action::{Credential, SignIn};
use crate::engine::events::event::Event;
use crate::engine::events::event_queue::{self, EventReceiver};
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::test_support::{Scripted, Server, TestJournal, outcome_message};
use crate::settings::{Address, Directories, Profile, Store};

use super::test_parts::TestParts;
use super::*;

/// The start of these tests, by the server's clock.
const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);
/// How long tokens are valid, in minutes.
pub(crate) const LIFE: u64 = 1_000;
/// How long a busy backend asks to wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(90);
/// Generous, because these tests do not measure speed.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What happened, in order: `ask`, `keep`, `join` and `leave`, each with its token.
type Log = Arc<Mutex<Vec<String>>>;

fn log_call(log: &Log, what: String) {
    log.lock().unwrap().push(what);
}

/// A switch that makes a service silent: callers block until it is off again.
#[derive(Default)]
struct Silence(Mutex<bool>, Condvar);

impl Silence {
    fn set(&self, silent: bool) {
        *self.0.lock().unwrap() = silent;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |silent| *silent).unwrap());
    }
}

/// A keyring that logs what it stores.
struct Noting {
    log: Log,
    stored: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
    silence: Arc<Silence>,
    locked: Arc<AtomicBool>,
    refuses_deletion: Arc<AtomicBool>,
}

impl SecretStore for Noting {
    fn get(&mut self, user: &str) -> Result<Option<crate::credentials::secret_bytes::SecretBytes>, StoreError> {
        self.silence.wait();
        let stored = self.stored.lock().unwrap();
        let is_found = !self.locked.load(Ordering::SeqCst);
        Ok(stored
            .get(user)
            .filter(|_| is_found)
            .map(|secret| crate::credentials::secret_bytes::SecretBytes::new(secret.clone())))
    }

    fn uncertainty(&mut self) -> Option<StoreError> {
        self.locked.load(Ordering::SeqCst).then(|| {
            log_call(&self.log, "doubt".to_owned());
            StoreError::NoDefaultCollection
        })
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.silence.wait();
        log_call(&self.log, format!("keep {}", String::from_utf8_lossy(secret)));
        self.stored.lock().unwrap().insert(user.to_owned(), secret.to_vec());
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.silence.wait();
        if self.refuses_deletion.load(Ordering::SeqCst) {
            return Err(StoreError::Locked);
        }
        self.stored.lock().unwrap().remove(user);
        Ok(())
    }
}

/// How the backend answers a request for a new token.
#[derive(Clone, Copy)]
pub(crate) enum Renewal {
    Grants,
    DecidesLater,
    /// It asks to wait [`RETRY_AFTER`] before each call.
    Busy,
    /// It answers neither this nor any other request.
    Silent,
}

pub(crate) struct Fixture {
    log: Log,
    pub(crate) events: EventReceiver,
    pub(crate) received: Vec<Event>,
    problem: u64,
    pub(crate) actions: mpsc::Sender<Action>,
    pub(crate) renewal: Arc<Mutex<Renewal>>,
    pub(crate) profile: ProfileId,
    keyring: Arc<Silence>,
    /// Whether the keyring finds nothing, and has no default collection.
    locked: Arc<AtomicBool>,
    keyring_refuses_deletion: Arc<AtomicBool>,
    /// Whether the proxy has stopped answering.
    proxy: Arc<AtomicBool>,
    /// What the proxy sends over its connections.
    deliveries: broadcast::Sender<serde_json::Value>,
    running: Task<()>,
    spawner: TaskOwner,
    pub(crate) journal: TestJournal,
    stored: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
    /// While this is held only the test moves the clock: tokio does not advance time while a blocking task runs.
    _clock_guard: SyncSender<()>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// An engine whose own clock is wrong by `wrong_by`, signed in with a token that is valid for [`LIFE`] minutes.
    pub(crate) async fn signed_in(wrong_by: jiff::SignedDuration) -> Self {
        Self::signed_in_with(wrong_by, LIFE).await
    }

    /// An engine that is signed in with a token that is valid for these minutes.
    pub(crate) async fn signed_in_for(life: u64) -> Self {
        Self::signed_in_with(jiff::SignedDuration::ZERO, life).await
    }

    async fn signed_in_with(wrong_by: jiff::SignedDuration, life: u64) -> Self {
        let (mut fixture, profile) = Self::start(wrong_by, None, life).await;
        let credential = Credential::Password("right".to_owned().into());
        fixture.actions.send(Action::SignIn(Box::new(SignIn { profile, credential }))).await.unwrap();
        fixture.until("join T-1").await;
        fixture.until("keep T-1").await;
        fixture
    }

    /// An engine whose settings list a profile with the token `T-0` in the keyring, which is locked and has no default collection.
    /// `network_config` builds the keyring from its store.
    pub(crate) async fn locked(keyring: fn(Box<dyn SecretStore>) -> Keyring) -> Self {
        Self::start(jiff::SignedDuration::ZERO, Some(keyring), LIFE).await.0
    }

    /// An engine, and the profile that is in its settings or can sign in.
    async fn start(
        wrong_by: jiff::SignedDuration,
        locked: Option<fn(Box<dyn SecretStore>) -> Keyring>,
        life: u64,
    ) -> (Self, Profile) {
        let start = Instant::now();
        let server_now = move || {
            let elapsed = i64::try_from(start.elapsed().as_micros()).expect("a test is short");
            Timestamp(BEGIN.0 + elapsed)
        };
        let wrong_by = i64::try_from(wrong_by.as_micros()).expect("years fit");
        let clock: crate::engine::runtime::clock::Clock = Arc::new(move || Timestamp(server_now().0 + wrong_by));
        let (event_sender, events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender.clone());
        let (still, held) = sync_channel(0);
        let holding = spawner.clone();
        spawner.spawn("holding the clock", async move {
            holding.blocking("holding the clock", move || held.recv().is_err()).await;
        });

        let (log, renewal) = (Log::default(), Arc::new(Mutex::new(Renewal::Grants)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        spawner.spawn("the backend", backend(listener, log.clone(), renewal.clone(), server_now, life));
        let (network, servers) = Scripted::new();
        let silent_proxy = Arc::new(AtomicBool::new(false));
        let deliveries = broadcast::Sender::new(8);
        let the_proxy = proxy(servers, spawner.clone(), log.clone(), (silent_proxy.clone(), deliveries.clone()));
        spawner.spawn("the proxy", the_proxy);

        // In memory if the system has such a folder, because disk time does not pass under the paused clock.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir()).unwrap();
        let directories = Directories::at(folder.path().join("data"), folder.path().join("config")).unwrap();
        let (settings_store, mut settings, _) = Store::open(&directories);
        let profile = Profile { api: Address::new(api), username: "somebody".to_owned(), ..Profile::default() };
        if locked.is_some() {
            settings.profiles.push(profile.clone());
        }
        let journal = TestJournal::new(event_sender.clone());
        let silence = Arc::<Silence>::default();
        let token = [(format!("token:{}", profile.id), b"T-0".to_vec())].into_iter().filter(|_| locked.is_some());
        let stored = Arc::new(Mutex::new(token.collect()));
        let is_locked = Arc::new(AtomicBool::new(locked.is_some()));
        let keyring_refuses_deletion = Arc::<AtomicBool>::default();
        let store = Noting {
            log: log.clone(),
            stored: Arc::clone(&stored),
            silence: silence.clone(),
            locked: is_locked.clone(),
            refuses_deletion: keyring_refuses_deletion.clone(),
        };
        let keyring = locked.unwrap_or(Keyring::with_store)(Box::new(store));
        let parts = TestParts {
            event_sender,
            clock,
            journal: &journal,
            keyring,
            connector: network,
            data: directories.data(),
            store: settings_store,
            settings,
            live_from: Seq(1),
        };
        let (_context, actions, running) = parts.start();
        let fixture = Self {
            log,
            events,
            received: Vec::new(),
            problem: 0,
            actions,
            renewal,
            profile: profile.id,
            keyring: silence,
            locked: is_locked,
            keyring_refuses_deletion,
            proxy: silent_proxy,
            deliveries,
            running,
            spawner,
            journal,
            stored,
            _clock_guard: still,
            _folder: folder,
        };
        (fixture, profile)
    }

    /// Waits until `what` has happened.
    pub(crate) async fn until(&mut self, what: &str) {
        let log = self.log.clone();
        self.wait(what, |_| log.lock().unwrap().iter().any(|happened| happened == what)).await;
    }

    /// Waits for a notice that contains `says`; returns its remedy.
    pub(crate) async fn notice(&mut self, says: &str) -> Option<Action> {
        let of = |event: &Event| match event {
            Event::Notice(notice) if notice.sentence().contains(says) => Some(notice.remedy.clone()),
            _ => None,
        };
        self.wait(says, |received| received.iter().any(|event| of(event).is_some())).await;
        self.received.iter().find_map(of).flatten().map(|(_, action)| action)
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of this test stands still, and its patience must not")]
    pub(crate) async fn wait(&mut self, what: &str, is: impl Fn(&[Event]) -> bool) {
        let start = std::time::Instant::now();
        loop {
            while let Some(event) = self.events.next_problem(&mut self.problem).or_else(|| self.events.try_next()) {
                self.received.push(event);
            }
            if is(&self.received) {
                return;
            }
            let happened = self.log.lock().unwrap().clone();
            assert!(start.elapsed() < TIMEOUT, "{what}: never came; {happened:?}; {:#?}", self.received);
            tokio::task::yield_now().await;
        }
    }

    /// Lets minutes pass, and runs what follows from that as far as it needs nothing external.
    pub(crate) async fn pass(&self, minutes: u64) {
        for _ in 0..minutes {
            tokio::time::advance(Duration::from_mins(1)).await;
            self.run_ready_tasks().await;
        }
    }

    /// Runs what is in progress as far as it needs nothing external.
    pub(crate) async fn run_ready_tasks(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Runs what is in progress also as far as it waits for sockets that are ready.
    pub(crate) async fn idle(&self) {
        for _ in 0..3 {
            self.spawner.blocking("waiting", || ()).await;
            self.run_ready_tasks().await;
        }
    }

    /// What happened since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Makes the keyring stop answering.
    pub(crate) fn silence_keyring(&self) {
        self.keyring.set(true);
    }

    /// Makes the keyring answer again.
    pub(crate) fn wake_keyring(&self) {
        self.keyring.set(false);
    }

    /// Deletes everything in the keyring.
    pub(crate) fn empty_keyring(&self) {
        self.stored.lock().unwrap().clear();
    }

    /// Makes the keyring refuse to delete anything.
    pub(crate) fn refuse_deletion(&self) {
        self.keyring_refuses_deletion.store(true, Ordering::SeqCst);
    }

    /// Unlocks the keyring.
    pub(crate) fn unlock_keyring(&self) {
        self.locked.store(false, Ordering::SeqCst);
    }

    /// Makes the proxy stop answering.
    pub(crate) fn silence_proxy(&self) {
        self.proxy.store(true, Ordering::SeqCst);
    }

    /// Makes the server send the outcome of a command, and the engine read it.
    pub(crate) async fn receive(&self, id: &str) {
        self.deliveries.send(outcome_message(id)).unwrap();
        self.run_ready_tasks().await;
    }

    /// Lets time pass until the engine has ended. The disk seems to take no time.
    pub(crate) async fn ended(&self) {
        while !self.running.is_finished() {
            tokio::time::advance(Duration::from_millis(1)).await;
            // Threads of the journal and of the settings writer need real time, which does not pass under the paused clock.
            for _ in 0..3 {
                drop(self.journal.journal.pending_work().await);
                self.spawner.blocking("waiting", || ()).await;
                for _ in 0..30 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    pub(crate) fn keyring_entries(&self) -> Vec<String> {
        self.stored.lock().unwrap().values().map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.keyring.set(false);
    }
}

/// A backend that issues the tokens `T-1`, `T-2` and so on.
async fn backend(
    listener: TcpListener,
    log: Log,
    renewal: Arc<Mutex<Renewal>>,
    now: impl Fn() -> Timestamp + Send + 'static,
    life: u64,
) {
    let (mut tokens, mut silent) = (0, Vec::new());
    while let Ok((mut stream, _)) = listener.accept().await {
        let (request_line, token) = request(&mut stream).await;
        let decides_later = matches!(*renewal.lock().unwrap(), Renewal::DecidesLater);
        let is_busy = matches!(*renewal.lock().unwrap(), Renewal::Busy);
        let path = request_line.split(' ').nth(1).unwrap();
        if is_busy {
            let wait = RETRY_AFTER.as_secs();
            let head =
                format!("HTTP/1.1 429 Busy\r\nRetry-After: {wait}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // The client closes the connection once it has read the response.
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            log_call(&log, format!("{path} {token}"));
            continue;
        }
        if path.contains("/request-data") {
            log_call(&log, format!("{path} {token}"));
        }
        let answer = if request_line.contains("/expiry") {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            if request_line.contains("/reauthorize") {
                log_call(&log, format!("ask {token}"));
            }
            if matches!(*renewal.lock().unwrap(), Renewal::Silent) {
                // Keeps its connection open.
                silent.push(stream);
                continue;
            }
            let (status, body) = if decides_later {
                ("202 Accepted", "\"c-1\"".to_owned())
            } else {
                tokens += 1;
                let ends = now().plus(Duration::from_mins(life));
                let ends = jiff::Timestamp::from_microsecond(ends.0).unwrap();
                ("200 OK", format!(r#"{{"authorizationToken":"T-{tokens}","expiresAt":"{ends}"}}"#))
            };
            let date = jiff::Timestamp::from_microsecond(now().0).unwrap();
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&date).unwrap();
            let head = format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\nX-DPT-CAB-REQUEST-ID: r-1");
            format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// Reads a request: its first line, and the token in its header.
async fn request(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let of = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned())
        };
        if body.len() >= of("content-length").map_or(0, |length| length.parse().unwrap()) {
            return (head.lines().next().unwrap().to_owned(), of("x-dpt-authorization").unwrap_or_default());
        }
    }
}

/// A WebSocket proxy that accepts every token.
async fn proxy(
    mut servers: mpsc::Receiver<DuplexStream>,
    spawner: TaskOwner,
    log: Log,
    (silent, deliveries): (Arc<AtomicBool>, broadcast::Sender<serde_json::Value>),
) {
    while let Some(stream) = servers.recv().await {
        let (log, silent, mut deliveries) = (log.clone(), silent.clone(), deliveries.subscribe());
        let connection = async move {
            let mut server = Server::upgrade(stream).await;
            loop {
                let request = tokio::select! {
                    request = server.request() => request,
                    Ok(message) = deliveries.recv() => {
                        server.send(&message).await;
                        continue;
                    }
                };
                let Some(request) = request else { return };
                let token = request["data"]["authorizationToken"].as_str().unwrap();
                let what = if request["action"] == "joinChannel" { "join" } else { "leave" };
                log_call(&log, format!("{what} {token}"));
                if !silent.load(Ordering::SeqCst) {
                    server.send(&crate::engine::test_support::join_reply(&request)).await;
                }
            }
        };
        spawner.spawn("a connection of the proxy", Box::pin(connection));
    }
}
