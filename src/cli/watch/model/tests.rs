//! What is printed of an activity that is no longer in memory, or never was.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::activity::{Fact, Gap, GapCause, LocalEvent, StatusCheck, Timestamp};
use crate::journal::handle::Journal;
use crate::protocol::Incoming;
use crate::protocol::incoming::parse;

use super::*;

/// How many rows are kept in memory.
const ROWS: usize = 100;

fn heard(id: &str, status: u8, at: i64) -> Entry {
    let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "denied"}});
    let raw = raw.to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
    let key = ActivityKey::of(&message);
    Entry { raw: raw.into(), ..Entry::ours(Timestamp(at), key, Fact::Heard(message)) }
}

fn named(id: &str, at: i64) -> Entry {
    let label = LocalEvent::Labelled { label: format!("name of {id}") };
    Entry::ours(Timestamp(at), ActivityKey::Command(id.into()), Fact::Done(label))
}

fn model(folder: &Path) -> Model {
    waiting(folder, None)
}

/// A model with an exit condition.
fn waiting(folder: &Path, exit_on: Option<ExitCondition>) -> Model {
    let wanted = Watch { json: true, exit_on, filter: None };
    let memory = (Duration::from_mins(10), ROWS);
    let (mut model, end) =
        Model::new(folder, ProfileFilter::Everybody, wanted, (memory, Arc::new(|| Timestamp(0)))).unwrap();
    while model.remember(end).unwrap() {}
    model
}

/// Reads all new entries and returns the last line.
fn last_line(model: &mut Model) -> Value {
    let mut names = ProfileNames::default();
    let mut lines = String::new();
    loop {
        let news = model.news(&mut names, ProfileNames::default).unwrap();
        lines.push_str(&news.lines);
        if !news.more {
            break;
        }
    }
    serde_json::from_str(lines.lines().last().expect("a line")).unwrap()
}

#[tokio::test]
async fn a_late_message_prints_its_row_with_its_outcome_its_name_and_its_first_sight() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![named("a", 1_000_000), heard("a", 3, 2_000_000)]).await;
    append((0..1_000).map(|number| heard(&format!("c-{number}"), 2, 3_000_000)).collect()).await;
    // The activity existed before the start, and is older than what is read then.
    let mut model = model(folder.path());
    append(vec![named("b", 1_000_000), heard("b", 3, 2_000_000)]).await;
    append((0..1_000).map(|number| heard(&format!("d-{number}"), 2, 3_000_000)).collect()).await;
    assert_eq!(last_line(&mut model)["id"], "d-999");
    for id in ["a", "b"] {
        let key = ActivityKey::Command(id.into());
        assert!(model.activities.values().all(|activities| activities.find(&key).is_none()), "{id} is in memory");
        append(vec![heard(id, 1, 9_000_000)]).await;
        let line = last_line(&mut model);
        assert_eq!(
            (&line["id"], &line["status"], &line["label"], &line["first_seen"]),
            (&json!(id), &json!("Failed"), &json!(format!("name of {id}")), &json!("1970-01-01T00:00:01.000000Z")),
            "{line}"
        );
    }
    journal.close().await;
}

/// The ids that meet the exit condition at the start; `None` if the wait continues.
fn reached(model: &mut Model) -> Option<Vec<String>> {
    let lines = model.reached_before(&ProfileNames::default()).unwrap()?;
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    };
    Some(lines.lines().map(id).collect())
}

#[tokio::test]
async fn what_is_waited_for_may_be_wholly_older_than_what_is_read_at_the_start() {
    let label = |id: &str, label: &str| {
        let label = LocalEvent::Labelled { label: label.to_owned() };
        Entry::ours(Timestamp(1_000_000), ActivityKey::Command(id.into()), Fact::Done(label))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![
        label("done", "settled"),
        heard("done", 2, 2_000_000),
        label("open", "half"),
        label("half", "half"),
        heard("half", 2, 2_000_000),
        // It has another label since.
        label("other", "settled"),
        label("other", "renamed"),
    ])
    .await;
    append((0..1_000).map(|number| heard(&format!("c-{number}"), 2, 3_000_000)).collect()).await;
    // Of this label, one row is older than what is read and one is not.
    append(vec![label("new", "both"), heard("new", 2, 4_000_000)]).await;
    append(vec![label("open", "both")]).await;
    let start = |goal: &str| waiting(folder.path(), Some(goal.parse().unwrap()));
    assert_eq!(reached(&mut start("label:settled")), Some(vec!["done".to_owned()]));
    assert_eq!(reached(&mut start("final:done")), Some(vec!["done".to_owned()]));
    assert_eq!(reached(&mut start("label:half")), Some(vec!["half".to_owned()]), "the other one has another name now");
    assert_eq!(reached(&mut start("label:both")), None, "one of them is open");
    assert_eq!(reached(&mut start("final:open")), None);
    assert_eq!(reached(&mut start("label:nobody's")), None);

    // An open row ends the wait once it has settled.
    for what in ["label", "final"] {
        let late = format!("late {what}");
        append(vec![label(&late, &late)]).await;
        append((0..1_000).map(|number| heard(&format!("{what}-{number}"), 2, 5_000_000)).collect()).await;
        let mut model = start(&format!("{what}:{late}"));
        assert_eq!(reached(&mut model), None);
        append(vec![heard(&late, 2, 6_000_000)]).await;
        let mut names = ProfileNames::default();
        let news = model.news(&mut names, ProfileNames::default).unwrap();
        assert!(news.reached, "{what}");
    }
    journal.close().await;
}

#[tokio::test]
async fn texts_that_a_row_has_only_the_beginning_of_are_printed_whole_whatever_the_entry_is() {
    let long = |what: &str| format!("{what} {}end", "x".repeat(300));
    let data = |context: Option<String>, at: i64| {
        let body = "https://download.example.com/path?auth=hidden";
        let raw = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": body,
            "data_context": context}});
        let raw = raw.to_string();
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        let key = ActivityKey::of(&message);
        Entry { raw: raw.into(), ..Entry::ours(Timestamp(at), key, Fact::Heard(message)) }
    };
    let labelled = |label: String| {
        Entry::ours(Timestamp(2_000_000), ActivityKey::Data("r".into()), Fact::Done(LocalEvent::Labelled { label }))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![data(Some(long("context")), 1_000_000), labelled(long("label"))]).await;
    let mut model = waiting(folder.path(), Some("final:r".parse().unwrap()));
    let at_start: Value =
        serde_json::from_str(&model.reached_before(&ProfileNames::default()).unwrap().expect("it is ready")).unwrap();
    assert_eq!((&at_start["context"], &at_start["label"]), (&json!(long("context")), &json!(long("label"))));
    // The newest entry has none of these texts.
    append(vec![data(None, 3_000_000)]).await;
    let line = last_line(&mut model);
    assert_eq!((&line["context"], &line["label"]), (&json!(long("context")), &json!(long("label"))), "{line}");
    // A full text that ends like a cut one.
    append(vec![labelled("label x…".to_owned())]).await;
    assert_eq!(last_line(&mut model)["label"], "label x…");
    journal.close().await;
}

/// Writes many more entries than are indexed at the start.
async fn beyond_the_index(journal: &Journal, profile: ProfileId, name: &str) {
    let entries = (0..ROWS * (OLDER_OF_EACH + 2)).map(|number| heard(&format!("{name}-{number}"), 2, 3_000_000));
    journal.append(profile, entries.collect()).await.unwrap();
}

#[tokio::test]
async fn what_is_waited_for_is_found_however_old_its_name_or_its_outcome_is() {
    let label = |id: &str, label: &str| {
        let label = LocalEvent::Labelled { label: label.to_owned() };
        Entry::ours(Timestamp(1_000_000), ActivityKey::Command(id.into()), Fact::Done(label))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    // `named` has an old label and a new outcome, `repeated` an old outcome and a new repeat, and `open` is still open.
    append(vec![label("named", "night"), label("renamed", "night"), label("open", "day"), heard("open", 1, 1)]).await;
    append(vec![label("repeated", "late"), heard("repeated", 2, 1), label("done", "late"), heard("done", 2, 1)]).await;
    beyond_the_index(&journal, profile, "old").await;
    append(vec![heard("named", 2, 4_000_000), label("renamed", "other"), heard("renamed", 1, 4_000_000)]).await;
    append(vec![heard("repeated", 1, 4_000_000)]).await;
    let start = |goal: &str| waiting(folder.path(), Some(goal.parse().unwrap()));
    for (goal, expected) in [
        ("label:night", Some(vec!["named".to_owned()])),
        ("final:named", Some(vec!["named".to_owned()])),
        ("final:repeated", Some(vec!["repeated".to_owned()])),
        ("label:late", Some(vec!["repeated".to_owned(), "done".to_owned()])),
        ("label:day", None),
        ("label:other", None),
    ] {
        let found = reached(&mut start(goal)).map(|mut ids| {
            ids.sort();
            ids
        });
        let expected = expected.map(|mut ids| {
            ids.sort();
            ids
        });
        assert_eq!(found, expected, "{goal}");
    }
    // An open row older than all known ids ends the wait with its outcome, even if other entries arrive in between.
    let mut waiting = ["label:day", "final:open"].map(start);
    for model in &mut waiting {
        assert_eq!(reached(model), None);
    }
    beyond_the_index(&journal, profile, "new").await;
    for model in &mut waiting {
        last_line(model);
    }
    append(vec![heard("open", 2, 6_000_000)]).await;
    for model in &mut waiting {
        let news = model.news(&mut ProfileNames::default(), ProfileNames::default).unwrap();
        assert!(news.reached && news.lines.contains(r#""label":"day""#), "{}", news.lines);
    }
    journal.close().await;
}

#[tokio::test]
async fn a_gap_says_of_what_is_older_than_what_was_read_what_the_journal_knows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    let gap = |open: &[&str], to: Option<i64>| {
        let open = open.iter().map(|id| (*id).into()).collect();
        let (from, to) = (Timestamp(1), to.map(Timestamp));
        let gap = Gap { from, to, cause: GapCause::Disconnected, open, requests: 1, open_requests: vec!["r".into()] };
        Entry::ours(Timestamp(1), ActivityKey::Gap("g".into()), Fact::Gap(gap))
    };
    let enquired =
        |id: &str| Entry::ours(Timestamp(2), ActivityKey::Command(id.into()), Fact::Enquired(StatusCheck::Unknown));
    let raw = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":0,"body":"Collecting"}}"#;
    let Incoming::Message(message) = parse(raw) else { panic!("{raw}") };
    let request =
        Entry { raw: raw.into(), ..Entry::ours(Timestamp(1), ActivityKey::of(&message), Fact::Heard(message)) };
    append(vec![heard("unknown", 1, 1), heard("open", 1, 1), heard("settled", 1, 1), heard("other", 1, 1), request])
        .await;
    append(vec![gap(&["unknown", "open", "settled"], Some(2)), heard("settled", 2, 1), enquired("unknown")]).await;
    beyond_the_index(&journal, profile, "old").await;
    let mut model = model(folder.path());
    let state = |model: &Model| {
        let activities = &model.activities[&profile];
        let gap = activities.find(&ActivityKey::Gap("g".into())).and_then(|row| activities.gap(row)).expect("the gap");
        (gap.open, gap.recovered, gap.unknown, gap.heard)
    };
    assert_eq!(state(&model), (3, 1, 1, 0));
    assert_eq!(model.activities[&profile].ledger().open, 3, "open, other and r");
    append(vec![heard("open", 2, 3_000_000)]).await;
    last_line(&mut model);
    assert_eq!(state(&model), (3, 2, 1, 0));
    journal.close().await;
}
