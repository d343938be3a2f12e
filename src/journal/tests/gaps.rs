//! `export` reports each gap as the window does: over any journal, with gaps that continue, and whatever happened to the open
//! items.

use std::time::Duration;

use crate::activity::export_record::Record;
use crate::activity::{Activities, TimeReference};
use crate::journal::read::export::ExportOptions;
use crate::journal::read::read_only::ReadOnlyJournal;
use crate::journal::test_support::{export, exported};

use super::*;

const LIFETIME: Duration = Duration::from_mins(10);

fn second(n: i64) -> Timestamp {
    Timestamp(n * 1_000_000)
}

fn received(id: &str, status: u8) -> Entry {
    command(id, status.into())
}

fn data(id: &str, output: u8) -> Entry {
    let body = if output == 0 { "Collecting" } else { "https://h/?auth=hidden" };
    let raw =
        format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","output_type":{output},"body":"{body}"}}}}"#);
    let Incoming::Message(message) = incoming::parse(&raw) else { panic!("{raw}") };
    Entry {
        seq: Seq::default(),
        at: Timestamp(0),
        key: ActivityKey::of(&message),
        fact: Fact::Received(message),
        raw: raw.into(),
    }
}

fn status_checked(id: &str, status_check: StatusCheck) -> Entry {
    Entry::local(Timestamp(0), ActivityKey::Command(id.into()), Fact::StatusChecked(status_check))
}

fn gap(
    key: u8,
    (from, to): (i64, Option<i64>),
    open: Vec<CommandId>,
    open_requests: Vec<RequestId>,
    (unnamed, cause): (u32, GapCause),
) -> Entry {
    let requests = u32::try_from(open_requests.len()).unwrap() + unnamed;
    let (from, to) = (second(from), to.map(second));
    let gap = Gap { from, to, cause, open, requests, open_requests };
    Entry::local(Timestamp(0), ActivityKey::Gap(format!("g-{key}").into()), Fact::Gap(gap))
}

/// A random event, a few seconds after the one before.
fn entry() -> impl Strategy<Value = Entry> {
    let id = || (0..5_u8).prop_map(|id| format!("c-{id}"));
    let commands = prop::collection::vec((0..5_u8).prop_map(|id| format!("c-{id}").as_str().into()), 0..4);
    let causes = [GapCause::Disconnected, GapCause::NotRunning, GapCause::Asleep, GapCause::MessageLost];
    let cause = prop::sample::select(causes.to_vec());
    let requests = prop::collection::vec((0..3_u8).prop_map(|id| format!("r-{id}").as_str().into()), 0..3);
    prop_oneof![
        (id(), 1..4_u8).prop_map(|(id, status)| received(&id, status)),
        (0..3_u8, 0..2_u8).prop_map(|(id, output)| data(&format!("r-{id}"), output)),
        id().prop_map(|id| status_checked(&id, StatusCheck::Unknown)),
        (id(), 1..4_i64).prop_map(|(id, status)| {
            status_checked(&id, StatusCheck::Known { status: CommandStatus::from_number(status), text: None })
        }),
        id().prop_map(|id| {
            Entry::local(Timestamp(0), ActivityKey::Command(id.as_str().into()), Fact::Local(LocalEvent::Tracked))
        }),
        (0..2_u8, 0..200_i64, prop::option::of(200..400_i64), commands, requests, (0..2_u32, cause))
            .prop_map(|(key, from, to, open, requests, unnamed)| gap(key, (from, to), open, requests, unnamed)),
    ]
}

/// The lines of gaps as the window shows them.
fn of_window(entries: &[(ProfileId, Entry)], now: Timestamp) -> Vec<String> {
    let mut activities = Activities::new(LIFETIME);
    for (_, entry) in entries {
        activities.apply(entry);
    }
    activities.expire(now);
    let suspected = activities.competing_consumer(&activities.undelivered_outcomes(), now).is_some();
    let mut lines: Vec<_> = activities
        .gaps()
        .map(|row| {
            let gap = activities.gap(row).unwrap().while_suspected(suspected);
            let seen = activities.get(row).unwrap().updated();
            Record::of_gap("ops".to_owned(), &gap, seen, TimeReference::EXACT).json()
        })
        .collect();
    lines.sort();
    lines
}

fn of_export(folder: &Path, messages: bool, now: Timestamp) -> Vec<String> {
    let export = ExportOptions { names: [(profile(), "ops".to_owned())].into(), ..export(messages, LIFETIME, now) };
    let mut lines = exported(folder, &export);
    lines.retain(|line| line.contains(r#""kind":"gap""#));
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn window_and_export_agree_on_every_gap(
        steps in prop::collection::vec((entry(), 0..40_i64), 1..40),
        later in prop::sample::select(vec![0_i64, 5, 60, 5_000]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut at = 0;
        for (entry, pause) in &steps {
            at += pause;
            let entry = Entry { at: second(at), ..entry.clone() };
            runtime.block_on(journal.append(profile(), vec![entry])).unwrap();
        }
        runtime.block_on(journal.close());
        let entries = ReadOnlyJournal::open(folder.path()).unwrap().unwrap().entries_from(Seq(0), usize::MAX).unwrap();
        let now = second(at + later);
        let window = of_window(&entries, now);
        for messages in [false, true] {
            prop_assert_eq!(&of_export(folder.path(), messages, now), &window, "messages: {}", messages);
        }
    }
}

#[test]
fn a_reopened_gap_counts_what_was_received_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ids = || (0..5).map(|id| format!("c-{id}").as_str().into()).collect();
    let mut entries = vec![
        received("c-0", 1),
        received("c-1", 1),
        gap(1, (10, None), Vec::new(), Vec::new(), (0, GapCause::Disconnected)),
    ];
    // Three of them are first seen while the connection flaps.
    entries.extend(["c-2", "c-3", "c-4"].map(|id| received(id, 1)));
    entries.push(gap(1, (10, Some(30)), ids(), Vec::new(), (0, GapCause::Disconnected)));
    entries.extend((0..5).map(|id| received(&format!("c-{id}"), 2)));
    runtime.block_on(journal.append(profile(), entries)).unwrap();
    runtime.block_on(journal.close());
    for messages in [false, true] {
        let lines = of_export(folder.path(), messages, second(100));
        assert!(lines[0].contains("nothing known is missing, 5 of 5 recovered"), "{lines:?}");
    }
}

#[test]
fn while_a_competing_consumer_is_suspected_a_gap_claims_no_completeness() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let known = StatusCheck::Known { status: CommandStatus::Succeeded, text: None };
    let entries = [
        gap(1, (10, Some(30)), Vec::new(), Vec::new(), (0, GapCause::Disconnected)),
        received("taken", 1),
        status_checked("taken", known),
    ];
    let entries = entries.into_iter().map(|entry| Entry { at: second(100), ..entry }).collect();
    runtime.block_on(journal.append(profile(), entries)).unwrap();
    runtime.block_on(journal.close());
    for (now, wanted) in [(105, "nothing known is missing"), (200, "another client may take messages")] {
        let lines = of_export(folder.path(), false, second(now));
        assert!(lines[0].contains(wanted), "at {now}: {lines:?}");
    }
}
