//! Tests of a view that need more than a small one: many rows in slices, a pause, and changes with time alone.

use std::time::Duration;

use crate::activity::entry::{ActivityKey, Entry, Fact, StatusCheck};
use crate::protocol::CommandStatus;

use super::*;

fn command_entry(seq: u64, id: &str, status: CommandStatus, text: &str) -> Entry {
    let fact = Fact::StatusChecked(StatusCheck::Known { status, text: Some(text.to_owned()) });
    let at = Timestamp(1_000_000_000_000 + i64::try_from(seq).unwrap() * 1_000);
    Entry { seq: Seq(seq), at, key: ActivityKey::Command(id.into()), fact, raw: "".into() }
}

/// Commands in a random order of ids, with few messages.
fn many(count: u64) -> Activities {
    let mut activities = Activities::new(Duration::from_mins(10));
    let mut random = fastrand::Rng::with_seed(7);
    for seq in 1..=count {
        let id = uuid::Uuid::from_u128(random.u128(..)).to_string();
        let status = if random.bool() { CommandStatus::Succeeded } else { CommandStatus::Failed };
        activities.apply(&command_entry(seq, &id, status, &format!("message {}", random.u8(..20))));
    }
    activities
}

fn rows(view: &View, activities: &Activities) -> Vec<RowId> {
    (0..view.len(activities)).map(|index| view.row(activities, index).expect("a row at every index")).collect()
}

/// The expected rows of a view, computed naively.
fn expected(activities: &Activities, filter: &str, sort: Option<(SortKey, bool)>) -> Vec<RowId> {
    let filter = Filter::parse(filter).unwrap();
    let mut rows: Vec<RowId> = rows(&View::new(), activities);
    rows.retain(|row| filter.matches(&activities.get(*row).unwrap(), activities.now()));
    if let Some((column, descending)) = sort {
        rows.sort_by(|a, b| {
            let (a, b) = (activities.get(*a).unwrap(), activities.get(*b).unwrap());
            let order = match column {
                SortKey::Id => a.id().cmp(&b.id()),
                SortKey::Message => a.message().cmp(&b.message()),
                SortKey::Updated => a.updated().cmp(&b.updated()),
                _ => a.status().word().cmp(&b.status().word()),
            };
            if descending { order.reverse() } else { order }
        });
    }
    rows
}

#[test]
fn many_rows_are_found_and_sorted_in_slices_while_more_arrive() {
    let mut activities = many(60_000);
    let mut count = 60_000;
    for (filter, sort) in [
        ("", Some((SortKey::Id, false))),
        ("", Some((SortKey::Message, true))),
        ("failed", Some((SortKey::Updated, false))),
        ("failed", None),
        ("", Some((SortKey::Status, false))),
    ] {
        let mut view = View::new();
        view.set_sort(sort);
        view.set_filter(Filter::parse(filter).unwrap());
        let mut slices = 0;
        while view.refresh(&mut activities, 1_000) != Refresh::Done {
            if slices == 0 {
                assert!(view.len(&activities) >= 100, "nothing to see after the first slice of {filter:?} {sort:?}");
            }
            slices += 1;
            if slices % 10 == 0 {
                count += 1;
                activities.apply(&command_entry(count, &format!("new-{count}"), CommandStatus::Failed, "message 3"));
                let id = activities.get(RowId::nth(slices * 991 % 60_000)).unwrap().id().into_owned();
                count += 1;
                activities.apply(&command_entry(count, &id, CommandStatus::Failed, "message 30"));
            }
        }
        assert!(slices >= 60, "{slices} slices of 1,000 for 60,000 rows");
        let shown = rows(&view, &activities);
        assert!(shown == expected(&activities, filter, sort), "{filter:?} sorted by {sort:?} is not in order");
        for index in (0..shown.len()).step_by(997) {
            assert_eq!(view.position(&activities, shown[index]), Some(index), "{sort:?}");
        }
    }
}

#[test]
fn a_new_filter_during_a_pause_selects_among_the_paused_rows() {
    let mut activities = many(10);
    let mut view = View::new();
    view.refresh(&mut activities, 100);
    view.pause(&activities);
    activities.apply(&command_entry(11, "new", CommandStatus::Failed, "message 1"));
    view.refresh(&mut activities, 100);
    assert_eq!((view.len(&activities), view.waiting(&activities)), (10, 1));
    view.set_filter(Filter::parse("failed").unwrap());
    view.refresh(&mut activities, 100);
    let mut there = expected(&activities, "failed", None);
    assert_eq!(there.remove(0), RowId::nth(10), "the new one matches too");
    assert_eq!(rows(&view, &activities), there);
    view.resume();
    assert_eq!(view.len(&activities), there.len() + 1);
}

#[test]
fn older_restored_rows_are_shown_during_a_pause() {
    let mut activities = Activities::new(Duration::from_mins(10));
    activities.apply(&command_entry(10, "a", CommandStatus::Pending, ""));
    let mut view = View::new();
    view.pause(&activities);
    activities.apply_restored(&[command_entry(1, "old", CommandStatus::Pending, "")]);
    activities.apply(&command_entry(11, "new", CommandStatus::Pending, ""));
    assert_eq!(view.waiting(&activities), 1);
}

#[test]
fn rows_appear_and_disappear_as_time_passes() {
    let mut activities = Activities::new(Duration::from_mins(10));
    let (first, second) =
        (command_entry(1, "a", CommandStatus::Pending, ""), command_entry(5_000, "b", CommandStatus::Pending, ""));
    activities.apply(&first);
    activities.apply(&second);
    activities.expire(second.at);
    let shown = |typed: &str, later: u64, activities: &mut Activities| {
        let mut view = View::new();
        view.set_filter(Filter::parse(typed).unwrap());
        view.refresh(activities, 100);
        let before = view.len(activities);
        let turn = view.next_change().expect("a moment at which that changes");
        assert!(turn > activities.now(), "{typed} turns at once, and so for ever");
        activities.expire(second.at.plus(Duration::from_secs(later)));
        view.refresh(activities, 100);
        (before, view.len(activities))
    };
    assert_eq!(shown("since:10s", 6, &mut activities), (2, 1), "the first is 11 s old");
    assert_eq!(shown("took:>12s", 10, &mut activities), (0, 1), "the first has been under way for 15 s");
    assert_eq!(shown("took:<16s", 20, &mut activities), (2, 0));
}
