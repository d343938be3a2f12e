//! Any text typed as a filter is a filter, or an error whose position lies within the text. Highlighted matches lie within
//! the searched text.

use std::time::Duration;

use crate::activity::{Activities, ActivityKey, Entry, Fact, Filter, Timestamp};
use crate::protocol::incoming::{Incoming, parse};

pub(crate) fn check(bytes: &[u8]) {
    let typed = String::from_utf8_lossy(bytes);
    let (typed, text) = typed.split_once('\n').unwrap_or((&typed, "ÄÖ profile.not_an_owner ß ab"));
    let Ok(filter) = Filter::parse(typed) else { return };
    let mut end = 0;
    for mark in filter.marks(None, text) {
        assert!(mark.start >= end && mark.end > mark.start, "marks lie over each other: {mark:?}");
        assert!(text.get(mark.clone()).is_some(), "{mark:?} is within a character of {text:?}");
        end = mark.end;
    }
    let raw = serde_json::json!({"data": {"type": "X-DPT-CAB-ID", "id": text, "command_status": 3, "body": text}})
        .to_string();
    let Incoming::Message(message) = parse(&raw) else { return };
    let key = ActivityKey::of(&message);
    let mut activities = Activities::new(Duration::from_mins(10));
    activities.apply(&Entry { raw: raw.into(), ..Entry::local(Timestamp(7), key.clone(), Fact::Received(message)) });
    if let Some(row) = activities.find(&key).and_then(|row| activities.get(row)) {
        std::hint::black_box(filter.matches(&row, Timestamp(0)));
    }
}
