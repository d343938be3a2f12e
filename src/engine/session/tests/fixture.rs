//! A session for tests: its desired state, its network, its journal, and its events.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::activity::{ActivityKey, Timestamp};
use crate::engine::events::event::{ConnectionState, Event, Notice};
use crate::engine::events::event_queue::{self, EventReceiver, EventSender};
use crate::engine::events::status::ProfileStatus;
use crate::engine::network::endpoints::Endpoints;
use crate::engine::network::rest_error::RestError;
use crate::engine::runtime::clock::{BootClock, Clock, Clocks};
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::session;
use crate::engine::session::desired_state::{DesiredState, TargetState};
use crate::engine::session::state::{SessionConfig, TokenCheck};
use crate::engine::state::gaps::PreviousRun;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::engine::test_support::{Scripted, Server, TestJournal};
use crate::protocol::AuthorizationToken;
use crate::settings::{Profile, ProfileId};

/// The message limit of these tests, in bytes.
pub(crate) const LIMIT: usize = 64 * 1024;
pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);
/// Virtual time after which something counts as never happening.
const LONG_AFTER: Duration = Duration::from_hours(1);

/// The server's answer when it is asked for a token's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It does not refuse the token, or can't be asked.
    Silent,
    /// It refuses the token.
    Refuses,
    /// It never answers.
    Never,
}

pub(crate) struct Fixture {
    /// The server's answer about a token.
    pub(crate) expiry: Arc<Mutex<Expiry>>,
    /// How often that was requested.
    pub(crate) expiry_requests: Arc<AtomicU64>,
    pub(crate) network: Arc<Scripted>,
    pub(crate) journal_store: TestJournal,
    pub(crate) desired_state: watch::Sender<DesiredState>,
    pub(crate) session: Task<()>,
    pub(crate) now: Clock,
    /// By how many microseconds the time of day was set.
    pub(crate) set_by: Arc<AtomicI64>,
    /// For how many seconds the machine slept.
    pub(crate) slept: Arc<AtomicU64>,
    /// Whether the supervisor takes reports.
    pub(crate) reporting: watch::Sender<bool>,
    pub(crate) profile: ProfileId,
    pub(crate) pending_commands: PendingCommands,
    pub(crate) journal_writer: JournalWriter,
    pub(crate) event_sender: EventSender,
    pub(crate) spawner: TaskOwner,
    servers: mpsc::Receiver<DuplexStream>,
    pub(crate) events: EventReceiver,
    woken: Arc<Notify>,
    /// The last state that a test waited for.
    last: Option<ConnectionState>,
    /// The number of the last problem that was read.
    problem: u64,
}

/// Answers as `answer` says at the time, and counts how often it is asked.
fn token_check(answer: Arc<Mutex<Expiry>>, asked: Arc<AtomicU64>) -> TokenCheck {
    Arc::new(move |_credentials| {
        asked.fetch_add(1, Ordering::SeqCst);
        let answer = *answer.lock().unwrap();
        Box::pin(async move {
            match answer {
                Expiry::Silent => None,
                Expiry::Refuses => Some("It has expired.".to_owned()),
                Expiry::Never => std::future::pending().await,
            }
        })
    })
}

impl Fixture {
    /// A session that is signed out.
    pub(crate) fn new() -> Self {
        let woken = Arc::new(Notify::new());
        let bell = woken.clone();
        let profile = ProfileId::random();
        let (event_sender, events) = event_queue::channel_for(profile, Arc::new(move || bell.notify_one()));
        let journal_store = TestJournal::new(event_sender.clone());
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender.clone());
        let (network, servers) = Scripted::new();
        let pending_commands = PendingCommands::default();
        // There was no earlier run.
        pending_commands.finish_restore(true);
        let (past, told) = oneshot::channel();
        drop(past.send(PreviousRun { now: Timestamp(0), last_seen: None }));
        let (_left, found) = oneshot::channel();
        let link_store = LinkStore::default();
        let kept = (pending_commands.clone(), link_store.clone());
        let journal_writer = JournalWriter::start(
            profile,
            journal_store.store.clone(),
            event_sender.clone(),
            kept,
            (told, found),
            &spawner,
        );
        let start = Instant::now();
        let (set_by, slept) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU64::new(0)));
        let (set, asleep) = (set_by.clone(), slept.clone());
        let clock: Clock = Arc::new(move || {
            let elapsed = i64::try_from(start.elapsed().as_micros()).expect("a test is short");
            Timestamp(BEGIN.0 + elapsed + set.load(Ordering::SeqCst))
        });
        let through_sleep: BootClock =
            Arc::new(move || Some(start.elapsed() + Duration::from_secs(1_000 + asleep.load(Ordering::SeqCst))));
        let (reports, mut reported) = mpsc::channel(1);
        let (reporting, mut listens) = watch::channel(true);
        let listening = async move {
            while listens.wait_for(|listens| *listens).await.is_ok() && reported.recv().await.is_some() {}
        };
        spawner.spawn("listening", listening);
        let (expiry, expiry_requests) = (Arc::new(Mutex::new(Expiry::Silent)), Arc::new(AtomicU64::new(0)));
        let clocks = Clocks::new(clock, through_sleep);
        let parts = SessionConfig {
            profile,
            connector: network.clone(),
            token_check: token_check(expiry.clone(), expiry_requests.clone()),
            journal_writer: journal_writer.clone(),
            link_store,
            event_sender: event_sender.clone(),
            reports,
            clock: clocks.as_clock(),
            clocks,
            random: fastrand::Rng::with_seed(7),
        };
        let clock_of_test = parts.clock.clone();
        let (desired_state, session) =
            session::start(parts, DesiredState::new(TargetState::SignedOut, LIMIT), &spawner);
        Self {
            expiry,
            expiry_requests,
            network,
            journal_store,
            desired_state,
            session,
            now: clock_of_test,
            set_by,
            slept,
            reporting,
            profile,
            pending_commands,
            journal_writer,
            event_sender,
            spawner,
            servers,
            events,
            woken,
            last: None,
            problem: 0,
        }
    }

    /// A session whose target is to be online with the first token.
    pub(crate) fn online() -> Self {
        let fixture = Self::new();
        fixture.set_target(TargetState::Online(session_credentials(1)));
        fixture
    }

    /// A joined session, and its server.
    pub(crate) async fn live() -> (Self, Server) {
        let mut fixture = Self::online();
        let server = fixture.join().await;
        (fixture, server)
    }

    pub(crate) fn set_target(&self, target: TargetState) {
        self.desired_state.send_modify(|desired_state| desired_state.target = target);
    }

    /// Waits for the next event that `pick` accepts; earlier ones are skipped.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let wanted = async {
            loop {
                let next = |known: &mut u64| self.events.next_problem(known).or_else(|| self.events.try_next());
                while let Some(event) = next(&mut self.problem) {
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
                self.woken.notified().await;
            }
        };
        tokio::time::timeout(LONG_AFTER, wanted).await.unwrap_or_else(|_elapsed| panic!("{what} never came"))
    }

    /// Waits for the next status that `pick` accepts; earlier ones are skipped.
    pub(crate) async fn status<T>(&mut self, what: &str, mut pick: impl FnMut(&ProfileStatus) -> Option<T>) -> T {
        let wanted = async {
            loop {
                while let Some(status) = self.events.next_profile_status() {
                    if let Some(picked) = pick(&status) {
                        return picked;
                    }
                }
                self.woken.notified().await;
            }
        };
        tokio::time::timeout(LONG_AFTER, wanted).await.unwrap_or_else(|_elapsed| panic!("{what} never came"))
    }

    pub(crate) async fn state(&mut self) -> ConnectionState {
        let last = self.last.take();
        let state =
            self.status("a state", |status| status.connection.clone().filter(|_| status.connection != last)).await;
        self.last = Some(state.clone());
        state
    }

    /// The next state that is `wanted`.
    pub(crate) async fn until(&mut self, wanted: fn(&ConnectionState) -> bool) -> ConnectionState {
        loop {
            let state = self.state().await;
            if wanted(&state) {
                return state;
            }
        }
    }

    /// Waits for the next attempt to fail. Returns the wait until the next one, its number, and the reason.
    pub(crate) async fn failure(&mut self) -> (Duration, u32, String) {
        match self.until(|state| matches!(state, ConnectionState::Reconnecting { .. })).await {
            ConnectionState::Reconnecting { at, attempt, why } => {
                (at.saturating_duration_since(Instant::now().into_std()), attempt, why.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn notice(&mut self) -> Notice {
        self.wait("a notice", |event| match event {
            Event::Notice(notice) => Some(notice),
            _ => None,
        })
        .await
    }

    /// Waits for the next `count` entries that the window receives; returns their ids.
    pub(crate) async fn received_ids(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        while told.len() < count {
            let entries = self
                .wait("an entry", |event| match event {
                    Event::Committed { entries, .. } => Some(entries),
                    _ => None,
                })
                .await;
            let received = entries.iter().filter(|entry| !matches!(entry.key, ActivityKey::Gap(_)));
            told.extend(received.map(|entry| entry.key.id().to_owned()));
        }
        told
    }

    /// All events until now.
    pub(crate) fn drain_events(&self) -> Vec<Event> {
        let mut known = self.problem;
        let next = || self.events.next_problem(&mut known).or_else(|| self.events.try_next());
        std::iter::from_fn(next).collect()
    }

    /// The other end of the next connection.
    pub(crate) async fn connection(&mut self) -> DuplexStream {
        let next = tokio::time::timeout(LONG_AFTER, self.servers.recv()).await;
        next.expect("nobody connects").expect("the network is gone")
    }

    /// The next connection, upgraded.
    pub(crate) async fn server(&mut self) -> Server {
        Server::upgrade(self.connection().await).await
    }

    /// The next connection, joined.
    pub(crate) async fn join(&mut self) -> Server {
        let mut server = self.server().await;
        server.accept_join().await;
        self.until(|state| *state == ConnectionState::Live).await;
        server
    }
}

/// Waits until all tasks and the journal's threads are idle: a paused clock advances only then.
pub(crate) async fn run_until_idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The target after a REST call found the token invalid.
pub(crate) fn invalid_token() -> TargetState {
    TargetState::Refused { why: Arc::new(RestError::Unauthorised(String::new())) }
}

/// Credentials by their number; the token is `T-<number>`.
pub(crate) fn session_credentials(number: u64) -> Arc<SessionCredentials> {
    let endpoints = Endpoints::of(&Profile::default()).expect("the vendor's local addresses are good");
    let token = AuthorizationToken::new(format!("T-{number}"));
    Arc::new(SessionCredentials { number, endpoints: Arc::new(endpoints), token })
}
