//! Tests of the model: any order gives the same result, no outcome is replaced, counts and views agree with the rows.

pub(crate) mod gaps;
pub(crate) mod links;
pub(crate) mod time;

use std::time::Duration;

use proptest::prelude::*;

use crate::protocol::incoming::parse;
use crate::protocol::{CommandStatus, Incoming, UnreadableReason};

use super::*;

const LIFETIME: Duration = Duration::from_mins(10);

fn received(seq: u64, raw: &str) -> Entry {
    let Incoming::Message(message) = parse(raw) else { panic!("not a message: {raw}") };
    entry(seq, ActivityKey::of(&message), Fact::Received(message), raw)
}

fn entry(seq: u64, key: ActivityKey, fact: Fact, raw: &str) -> Entry {
    let at = Timestamp(1_000_000_000 + i64::try_from(seq).unwrap() * 1_000_000);
    Entry { seq: Seq(seq), at, key, fact, raw: raw.into() }
}

fn command(seq: u64, id: &str, status: i64, body: &str) -> Entry {
    let body = serde_json::Value::from(body);
    received(
        seq,
        &format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status},"body":{body}}}}}"#),
    )
}

fn data(seq: u64, id: &str, output_type: i64, body: &str) -> Entry {
    received(
        seq,
        &format!(
            r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","data_context":"invoices/2026-Q1","output_type":{output_type},"body":"{body}"}}}}"#
        ),
    )
}

fn repeated(seq: u64, id: &str) -> Entry {
    let Entry { fact: Fact::Received(message), key, raw, .. } = data(seq, id, 1, "https://h/…?auth=hidden") else {
        panic!()
    };
    entry(seq, key, Fact::Repeated(message), &raw)
}

fn stream_ready(seq: u64, id: &str) -> Entry {
    received(seq, &format!(r#"{{"data":{{"type":"STREAM-READY","requestId":"{id}"}}}}"#))
}

fn local_event(seq: u64, id: &str, event: LocalEvent) -> Entry {
    entry(seq, ActivityKey::Data(id.into()), Fact::Local(event), "")
}

fn not_saved(seq: u64, id: &str, why: DownloadFailure) -> Entry {
    local_event(seq, id, LocalEvent::NotSaved { why, sentence: "It was not saved.".to_owned(), part: None })
}

fn saved(seq: u64, id: &str) -> Entry {
    local_event(
        seq,
        id,
        LocalEvent::Saved {
            to: "/home/ops/invoice.bin".to_owned(),
            size: 4_200_000,
            receipt: DownloadReceipt::default(),
        },
    )
}

fn fetching(seq: u64, id: &str) -> Entry {
    local_event(seq, id, LocalEvent::Fetching { to: "/home/ops/invoice.bin".to_owned(), part: None, links: Vec::new() })
}

fn applied(entries: &[Entry]) -> Activities {
    let mut activities = Activities::new(LIFETIME);
    for entry in entries {
        activities.apply(entry);
    }
    activities
}

/// The visible state of every row, oldest first.
fn visible_rows(activities: &Activities) -> Vec<String> {
    let now = Timestamp(9_000_000_000);
    (0..activities.len())
        .rev()
        .filter_map(|index| View::new().row(activities, index))
        .filter_map(|id| activities.get(id))
        .map(|row| {
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                row.key(),
                row.status(),
                row.message(),
                row.label(),
                row.context(),
                row.first_seen(),
                row.updated(),
                row.took(now),
                row.first_seq(),
                row.last_seq(),
            )
        })
        .collect()
}

fn status_of(activities: &Activities, key: &ActivityKey) -> Status {
    activities.get(activities.find(key).expect("the row")).expect("the row").status()
}

#[test]
fn each_id_has_one_row_that_is_updated_in_place() {
    let activities = applied(&[
        command(1, "c-1", 1, "in flight"),
        command(2, "c-2", 1, ""),
        command(3, "c-1", 2, "Command completed successfully"),
        data(4, "c-1", 0, "a request may have the id of a command"),
    ]);
    assert_eq!(activities.len(), 3);
    let row = activities.get(activities.find(&ActivityKey::Command("c-1".into())).unwrap()).unwrap();
    assert_eq!(row.status(), Status::Succeeded);
    assert_eq!(row.message(), "Command completed successfully");
    assert_eq!(row.took(Timestamp(0)), Some(Duration::from_secs(2)));
    assert_eq!((row.first_seq(), row.last_seq()), (Seq(1), Seq(3)));
}

#[test]
fn a_late_or_repeated_pending_status_does_not_hide_an_outcome() {
    for (first, rest) in [(2, Status::Succeeded), (3, Status::Failed)] {
        let activities =
            applied(&[command(1, "c", first, "outcome"), command(2, "c", 1, "late"), command(3, "c", 9, "")]);
        assert_eq!(status_of(&activities, &ActivityKey::Command("c".into())), rest);
    }
    let activities = applied(&[command(1, "c", 2, "done"), command(2, "c", 3, "contradiction")]);
    assert_eq!(status_of(&activities, &ActivityKey::Command("c".into())), Status::Failed, "the later outcome counts");
}

#[test]
fn an_outcome_without_a_start_has_no_duration() {
    let activities = applied(&[command(1, "c", 2, "done")]);
    assert_eq!(activities.get(RowId::nth(0)).unwrap().took(Timestamp(0)), None);
}

#[test]
fn a_status_check_settles_a_pending_command_and_unknown_is_not_failed() {
    let key = ActivityKey::Command("c".into());
    let unknown = entry(2, key.clone(), Fact::StatusChecked(StatusCheck::Unknown), "");
    let known = StatusCheck::Known { status: CommandStatus::Succeeded, text: None };
    let known = entry(3, key.clone(), Fact::StatusChecked(known), "");
    assert_eq!(status_of(&applied(&[command(1, "c", 1, ""), unknown.clone()]), &key), Status::Unknown);
    assert_eq!(status_of(&applied(&[command(1, "c", 1, ""), unknown.clone(), known]), &key), Status::Succeeded);
    assert_eq!(status_of(&applied(&[command(1, "c", 2, ""), unknown]), &key), Status::Succeeded);
}

#[test]
fn data_goes_through_its_states() {
    let inline = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
    let link = "https://h/…?auth=hidden";
    for (entries, status, message) in [
        (vec![data(1, "r", 0, "Collecting 3 parts")], Status::Preparing, "Collecting 3 parts"),
        (vec![data(1, "r", 0, inline)], Status::Inline, "25 B in the message"),
        (vec![data(1, "r", 1, link)], Status::Ready, ""),
        (vec![data(1, "r", 1, "bare")], Status::Preparing, ""),
        (vec![data(1, "r", 1, "bare"), stream_ready(2, "r")], Status::Ready, ""),
        (vec![stream_ready(1, "r"), data(2, "r", 1, "bare")], Status::Ready, ""),
        (vec![stream_ready(1, "r")], Status::Preparing, ""),
        (vec![data(1, "r", 1, link), data(2, "r", 0, "late update")], Status::Ready, ""),
        (vec![data(1, "r", 1, link), fetching(2, "r")], Status::Downloading, ""),
        (vec![data(1, "r", 1, link), fetching(2, "r"), saved(3, "r")], Status::Saved, "invoice.bin · 4.2 MB"),
        (
            vec![data(1, "r", 1, link), fetching(2, "r"), not_saved(3, "r", DownloadFailure::LinkUsed)],
            Status::LinkUsed,
            "It was not saved.",
        ),
        (
            vec![data(1, "r", 1, link), fetching(2, "r"), not_saved(3, "r", DownloadFailure::Broken)],
            Status::Failed,
            "It was not saved.",
        ),
        (
            vec![data(1, "r", 1, link), not_saved(2, "r", DownloadFailure::NotStarted)],
            Status::Ready,
            "It was not saved.",
        ),
        (
            vec![data(1, "r", 1, link), not_saved(2, "r", DownloadFailure::LinkUsed), data(3, "r", 1, link)],
            Status::Ready,
            "",
        ),
        (
            vec![data(1, "r", 1, link), saved(2, "r"), not_saved(3, "r", DownloadFailure::LinkUsed)],
            Status::Saved,
            "invoice.bin · 4.2 MB",
        ),
    ] {
        let activities = applied(&entries);
        let row = activities.get(RowId::nth(0)).unwrap();
        assert_eq!((row.status(), row.message().as_ref()), (status, message), "{entries:#?}");
    }
}

#[test]
fn a_link_expires_by_itself_and_only_once_counted() {
    let mut activities = applied(&[data(1, "r", 1, "https://h/…?auth=hidden")]);
    let expires = activities.get(RowId::nth(0)).unwrap().link_expires().unwrap();
    assert_eq!(activities.expire(Timestamp(expires.0 - 1)), Some(expires));
    assert_eq!(activities.counts().of(StatusFilter::Ready), 1);
    assert_eq!(activities.expire(expires), None);
    assert_eq!(activities.get(RowId::nth(0)).unwrap().status(), Status::LinkExpired);
    assert_eq!((activities.counts().of(StatusFilter::Ready), activities.counts().of(StatusFilter::Other)), (0, 1));
}

#[test]
fn data_that_an_earlier_run_held_in_memory_can_not_be_downloaded() {
    let link = "https://h/…?auth=hidden";
    let mut activities =
        applied(&[data(1, "a", 1, link), data(2, "b", 1, link), fetching(3, "b"), data(4, "c", 1, link)]);
    activities.set_live_from(Seq(4));
    let status = |id: &str| status_of(&activities, &ActivityKey::Data(id.into()));
    assert_eq!([status("a"), status("b"), status("c")], [Status::LinkExpired, Status::LinkUsed, Status::Ready]);
    assert_eq!((activities.counts().of(StatusFilter::Ready), activities.counts().of(StatusFilter::Other)), (1, 2));
}

#[test]
fn a_link_restored_from_the_journal_can_be_downloaded_in_either_order_of_events() {
    let link = "https://h/…?auth=hidden";
    for rows_first in [true, false] {
        let mut activities = Activities::new(Duration::from_mins(10));
        activities.set_live_from(Seq(10));
        let keep = |activities: &mut Activities| activities.restore_links(&["a".into()]);
        if !rows_first {
            keep(&mut activities);
        }
        activities.apply_restored(&[data(1, "a", 1, link), data(2, "b", 1, link)]);
        if rows_first {
            keep(&mut activities);
        }
        let status = |id: &str| status_of(&activities, &ActivityKey::Data(id.into()));
        assert_eq!([status("a"), status("b")], [Status::Ready, Status::LinkExpired], "rows first: {rows_first}");
        assert_eq!(activities.counts().of(StatusFilter::Ready), 1);
        activities.expire(Timestamp(0).plus(Duration::from_hours(1)));
        assert_eq!(activities.counts().of(StatusFilter::Ready), 0, "it expires like any other");
    }
}

#[test]
fn an_unpersisted_row_is_marked_until_it_is_persisted() {
    let unpersisted = |offset: u64| Seq::FIRST_UNPERSISTED.0 + offset;
    let facts = |seq: &dyn Fn(u64) -> u64| {
        let facts = [
            command(10, "old", 2, "done"),
            data(11, "data", 1, "https://h/?auth=hidden"),
            command(12, "new", 1, ""),
            command(13, "new", 3, "no"),
            gaps::gap(14, "gap", Some(9), &["new"]),
        ];
        facts.into_iter().zip(0..).map(|(entry, at)| Entry { seq: Seq(seq(at)), ..entry }).collect::<Vec<_>>()
    };
    let mut activities = applied(&[command(1, "old", 1, ""), command(2, "other", 2, "")]);
    for entry in facts(&unpersisted) {
        activities.apply(&entry);
    }
    let marked = |activities: &Activities| -> Vec<String> {
        let rows = activities.order().iter().filter_map(|&row| activities.get_at(row));
        rows.filter(|activity| !activity.is_persisted()).map(|activity| activity.id().into_owned()).collect()
    };
    assert_eq!(marked(&activities), ["old", "data", "new", "gap"]);
    // All but the last are written; later entries get numbers after them.
    activities.remap(Seq(unpersisted(0)), Seq(7), 4);
    assert_eq!(marked(&activities), ["gap"]);
    activities.remap(Seq(unpersisted(4)), Seq(11), 1);
    assert!(marked(&activities).is_empty());
    activities.apply(&command(12, "later", 2, ""));
    let kept = facts(&|offset| 7 + offset);
    let mut expected = applied(&[command(1, "old", 1, ""), command(2, "other", 2, "")]);
    for entry in kept.into_iter().chain([command(12, "later", 2, "")]) {
        expected.apply(&entry);
    }
    assert_eq!(activities.order(), expected.order());
    for row in expected.order() {
        let (was, is) = (expected.get(RowId::nth(*row)).unwrap(), activities.get(RowId::nth(*row)).unwrap());
        assert_eq!((is.first_seq(), is.last_seq(), is.status()), (was.first_seq(), was.last_seq(), was.status()));
    }
}

#[test]
fn an_unreadable_message_is_a_row() {
    let fact = Fact::Unreadable { reason: UnreadableReason::NotJson, size: 5 };
    let activities = applied(&[entry(1, ActivityKey::Message("m-1".into()), fact, "hello")]);
    let row = activities.get(RowId::nth(0)).unwrap();
    assert_eq!((row.status(), row.message().as_ref()), (Status::Unrecognised, "5 bytes received: not JSON. hello"));
}

#[test]
fn a_long_message_is_shortened_once() {
    let activities = applied(&[command(1, "c", 2, &"é".repeat(100_000))]);
    assert_eq!(activities.get(RowId::nth(0)).unwrap().message().chars().count(), 201);
}

#[test]
fn sizes_are_written_in_readable_units() {
    for (size, words) in [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_800, "1.8 kB"),
        (9_960, "10 kB"),
        (29_000_000, "29 MB"),
        (999_600, "1.0 MB"),
        (1_400_000_000, "1.4 GB"),
    ] {
        assert_eq!(bytes(size), words);
    }
}

#[test]
fn a_paused_view_does_not_change_and_counts_new_rows() {
    let mut activities = applied(&[command(1, "a", 1, ""), command(2, "b", 1, "")]);
    let mut view = View::new();
    view.pause(&activities);
    activities.apply(&command(3, "c", 1, ""));
    view.refresh(&mut activities, 100);
    assert_eq!((view.len(&activities), view.waiting(&activities)), (2, 1));
    assert_eq!(view.row(&activities, 0), Some(RowId::nth(1)));
    view.resume();
    assert_eq!((view.len(&activities), view.waiting(&activities)), (3, 0));
}

#[test]
fn every_state_has_its_source_and_contradictions_are_marked() {
    let key = ActivityKey::Command("c".into());
    let asked =
        |seq, status| entry(seq, key.clone(), Fact::StatusChecked(StatusCheck::Known { status, text: None }), "");
    let check = |entries: &[Entry]| {
        let activities = applied(entries);
        let row = activities.get(RowId::nth(0)).unwrap();
        (row.source(), row.is_contradicted())
    };
    let (pending, done) = (command(1, "c", 1, ""), command(2, "c", 2, ""));
    assert_eq!(check(&[pending.clone(), done.clone()]), (Some(Evidence::Socket), false));
    assert_eq!(check(&[pending.clone(), asked(2, CommandStatus::Succeeded)]), (Some(Evidence::StatusCheck), false));
    assert_eq!(check(&[done.clone(), asked(3, CommandStatus::Succeeded)]), (Some(Evidence::Both), false));
    assert_eq!(check(&[done.clone(), asked(3, CommandStatus::Failed)]), (Some(Evidence::Both), true));
    assert_eq!(check(&[done, command(4, "c", 3, "")]), (Some(Evidence::Socket), true));
    assert_eq!(check(&[pending, asked(2, CommandStatus::Pending)]), (Some(Evidence::Both), false));
}

#[test]
fn the_outcome_counts_add_up() {
    let key = |id: &str| ActivityKey::Command(id.into());
    let known = StatusCheck::Known { status: CommandStatus::Succeeded, text: None };
    let activities = applied(&[
        command(1, "heard", 2, ""),
        command(2, "open", 1, ""),
        entry(3, key("asked"), Fact::StatusChecked(known), ""),
        entry(4, key("unknown"), Fact::StatusChecked(StatusCheck::Unknown), ""),
        entry(5, key("tracked"), Fact::Local(LocalEvent::Tracked), ""),
        data(6, "ready", 1, "https://h/…?auth=hidden"),
        data(7, "preparing", 0, "Collecting"),
        gaps::gap(8, "g", None, &[]),
    ]);
    let outcome_counts = activities.outcome_counts();
    assert_eq!(outcome_counts, OutcomeCounts { received: 2, status_checked: 1, unknown: 1, open: 3, gaps: 1 });
    assert_eq!(outcome_counts.all() + outcome_counts.gaps, activities.len());
}

#[test]
fn a_silent_command_is_late() {
    let activities = applied(&[command(1, "c", 1, "")]);
    let row = activities.get(RowId::nth(0)).unwrap();
    let after = |seconds| row.updated().plus(Duration::from_secs(seconds));
    assert!(!activities.is_late(&row, after(30)), "30 s are not over");
    assert!(activities.is_late(&row, after(31)), "a minute of silence is late");
}

/// Any entry with few possible ids, so that ids collide.
fn any_fact() -> impl Strategy<Value = (u8, u8)> {
    (0_u8..13, 0_u8..6)
}

fn build(seq: u64, what: u8, id: u8) -> Entry {
    let id = format!("id-{id}");
    match what {
        0 | 1 => command(seq, &id, 1, "in flight"),
        2 => command(seq, &id, 2, "Command completed successfully"),
        3 => command(seq, &id, 3, "profile.not_an_owner"),
        4 => data(seq, &id, 0, "Collecting parts"),
        5 => data(seq, &id, 1, "https://h/…?auth=hidden"),
        6 => data(seq, &id, 1, "hidden"),
        7 => stream_ready(seq, &id),
        8 => fetching(seq, &id),
        9 => saved(seq, &id),
        10 => not_saved(seq, &id, DownloadFailure::Broken),
        11 => repeated(seq, &id),
        _ => entry(
            seq,
            ActivityKey::Command(id.as_str().into()),
            Fact::Local(LocalEvent::Labelled { label: format!("label {seq}") }),
            "",
        ),
    }
}

fn recounted(activities: &Activities) -> Vec<usize> {
    StatusFilter::ORDER
        .iter()
        .map(|&status_filter| {
            (0..activities.len())
                .filter_map(|index| View::new().row(activities, index))
                .filter_map(|id| activities.get(id))
                .filter(|row| status_filter == StatusFilter::All || row.status().status_filter() == status_filter)
                .count()
        })
        .collect()
}

proptest! {
    #[test]
    fn entries_in_any_order_give_the_same_result(facts in prop::collection::vec(any_fact(), 1..40), seed in any::<u64>()) {
        let entries: Vec<Entry> = (1..).zip(&facts).map(|(seq, &(what, id))| build(seq, what, id)).collect();
        let mut shuffled = entries.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(visible_rows(&applied(&entries)), visible_rows(&applied(&shuffled)));
    }

    #[test]
    fn counts_agree_with_the_rows(facts in prop::collection::vec(any_fact(), 1..60), later in 0_i64..900) {
        let entries: Vec<Entry> = (1..).zip(&facts).map(|(seq, &(what, id))| build(seq, what, id)).collect();
        let mut activities = applied(&entries);
        activities.expire(Timestamp(1_000_000_000 + later * 1_000_000));
        let counts: Vec<usize> = StatusFilter::ORDER.iter().map(|&status_filter| activities.counts().of(status_filter)).collect();
        prop_assert_eq!(counts, recounted(&activities));
    }

    #[test]
    fn an_updated_view_equals_a_new_one(
        facts in prop::collection::vec(any_fact(), 1..60),
        seed in any::<u64>(),
        budget in 1_usize..8,
        status_filter in 0_usize..6,
        words in prop_oneof![Just(""), Just("id-1"), Just("completed COMMAND"), Just("nothing")],
        sort in prop_oneof![Just(None), Just(Some((SortKey::Id, false))), Just(Some((SortKey::Status, true)))],
    ) {
        let mut entries: Vec<Entry> = (1..).zip(&facts).map(|(seq, &(what, id))| build(seq, what, id)).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut entries);
        let mut activities = Activities::new(LIFETIME);
        let mut following = View::new();
        for (count, entry) in entries.iter().enumerate() {
            activities.apply(entry);
            if count == entries.len() / 3 {
                following.set_status_filter(StatusFilter::ORDER[status_filter]);
                following.set_filter(Filter::parse(words).unwrap());
                following.set_sort(sort);
            }
            if count % 3 == 0 {
                following.refresh(&mut activities, budget);
            }
        }
        while following.refresh(&mut activities, budget) != Refresh::Done {}
        let mut anew = View::new();
        anew.set_status_filter(StatusFilter::ORDER[status_filter]);
        anew.set_filter(Filter::parse(words).unwrap());
        anew.set_sort(sort);
        while anew.refresh(&mut activities, 1_000) != Refresh::Done {}
        let rows = |view: &View| -> Vec<RowId> {
            (0..view.len(&activities)).map(|index| view.row(&activities, index).expect("a row at every index")).collect()
        };
        prop_assert_eq!(rows(&following), rows(&anew));
        for (index, id) in rows(&following).into_iter().enumerate() {
            prop_assert_eq!(following.position(&activities, id), Some(index));
        }
    }
}
