//! Which commands are asked for, and when, against a scripted server under paused time.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::activity::{LocalEvent, Timestamp};
use crate::engine::events::event::Event;
use crate::engine::events::event_queue::{self, EventReceiver};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::state::gaps::PreviousRun;
use crate::engine::state::link_store::LinkStore;
use crate::engine::test_support::TestJournal;
use crate::protocol::AuthorizationToken;
use crate::protocol::incoming::message::Incoming;
use crate::protocol::incoming::parse;
use crate::settings::Profile;

use super::*;

/// A scripted server: every command is pending unless an answer was set.
#[derive(Default)]
struct Server {
    answers: Mutex<HashMap<CommandId, StatusCheck>>,
    requests: Mutex<VecDeque<(Instant, CommandId)>>,
    refuses: Mutex<bool>,
    /// The number of the credentials that it always refuses.
    dead: Mutex<Option<u64>>,
    /// The `Retry-After` of its refusals, if it refuses.
    busy: Mutex<Option<Duration>>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

struct ServerAsked(Arc<Server>);

impl StatusClient for ServerAsked {
    fn check(
        &self,
        session_credentials: Arc<SessionCredentials>,
        command: CommandId,
    ) -> BoxFuture<'static, Result<StatusCheck, RestError>> {
        let server = self.0.clone();
        Box::pin(async move {
            server.requests.lock().unwrap().push_back((Instant::now(), command.clone()));
            server.max_in_flight.fetch_max(server.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.in_flight.fetch_sub(1, Ordering::SeqCst);
            if *server.refuses.lock().unwrap() || *server.dead.lock().unwrap() == Some(session_credentials.number) {
                return Err(RestError::Unauthorised(String::new()));
            }
            if let Some(wait) = *server.busy.lock().unwrap() {
                let host = "s".to_owned();
                return Err(RestError::Status { host, status: 429, words: String::new(), wait: Some(wait) });
            }
            let pending = StatusCheck::Known { status: CommandStatus::Pending, text: None };
            Ok(server.answers.lock().unwrap().get(&command).cloned().unwrap_or(pending))
        })
    }
}

struct Fixture {
    server: Arc<Server>,
    pending_commands: PendingCommands,
    journal: TestJournal,
    journal_writer: JournalWriter,
    events: EventReceiver,
    reported: mpsc::Receiver<InternalEvent>,
}

fn session_credentials(number: u64) -> Arc<SessionCredentials> {
    let endpoints = Endpoints::of(&Profile::default()).unwrap();
    Arc::new(SessionCredentials { number, endpoints: Arc::new(endpoints), token: AuthorizationToken::new("T") })
}

impl Fixture {
    fn new() -> Self {
        let (event_sender, events) = event_queue::channel(Arc::new(|| {}));
        let spawner = TaskOwner::new(tokio::runtime::Handle::current(), event_sender.clone());
        let (server, journal) = (Arc::new(Server::default()), TestJournal::new(event_sender.clone()));
        let (pending_commands, profile) = (PendingCommands::default(), ProfileId::random());
        pending_commands.finish_restore(true);
        let (past, told) = oneshot::channel();
        past.send(PreviousRun::default()).unwrap();
        let (_left, found) = oneshot::channel();
        let kept = (pending_commands.clone(), LinkStore::default());
        let store = journal.store.clone();
        let journal_writer =
            JournalWriter::start(profile, store.clone(), event_sender.clone(), kept, (told, found), &spawner);
        let (reports, reported) = mpsc::channel(4);
        let reconciler = Reconciler {
            profile,
            pending_commands: pending_commands.clone(),
            status_client: Arc::new(ServerAsked(server.clone())),
            journal_writer: journal_writer.clone(),
            event_sender,
            reports,
            clock: Arc::new(|| Timestamp(0)),
        };
        spawner.spawn("reconciling", Box::pin(reconciler.run()));
        Self { server, pending_commands, journal, journal_writer, events, reported }
    }

    async fn write(&self, id: &str, fact: Fact) {
        let key = ActivityKey::Command(id.into());
        self.journal_writer.record(Entry::local(Timestamp(0), key, fact)).await.unwrap();
    }

    async fn receive(&self, id: &str, status: i64) {
        let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status}}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
        self.write(id, Fact::Received(message)).await;
    }

    fn set_answer(&self, id: &str, status_check: StatusCheck) {
        self.server.answers.lock().unwrap().insert(id.into(), status_check);
    }

    fn requests(&self) -> Vec<(Duration, String)> {
        let asked = std::mem::take(&mut *self.server.requests.lock().unwrap());
        let first = asked.front().map(|(at, _)| *at);
        asked.iter().map(|(at, id)| (at.duration_since(first.unwrap()), id.to_string())).collect()
    }

    fn recorded_checks(&self) -> Vec<Fact> {
        let status_checked = |entry: &Entry| matches!(entry.fact, Fact::StatusChecked(_));
        self.journal.entries().into_iter().filter(status_checked).map(|entry| entry.fact).collect()
    }
}

fn succeeded() -> StatusCheck {
    StatusCheck::Known { status: CommandStatus::Succeeded, text: None }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_join_open_commands_are_checked_four_at_once_and_ten_per_second() {
    let fixture = Fixture::new();
    for n in 0..100 {
        fixture.receive(&n.to_string(), 1).await;
        fixture.set_answer(&n.to_string(), if n % 2 == 0 { succeeded() } else { StatusCheck::Unknown });
    }
    pass(3_600).await;
    assert!(fixture.requests().is_empty(), "asked while not joined");
    fixture.pending_commands.on_joined(session_credentials(1));
    pass(60).await;
    let asked = fixture.requests();
    assert_eq!(asked.len(), 100, "each once");
    assert_eq!(fixture.server.max_in_flight.load(Ordering::SeqCst), MAX_IN_FLIGHT);
    for pair in asked.windows(2) {
        assert!(pair[1].0 >= pair[0].0 + PAUSE, "{pair:?}");
    }
    assert_eq!(fixture.recorded_checks().len(), 100);
    assert!(fixture.pending_commands.open_ids().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pending_command_is_checked_less_and_less_often_recorded_once_and_given_up_after_a_day() {
    let fixture = Fixture::new();
    fixture.pending_commands.on_joined(session_credentials(1));
    fixture.write("c", Fact::Local(LocalEvent::Tracked)).await;
    pass(29).await;
    assert!(fixture.requests().is_empty(), "asked too early");
    pass(3_600).await;
    let asked: Vec<u64> = fixture.requests().iter().map(|(after, _)| after.as_secs()).collect();
    assert_eq!(asked[..5], [0, 61, 182, 423, 904], "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 601), "{asked:?}");
    pass(48 * 3_600).await;
    assert_eq!(fixture.recorded_checks().len(), 1, "pending is written once");
    fixture.requests();
    pass(24 * 3_600).await;
    assert!(fixture.requests().is_empty(), "never given up");
    let told = std::iter::from_fn(|| fixture.events.try_next())
        .any(|event| matches!(event, Event::Notice(notice) if notice.sentence().contains("no outcome for a day")));
    assert!(told);
    fixture.set_answer("c", succeeded());
    fixture.pending_commands.make_due(&["c".into()]);
    pass(5).await;
    assert!(fixture.pending_commands.open_ids().0.is_empty(), "by hand it is asked for again");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_reported_and_ends_all_checks() {
    let mut fixture = Fixture::new();
    *fixture.server.refuses.lock().unwrap() = true;
    for n in 0..20 {
        fixture.receive(&n.to_string(), 1).await;
    }
    fixture.pending_commands.on_joined(session_credentials(7));
    pass(3_600).await;
    assert!(fixture.requests().len() <= 20, "it went on asking");
    assert!(matches!(fixture.reported.recv().await, Some(InternalEvent::TokenInvalid { credentials_number: 7, .. })));
}

#[tokio::test(start_paused = true)]
async fn checks_refused_to_a_replaced_token_are_repeated_at_once_with_the_new_one() {
    let fixture = Fixture::new();
    *fixture.server.dead.lock().unwrap() = Some(7);
    for n in 0..MAX_IN_FLIGHT {
        fixture.receive(&n.to_string(), 1).await;
        fixture.set_answer(&n.to_string(), succeeded());
    }
    fixture.pending_commands.on_joined(session_credentials(7));
    // All requests are in flight when the session joins with the new token.
    while fixture.server.in_flight.load(Ordering::SeqCst) < MAX_IN_FLIGHT {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture.pending_commands.on_lost();
    fixture.pending_commands.on_joined(session_credentials(8));
    pass(5).await;
    assert!(fixture.pending_commands.open_ids().0.is_empty(), "they wait for their next turn");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_wait_is_left_alone_until_then_but_for_five_minutes_at_most() {
    for (asks, waits) in [(90, 90), (3_600, 300)] {
        let fixture = Fixture::new();
        *fixture.server.busy.lock().unwrap() = Some(Duration::from_secs(asks));
        for n in 0..20 {
            fixture.receive(&n.to_string(), 1).await;
        }
        fixture.pending_commands.on_joined(session_credentials(1));
        pass(60).await;
        let under_way = fixture.requests().len();
        assert!((1..=2 * MAX_IN_FLIGHT).contains(&under_way), "{under_way}");
        *fixture.server.busy.lock().unwrap() = None;
        pass(waits - 60).await;
        assert_eq!(fixture.requests(), [], "asked before {waits} s");
        pass(60).await;
        assert!(fixture.requests().len() >= 20 - under_way, "not asked again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_begun_before_the_history_is_cleared_adds_no_row() {
    let fixture = Fixture::new();
    fixture.pending_commands.on_joined(session_credentials(1));
    fixture.receive("c", 1).await;
    fixture.set_answer("c", succeeded());
    let (before, ended) = (fixture.journal_writer.until_cleared(), fixture.journal_writer.until_cleared());
    while fixture.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The answer is in flight, and a download is about to record how it ended.
    fixture.journal_writer.clear_history().await.unwrap().unwrap();
    pass(10).await;
    let saved = || Entry::local(Timestamp(0), ActivityKey::Data("r".into()), Fact::Local(LocalEvent::WarningRead));
    let later = fixture.journal_writer.until_cleared();
    let (gone, also_gone) = tokio::join!(before.record(saved()), ended.record_all(vec![saved(), saved()]));
    assert!(gone.is_err() && also_gone.is_err(), "whoever waits is told that it was written");
    assert_eq!(fixture.journal.entries(), [], "a row came back");
    later.record(saved()).await.unwrap();
    assert_eq!(fixture.journal.entries().len(), 1, "what began since is not written");
}
