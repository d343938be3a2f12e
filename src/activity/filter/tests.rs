//! Tests of the filter language.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::activity::activities::Activities;
use crate::activity::activities::row_id::RowId;
use crate::activity::entry::{ActivityKey, Entry, Fact, LocalEvent, Seq, StatusCheck};
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::CommandStatus;
use crate::protocol::incoming::message::Incoming;
use crate::protocol::incoming::parse as parse_message;

use super::evaluate::Matcher;
use super::expression::Filter;
use super::fields::Field;
use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn received(seq: u64, seconds_ago: i64, raw: &str) -> Entry {
    let Incoming::Message(message) = parse_message(raw) else { panic!("not a message: {raw}") };
    let at = Timestamp(NOW.0 - seconds_ago * 1_000_000);
    Entry { seq: Seq(seq), at, key: ActivityKey::of(&message), fact: Fact::Received(message), raw: raw.into() }
}

fn done(seq: u64, key: ActivityKey, fact: Fact) -> Entry {
    Entry { seq: Seq(seq), at: NOW, key, fact, raw: "".into() }
}

/// Three commands and two data requests, named `a` to `e` in assertions.
fn sample_activities() -> Activities {
    let command = |seq, ago, id: &str, status: i64, body: &str| {
        let data = serde_json::json!({"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": body});
        received(seq, ago, &serde_json::json!({ "data": data }).to_string())
    };
    let data = |seq, ago, id: &str, context: &str, body: &str| {
        let data = serde_json::json!({
            "type": "X-DPT-CAB-REQUEST-ID", "id": id, "data_context": context, "output_type": 0, "body": body,
        });
        received(seq, ago, &serde_json::json!({ "data": data }).to_string())
    };
    let mut activities = Activities::new(Duration::from_mins(10));
    let key = |id: &str| ActivityKey::Command(id.into());
    let label = LocalEvent::Labelled { label: "Approve Device".to_owned() };
    for entry in [
        command(1, 1_000, "23f7978a-5561-4718-84ca-c38d7db0843c", 1, "in flight"),
        command(2, 997, "23f7978a-5561-4718-84ca-c38d7db0843c", 3, "profile.not_an_owner"),
        command(3, 300, "b-2", 1, "ÜBER-LANG: \"x\""),
        command(4, 20, "c-3", 2, "Command completed successfully"),
        data(5, 60, "d-4", "invoices/2026-Q1", "Collecting 3 parts"),
        data(6, 5, "e-5", "", "Collecting"),
        done(7, key("c-3"), Fact::Local(label)),
        done(8, key("c-3"), Fact::StatusChecked(StatusCheck::Known { status: CommandStatus::Succeeded, text: None })),
    ] {
        activities.apply(&entry);
    }
    activities.expire(NOW);
    activities
}

/// The rows that match a filter, as letters; evaluated twice with caches and once without.
fn found(activities: &Activities, typed: &str) -> String {
    let filter = Filter::parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
    let mut with_memory = Matcher::new(filter.clone());
    let mut letters = String::new();
    for (row, letter) in (0..).map(RowId::nth).zip('a'..='e').take(activities.len()) {
        let activity = activities.get(row).unwrap();
        let lets_through = filter.matches(&activity, NOW);
        for _ in 0..2 {
            assert_eq!(with_memory.matches(&activity, NOW), lets_through, "{typed} on {letter} with memory");
        }
        if lets_through {
            letters.push(letter);
        }
    }
    letters
}

#[test]
fn every_part_of_the_language_matches_as_documented() {
    let activities = sample_activities();
    for (typed, rows) in [
        ("", "abcde"),
        ("  ", "abcde"),
        ("OWNER", "a"),
        ("command", "abc"),
        ("command succ", "c"),
        ("collecting parts", "d"),
        ("\"collecting parts\"", ""),
        ("\"collecting 3 parts\"", "d"),
        ("über", "b"),
        ("\"\\\"x\\\"\"", "b"),
        ("-collecting", "abc"),
        ("-\"in flight\" -collecting command", "abc"),
        ("23F7", "a"),
        ("id:23f7978A-55", "a"),
        ("id:7978", "a"),
        ("-id:23f7", "bcde"),
        ("label:approve", "c"),
        ("label:\"approve device\"", "c"),
        ("label:\"\"", "abde"),
        ("-label:\"\"", "c"),
        ("context:invoices", "d"),
        ("message:invoices", ""),
        ("message:/^coll/", "de"),
        ("status:failed", "a"),
        ("Status:FAILED", "a"),
        ("status:failed,pending", "ab"),
        ("status:open", "bde"),
        ("-status:open", "ac"),
        ("kind:data", "de"),
        ("kind:command,gap", "abc"),
        ("source:socket", "abde"),
        ("source:enquiry", ""),
        ("source:both", "c"),
        ("since:1m", "cde"),
        ("since:1h", "abcde"),
        ("since:1970-01-12", "abcde"),
        ("since:2026-01-01", ""),
        ("took:>2s", "abcde"),
        ("took:>=3s", "abcde"),
        ("took:>3s", "bcde"),
        ("took:<4s", "a"),
        ("took:<=60s", "acde"),
        ("took:>1.5m", "b"),
        ("-took:>25s", "ace"),
        ("/not_an?_owner/", "a"),
        ("/^collecting( \\d parts)?$/", "de"),
        ("/q\\d/", "d"),
        ("/^b-2$/", "b"),
        ("-/\\//", "abce"),
        ("kind:data context:invoices -status:ready collecting", "d"),
    ] {
        assert_eq!(found(&activities, typed), rows, "{typed}");
    }
}

#[test]
fn a_syntax_error_is_a_sentence_with_a_position() {
    for (typed, at, problem) in [
        ("ok -", 3..4, "minus"),
        ("ok \"never closed", 3..4, "quotation mark"),
        ("/never closed", 0..1, "slash"),
        ("\"a\"b", 3..4, "space"),
        ("ü staus:failed", 3..8, "Is status meant?"),
        ("http://x", 0..4, "quotation marks"),
        ("status:", 0..7, "status:failed"),
        ("label: x", 0..6, "label:deploy"),
        ("status:failed,fine", 7..18, "There is no status fine. There are"),
        ("status:failed,", 7..14, "missing beside the comma"),
        ("status:,failed", 7..14, "missing beside the comma"),
        ("status:failed,,pending", 7..22, "missing beside the comma"),
        ("kind:,", 5..6, "missing beside the comma"),
        ("source:socket,", 7..14, "missing beside the comma"),
        ("status:\" \"", 0..10, "status:failed"),
        ("since:\"  \"", 0..10, "since:10m"),
        ("kind:datum", 5..10, "command, data, message and gap"),
        ("source:rest", 7..11, "socket, enquiry and both"),
        ("since:soon", 6..10, "10m"),
        ("took:2s", 5..7, "took:>2s"),
        ("took:>2 s", 5..7, "took:>2s"),
        ("a /b(c/", 4..5, "unclosed group"),
        ("a /b\\/[z-a]/", 7..10, "range"),
        ("//", 1..1, "empty"),
        ("/(a{1000}){1000}/", 1..16, "too large"),
    ] {
        let error = Filter::parse(typed).expect_err(typed);
        let sentence = error.problem.to_string();
        assert_eq!(error.range, at, "{typed}: {sentence}");
        assert!(sentence.contains(problem) && sentence.ends_with('.'), "{typed}: {sentence}");
        assert!(typed.is_char_boundary(error.range.start) && typed.is_char_boundary(error.range.end), "{typed}");
    }
    assert_eq!(Filter::parse("ü staus:x").expect_err("a typo").character, 3, "characters count, not bytes");
    assert!(Filter::parse(&"a ".repeat(65)).is_err(), "a filter without end");
    for (typed, field) in [("lable", "label"), ("knd", "kind"), ("ids", "id"), ("sinse", "since")] {
        assert_eq!(fields::like(typed), Some(field), "{typed}");
    }
    assert_eq!(fields::like("http"), None);
}

#[test]
fn matches_are_highlighted_separately_and_only_in_their_field() {
    let marks = |typed: &str, field, text: &str| -> Vec<String> {
        let filter = Filter::parse(typed).unwrap();
        filter.marks(Some(field), text).into_iter().map(|range| text.get(range).unwrap().to_owned()).collect()
    };
    assert_eq!(marks("ann BANANA", Field::Message, "a Banana and Ann"), ["Banana", "Ann"]);
    assert_eq!(marks("bana nana", Field::Message, "banana"), ["banana"], "overlapping ones are one");
    assert_eq!(marks("-ann id:nn", Field::Message, "ann"), [""; 0]);
    assert_eq!(marks("id:nn", Field::Id, "ann"), ["nn"]);
    assert_eq!(marks("über", Field::Message, "x ÜBER y"), ["ÜBER"]);
    assert_eq!(marks("i", Field::Message, "aİb"), ["İ"], "a letter that folds to two is marked whole");
    assert_eq!(marks("/o+|x*/", Field::Message, "foo bo"), ["oo", "o"]);
    assert_eq!(marks("status:failed", Field::Status, "Failed"), [""; 0], "a status asked for is not a word found");
}

#[test]
fn a_date_is_a_day_in_the_zone_that_the_table_shows() {
    // At 11:46:40 UTC on 1970-01-12: still the 11th at the western end of the world, and the 13th at its eastern end.
    let message = r#"{"data":{"type":"X-DPT-CAB-ID","id":"a-1","command_status":2,"body":""}}"#;
    let mut activities = Activities::new(Duration::from_mins(10));
    activities.apply(&received(1, 2 * 60 * 60, message));
    let found = |date: &str, zone: &str| {
        let filter = Filter::parse_in(&format!("since:{date}"), &TimeZone::get(zone).unwrap()).unwrap();
        filter.matches(&activities.get(RowId::nth(0)).unwrap(), NOW)
    };
    for (zone, today, tomorrow) in [
        ("UTC", "1970-01-12", "1970-01-13"),
        ("Etc/GMT+12", "1970-01-11", "1970-01-12"),
        ("Etc/GMT-14", "1970-01-13", "1970-01-14"),
    ] {
        assert!(found(today, zone), "{zone}: {today} has begun");
        assert!(!found(tomorrow, zone), "{zone}: {tomorrow} has not begun");
    }
    assert_eq!(
        Filter::parse_in("since:1970-01-13", &TimeZone::get("Asia/Tokyo").unwrap()).unwrap().to_string(),
        "since:1970-01-13"
    );
}

#[test]
fn a_row_is_evaluated_again_when_its_time_comes() {
    let activities = sample_activities();
    for (typed, row) in [("since:10m", 3), ("-since:10m", 3), ("took:>500s", 1), ("took:<301s", 1), ("took:<=8m", 1)] {
        let filter = Filter::parse(typed).unwrap();
        let activity = activities.get(RowId::nth(row)).unwrap();
        let turn = filter.next_change(&activity, NOW).unwrap_or_else(|| panic!("{typed} never turns"));
        let judged = |at| filter.matches(&activity, at);
        assert_eq!(judged(Timestamp(turn.0 - 1)), judged(NOW), "{typed} turned early");
        assert_ne!(judged(turn), judged(NOW), "{typed} has not turned");
    }
    let filter = Filter::parse("since:2026-01-01 status:failed took:>1s").unwrap();
    assert_eq!(filter.next_change(&activities.get(RowId::nth(0)).unwrap(), NOW), None, "what is settled never turns");
}

/// Texts that are likely to be filters.
fn typed() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zü\"/\\\\:,>-]{1,6}",
        "-?(id|label|context|message):(\"[a-z \\\\]{0,4}\"|[a-z0-9]{1,4}|/[a-z.*]{1,4}/)",
        "-?(status|kind|source):(failed|open|unrecognised-7|data|gap|both|link-used)(,failed)?",
        "since:([0-9]{1,4}[smhdw]|2026-03-0[1-9](T12:00:00Z)?)",
        "-?took:(>|<|>=|<=)[0-9]{1,12}(\\.[0-9]{1,3})?(ms|s|m|h|d)",
        "\"[^\\p{C}]{0,6}\"",
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.join(" "))
}

proptest! {
    #[test]
    fn no_typed_filter_panics(text in ".{0,60}", likely in typed()) {
        let activities = sample_activities();
        for text in [text, likely] {
            match Filter::parse(&text) {
                Ok(filter) => {
                    let _whatever_it_says = filter.matches(&activities.get(RowId::nth(1)).unwrap(), NOW);
                    let marked = "İstanbul ÜBER \u{1f600} \"x\"";
                    for range in filter.marks(None, marked) {
                        prop_assert!(marked.get(range.clone()).is_some(), "{range:?}");
                    }
                }
                Err(error) => prop_assert!(text.get(error.range.clone()).is_some(), "{error:?} in {text:?}"),
            }
        }
    }

    #[test]
    fn a_formatted_filter_parses_to_the_same_filter(text in prop_oneof![typed(), ".{0,40}"]) {
        if let Ok(filter) = Filter::parse(&text) {
            let written = filter.to_string();
            prop_assert_eq!(Filter::parse(&written), Ok(filter), "{} became {}", text, written);
        }
    }
}

/// A failure whose reason is longer than what a row shows.
fn failed(seq: u64, id: &str, end: &str) -> Entry {
    let body = format!("{}{end}", "reason ".repeat(60));
    let data = serde_json::json!({"type": "X-DPT-CAB-ID", "id": id, "command_status": 3, "body": body});
    received(seq, 5, &serde_json::json!({ "data": data }).to_string())
}

#[test]
fn text_beyond_what_a_row_shows_is_found() {
    let mut activities = Activities::new(Duration::from_mins(10));
    for entry in [failed(1, "a", "NEEDLE-1"), failed(2, "b", "needle-2"), failed(3, "c", "")] {
        activities.apply(&entry);
    }
    let status = serde_json::json!({"type": "X-DPT-CAB-REQUEST-ID", "id": "d", "output_type": 0, "body": "x ".repeat(300) + "NEEDLE"});
    activities.apply(&received(4, 5, &serde_json::json!({ "data": status }).to_string()));
    for (typed, wanted) in
        [("NEEDLE", "abd"), ("message:needle-1", "a"), ("-needle", "c"), ("/-2$/", "b"), ("reason -NEEDLE", "c")]
    {
        assert_eq!(found(&activities, typed), wanted, "{typed}");
    }
    for row in (0..4).map(RowId::nth) {
        let message = activities.get(row).unwrap().message().into_owned();
        assert!(message.ends_with('…') && message.chars().count() == 201, "{message}");
    }
}

#[test]
fn a_cut_text_is_found_with_the_journals_complete_text() {
    let mut activities = Activities::new(Duration::from_mins(10));
    activities.drop_long_texts();
    let entry = failed(1, "a", "NEEDLE");
    activities.apply(&entry);
    assert!(activities.has_cut_texts());
    assert_eq!((found(&activities, "NEEDLE"), found(&activities, "reason")), (String::new(), "a".to_owned()));
    let whole = crate::activity::export_record::text_of(&entry);
    let asked = |typed: &str, whole: Option<&str>| {
        let row = activities.get(RowId::nth(0)).unwrap();
        Filter::parse(typed).unwrap().matches_whole(&row, NOW, WholeTexts { message: whole, context: None })
    };
    assert!(asked("NEEDLE", whole.as_deref()) && !asked("-NEEDLE", whole.as_deref()));
    assert!(!asked("NEEDLE", Some("NEEDLE of another")), "it is not the text of this row");
    activities.add_found(&entry.key, std::slice::from_ref(&entry));
    assert_eq!(found(&activities, "NEEDLE"), "a");
}
