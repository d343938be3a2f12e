use crate::activity::{Seq, Timestamp};
use crate::protocol::incoming::message::Incoming;
use crate::protocol::incoming::parse;

use super::*;

fn outcome(seq: u64, id: &str, status: i64) -> Entry {
    let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status}}}}}"#);
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    let fact = Fact::Received(message);
    Entry { seq: Seq(seq), at: Timestamp(0), key: ActivityKey::Command(id.into()), fact, raw: raw.into() }
}

fn open_commands(pending_commands: &PendingCommands) -> Vec<String> {
    pending_commands.open_ids().0.iter().map(ToString::to_string).collect()
}

/// The open activities as the journal returns them: these commands and data requests.
fn left_open(commands: &[&str], requests: &[&str]) -> Vec<OpenActivity> {
    let commands = commands.iter().map(|id| ActivityKey::Command((*id).into()));
    let requests = requests.iter().map(|id| ActivityKey::Data((*id).into()));
    let of = |key: ActivityKey| {
        let open_state = match &key {
            ActivityKey::Command(_) => OpenState::default().after(&key, &Fact::Local(LocalEvent::Tracked)),
            _ => OpenState::default().after(&key, &data("x", "wait").fact),
        };
        OpenActivity { key, open_state, first: Seq(1), last: Seq(1) }
    };
    commands.chain(requests).map(of).collect()
}

fn data(id: &str, body: &str) -> Entry {
    let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","output_type":0,"body":"{body}"}}}}"#);
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    Entry {
        seq: Seq(9),
        at: Timestamp(0),
        key: ActivityKey::Data(id.into()),
        fact: Fact::Received(message),
        raw: raw.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn commands_left_open_by_earlier_runs_are_due_unless_they_were_resolved() {
    let pending_commands = PendingCommands::default();
    let payload = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";
    pending_commands.add_entries(&[
        outcome(9, "settled", 2),
        outcome(10, "seen again", 1),
        data("came", payload),
        data("waits", "wait"),
    ]);
    pending_commands.load_open(&left_open(&["open", "seen again", "settled"], &["asked", "came", "waits"]));
    assert_eq!(open_commands(&pending_commands), ["open", "seen again"]);
    let requests: Vec<_> = pending_commands.open_ids().1.iter().map(ToString::to_string).collect();
    assert_eq!(requests, ["asked", "waits"]);
    pending_commands.add_entries(&[outcome(11, "open", 2), data("asked", payload)]);
    assert_eq!(
        (open_commands(&pending_commands), pending_commands.open_ids().1.len()),
        (vec!["seen again".to_owned()], 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_command_has_no_outcome_from_any_source() {
    let pending_commands = PendingCommands::default();
    pending_commands.load_open(&left_open(&["open", "repeated"], &[]));
    pending_commands.add_history(&[outcome(5, "settled", 2), outcome(6, "repeated", 1), outcome(7, "open", 1)]);
    pending_commands.add_entries(&[outcome(9, "live", 2)]);
    pending_commands.add_history(&[
        outcome(1, "settled", 1),
        outcome(2, "repeated", 3),
        outcome(3, "live", 1),
        outcome(4, "open", 1),
    ]);
    pending_commands.finish_restore(true);
    assert_eq!(open_commands(&pending_commands), ["open"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_data_was_delivered_in_earlier_runs_is_not_open_because_of_a_repeat() {
    let pending_commands = PendingCommands::default();
    let payload = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";
    pending_commands.load_open(&left_open(&[], &["delivered", "open"]));
    pending_commands.add_entries(&[data("delivered before this run", "wait")]);
    pending_commands.add_history(&[data("delivered", "wait"), data("open", "wait")]);
    pending_commands.add_history(&[data("delivered", payload), data("delivered before this run", payload)]);
    pending_commands.finish_restore(true);
    let requests: Vec<_> = pending_commands.open_ids().1.iter().map(ToString::to_string).collect();
    assert_eq!(requests, ["open"]);
}

fn local_event(seq: u64, id: &str, event: LocalEvent) -> Entry {
    let fact = Fact::Local(event);
    Entry { seq: Seq(seq), at: Timestamp(0), key: ActivityKey::Command(id.into()), fact, raw: "".into() }
}

fn labelled(seq: u64, id: &str, label: &str) -> Entry {
    local_event(seq, id, LocalEvent::Labelled { label: label.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn tracked_or_mentioned_commands_of_earlier_runs_are_due_and_resolved_ones_are_not() {
    let pending_commands = PendingCommands::default();
    pending_commands.add_history(&[labelled(6, "settled", "x"), labelled(7, "live", "x"), labelled(8, "unnamed", "")]);
    pending_commands.add_entries(&[outcome(9, "live", 2)]);
    pending_commands.add_history(&[
        local_event(1, "tracked", LocalEvent::Tracked),
        labelled(2, "named", "x"),
        labelled(3, "unnamed", "x"),
        outcome(4, "settled", 2),
    ]);
    pending_commands.load_open(&left_open(&["tracked"], &[]));
    assert_eq!(open_commands(&pending_commands), ["tracked"], "before all is read");
    pending_commands.finish_restore(true);
    assert_eq!(open_commands(&pending_commands), ["named", "tracked"]);
    assert!(pending_commands.next_due().is_some_and(|due| due <= Instant::now()), "they are not asked for");
}

#[tokio::test(start_paused = true)]
async fn the_usual_latency_of_a_label_is_learnt_from_earlier_runs() {
    let mut entries = Vec::new();
    for n in 0..30_u32 {
        let (id, began) = (format!("c{n}"), i64::from(n) * 1_000_000_000);
        let at = |entry: Entry, seconds: i64| Entry { at: Timestamp(began + seconds * 1_000_000), ..entry };
        entries.push(at(outcome(1, &id, 1), 0));
        entries.push(at(labelled(1, &id, "slow"), 1));
        entries.push(at(outcome(1, &id, 1), 2));
        entries.push(at(outcome(1, &id, 2), 200));
        entries.push(at(outcome(1, &id, 2), 900));
    }
    let pending_commands = PendingCommands::default();
    // Restored in two chunks, the newest first.
    let (older, newer) = entries.split_at(70);
    pending_commands.add_history(newer);
    pending_commands.add_history(older);
    pending_commands.finish_restore(true);
    let now = Instant::now();
    pending_commands.add_entries(&[outcome(1, "new", 1), labelled(2, "new", "slow")]);
    assert_eq!(pending_commands.next_due(), Some(now + Duration::from_secs(200)));
    pending_commands.add_entries(&[outcome(3, "other", 1)]);
    assert_eq!(pending_commands.next_due(), Some(now + Duration::from_secs(30)), "without a label it is 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_open_commands_is_bounded_and_reported() {
    let pending_commands = PendingCommands::default();
    let entries: Vec<Entry> = (0..MAX_OPEN + 5).map(|n| outcome(n as u64, &n.to_string(), 1)).collect();
    pending_commands.add_entries(&entries);
    assert_eq!(pending_commands.open_ids().0.len(), MAX_OPEN);
    assert_eq!(pending_commands.shortfalls(), (0, 5));
    assert_eq!(pending_commands.shortfalls(), (0, 0), "told");
}

#[tokio::test(start_paused = true)]
async fn a_late_repeated_pending_status_opens_no_command() {
    let pending_commands = PendingCommands::default();
    pending_commands.add_entries(&[outcome(1, "c", 2), outcome(2, "c", 1)]);
    assert!(open_commands(&pending_commands).is_empty());
}
