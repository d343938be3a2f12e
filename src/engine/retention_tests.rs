use super::*;
use crate::activity::{Enquiry, Gap, GapCause};
use crate::protocol::CommandId;
use crate::protocol::incoming::{Incoming, parse};

fn entry(key: ActivityKey, fact: Fact) -> Entry {
    Entry { seq: Seq(1), at: Moment(0), key, fact, raw: "".into() }
}

fn heard(raw: &str) -> Entry {
    let Incoming::Message(message) = parse(raw) else { panic!("{raw}") };
    entry(ActivityKey::of(&message), Fact::Heard(message))
}

fn command(id: &str, status: i64) -> Entry {
    heard(&format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status}}}}}"#))
}

fn data(id: &str, body: &str, output: i64) -> Entry {
    heard(&format!(
        r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"{id}","output_type":{output},"body":"{body}"}}}}"#
    ))
}

fn did(id: &str, deed: Deed) -> Entry {
    entry(ActivityKey::Data(id.into()), Fact::Done(deed))
}

fn gap(key: &str, to: Option<Moment>, open: &[&str]) -> Entry {
    let open = open.iter().map(|id| CommandId::from(*id)).collect();
    let gap = Gap { from: Moment(1), to, cause: GapCause::Disconnected, open, requests: 0, open_requests: Vec::new() };
    entry(ActivityKey::Gap(key.into()), Fact::Gap(gap))
}

#[test]
fn what_is_open_not_saved_not_settled_or_not_read_must_stay_and_nothing_else() {
    let inline = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";
    let spent = Deed::NotSaved { why: NotSaved::SpentElsewhere, sentence: String::new(), part: None };
    let saved = Deed::Saved { to: String::new(), size: 1, receipt: crate::activity::Receipt::default() };
    let unknown = entry(ActivityKey::Command("unknown".into()), Fact::Enquired(Enquiry::Unknown));
    let mut standing = Standing::default();
    let profile = ProfileId::random();
    for entry in [
        command("open", 1),
        command("settled", 1),
        command("unknown", 1),
        entry(ActivityKey::Command("tracked".into()), Fact::Done(Deed::Tracked)),
        data("preparing", "wait", 0),
        data("ready", "wait", 0),
        data("unsaved", inline, 0),
        data("saved", inline, 0),
        gap("lasts", None, &[]),
        gap("settled", None, &["settled"]),
        gap("settled", Some(Moment(2)), &["settled"]),
        gap("unsettled", Some(Moment(2)), &["settled", "open"]),
        gap("empty", Some(Moment(2)), &[]),
        did("spent", spent.clone()),
        did("read", spent),
        did("read", Deed::WarningRead),
        command("settled", 2),
        unknown,
        data("ready", "https://h/?auth=1", 1),
        did("saved", saved),
    ] {
        standing.note(profile, &entry);
    }
    let mut kept: Vec<_> = standing.into_protected().into_iter().map(|(_, key)| key).collect();
    kept.sort();
    let id = |kind: fn(&str) -> ActivityKey, ids: &[&str]| ids.iter().map(|id| kind(id)).collect::<Vec<_>>();
    let mut expected = id(|id| ActivityKey::Command(id.into()), &["open", "tracked"]);
    expected.extend(id(|id| ActivityKey::Data(id.into()), &["preparing", "spent", "unsaved"]));
    expected.extend(id(|id| ActivityKey::Gap(id.into()), &["lasts", "unsettled"]));
    assert_eq!(kept, expected);
}

#[test]
fn the_outcome_of_one_profile_is_not_that_of_another() {
    let (mut standing, one, other) = (Standing::default(), ProfileId::random(), ProfileId::random());
    standing.note(one, &command("c", 1));
    standing.note(other, &command("c", 2));
    assert_eq!(standing.into_protected().len(), 1);
}

#[test]
fn what_went_is_said_in_a_sentence() {
    let told = sentence(1_200, 3_000_000, Some(Moment(1_700_000_000_000_000)));
    assert!(told.starts_with("1200 entries (3.0 MB) went out of the journal"), "{told}");
    assert!(told.contains("It now begins on 2023-11-1"), "{told}");
    assert!(sentence(1, 1, None).ends_with("It is empty now."), "{}", sentence(1, 1, None));
}
