//! Tests of a model with a limited number of rows: which rows stay, what is known of the others, and how one is reloaded.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::activity::activities::Activities;
use crate::activity::activities::eviction_state::Incomplete;
use crate::activity::activities::row_id::RowId;
use crate::activity::entry::{ActivityKey, Entry, Fact, Gap, GapCause, LocalEvent, Seq, StatusCheck};
use crate::activity::filter::expression::Filter;
use crate::activity::stats::completeness::OpenItemState;
use crate::activity::stats::summary::TimeRange;
use crate::activity::status::{Status, StatusFilter};
use crate::activity::time::timestamp::Timestamp;
use crate::activity::view::sort_order::SortKey;
use crate::activity::view::{Refresh, View};
use crate::protocol::Incoming;
use crate::protocol::incoming::parse;

const LIMIT: usize = 500;

fn received(seq: u64, raw: &str) -> Entry {
    let Incoming::Message(message) = parse(raw) else { panic!("not a message: {raw}") };
    entry(seq, ActivityKey::of(&message), Fact::Received(message), raw)
}

fn entry(seq: u64, key: ActivityKey, fact: Fact, raw: &str) -> Entry {
    let at = Timestamp(1_000_000_000_000 + i64::try_from(seq).unwrap() * 1_000);
    Entry { seq: Seq(seq), at, key, fact, raw: raw.into() }
}

fn command(seq: u64, id: &str, status: i64, body: &str) -> Entry {
    received(
        seq,
        &format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status},"body":"{body}"}}}}"#),
    )
}

fn data(seq: u64, id: &str, output_type: i64, body: &str) -> Entry {
    received(
        seq,
        &format!(
            r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","output_type":{output_type},"body":"{body}"}}}}"#
        ),
    )
}

fn labelled_entry(seq: u64, id: &str, label: &str) -> Entry {
    let label = LocalEvent::Labelled { label: label.to_owned() };
    entry(seq, ActivityKey::Command(id.into()), Fact::Local(label), "")
}

fn empty() -> Activities {
    let mut activities = Activities::new(Duration::from_mins(10));
    activities.set_rows_in_memory(LIMIT);
    activities
}

fn tidy_all(activities: &mut Activities) {
    while activities.tidy(100) {}
}

fn status_of(activities: &Activities, key: &ActivityKey) -> Option<Status> {
    Some(activities.get(activities.find(key)?)?.status())
}

fn key(id: &str) -> ActivityKey {
    ActivityKey::Command(id.into())
}

#[test]
fn settled_rows_are_evicted_oldest_first_and_all_others_stay() {
    let mut activities = empty();
    activities.mark_read();
    let gap = Gap {
        from: Timestamp(1),
        to: Some(Timestamp(2)),
        cause: GapCause::Disconnected,
        open: vec!["old-1".into(), "pending".into()],
        requests: 0,
        open_requests: Vec::new(),
    };
    for entry in [
        command(1, "pending", 1, ""),
        data(2, "preparing", 0, "soon"),
        data(3, "ready", 1, "https://h/?auth=hidden"),
        data(4, "inline", 0, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA=="),
        entry(5, ActivityKey::Gap("gap".into()), Fact::Gap(gap), ""),
        command(6, "failed", 3, "unread"),
        command(7, "old-1", 2, ""),
        command(8, "old-2", 3, "read"),
    ] {
        activities.apply(&entry);
        if entry.seq == Seq(8) {
            activities.mark_read();
        }
    }
    activities.apply(&command(9, "failed-2", 3, "unread"));
    for number in 10..2_000 {
        activities.apply(&command(number, &format!("c-{number}"), 2, ""));
        assert!(activities.len() <= LIMIT + 100, "{}", activities.len());
    }
    tidy_all(&mut activities);
    assert_eq!((activities.len(), activities.total_rows()), (LIMIT, 1_999));
    assert_eq!(activities.counts().of(StatusFilter::All), LIMIT);
    assert_eq!(activities.outcome_counts().all(), 1_998, "all but the gap");
    for (key, there) in [
        (key("pending"), true),
        (ActivityKey::Data("preparing".into()), true),
        (ActivityKey::Data("ready".into()), true),
        (ActivityKey::Data("inline".into()), true),
        (ActivityKey::Gap("gap".into()), true),
        (key("failed"), false),
        (key("old-1"), false),
        (key("old-2"), false),
        (key("failed-2"), true),
        (key("c-1999"), true),
        (key("c-10"), false),
    ] {
        assert_eq!(activities.find(&key).is_some(), there, "{key:?}");
    }
    // A row whose hash is like that of an evicted one waits for a journal read, and stays until then.
    let waiting: Vec<_> = activities.take_incomplete(LIMIT).into_iter().map(|incomplete| incomplete.key).collect();
    let is_there = |number: &usize| activities.find(&key(&format!("c-{number}"))).is_some();
    let is_waiting = |number: &usize| waiting.contains(&key(&format!("c-{number}")));
    let oldest = (10..2_000).find(|number| is_there(number) && !is_waiting(number)).unwrap();
    let expected = 2_000 - (LIMIT - 6);
    assert!((expected..=expected + waiting.len()).contains(&oldest), "{oldest}: {waiting:?}");
    assert!((oldest..2_000).all(|number| is_there(&number)));
    let gap = activities.find(&ActivityKey::Gap("gap".into())).and_then(|row| activities.gap(row)).unwrap();
    assert_eq!((gap.open, gap.recovered), (2, 1), "what was evicted was settled");
    // Settled and read rows are evicted with the next ones.
    activities.mark_read();
    activities.apply(&command(2_000, "pending", 2, ""));
    for number in 2_001..2_100 {
        activities.apply(&command(number, &format!("c-{number}"), 2, ""));
    }
    tidy_all(&mut activities);
    assert_eq!((activities.len(), activities.total_rows()), (LIMIT, 2_098));
    assert_eq!((activities.find(&key("failed-2")), activities.find(&key("pending"))), (None, None));
}

#[test]
fn open_rows_stay_above_the_limit_and_are_evicted_once_they_settle() {
    let mut activities = empty();
    for number in 0..3_000 {
        activities.apply(&command(number + 1, &format!("c-{number}"), 1, ""));
    }
    tidy_all(&mut activities);
    assert_eq!(activities.len(), 3_000);
    for number in 0..3_000 {
        let id = (number * 7) % 3_000;
        activities.apply(&command(number + 3_001, &format!("c-{id}"), 2, ""));
        tidy_all(&mut activities);
        assert_eq!(activities.len(), (2_999 - usize::try_from(number).unwrap()).max(LIMIT));
    }
    assert_eq!((activities.total_rows(), activities.counts().of(StatusFilter::Succeeded)), (3_000, LIMIT));
}

#[test]
fn a_lower_limit_applies_from_the_next_tidying_and_a_higher_one_keeps_more_rows() {
    let mut activities = Activities::new(Duration::from_mins(10));
    let fill = |activities: &mut Activities, numbers: std::ops::Range<u64>| {
        for number in numbers {
            activities.apply(&command(number, &format!("c-{number}"), 2, ""));
        }
    };
    fill(&mut activities, 1..3_001);
    activities.set_rows_in_memory(1_000);
    let mut slices = 0;
    while activities.tidy(100) {
        slices += 1;
    }
    assert_eq!((activities.len(), activities.total_rows()), (1_000, 3_000));
    assert!(slices >= 19, "{slices} slices of 100 for 2,000 rows");
    activities.set_rows_in_memory(2_000);
    fill(&mut activities, 3_001..6_001);
    tidy_all(&mut activities);
    assert_eq!((activities.len(), activities.total_rows()), (2_000, 6_000));
}

/// The entries of an activity within ranges, as a journal returns them.
fn read(journal: &[Entry], incomplete: &Incomplete) -> Vec<Entry> {
    let is_in = |entry: &&Entry| incomplete.ranges.iter().any(|stretch| stretch.contains(&entry.seq));
    journal.iter().filter(|entry| entry.key == incomplete.key).filter(is_in).cloned().collect()
}

#[test]
fn a_message_for_an_evicted_row_reloads_it_with_its_label_and_history() {
    let mut activities = empty();
    let mut journal = vec![labelled_entry(1, "x", "approve"), command(2, "x", 1, ""), command(3, "x", 2, "done")];
    journal.extend((4..2_000).map(|number| command(number, &format!("c-{number}"), 2, "")));
    for entry in &journal {
        activities.apply(entry);
    }
    tidy_all(&mut activities);
    assert_eq!(activities.find(&key("x")), None);
    let (insight, outcome_counts) =
        (|of: &Activities| of.insight(TimeRange::HOUR, Timestamp(1_000_003_000_000)), activities.outcome_counts());
    assert_eq!(insight(&activities).settled, 1_997);
    // It arrives last, and says less than what is known.
    journal.push(command(2_000, "x", 1, "late"));
    activities.apply(&journal[1_999]);
    assert_eq!(status_of(&activities, &key("x")), Some(Status::Pending), "until the rest is read");
    let incomplete = activities.take_incomplete(10);
    assert_eq!((incomplete.len(), activities.take_incomplete(10)), (1, Vec::new()));
    activities.complete(&incomplete[0].key, &read(&journal, &incomplete[0]));
    let row = activities.get(activities.find(&key("x")).unwrap()).unwrap();
    assert_eq!(
        (row.status(), row.label(), row.first_seq(), row.last_seq()),
        (Status::Succeeded, "approve", Seq(1), Seq(2_000))
    );
    assert_eq!(row.took(Timestamp(0)), Some(Duration::from_millis(2)));
    assert_eq!(
        (activities.outcome_counts(), insight(&activities).settled),
        (outcome_counts, 1_997),
        "it is counted once"
    );
    tidy_all(&mut activities);
    assert_eq!((activities.len(), activities.total_rows()), (LIMIT, 1_997));
    // An id that is not in the journal is not looked up.
    activities.apply(&command(2_001, "new", 1, ""));
    assert_eq!(activities.take_incomplete(10), []);
}

#[test]
fn settled_rows_without_journal_entries_are_removed() {
    let mut activities = empty();
    activities.apply(&command(1, "pending", 1, ""));
    for number in 2..1_000 {
        activities.apply(&command(number, &format!("c-{number}"), 2, ""));
    }
    tidy_all(&mut activities);
    assert_eq!(activities.total_rows(), 999);
    activities.on_purge(Seq(900), std::iter::empty());
    tidy_all(&mut activities);
    assert_eq!((activities.len(), activities.total_rows()), (101, 101));
    assert!(activities.find(&key("pending")).is_some() && activities.find(&key("c-900")).is_some());
    assert_eq!((activities.find(&key("c-899")), activities.outcome_counts().all()), (None, 101));
}

#[test]
fn a_purge_removes_exactly_the_purged_gaps_and_keeps_activities_that_others_name() {
    let gap = |seq, id: &str, open: &[&str]| {
        let gap = Gap {
            from: Timestamp(1),
            to: Some(Timestamp(2)),
            cause: GapCause::Disconnected,
            open: open.iter().map(|id| (*id).into()).collect(),
            requests: 0,
            open_requests: Vec::new(),
        };
        entry(seq, ActivityKey::Gap(id.into()), Fact::Gap(gap), "")
    };
    let mut activities = empty();
    activities.mark_read();
    activities.apply(&command(1, "evicted", 1, ""));
    activities.apply(&command(2, "unknown", 1, ""));
    activities.apply(&gap(3, "gone", &["c-6"]));
    activities.apply(&gap(4, "stays", &["evicted", "unknown", "late"]));
    activities.apply(&command(5, "evicted", 2, ""));
    for number in 6..2_000 {
        activities.apply(&command(number, &format!("c-{number}"), 2, ""));
    }
    let unknown = entry(2_000, key("unknown"), Fact::StatusChecked(StatusCheck::Unknown), "");
    activities.apply(&unknown);
    activities.apply(&command(2_001, "late", 2, ""));
    tidy_all(&mut activities);
    assert_eq!(activities.find(&key("evicted")), None);
    let state = |activities: &Activities| {
        let gap = activities.find(&ActivityKey::Gap("stays".into())).and_then(|row| activities.gap(row)).unwrap();
        (gap.open, gap.recovered, gap.unknown)
    };
    assert_eq!(state(&activities), (3, 2, 1));
    let gone = ActivityKey::Gap("gone".into());
    for before in [1_900, 1 << 20] {
        activities.on_purge(Seq(before), [&gone].into_iter());
        tidy_all(&mut activities);
        assert_eq!(state(&activities), (3, 2, 1), "before {before}");
    }
    assert_eq!((activities.find(&gone), activities.gaps().count()), (None, 1));
    assert_eq!(activities.outcome_counts().gaps, 1);
    assert!(activities.find(&key("late")).is_some() && activities.find(&key("c-1999")).is_none());
}

#[test]
fn a_purge_also_removes_older_rows_from_the_count() {
    let mut activities = empty();
    for number in 10_000..10_010 {
        activities.apply(&command(number, &format!("c-{number}"), 2, ""));
    }
    activities.set_older(vec![(Seq(0), 100), (Seq(256), 50), (Seq(1_024), 7)]);
    assert_eq!(activities.total_rows(), 167);
    for (before, known) in [(255, 167), (256, 67), (300, 67), (1_000, 17), (1_024, 17), (9_000, 10)] {
        activities.on_purge(Seq(before), std::iter::empty());
        tidy_all(&mut activities);
        assert_eq!(activities.total_rows(), known, "before {before}");
    }
}

#[test]
fn texts_of_evicted_rows_take_no_memory() {
    for is_viewed in [true, false] {
        let (mut activities, mut view) = (empty(), View::new());
        let mut most = 0;
        for number in 1..130_000 {
            activities.apply(&command(number, &format!("c-{number}"), 3, &format!("{number} {}", "reason ".repeat(9))));
            if is_viewed && number % 1_000 == 0 {
                view.refresh(&mut activities, 1_000);
            }
            // Without a view, the list of changes is dropped first.
            if is_viewed || number > 120_000 {
                most = most.max(activities.texts());
            }
        }
        // Failures of the last day are grouped by reasons, of which a minute has a limited number.
        assert!(most < 20_000, "{most} texts for {LIMIT} rows, {is_viewed}");
        for index in 0..activities.len() {
            let row = activities.get(activities.newest(index).unwrap()).unwrap();
            let (id, message) = (row.id(), row.message());
            assert!(message.starts_with(id.strip_prefix("c-").unwrap()) && message.len() > 60, "{id}: {message}");
        }
    }
}

#[test]
fn entries_that_were_not_restored_are_found_through_the_index() {
    for late_before_index in [true, false] {
        let mut journal = vec![
            labelled_entry(1, "cut", "approve"),
            command(2, "old", 3, "denied"),
            labelled_entry(3, "old", "night"),
        ];
        journal.extend((4..1_000).map(|number| command(number, &format!("c-{number}"), 2, "")));
        journal.push(command(1_000, "cut", 2, "done"));
        let late = command(1_001, "old", 1, "late");
        let mut activities = empty();
        activities.set_live_from(Seq(1_001));
        activities.apply_restored(&journal[600..]);
        activities.set_older(vec![(Seq(0), 997 - 399)]);
        let whole = activities.total_rows();
        if late_before_index {
            activities.apply(&late);
        }
        let older: Vec<_> = journal[..600].iter().rev().map(|entry| (entry.seq, entry.key.clone())).collect();
        activities.index_older(&older[..300], false);
        assert_eq!(activities.take_incomplete(10), [], "not all is known yet");
        activities.index_older(&older[300..], true);
        if !late_before_index {
            activities.apply(&late);
        }
        assert_eq!(activities.answer(&key("c-7")), OpenItemState::Open, "it is only known to be in the journal");
        let mut incomplete = activities.take_incomplete(10);
        incomplete.sort_by_key(|incomplete| incomplete.key.id().to_owned());
        assert_eq!(incomplete.iter().map(|incomplete| incomplete.key.id()).collect::<Vec<_>>(), ["cut", "old"]);
        for incomplete in incomplete {
            activities.complete(&incomplete.key, &read(&journal, &incomplete));
        }
        for (id, status, label, place) in
            [("cut", Status::Succeeded, "approve", 1), ("old", Status::Failed, "night", 2)]
        {
            let activity = activities.get(activities.find(&key(id)).unwrap()).unwrap();
            assert_eq!((activity.status(), activity.label()), (status, label), "{id}");
            assert_eq!(activity.first_seen(), journal[place - 1].at, "{id}");
        }
        assert_eq!(activities.total_rows(), whole, "a row is counted twice, or not at all");
        assert_eq!(activities.take_incomplete(10), []);
        // A new id is not looked up.
        activities.apply(&command(1_002, "new", 1, ""));
        assert_eq!(activities.take_incomplete(10), []);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Entry(u8, i64, u8),
    Name(u8),
    Tidy,
    Pause(bool),
    Sort(u8),
    Filter(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (any::<u8>(), 1..4_i64, 0..5_u8).prop_map(|(id, status, body)| Step::Entry(id, status, body)),
        1 => any::<u8>().prop_map(Step::Name),
        3 => Just(Step::Tidy),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => (0..5_u8).prop_map(Step::Sort),
        1 => (0..4_u8).prop_map(Step::Filter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However rows arrive, are evicted and reloaded: the model equals that of all entries except removed ones, and a view shows
    /// its rows.
    #[test]
    fn a_small_model_shows_its_rows_like_a_large_one(steps in prop::collection::vec(step(), 1..400)) {
        let mut small = Activities::new(Duration::from_mins(10));
        small.set_rows_in_memory(20);
        let mut large = Activities::new(Duration::from_mins(10));
        let (mut view, mut journal) = (View::new(), Vec::new());
        for step in steps {
            let seq = journal.len() as u64 + 1;
            match step {
                Step::Entry(id, status, body) => journal.push(command(seq, &format!("c-{id}"), status, &format!("text {body}"))),
                Step::Name(id) => journal.push(labelled_entry(seq, &format!("c-{id}"), &format!("label {}", id % 3))),
                Step::Pause(true) => view.pause(&small),
                Step::Pause(false) => view.resume(),
                Step::Sort(which) => view.set_sort(
                    [None, Some((SortKey::Message, false)), Some((SortKey::Status, true)), Some((SortKey::Id, false)), Some((SortKey::Label, true))]
                        [usize::from(which)],
                ),
                Step::Filter(which) => view.set_filter(Filter::parse(["", "status:failed", "text", "label:1"][usize::from(which)]).unwrap()),
                Step::Tidy => {
                    small.tidy(1_000);
                    while view.refresh(&mut small, 7) != Refresh::Done {}
                    if !view.is_paused() {
                        let shown: Vec<RowId> = (0..view.len(&small)).map(|index| view.row(&small, index).unwrap()).collect();
                        let mut wanted: Vec<RowId> = (0..small.len()).map(|index| small.newest(index).unwrap()).collect();
                        wanted.retain(|row| view.filter().matches(&small.get(*row).unwrap(), Timestamp(0)));
                        let (mut sorted, mut expected) = (shown.clone(), wanted.clone());
                        sorted.sort();
                        expected.sort();
                        prop_assert_eq!(sorted, expected);
                        if view.sort().is_none() {
                            prop_assert_eq!(&shown, &wanted);
                        }
                        for (index, row) in shown.into_iter().enumerate() {
                            prop_assert_eq!(view.position(&small, row), Some(index));
                        }
                    }
                    continue;
                }
            }
            if let Some(entry) = journal.get(usize::try_from(seq).unwrap() - 1) {
                small.apply(entry);
                large.apply(entry);
            }
            for incomplete in small.take_incomplete(100) {
                small.complete(&incomplete.key, &read(&journal, &incomplete));
            }
        }
        small.tidy(1_000);
        prop_assert_eq!((small.total_rows(), small.outcome_counts()), (large.total_rows(), large.outcome_counts()));
        let now = Timestamp(1_000_001_000_000);
        let (of_small, of_large) = (small.insight(TimeRange::HOUR, now), large.insight(TimeRange::HOUR, now));
        prop_assert_eq!((of_small.settled, of_small.failed), (of_large.settled, of_large.failed));
        let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
        for index in 0..small.len() {
            let row = small.get(small.newest(index).unwrap()).unwrap();
            let other = large.get(large.find(&row.key()).unwrap()).unwrap();
            *counts.entry(row.status()).or_default() += 1;
            prop_assert_eq!(
                (row.status(), row.message(), row.label(), row.first_seq(), row.last_seq(), row.source()),
                (other.status(), other.message(), other.label(), other.first_seq(), other.last_seq(), other.source())
            );
        }
        prop_assert_eq!(small.counts().of(StatusFilter::Failed), counts.get(&Status::Failed).copied().unwrap_or(0));
        // Two that were reloaded may stay as well.
        prop_assert!(small.len() <= 20.max(large.outcome_counts().open + 2), "{} rows", small.len());
    }
}
