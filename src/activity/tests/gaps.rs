//! A gap is a row that counts what it missed.

use super::*;

pub(crate) fn gap(seq: u64, id: &str, to: Option<i64>, open: &[&str]) -> Entry {
    let open = open.iter().map(|id| (*id).into()).collect();
    let gap = Gap {
        from: Timestamp(5),
        to: to.map(Timestamp),
        cause: GapCause::Disconnected,
        open,
        requests: 1,
        open_requests: vec!["r".into()],
    };
    entry(seq, ActivityKey::Gap(id.into()), Fact::Gap(gap), "")
}

#[test]
fn a_gap_is_a_row_that_counts_what_was_recovered() {
    let mut activities = applied(&[
        command(1, "a", 1, ""),
        command(2, "b", 1, ""),
        gap(3, "g", None, &[]),
        gap(4, "g", Some(9), &["a", "b"]),
    ]);
    let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
    let state = |activities: &Activities| activities.gap(row).map(|gap| (gap.to, gap.recovered, gap.open)).unwrap();
    assert_eq!(state(&activities), (Some(Timestamp(9)), 0, 2));
    let known = StatusCheck::Known { status: CommandStatus::Failed, text: None };
    activities.apply(&entry(5, ActivityKey::Command("a".into()), Fact::StatusChecked(known), ""));
    activities.apply(&command(6, "b", 2, ""));
    assert_eq!(state(&activities), (Some(Timestamp(9)), 2, 2));
    assert!(!activities.gap(row).unwrap().is_recovered(), "a data request was open too");
    activities.apply(&data(7, "r", 1, "https://h/…?auth=hidden"));
    assert!(activities.gap(row).unwrap().is_recovered(), "it was heard of afterwards");
    assert_eq!(activities.get(row).unwrap().status(), Status::Gap);
}

#[test]
fn an_ongoing_gap_counts_what_is_open_now() {
    let mut activities = applied(&[command(1, "a", 1, ""), data(2, "r", 0, "Collecting"), gap(3, "g", None, &[])]);
    let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
    let waiting =
        |activities: &Activities| activities.gap(row).map(|gap| (gap.open, gap.recovered, gap.requests)).unwrap();
    assert_eq!(waiting(&activities), (1, 0, 1));
    activities.apply(&data(4, "r", 1, "https://h/…?auth=hidden"));
    activities.apply(&command(5, "b", 1, ""));
    assert_eq!(waiting(&activities), (2, 0, 0));
}

/// An entry of a gap that names these commands.
fn part(seq: u64, to: Option<i64>, open: &[&str]) -> Entry {
    let open = open.iter().map(|id| (*id).into()).collect();
    let (from, to, cause) = (Timestamp(5), to.map(Timestamp), GapCause::Disconnected);
    let gap = Gap { from, to, cause, open, requests: 0, open_requests: Vec::new() };
    entry(seq, ActivityKey::Gap("g".into()), Fact::Gap(gap), "")
}

#[test]
fn a_gap_names_the_ids_of_all_its_entries_in_any_order() {
    let entries = [
        command(1, "a", 1, ""),
        command(2, "b", 1, ""),
        part(3, None, &[]),
        part(4, Some(9), &["a", "b"]),
        part(5, None, &[]),
        command(6, "c", 1, ""),
        part(7, Some(20), &["c"]),
        part(8, None, &[]),
        part(9, Some(30), &[]),
        // As an earlier version writes it: all ids again.
        part(10, Some(40), &["a", "b", "c"]),
    ];
    for without_all in [&entries[..9], &entries[..7]] {
        let activities = applied(without_all);
        let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
        assert_eq!(activities.open_across(row), ["a".into(), "b".into(), "c".into()]);
    }
    let mut reversed = entries.clone();
    reversed.reverse();
    for entries in [entries, reversed] {
        let activities = applied(&entries);
        let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
        let gap = activities.gap(row).unwrap();
        assert_eq!((gap.to, gap.open, gap.recovered), (Some(Timestamp(40)), 3, 0));
        assert_eq!(activities.open_across(row), ["a".into(), "b".into(), "c".into()]);
        // Settling a command that an earlier entry names changes the gap.
        assert_eq!(activities.gaps_changed_by(&[ActivityKey::Command("a".into())], &RecoveredGaps::default()), [row]);
    }
    let ours: Vec<_> = entries_of("g", &[part(3, None, &["a"]), part(4, Some(9), &["b"])]);
    assert_eq!(Gap::of(&ours).map(|gap| (gap.to, gap.open.len())), Some((Some(Timestamp(9)), 2)));
    assert_eq!(Gap::of(&[command(1, "a", 1, "")]), None);
}

fn entries_of(id: &str, entries: &[Entry]) -> Vec<Entry> {
    entries.iter().filter(|entry| entry.key.id() == id).cloned().collect()
}

#[test]
fn an_undelivered_outcome_on_a_live_connection_suggests_a_competing_consumer_for_an_hour() {
    let known = || Fact::StatusChecked(StatusCheck::Known { status: CommandStatus::Succeeded, text: None });
    let answered = |seq, id: &str| entry(seq, ActivityKey::Command(id.into()), known(), "");
    // Two entries are one second apart.
    let mut entries = vec![command(1, "before", 1, "")];
    let at = |seq: i64| Some(1_000_000_000 + seq * 1_000_000);
    entries.push(gap(2, "g", None, &[]));
    entries.push(Entry { fact: gap_fact(at(2), at(4)), ..gap(4, "g", None, &[]) });
    for (seq, id) in [(5, "taken"), (6, "slow"), (7, "heard")] {
        entries.push(command(seq, id, 1, ""));
    }
    entries.push(command(8, "heard", 2, ""));
    // The socket never reported anything of this one, so a missing outcome proves nothing.
    entries.push(entry(9, ActivityKey::Command("tracked".into()), Fact::Local(LocalEvent::Tracked), ""));
    for (seq, id) in [(40, "before"), (41, "taken"), (42, "slow"), (43, "tracked")] {
        entries.push(answered(seq, id));
    }
    entries.push(command(44, "slow", 2, ""));
    let activities = applied(&entries);
    let second = |seq: i64| Timestamp(1_000_000_000 + seq * 1_000_000);
    let competing = |now| {
        let competing = activities.competing_consumer(&activities.undelivered_outcomes(), now);
        competing.map(|CompetingConsumer { undelivered, of }| (undelivered, of))
    };
    assert_eq!(competing(second(50)), None, "the socket may still say so");
    assert_eq!(competing(second(51)), Some((1, 5)), "only one was taken by somebody else");
    assert_eq!(competing(second(41 + 3_599)).map(|(unheard, _)| unheard), Some(1));
    assert_eq!(competing(second(41 + 3_600)), None, "cleared after an hour");
}

fn gap_fact(from: Option<i64>, to: Option<i64>) -> Fact {
    let from = Timestamp(from.unwrap_or_default());
    let (to, cause) = (to.map(Timestamp), GapCause::Disconnected);
    Fact::Gap(Gap { from, to, cause, open: Vec::new(), requests: 0, open_requests: Vec::new() })
}

#[test]
fn a_batch_changes_only_gaps_that_name_its_ids_and_ongoing_ones() {
    let named = |seq, id: &str, to: Option<i64>, open: &str| Entry {
        key: ActivityKey::Gap(id.into()),
        ..part(seq, to, &[open])
    };
    let activities = applied(&[
        named(1, "recovered", Some(9), "a"),
        named(2, "names", Some(9), "a"),
        named(3, "other", Some(9), "b"),
        named(4, "lasts", None, "c"),
        command(5, "a", 2, ""),
    ]);
    let row = |id: &str| activities.find(&ActivityKey::Gap(id.into())).unwrap();
    let mut recovered = RecoveredGaps::default();
    recovered.set(row("recovered"), true);
    let changed = |keys: &[ActivityKey]| {
        let mut changed = activities.gaps_changed_by(keys, &recovered);
        changed.sort();
        changed
    };
    assert_eq!(changed(&[ActivityKey::Command("a".into())]), [row("names"), row("lasts")]);
    assert_eq!(changed(&[ActivityKey::Command("z".into()), ActivityKey::Data("b".into())]), [row("lasts")]);
    assert_eq!(changed(&[ActivityKey::Gap("recovered".into())]), [row("recovered"), row("lasts")]);
    assert_eq!(changed(&[ActivityKey::Data("r".into())]), [row("lasts")]);
}

#[test]
fn a_recovered_gap_is_checked_again_once_something_that_had_an_outcome_opens_again() {
    let (link, token) = ("https://h/…?auth=hidden", "a-token");
    for (again, reopens) in
        [(data(5, "r", 0, "Collecting"), false), (data(5, "r", 1, link), false), (data(5, "r", 1, token), true)]
    {
        let mut activities =
            applied(&[data(1, "r", 0, "Collecting"), gap(2, "g", None, &[]), gap(3, "g", Some(9), &[])]);
        activities.apply(&data(4, "r", 1, link));
        let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
        let mut recovered = RecoveredGaps::default();
        recovered.refresh(&activities);
        recovered.set(row, activities.gap(row).unwrap().is_recovered());
        activities.apply(&command(6, "new", 1, ""));
        recovered.refresh(&activities);
        assert!(recovered.contains(row), "something new is open");
        activities.apply(&again);
        recovered.refresh(&activities);
        assert_eq!((recovered.contains(row), activities.gap(row).unwrap().is_recovered()), (!reopens, !reopens));
    }
}
