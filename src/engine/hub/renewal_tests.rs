//! Automatic renewal from its beginning to its end, through hub, session, keyring and REST, with time in the test's hand.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::credentials::{Keyring, SecretStore, StoreError};
use crate::engine::action::{Credential, SignIn};
use crate::engine::clocks::Clocks;
use crate::engine::download::Fetcher;
use crate::engine::event::Event;
use crate::engine::mailbox::{self, Events};
use crate::engine::proxies::ProxyVariables;
use crate::engine::rest::Rest;
use crate::engine::spawn::Spawner;
use crate::engine::testing::{Scripted, Server, TestJournal};
use crate::engine::way::{Surroundings, Way};
use crate::settings::{Address, Directories, Profile};

/// When these tests begin, by the server's clock.
const BEGIN: Moment = Moment(1_700_000_000_000_000);
/// How long tokens live.
const LIFE: u64 = 1_000;
/// Generous: nothing here is about speed.
const PATIENCE: Duration = Duration::from_mins(1);

/// What happened, in order: `ask`, `keep`, `join` and `leave`, each with its token.
type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, what: String) {
    log.lock().unwrap().push(what);
}

/// A keyring that notes what it keeps.
struct Noting {
    log: Log,
    kept: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
}

impl SecretStore for Noting {
    fn get(&mut self, user: &str) -> Result<Option<crate::credentials::SecretBytes>, StoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.get(user).map(|secret| crate::credentials::SecretBytes::new(secret.clone())))
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        note(&self.log, format!("keep {}", String::from_utf8_lossy(secret)));
        self.kept.lock().unwrap().insert(user.to_owned(), secret.to_vec());
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.kept.lock().unwrap().remove(user);
        Ok(())
    }
}

/// What the backend says when it is asked for a new token.
#[derive(Clone, Copy)]
enum Renewal {
    Grants,
    DecidesLater,
}

struct Bench {
    log: Log,
    events: Events,
    heard: Vec<Event>,
    problem: u64,
    actions: mpsc::Sender<Action>,
    renewal: Arc<Mutex<Renewal>>,
    kept: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
    /// While this is held the clock moves only where the test moves it: tokio lets no time pass beside work that blocks.
    _still: SyncSender<()>,
    _journal: TestJournal,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// An engine whose own clock is wrong by so much, signed in with a token that lives [`LIFE`] minutes.
    async fn signed_in(wrong_by: jiff::SignedDuration) -> Self {
        let start = Instant::now();
        let server_now = move || {
            let elapsed = i64::try_from(start.elapsed().as_micros()).expect("a test is short");
            Moment(BEGIN.0 + elapsed)
        };
        let wrong_by = i64::try_from(wrong_by.as_micros()).expect("years fit");
        let clock: crate::engine::Clock = Arc::new(move || Moment(server_now().0 + wrong_by));
        let (outbox, events) = mailbox::pair(Arc::new(|| {}));
        let spawner = Spawner::new(tokio::runtime::Handle::current(), outbox.clone());
        let (still, held) = sync_channel(0);
        let holding = spawner.clone();
        spawner.spawn("holding the clock", async move {
            holding.blocking("holding the clock", move || held.recv().is_err()).await;
        });

        let (log, kept, renewal) = (Log::default(), Arc::default(), Arc::new(Mutex::new(Renewal::Grants)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        spawner.spawn("the backend", backend(listener, log.clone(), renewal.clone(), server_now));
        let (network, servers) = Scripted::new();
        spawner.spawn("the proxy", proxy(servers, spawner.clone(), log.clone()));

        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::at(folder.path().join("data"), folder.path().join("config")).unwrap();
        let (store, settings, _) = Store::open(&directories);
        let surroundings = Surroundings { authority: None, proxies: ProxyVariables::default() };
        let way = Way::load(&settings.preferences, &surroundings).unwrap();
        let (guide, ways) = Guide::new(way, surroundings);
        let (reports, reported) = mpsc::channel(64);
        let journal = TestJournal::new(outbox.clone());
        let clocks = Clocks::new(clock, Arc::new(|| None));
        let tools = Tools {
            outbox: outbox.clone(),
            spawner: Spawner::new(tokio::runtime::Handle::current(), outbox.clone()),
            clocks: clocks.clone(),
            clock: clocks.as_clock(),
            ledger: journal.store.clone(),
            keyring: Keyring::in_place(Box::new(Noting { log: log.clone(), kept: Arc::clone(&kept) })),
            rest: Rest::new(ways.clone(), clocks),
            fetcher: Fetcher::new(ways),
            connector: network,
            reports,
        };
        let (actions, wanted) = mpsc::channel(8);
        let hub = run(Start {
            tools,
            data: directories.data().to_owned(),
            store,
            settings,
            live_from: Seq(1),
            guide,
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
        // It stops what belongs to the other owner.
        Spawner::new(tokio::runtime::Handle::current(), outbox).spawn("running", Box::pin(hub));
        let profile = Profile { api: Address::new(api), username: "somebody".to_owned(), ..Profile::default() };
        let credential = Credential::Password("right".to_owned().into());
        actions.send(Action::SignIn(Box::new(SignIn { profile, credential }))).await.unwrap();
        let mut bench = Self {
            log,
            events,
            heard: Vec::new(),
            problem: 0,
            actions,
            renewal,
            kept,
            _still: still,
            _journal: journal,
            _folder: folder,
        };
        bench.until("join T-1").await;
        bench.until("keep T-1").await;
        bench
    }

    /// Waits until that has happened.
    async fn until(&mut self, what: &str) {
        let log = self.log.clone();
        self.wait(what, |_| log.lock().unwrap().iter().any(|happened| happened == what)).await;
    }

    /// Waits until a notice says that; its remedy.
    async fn notice(&mut self, says: &str) -> Option<Action> {
        let of = |event: &Event| match event {
            Event::Notice(notice) if notice.sentence.contains(says) => Some(notice.remedy.clone()),
            _ => None,
        };
        self.wait(says, |heard| heard.iter().any(|event| of(event).is_some())).await;
        self.heard.iter().find_map(of).flatten().map(|(_, action)| action)
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of this test stands still, and its patience must not")]
    async fn wait(&mut self, what: &str, is: impl Fn(&[Event]) -> bool) {
        let start = std::time::Instant::now();
        loop {
            while let Some(event) = self.events.next_problem(&mut self.problem).or_else(|| self.events.try_next()) {
                self.heard.push(event);
            }
            if is(&self.heard) {
                return;
            }
            let happened = self.log.lock().unwrap().clone();
            assert!(start.elapsed() < PATIENCE, "{what}: never came; {happened:?}; {:#?}", self.heard);
            tokio::task::yield_now().await;
        }
    }

    /// Lets minutes pass, and what they lead to happen as far as it needs nothing from outside.
    async fn pass(&self, minutes: u64) {
        for _ in 0..minutes {
            tokio::time::advance(Duration::from_mins(1)).await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// What happened since the last time that this was asked.
    fn happened(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// The tokens in the keyring.
    fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().values().map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
    }
}

/// A backend: tokens are `T-1`, `T-2` and so on.
async fn backend(
    listener: TcpListener,
    log: Log,
    renewal: Arc<Mutex<Renewal>>,
    now: impl Fn() -> Moment + Send + 'static,
) {
    let mut tokens = 0;
    while let Ok((mut stream, _)) = listener.accept().await {
        let (line, token) = request(&mut stream).await;
        let decides_later = matches!(*renewal.lock().unwrap(), Renewal::DecidesLater);
        let answer = if line.contains("/expiry") {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            if line.contains("/reauthorize") {
                note(&log, format!("ask {token}"));
            }
            let (status, body) = if decides_later {
                ("202 Accepted", "\"c-1\"".to_owned())
            } else {
                tokens += 1;
                let ends = now().plus(Duration::from_mins(LIFE));
                let ends = jiff::Timestamp::from_microsecond(ends.0).unwrap();
                ("200 OK", format!(r#"{{"authorizationToken":"T-{tokens}","expiresAt":"{ends}"}}"#))
            };
            let date = jiff::Timestamp::from_microsecond(now().0).unwrap();
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&date).unwrap();
            let head = format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close");
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

/// A WebSocket proxy that takes every token.
async fn proxy(mut servers: mpsc::Receiver<DuplexStream>, spawner: Spawner, log: Log) {
    while let Some(stream) = servers.recv().await {
        let log = log.clone();
        let connection = async move {
            let mut server = Server::upgrade(stream).await;
            while let Some(request) = server.request().await {
                let token = request["data"]["authorizationToken"].as_str().unwrap();
                let what = if request["action"] == "joinChannel" { "join" } else { "leave" };
                note(&log, format!("{what} {token}"));
                server.send(&crate::engine::testing::joined(&request)).await;
            }
        };
        spawner.spawn("a connection of the proxy", Box::pin(connection));
    }
}

/// The connection does not wait for the keyring, nor the keyring for the connection: what the keyring did comes last here.
fn renewed(mut happened: Vec<String>) -> Vec<String> {
    happened.sort_by_key(|what| what.starts_with("keep"));
    happened
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_at_80_percent_kept_and_used_at_once_and_the_old_one_forgotten_whatever_the_clock_says() {
    for years in [0, -5, 5] {
        let mut bench = Bench::signed_in(jiff::SignedDuration::from_hours(years * 365 * 24)).await;
        bench.happened();
        bench.pass(LIFE * 8 / 10 - 1).await;
        assert_eq!(bench.happened(), [""; 0], "too early, with a clock that is wrong by {years} years");
        bench.pass(1).await;
        bench.until("join T-2").await;
        bench.until("keep T-2").await;
        assert_eq!(renewed(bench.happened()), ["ask T-1", "leave T-1", "join T-2", "keep T-2"], "{years} years");
        bench.notice("The token was renewed.").await;
        assert_eq!(bench.kept(), ["T-2"], "the old one is still there");

        // And again, with the new one.
        bench.pass(LIFE * 8 / 10).await;
        bench.until("join T-3").await;
        bench.until("keep T-3").await;
        assert_eq!(renewed(bench.happened()), ["ask T-2", "leave T-2", "join T-3", "keep T-3"], "{years} years");
        let mut states = std::iter::from_fn(|| bench.events.next_profile_status()).map(|status| status.connection);
        let out = |state: Option<ConnectionState>| matches!(state, Some(ConnectionState::TokenRefused { .. }));
        assert!(!states.any(out), "a clock that is wrong by {years} years logged somebody out");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_decides_later_is_asked_again_and_the_end_is_told_15_and_2_minutes_before_while_the_old_token_stays()
 {
    let mut bench = Bench::signed_in(jiff::SignedDuration::ZERO).await;
    *bench.renewal.lock().unwrap() = Renewal::DecidesLater;
    bench.happened();
    bench.pass(800).await;
    bench.until("ask T-1").await;
    bench.notice("will decide later. The old token stays in use.").await;
    assert_eq!(bench.happened(), ["ask T-1"]);
    for minutes in [100, 50] {
        bench.pass(minutes).await;
        bench.until("ask T-1").await;
        assert_eq!(bench.happened(), ["ask T-1"], "asked again at 90 % and at 95 %");
    }
    bench.pass(34).await;
    let ends = |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence.contains("The token ends in"));
    assert!(!bench.heard.iter().any(ends), "told too early");
    bench.pass(1).await;
    let remedy = bench.notice("The token ends in 15 minutes and was not renewed.").await;
    assert!(matches!(remedy, Some(Action::RenewToken(_))), "{remedy:?}");
    bench.pass(13).await;
    bench.notice("The token ends in 2 minutes and was not renewed.").await;
    // Its end by the clock is nothing that the monitor acts on: only the server says that a token is dead.
    bench.pass(600).await;
    assert_eq!(bench.happened(), [""; 0], "the connection was given up");
    assert_eq!(bench.kept(), ["T-1"]);

    // What the operator asks for is done, however late.
    *bench.renewal.lock().unwrap() = Renewal::Grants;
    bench.actions.send(remedy.expect("a remedy")).await.unwrap();
    bench.until("join T-2").await;
    bench.until("keep T-2").await;
    assert_eq!(renewed(bench.happened()), ["ask T-1", "leave T-1", "join T-2", "keep T-2"]);
}
