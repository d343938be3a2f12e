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

fn received(id: &str, status: u8, at: i64) -> Entry {
    let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "denied"}});
    let raw = raw.to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
    let key = ActivityKey::of(&message);
    Entry { raw: raw.into(), ..Entry::local(Timestamp(at), key, Fact::Received(message)) }
}

fn named(id: &str, at: i64) -> Entry {
    let label = LocalEvent::Labelled { label: format!("name of {id}") };
    Entry::local(Timestamp(at), ActivityKey::Command(id.into()), Fact::Local(label))
}

fn model(folder: &Path) -> Model {
    waiting(folder, None)
}

/// A model with an exit condition.
fn waiting(folder: &Path, exit_on: Option<ExitCondition>) -> Model {
    let wanted = Watch { json: true, exit_on, filter: None };
    let memory = (Duration::from_mins(10), ROWS);
    let (mut model, end) = Model::new(folder, ProfileFilter::All, wanted, (memory, Arc::new(|| Timestamp(0)))).unwrap();
    while model.read_history(end).unwrap() {}
    model
}

/// Reads all new entries and returns the last line.
fn last_line(model: &mut Model) -> Value {
    let mut names = ProfileNames::default();
    let mut lines = String::new();
    loop {
        let news = model.read_new_entries(&mut names, ProfileNames::default).unwrap();
        lines.push_str(&news.lines);
        if !news.more {
            break;
        }
    }
    serde_json::from_str(lines.lines().last().expect("a line")).unwrap()
}

#[tokio::test]
async fn a_late_message_prints_its_row_with_outcome_label_and_first_seen() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![named("a", 1_000_000), received("a", 3, 2_000_000)]).await;
    append((0..1_000).map(|number| received(&format!("c-{number}"), 2, 3_000_000)).collect()).await;
    // The activity existed before the start, and is older than what is read then.
    let mut model = model(folder.path());
    append(vec![named("b", 1_000_000), received("b", 3, 2_000_000)]).await;
    append((0..1_000).map(|number| received(&format!("d-{number}"), 2, 3_000_000)).collect()).await;
    assert_eq!(last_line(&mut model)["id"], "d-999");
    for id in ["a", "b"] {
        let key = ActivityKey::Command(id.into());
        assert!(model.activities.values().all(|activities| activities.find(&key).is_none()), "{id} is in memory");
        append(vec![received(id, 1, 9_000_000)]).await;
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
    let lines = model.lines_reached_before(&ProfileNames::default()).unwrap()?;
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    };
    Some(lines.lines().map(id).collect())
}

#[tokio::test]
async fn the_exit_condition_may_be_met_by_entries_older_than_those_read_at_the_start() {
    let label = |id: &str, label: &str| {
        let label = LocalEvent::Labelled { label: label.to_owned() };
        Entry::local(Timestamp(1_000_000), ActivityKey::Command(id.into()), Fact::Local(label))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![
        label("done", "settled"),
        received("done", 2, 2_000_000),
        label("open", "half"),
        label("half", "half"),
        received("half", 2, 2_000_000),
        // It has another label since.
        label("other", "settled"),
        label("other", "renamed"),
    ])
    .await;
    append((0..1_000).map(|number| received(&format!("c-{number}"), 2, 3_000_000)).collect()).await;
    // Of this label, one row is older than what is read and one is not.
    append(vec![label("new", "both"), received("new", 2, 4_000_000)]).await;
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
        append((0..1_000).map(|number| received(&format!("{what}-{number}"), 2, 5_000_000)).collect()).await;
        let mut model = start(&format!("{what}:{late}"));
        assert_eq!(reached(&mut model), None);
        append(vec![received(&late, 2, 6_000_000)]).await;
        let mut names = ProfileNames::default();
        let news = model.read_new_entries(&mut names, ProfileNames::default).unwrap();
        assert!(news.reached, "{what}");
    }
    journal.close().await;
}

#[tokio::test]
async fn shortened_texts_are_printed_in_full_for_every_kind_of_entry() {
    let long = |what: &str| format!("{what} {}end", "x".repeat(300));
    let data = |context: Option<String>, at: i64| {
        let body = "https://download.example.com/path?auth=hidden";
        let raw = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": body,
            "data_context": context}});
        let raw = raw.to_string();
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        let key = ActivityKey::of(&message);
        Entry { raw: raw.into(), ..Entry::local(Timestamp(at), key, Fact::Received(message)) }
    };
    let labelled = |label: String| {
        Entry::local(Timestamp(2_000_000), ActivityKey::Data("r".into()), Fact::Local(LocalEvent::Labelled { label }))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    append(vec![data(Some(long("context")), 1_000_000), labelled(long("label"))]).await;
    let mut model = waiting(folder.path(), Some("final:r".parse().unwrap()));
    let at_start: Value =
        serde_json::from_str(&model.lines_reached_before(&ProfileNames::default()).unwrap().expect("it is ready"))
            .unwrap();
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
    let entries = (0..ROWS * (OLDER_PER_ROW + 2)).map(|number| received(&format!("{name}-{number}"), 2, 3_000_000));
    journal.append(profile, entries.collect()).await.unwrap();
}

#[tokio::test]
async fn an_awaited_row_is_found_however_old_its_label_or_outcome_is() {
    let label = |id: &str, label: &str| {
        let label = LocalEvent::Labelled { label: label.to_owned() };
        Entry::local(Timestamp(1_000_000), ActivityKey::Command(id.into()), Fact::Local(label))
    };
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    // `named` has an old label and a new outcome, `repeated` an old outcome and a new repeat, and `open` is still open.
    append(vec![label("named", "night"), label("renamed", "night"), label("open", "day"), received("open", 1, 1)])
        .await;
    append(vec![label("repeated", "late"), received("repeated", 2, 1), label("done", "late"), received("done", 2, 1)])
        .await;
    beyond_the_index(&journal, profile, "old").await;
    append(vec![received("named", 2, 4_000_000), label("renamed", "other"), received("renamed", 1, 4_000_000)]).await;
    append(vec![received("repeated", 1, 4_000_000)]).await;
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
    append(vec![received("open", 2, 6_000_000)]).await;
    for model in &mut waiting {
        let news = model.read_new_entries(&mut ProfileNames::default(), ProfileNames::default).unwrap();
        assert!(news.reached && news.lines.contains(r#""label":"day""#), "{}", news.lines);
    }
    journal.close().await;
}

#[tokio::test]
async fn a_gap_counts_older_items_as_the_journal_knows_them() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap().journal;
    let profile = ProfileId::random();
    let append = async |entries| journal.append(profile, entries).await.unwrap();
    let gap = |open: &[&str], to: Option<i64>| {
        let open = open.iter().map(|id| (*id).into()).collect();
        let (from, to) = (Timestamp(1), to.map(Timestamp));
        let gap = Gap { from, to, cause: GapCause::Disconnected, open, requests: 1, open_requests: vec!["r".into()] };
        Entry::local(Timestamp(1), ActivityKey::Gap("g".into()), Fact::Gap(gap))
    };
    let status_checked = |id: &str| {
        Entry::local(Timestamp(2), ActivityKey::Command(id.into()), Fact::StatusChecked(StatusCheck::Unknown))
    };
    let raw = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":0,"body":"Collecting"}}"#;
    let Incoming::Message(message) = parse(raw) else { panic!("{raw}") };
    let request =
        Entry { raw: raw.into(), ..Entry::local(Timestamp(1), ActivityKey::of(&message), Fact::Received(message)) };
    append(vec![
        received("unknown", 1, 1),
        received("open", 1, 1),
        received("settled", 1, 1),
        received("other", 1, 1),
        request,
    ])
    .await;
    append(vec![gap(&["unknown", "open", "settled"], Some(2)), received("settled", 2, 1), status_checked("unknown")])
        .await;
    beyond_the_index(&journal, profile, "old").await;
    let mut model = model(folder.path());
    let state = |model: &Model| {
        let activities = &model.activities[&profile];
        let gap = activities.find(&ActivityKey::Gap("g".into())).and_then(|row| activities.gap(row)).expect("the gap");
        (gap.open, gap.recovered, gap.unknown, gap.requests_settled)
    };
    assert_eq!(state(&model), (3, 1, 1, 0));
    assert_eq!(model.activities[&profile].outcome_counts().open, 3, "open, other and r");
    append(vec![received("open", 2, 3_000_000)]).await;
    last_line(&mut model);
    assert_eq!(state(&model), (3, 2, 1, 0));
    journal.close().await;
}
