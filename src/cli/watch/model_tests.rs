//! What is printed of an activity that is no longer in memory, or never was.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::activity::{Deed, Moment};
use crate::journal::Journal;
use crate::protocol::Incoming;
use crate::protocol::incoming::parse;

/// How many rows are in memory.
const ROWS: usize = 100;

fn heard(id: &str, status: u8, at: i64) -> Entry {
    let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "denied"}});
    let raw = raw.to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
    let key = ActivityKey::of(&message);
    Entry { raw: raw.into(), ..Entry::ours(Moment(at), key, Fact::Heard(message)) }
}

fn named(id: &str, at: i64) -> Entry {
    let label = Deed::Labelled { label: format!("name of {id}") };
    Entry::ours(Moment(at), ActivityKey::Command(id.into()), Fact::Done(label))
}

fn model(folder: &Path) -> Model {
    let wanted = Watch { json: true, exit_on: None, filter: None };
    let memory = (Duration::from_mins(10), ROWS);
    let (mut model, end) = Model::new(folder, Whose::Everybody, wanted, (memory, Arc::new(|| Moment(0)))).unwrap();
    while model.remember(end).unwrap() {}
    model
}

/// Reads all that is new; the last line.
fn last_line(model: &mut Model) -> Value {
    let mut names = Names::default();
    let mut lines = String::new();
    loop {
        let news = model.news(&mut names, Names::default).unwrap();
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
    // It was there before the start, and is older than what is read then.
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
