//! The model when the time is corrected: no state depends on time having only moved forward.

use super::*;

fn at(mut entry: Entry, at: Timestamp) -> Entry {
    entry.at = at;
    entry
}

fn link(seq: u64, id: &str, came: Timestamp) -> Entry {
    at(data(seq, id, 1, "https://h/…?auth=hidden"), came)
}

fn living(seq: u64, id: &str, life: &str, came: Timestamp) -> Entry {
    let body = "https://h/…?auth=hidden";
    at(
        received(
            seq,
            &format!(
                r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","output_type":1,"body":"{body}",{life}}}}}"#
            ),
        ),
        came,
    )
}

fn status(activities: &Activities, id: &str) -> Status {
    status_of(activities, &ActivityKey::Data(id.into()))
}

fn ready(activities: &Activities) -> Vec<String> {
    activities.ready().filter_map(|row| activities.get(row)).map(|row| row.id().into_owned()).collect()
}

/// Entries before the second one are from earlier runs.
fn by(server: Option<i64>) -> TimeReference {
    TimeReference { server, steady_from: Seq(2), ..TimeReference::EXACT }
}

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
const NOON: Timestamp = Timestamp(1_000 * DAY);

#[test]
fn a_clock_that_was_ahead_expires_nothing_after_it_was_corrected() {
    for ahead in [120 * MINUTE, 2 * DAY, -120 * MINUTE, -2 * DAY] {
        let mut activities = Activities::new(LIFETIME);
        activities.expire(NOON);
        activities.apply(&link(1, "old", NOON));
        activities.expire(Timestamp(NOON.0 + ahead));
        activities.expire(Timestamp(NOON.0 + MINUTE));
        activities.apply(&link(2, "new", Timestamp(NOON.0 + MINUTE)));
        assert_eq!(activities.expire(Timestamp(NOON.0 + 2 * MINUTE)), Some(NOON.plus(LIFETIME)));
        assert_eq!([status(&activities, "old"), status(&activities, "new")], [Status::Ready; 2], "{ahead}");
        assert_eq!(
            (ready(&activities), activities.counts().of(StatusFilter::Ready)),
            (vec!["old".into(), "new".into()], 2)
        );
    }
}

#[test]
fn expiries_by_the_servers_clock_are_compared_with_the_servers_time() {
    let until = Timestamp(NOON.0 + 10 * MINUTE);
    let mut activities = Activities::new(LIFETIME);
    activities.set_reference(by(None));
    activities.expire(NOON);
    activities.apply(&living(2, "absolute", &format!(r#""expiresAt":"{}""#, until.timestamp()), NOON));
    activities.apply(&living(3, "relative", r#""expiresIn":3600"#, NOON));
    let row = activities.get(RowId::nth(0)).unwrap();
    assert_eq!((row.status(), row.link_expires()), (Status::Ready, None), "how long it lives is not known");
    activities.expire(Timestamp(NOON.0 + 2 * DAY));
    let statuses = |activities: &Activities| [status(activities, "absolute"), status(activities, "relative")];
    assert_eq!(statuses(&activities), [Status::Ready, Status::LinkExpired], "our clock counts what lasts so long");
    assert_eq!(ready(&activities), ["absolute"]);
    // This computer is two days ahead of the server.
    activities.set_reference(by(Some(-2 * DAY)));
    assert_eq!(statuses(&activities), [Status::Ready, Status::LinkExpired]);
    assert_eq!(activities.get(RowId::nth(0)).unwrap().link_expires(), Some(Timestamp(until.0 + 2 * DAY)));
    activities.expire(Timestamp(NOON.0 + 2 * DAY + 10 * MINUTE));
    assert_eq!(statuses(&activities), [Status::LinkExpired; 2]);
    assert_eq!(activities.counts().of(StatusFilter::Ready), 0);
}

#[test]
fn a_restored_link_expires_once_the_server_has_sent_its_time() {
    let mut activities = Activities::new(LIFETIME);
    activities.set_live_from(Seq(2));
    activities.restore_links(&["r".into()]);
    activities.set_reference(by(None));
    activities.apply(&link(1, "r", NOON));
    activities.expire(Timestamp(NOON.0 + 2 * DAY));
    assert_eq!(status(&activities, "r"), Status::Ready);
    activities.set_reference(by(Some(9 * MINUTE - 2 * DAY)));
    assert_eq!(status(&activities, "r"), Status::Ready, "9 minutes old");
    activities.set_reference(by(Some(10 * MINUTE - 2 * DAY)));
    assert_eq!((status(&activities, "r"), ready(&activities)), (Status::LinkExpired, Vec::new()));
}

#[test]
fn an_entry_with_a_wrong_timestamp_does_not_empty_a_chart() {
    for wrong in [-800 * DAY, -2 * DAY, 2 * DAY, 800 * DAY] {
        let mut activities = Activities::new(LIFETIME);
        activities.expire(NOON);
        let told = |seq, at: Timestamp| self::at(command(seq, &seq.to_string(), 2, ""), at);
        activities.apply_restored(&[told(1, NOON), told(2, Timestamp(NOON.0 + wrong)), told(3, NOON)]);
        activities.apply(&told(4, NOON));
        assert_eq!(activities.per_minute(NOON, 2), [0, 3], "{wrong}");
        let insight = activities.insight(TimeRange::HOUR, NOON);
        assert_eq!((insight.messages.iter().sum::<u32>(), insight.settled), (3, 3), "{wrong}");
        activities.expire(Timestamp(NOON.0 + wrong));
        activities.expire(NOON);
        assert_eq!(activities.per_minute(NOON, 2), [0, 3], "{wrong}");
    }
}

proptest! {
    /// Whatever the time was meanwhile, the result equals that of a model with only the last time.
    #[test]
    fn only_the_last_set_time_matters(
        steps in prop::collection::vec((any_fact(), prop::option::of(-3 * DAY..3 * DAY)), 1..60),
        end in prop_oneof![-2 * DAY..2 * DAY, 0..20 * MINUTE],
        live_from in 0_u64..20,
        offset in prop::option::of(-2 * DAY..2 * DAY),
        status_filter in 0_usize..6,
    ) {
        let entries: Vec<Entry> = (1..)
            .zip(&steps)
            .map(|(seq, &((what, id), _))| at(build(seq, what, id), Timestamp(NOON.0 + i64::try_from(seq).unwrap())))
            .collect();
        let end = Timestamp(NOON.0 + end);
        let reference = TimeReference { server: offset, steady_from: Seq(live_from), ..TimeReference::EXACT };
        let (mut moved, mut still) = (Activities::new(LIFETIME), Activities::new(LIFETIME));
        let (mut following, mut anew) = (View::new(), View::new());
        following.set_status_filter(StatusFilter::ORDER[status_filter]);
        anew.set_status_filter(StatusFilter::ORDER[status_filter]);
        still.set_live_from(Seq(live_from));
        still.restore_links(&["id-1".into(), "id-2".into()]);
        still.set_reference(reference);
        still.expire(end);
        for (entry, (_, jump)) in entries.iter().zip(&steps) {
            still.apply(entry);
            moved.apply(entry);
            if let Some(jump) = jump {
                moved.set_reference(TimeReference { server: (jump % 2 == 0).then_some(*jump), ..reference });
                moved.expire(Timestamp(NOON.0 + jump));
                following.refresh(&mut moved, 3);
            }
        }
        moved.set_live_from(Seq(live_from));
        moved.restore_links(&["id-1".into(), "id-2".into()]);
        moved.set_reference(reference);
        prop_assert_eq!(moved.expire(end), still.expire(end));
        prop_assert_eq!(visible_rows(&moved), visible_rows(&still));
        prop_assert_eq!(ready(&moved), ready(&still));
        let counts = |activities: &Activities| StatusFilter::ORDER.map(|status_filter| activities.counts().of(status_filter));
        prop_assert_eq!(counts(&moved), counts(&still));
        while following.refresh(&mut moved, 100) != Refresh::Done {}
        while anew.refresh(&mut still, 100) != Refresh::Done {}
        let rows = |view: &View, activities: &Activities| -> Vec<RowId> {
            (0..view.len(activities)).filter_map(|index| view.row(activities, index)).collect()
        };
        prop_assert_eq!(rows(&following, &moved), rows(&anew, &still));
    }
}
