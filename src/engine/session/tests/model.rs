//! Property test: compares the session with a model, the set of messages that the scripted server delivered.
//!
//! Whatever happens between them, each message is in the journal once and in order, no final state is covered by a pending one,
//! there is one socket at most, a refused token is not tried again, and every disconnection lies in a gap.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::activity::{Activities, ActivityKey, Fact, Status, StatusCheck, Timestamp};
use crate::engine::events::event::ConnectionState;
use crate::engine::network::rest_error::RestError;
use crate::engine::reconciliation::{Reconciler, StatusClient};
use crate::engine::runtime::clock::Clock;
use crate::engine::session::desired_state::TargetState;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::test_support::Server;
use crate::protocol::{CommandId, CommandStatus, Message};

use super::fixture::{Fixture, invalid_token, run_until_idle, session_credentials};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The server sends a command's status.
    SendStatus { command: u8, status: u8 },
    /// The server closes in order; what it sent before counts.
    Close,
    /// The operator disconnects, and connects after this many seconds.
    Away(u16),
    /// Time passes, in seconds.
    Pass(u8),
    /// The machine wakes.
    Wake,
    /// The journal refuses for this many seconds.
    DiskFull(u8),
    /// The server refuses the token; the operator signs in again after this many seconds.
    Refuse(u16),
    /// The network loses everything for this many seconds; then something else ends the connection before it notices.
    Die(u8, Ending),
}

/// What ends a connection.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The operator disconnects and connects again.
    Disconnect,
    /// The operator signs out and in again.
    SignOut,
    /// The token is renewed.
    Renewal,
    /// A REST call reports that the token is invalid; there is another one.
    DeadToken,
    /// The operator chooses another message limit.
    Limit,
    /// Its heartbeat.
    Heartbeat,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8, 1..=3_u8).prop_map(|(command, status)| Step::SendStatus { command, status }),
        1 => Just(Step::Close),
        1 => (0..900_u16).prop_map(Step::Away),
        2 => (0..60_u8).prop_map(Step::Pass),
        1 => Just(Step::Wake),
        1 => (0..60_u8).prop_map(Step::DiskFull),
        1 => (0..900_u16).prop_map(Step::Refuse),
        // Less than its heartbeat takes to notice.
        2 => (0..9_u8, ending()).prop_map(|(seconds, ending)| Step::Die(seconds, ending)),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    use Ending::{DeadToken, Disconnect, Heartbeat, Limit, Renewal, SignOut};
    prop::sample::select(vec![Disconnect, SignOut, Renewal, DeadToken, Limit, Heartbeat])
}

fn status_message(command: u8, status: u8) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": command.to_string(), "command_status": status}})
}

/// Lets time pass while the server reads, because it answers pings only then.
async fn pass(server: &mut Server, seconds: u64) {
    drop(tokio::time::timeout(Duration::from_secs(seconds), server.request()).await);
}

/// How long the server takes to answer a status request. The answer may be out of date by then.
const ANSWERING: Duration = Duration::from_millis(700);

/// The server's REST side: it knows what was sent on the socket.
#[derive(Default)]
struct Truth {
    finals: Mutex<BTreeMap<u8, u8>>,
    requests: Mutex<Vec<(Timestamp, CommandId)>>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

impl Truth {
    fn of(&self, command: &CommandId) -> Option<u8> {
        let command = command.as_str().parse::<u8>().expect("a number");
        self.finals.lock().expect("the finals").get(&command).copied()
    }
}

struct OverModel(Arc<Truth>, Clock);

impl StatusClient for OverModel {
    fn check(
        &self,
        _: Arc<SessionCredentials>,
        command: CommandId,
    ) -> BoxFuture<'static, Result<StatusCheck, RestError>> {
        let (truth, now) = (self.0.clone(), (self.1)());
        Box::pin(async move {
            truth.max_in_flight.fetch_max(truth.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            truth.requests.lock().expect("what was asked").push((now, command.clone()));
            // The answer is fixed at the start of the request, whatever the socket sends meanwhile.
            let settled = truth.of(&command).is_some();
            tokio::time::sleep(ANSWERING).await;
            truth.in_flight.fetch_sub(1, Ordering::SeqCst);
            let status = match truth.of(&command).filter(|_status| settled) {
                Some(2) => CommandStatus::Succeeded,
                Some(_) => CommandStatus::Failed,
                None => CommandStatus::Pending,
            };
            Ok(StatusCheck::Known { status, text: None })
        })
    }
}

/// Starts to ask for open commands.
fn reconcile(fixture: &Fixture) -> Arc<Truth> {
    let truth = Arc::new(Truth::default());
    let (reports, _nobody_listens) = tokio::sync::mpsc::channel(1);
    let reconciler = Reconciler {
        profile: fixture.profile,
        pending_commands: fixture.pending_commands.clone(),
        status_client: Arc::new(OverModel(truth.clone(), fixture.now.clone())),
        journal_writer: fixture.journal_writer.clone(),
        event_sender: fixture.event_sender.clone(),
        reports,
        clock: fixture.now.clone(),
    };
    fixture.spawner.spawn("asking for open commands", Box::pin(reconciler.run()));
    truth
}

struct Model {
    truth: Arc<Truth>,
    delivered: Vec<String>,
    /// The times without a joined connection.
    away: Vec<(Timestamp, Timestamp)>,
    number: u64,
}

async fn disconnect(fixture: &mut Fixture, model: &mut Model, server: Server) -> Server {
    let from = (fixture.now)();
    drop(server);
    let server = fixture.join().await;
    model.away.push((from, (fixture.now)()));
    server
}

async fn take(fixture: &mut Fixture, model: &mut Model, mut server: Server, step: &Step) -> Server {
    match *step {
        Step::SendStatus { command, status } => {
            if status > 1 {
                model.truth.finals.lock().expect("the finals").insert(command, status);
            }
            server.send(&status_message(command, status)).await;
            model.delivered.push(command.to_string());
        }
        Step::Close => {
            server.frame(Frame::Close(None)).await;
            while server.request().await.is_some() {}
            return disconnect(fixture, model, server).await;
        }
        Step::Away(seconds) => {
            fixture.set_target(TargetState::Offline);
            while server.request().await.is_some_and(|request| request["action"] != "leaveChannel") {}
            server.send(&json!({"status": 200})).await;
            while server.request().await.is_some() {}
            fixture.until(|state| *state == ConnectionState::Offline).await;
            let from = (fixture.now)();
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            fixture.set_target(TargetState::Online(session_credentials(model.number)));
            let server = fixture.join().await;
            model.away.push((from, (fixture.now)()));
            return server;
        }
        Step::Pass(seconds) => pass(&mut server, seconds.into()).await,
        Step::Wake => {
            fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
            pass(&mut server, 5).await;
        }
        Step::DiskFull(seconds) => {
            fixture.journal_store.set_refusing(true);
            pass(&mut server, seconds.into()).await;
            fixture.journal_store.set_refusing(false);
            pass(&mut server, 11).await;
        }
        Step::Refuse(seconds) => {
            server.send(&json!({"status": 401, "message": "Token expired"})).await;
            while server.request().await.is_some() {}
            fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
            let (from, attempts) = ((fixture.now)(), fixture.network.attempts());
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            assert_eq!(fixture.network.attempts(), attempts, "a refused token was tried again");
            model.number += 1;
            fixture.set_target(TargetState::Online(session_credentials(model.number)));
            let server = fixture.join().await;
            model.away.push((from, (fixture.now)()));
            return server;
        }
        Step::Die(seconds, ending) => {
            let from = (fixture.now)();
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            let away = match ending {
                Ending::Disconnect => Some(TargetState::Offline),
                Ending::SignOut => Some(TargetState::SignedOut),
                Ending::DeadToken => Some(invalid_token()),
                Ending::Renewal | Ending::Limit | Ending::Heartbeat => None,
            };
            if let Some(away) = away {
                fixture.set_target(away);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            match ending {
                Ending::Limit => fixture.desired_state.send_modify(|desired_state| desired_state.message_limit += 1),
                Ending::Heartbeat => {}
                Ending::Disconnect | Ending::SignOut | Ending::Renewal | Ending::DeadToken => {
                    model.number += 1;
                    fixture.set_target(TargetState::Online(session_credentials(model.number)));
                }
            }
            // The old one stays open and silent until the new one is joined.
            let next = fixture.join().await;
            model.away.push((from, (fixture.now)()));
            drop(server);
            return next;
        }
    }
    server
}

async fn run(steps: &[Step]) {
    let (mut fixture, mut server) = Fixture::live().await;
    let truth = reconcile(&fixture);
    let mut model = Model { truth: truth.clone(), delivered: Vec::new(), away: Vec::new(), number: 1 };
    for step in steps {
        server = take(&mut fixture, &mut model, server, step).await;
    }
    pass(&mut server, 30).await;
    run_until_idle().await;
    assert_eq!(received_commands(&fixture), model.delivered, "lost, twice, or in another order");
    assert_eq!(fixture.network.max_open(), 1, "two sockets at once");
    let mut activities = Activities::new(Duration::from_mins(10));
    for entry in fixture.journal_store.entries() {
        activities.apply(&entry);
    }
    for (command, status) in &*truth.finals.lock().expect("the finals") {
        let row = activities.find(&ActivityKey::Command(command.to_string().as_str().into())).expect("a row");
        let wanted = if *status == 2 { Status::Succeeded } else { Status::Failed };
        assert_eq!(activities.get(row).expect("a row").status(), wanted, "an outcome was covered");
    }
    let gaps = fixture.journal_store.gaps();
    for (from, to) in &model.away {
        let covered = gaps.iter().any(|gap| gap.from <= *from && gap.to.is_some_and(|end| end >= *to));
        assert!(covered, "{from} to {to} is in no gap of {gaps:?}");
    }
    check_reconciliation(&fixture, &truth);
}

/// The commands that were received on the socket, in order.
fn received_commands(fixture: &Fixture) -> Vec<String> {
    let entries = fixture.journal_store.entries().into_iter();
    entries.filter(|entry| matches!(entry.fact, Fact::Received(_))).map(|entry| entry.key.id().to_owned()).collect()
}

/// How long after a join an open command may wait for its status request.
const MAX_CHECK_DELAY: Duration = Duration::from_secs(5);
/// How long a command that the socket has just reported as pending is not asked for.
const SILENCE: Duration = Duration::from_secs(30);

/// Each command that was open across a gap was asked for after the join that ended it, unless its outcome arrived first; and the
/// server was not flooded.
fn check_reconciliation(fixture: &Fixture, truth: &Truth) {
    let entries = fixture.journal_store.entries();
    let asked = truth.requests.lock().expect("what was asked");
    for gap in fixture.journal_store.gaps() {
        let Some(joined) = gap.to else { continue };
        for command in &gap.open {
            let was_asked = asked.iter().any(|(at, of)| of == command && *at >= joined);
            let mut due = joined.plus(MAX_CHECK_DELAY);
            let mut was_settled = false;
            for entry in entries.iter().filter(|entry| entry.key == ActivityKey::Command(command.clone())) {
                let is_final = match &entry.fact {
                    Fact::Received(Message::Command(report)) => report.status.is_final(),
                    Fact::StatusChecked(StatusCheck::Known { status, .. }) => status.is_final(),
                    _ => continue,
                };
                if is_final {
                    was_settled |= entry.at >= gap.from && entry.at <= due;
                } else if entry.at >= joined && entry.at <= due {
                    due = entry.at.plus(SILENCE + MAX_CHECK_DELAY);
                }
            }
            assert!(was_asked || was_settled, "{command} was open across {gap:?} and not asked for; asked: {asked:?}");
        }
    }
    assert!(truth.max_in_flight.load(Ordering::SeqCst) <= 4, "more than four questions at once");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_message_is_lost_in_any_sequence_of_events(steps in proptest::collection::vec(step(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(&steps));
    }
}
