//! A gap is a row that counts what it missed.

use super::*;

pub(super) fn gap(seq: u64, id: &str, to: Option<i64>, open: &[&str]) -> Entry {
    let open = open.iter().map(|id| (*id).into()).collect();
    let gap = Gap {
        from: Moment(5),
        to: to.map(Moment),
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
    assert_eq!(state(&activities), (Some(Moment(9)), 0, 2));
    let known = Enquiry::Known { status: CommandStatus::Failed, text: None };
    activities.apply(&entry(5, ActivityKey::Command("a".into()), Fact::Enquired(known), ""));
    activities.apply(&command(6, "b", 2, ""));
    assert_eq!(state(&activities), (Some(Moment(9)), 2, 2));
    assert!(!activities.gap(row).unwrap().is_recovered(), "a data request was open too");
    activities.apply(&data(7, "r", 1, "https://h/…?auth=hidden"));
    assert!(activities.gap(row).unwrap().is_recovered(), "it was heard of afterwards");
    assert_eq!(activities.get(row).unwrap().status(), Status::Gap);
}

#[test]
fn a_gap_that_lasts_counts_what_is_open_now() {
    let mut activities = applied(&[command(1, "a", 1, ""), data(2, "r", 0, "Collecting"), gap(3, "g", None, &[])]);
    let row = activities.find(&ActivityKey::Gap("g".into())).unwrap();
    let waiting =
        |activities: &Activities| activities.gap(row).map(|gap| (gap.open, gap.recovered, gap.requests)).unwrap();
    assert_eq!(waiting(&activities), (1, 0, 1));
    activities.apply(&data(4, "r", 1, "https://h/…?auth=hidden"));
    activities.apply(&command(5, "b", 1, ""));
    assert_eq!(waiting(&activities), (2, 0, 0));
}
