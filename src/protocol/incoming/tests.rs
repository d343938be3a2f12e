//! One row for each shape: the expected result of parsing each text frame.

use proptest::prelude::*;

use crate::protocol::ids::{ChannelId, CommandId, CorrelationId, RequestId};
use crate::protocol::secret::{Link, StreamToken};

use super::message::{
    Body, CommandReport, CommandStatus, DataBody, DataReport, Incoming, LinkExpiry, Message, Reply, StreamReport,
    UnreadableReason, Unrecognised,
};
use super::*;

fn command(status: CommandStatus, body: Body) -> Incoming {
    Incoming::Message(Message::Command(CommandReport { id: CommandId::from("c-1"), status, body }))
}

fn data(context: Option<&str>, delivery: DataBody) -> Incoming {
    let context = context.map(str::to_owned);
    Incoming::Message(Message::Data(DataReport { id: RequestId::from("r-1"), context, delivery, expiry: None }))
}

fn stream_ready(url: Option<&str>) -> Incoming {
    Incoming::Message(Message::StreamReady(StreamReport {
        id: RequestId::from("r-1"),
        url: url.map(Link::new),
        expiry: None,
    }))
}

fn reply(status: i64, correlation: Option<&str>, channel: Option<&str>, text: Option<&str>) -> Incoming {
    Incoming::Reply(Reply {
        status,
        correlation_id: correlation.map(CorrelationId::from),
        channel_id: channel.map(ChannelId::from),
        text: text.map(str::to_owned),
    })
}

fn text(text: &str) -> Body {
    Body::Text(text.to_owned())
}

fn check(rows: &[(&str, Incoming)]) {
    for (frame, wanted) in rows {
        assert_eq!(parse(frame), *wanted, "{frame}");
        assert_eq!(parse_full(frame), *wanted, "the careful way of {frame}");
    }
}

#[test]
fn replies_are_recognised_by_their_numeric_status() {
    check(&[
        (
            r#"{"correlationId":"u-1","status":200,"data":{"channelId":"ch-1","message":"Successfully joined profile channel."}}"#,
            reply(200, Some("u-1"), Some("ch-1"), Some("Successfully joined profile channel.")),
        ),
        (r#"{"status":200,"data":{"channelId":"ch-1"}}"#, reply(200, None, Some("ch-1"), None)),
        (r#"{"status":200,"data":{"correlationId":"u-1"}}"#, reply(200, Some("u-1"), None, None)),
        (r#"{"status":401,"data":{"message":"Bad token"}}"#, reply(401, None, None, Some("Bad token"))),
        (r#"{"status":401,"message":"Bad token"}"#, reply(401, None, None, Some("Bad token"))),
        (r#"{"status":403,"error":"No"}"#, reply(403, None, None, Some("No"))),
        (r#"{"status":"401","data":null}"#, reply(401, None, None, None)),
        (r#"{"status":500,"data":"oops"}"#, reply(500, None, None, None)),
    ]);
}

#[test]
fn commands_have_every_status_and_every_body() {
    use CommandStatus::{Failed, Other, Pending, Succeeded};
    check(&[
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":1}}"#, command(Pending, Body::None)),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":"Command completed successfully"}}"#,
            command(Succeeded, text("Command completed successfully")),
        ),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":3,"body":"profile.not_an_owner"}}"#,
            command(Failed, text("profile.not_an_owner")),
        ),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":9,"body":null}}"#,
            command(Other(9), Body::None),
        ),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":-1}}"#, command(Other(-1), Body::None)),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":"2"}}"#, command(Succeeded, Body::None)),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2.0}}"#, command(Succeeded, Body::None)),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":{"a":[1, 2]}}}"#,
            command(Succeeded, Body::Json(r#"{"a":[1, 2]}"#.to_owned())),
        ),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":[]}}"#,
            command(Succeeded, Body::Json("[]".to_owned())),
        ),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":true}}"#,
            command(Succeeded, Body::Json("true".to_owned())),
        ),
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":1.50}}"#,
            command(Succeeded, Body::Json("1.50".to_owned())),
        ),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":""}}"#, command(Succeeded, text(""))),
        (
            r#"{"extra":1,"data":{"new":{},"type":"X-DPT-CAB-ID","id":"c-1","command_status":1}}"#,
            command(Pending, Body::None),
        ),
        // A field given twice: the last one counts, as in every JSON reader in the field.
        (
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-0","id":"c-1","command_status":1,"command_status":2}}"#,
            command(Succeeded, Body::None),
        ),
        (r#"{"data":1,"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":1}}"#, command(Pending, Body::None)),
    ]);
    let numbered = Incoming::Message(Message::Command(CommandReport {
        id: CommandId::from("17"),
        status: Pending,
        body: Body::None,
    }));
    check(&[(r#"{"data":{"type":"X-DPT-CAB-ID","id":17,"command_status":1}}"#, numbered)]);
}

#[test]
fn data_messages_of_both_server_generations_are_read() {
    let frame = |rest: &str| format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r-1",{rest}}}}}"#);
    let inline = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
    for (rest, wanted) in [
        (
            r#""data_context":"invoices/2026-Q1","output_type":1,"body":"https://d.example.com/p?auth=x""#.to_owned(),
            data(Some("invoices/2026-Q1"), DataBody::Link(Link::new("https://d.example.com/p?auth=x"))),
        ),
        (
            r#""output_type":1,"body":"HTTP://d.example.com/?auth=x""#.to_owned(),
            data(None, DataBody::Link(Link::new("HTTP://d.example.com/?auth=x"))),
        ),
        (
            r#""output_type":1,"body":"ab-12_z""#.to_owned(),
            data(None, DataBody::StreamToken(StreamToken::new("ab-12_z"))),
        ),
        (
            r#""output_type":0,"body":"Collecting 3 parts""#.to_owned(),
            data(None, DataBody::Text("Collecting 3 parts".to_owned())),
        ),
        (
            format!(r#""output_type":0,"body":"{inline}""#),
            data(None, DataBody::Inline { text: inline.to_owned(), size: 25 }),
        ),
        // Base64 that is too short, or not canonical, is a text.
        (r#""output_type":0,"body":"QUJDRA==""#.to_owned(), data(None, DataBody::Text("QUJDRA==".to_owned()))),
        (
            r#""output_type":0,"body":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGB==""#.to_owned(),
            data(None, DataBody::Text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGB==".to_owned())),
        ),
        // A URL under type 0 does not count as a link: a guess must not hide or fetch anything.
        (
            r#""output_type":0,"body":"https://d.example.com/""#.to_owned(),
            data(None, DataBody::Text("https://d.example.com/".to_owned())),
        ),
        (
            r#""body":"https://d.example.com/?auth=x""#.to_owned(),
            data(None, DataBody::Link(Link::new("https://d.example.com/?auth=x"))),
        ),
        (r#""output_type":0,"body":{"a":1}"#.to_owned(), data(None, DataBody::Text(r#"{"a":1}"#.to_owned()))),
        (
            r#""output_type":1,"body":null"#.to_owned(),
            data(None, DataBody::Other { output_type: Some(1), body: Body::None }),
        ),
        (
            r#""output_type":5,"body":"x""#.to_owned(),
            data(None, DataBody::Other { output_type: Some(5), body: text("x") }),
        ),
        (
            r#""data_context":7,"output_type":"0","body":"x""#.to_owned(),
            data(Some("7"), DataBody::Text("x".to_owned())),
        ),
    ] {
        assert_eq!(parse(&frame(&rest)), wanted, "{rest}");
    }
}

#[test]
fn a_stream_is_ready_by_id_or_request_id() {
    check(&[
        (r#"{"data":{"type":"STREAM-READY","id":"r-1"}}"#, stream_ready(None)),
        (r#"{"data":{"type":"STREAM-READY","requestId":"r-1","streamUrl":null}}"#, stream_ready(None)),
        (
            r#"{"data":{"type":"STREAM-READY","requestId":"r-1","streamUrl":"https://h/s"}}"#,
            stream_ready(Some("https://h/s")),
        ),
        (
            r#"{"data":{"type":"STREAM-READY","id":"r-1","requestId":"other","streamUrl":"wss://h/s"}}"#,
            stream_ready(Some("wss://h/s")),
        ),
    ]);
}

#[test]
fn other_types_are_stored_and_keep_alives_are_counted() {
    let unknown = |kind: &str, id: &str| {
        Incoming::Message(Message::Unrecognised(Unrecognised { kind: kind.to_owned(), id: id.to_owned() }))
    };
    check(&[
        (r#"{"data":{"type":"X-DPT-QUOTA","id":"q-1","used":3}}"#, unknown("X-DPT-QUOTA", "q-1")),
        (r#"{"data":{"id":"q-1"}}"#, unknown("", "q-1")),
        (r#"{"data":{"type":{},"id":"q-1"}}"#, unknown("", "q-1")),
        (r#"{"data":{"type":"PING"}}"#, Incoming::KeepAlive),
        (r#"{"data":{"cpu":0.1}}"#, Incoming::KeepAlive),
        (r#"{"data":{}}"#, Incoming::KeepAlive),
        (r#"{"event":"Ping"}"#, Incoming::KeepAlive),
        (r#"{"type":"heartbeat","at":1}"#, Incoming::KeepAlive),
    ]);
}

#[test]
fn unreadable_frames_are_named_and_do_not_end_the_session() {
    use UnreadableReason::{NoData, NoId, NoStatus, NotAnObject, NotJson, WrongType};
    let deep = format!(r#"{{"data":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let deep_body = format!(
        r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":{}{}}}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for (frame, reason) in [
        ("", NotJson),
        ("hello", NotJson),
        ("{", NotJson),
        (r#"{"data":{"id":"\ud800"}"#, NotJson),
        ("[]", NotAnObject),
        ("null", NotAnObject),
        ("17", NotAnObject),
        (r#"{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2}"#, NoData),
        (r#"{"data":[]}"#, WrongType),
        (r#"{"data":"text"}"#, WrongType),
        (r#"{"data":["X-DPT-CAB-ID","c-1"]}"#, WrongType),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1"}}"#, NoStatus),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":null}}"#, NoStatus),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":{"code":2}}}"#, WrongType),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":null,"command_status":2}}"#, NoId),
        (r#"{"cpu":0.1}"#, NoData),
        (r#"{"message":"Maintenance at noon"}"#, NoData),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":"two"}}"#, WrongType),
        (r#"{"data":{"type":"X-DPT-CAB-ID","command_status":2}}"#, NoId),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"","command_status":2}}"#, NoId),
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":{},"command_status":2}}"#, NoId),
        (r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","body":"x"}}"#, NoId),
        (r#"{"data":{"type":"STREAM-READY"}}"#, NoId),
        (&deep, WrongType),
    ] {
        let start: String = frame.chars().take(80).collect();
        assert_eq!(parse(frame), Incoming::Unreadable(reason), "{start}");
    }
    assert!(
        matches!(parse(&deep_body), Incoming::Message(Message::Command(_))),
        "a deep body hid the outcome that came with it"
    );
}

#[test]
fn only_a_message_without_type_and_content_is_a_keep_alive() {
    let unknown = |kind: &str| {
        Incoming::Message(Message::Unrecognised(Unrecognised { kind: kind.to_owned(), id: String::new() }))
    };
    check(&[
        ("{}", Incoming::KeepAlive),
        (r#"{"data":null}"#, Incoming::KeepAlive),
        (r#"{"data":{"at":"2026-02-21T15:33:44Z","uptime":7,"ok":true}}"#, Incoming::KeepAlive),
        (r#"{"data":{"message":"pong"}}"#, Incoming::KeepAlive),
        (r#"{"data":{"type":"X-DPT-NOTICE","message":"Maintenance"}}"#, unknown("X-DPT-NOTICE")),
        (r#"{"data":{"type":"X-DPT-NOTICE"}}"#, unknown("X-DPT-NOTICE")),
        (r#"{"data":{"type":"X-DPT-NOTICE","id":null}}"#, unknown("X-DPT-NOTICE")),
        (r#"{"data":{"type":7,"id":{}}}"#, unknown("7")),
        (r#"{"data":{"message":"Maintenance"}}"#, unknown("")),
        (r#"{"data":{"id":null,"parts":[{"note":"x"}]}}"#, unknown("")),
        (r#"{"data":{"command_status":2}}"#, unknown("")),
    ]);
}

#[test]
fn an_event_has_a_type_and_a_reply_has_a_status() {
    let done = || command(CommandStatus::Succeeded, Body::None);
    let event = r#"{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2}"#;
    let quoted = serde_json::Value::from(event).to_string();
    for frame in [
        format!(r#"{{"status":200,"data":{event}}}"#),
        format!(r#"{{"status":202,"data":{event}}}"#),
        format!(r#"{{"status":"ok","correlationId":"u-1","message":"x","data":{event}}}"#),
        format!(r#"{{"status":401,"event":"ping","data":{event}}}"#),
        format!(r#"{{"action":"message","channelId":"ch-1","status":200,"data":{event}}}"#),
        format!(r#"{{"data":{quoted}}}"#),
        r#"{"data":{"type":"x-dpt-cab-id","commandId":"c-1","status":"succeeded"}}"#.to_owned(),
        r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","commandStatus":2}}"#.to_owned(),
    ] {
        assert_eq!(parse(&frame), done(), "{frame}");
    }
    check(&[
        (r#"{"status":202,"data":{"channelId":"ch-1"}}"#, reply(202, None, Some("ch-1"), None)),
        (r#"{"status":"ok","data":{"channelId":"ch-1"}}"#, reply(200, None, Some("ch-1"), None)),
        (r#"{"status":"Unauthorized","message":"Bad token"}"#, reply(401, None, None, Some("Bad token"))),
        (r#"{"status":"error","correlationId":"u-1"}"#, reply(500, Some("u-1"), None, None)),
        (r#"{"data":{"status":200,"channelId":"ch-1"}}"#, reply(200, None, Some("ch-1"), None)),
        (r#"{"status":200,"channelId":"ch-1"}"#, reply(200, None, Some("ch-1"), None)),
        (r#"{"status":200,"data":{"type":"joined","channelId":"ch-1"}}"#, reply(200, None, Some("ch-1"), None)),
    ]);
    for telemetry in [r#"{"status":"ok"}"#, r#"{"status":"busy","message":"x"}"#] {
        assert_eq!(parse(telemetry), Incoming::Unreadable(UnreadableReason::NoData), "{telemetry}");
    }
}

#[test]
fn an_unpaired_surrogate_costs_one_character_and_not_the_message() {
    let with = |field: &str| command(CommandStatus::Failed, text(field));
    let event =
        |body: &str| format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"c-1","command_status":3,"body":"{body}"}}}}"#);
    for (frame, wanted) in [
        (event(r"x\ud83d"), with("x\u{fffd}")),
        (event(r"\ude00x"), with("\u{fffd}x")),
        (event(r"\ud83d\ude00"), with("\u{1f600}")),
        (event("a\tb"), with("a\tb")),
        (format!("\u{feff}{}\0\n", event("x")), with("x")),
        (event("x").replace(r#""body""#, r#""\ud83d":1,"body""#), with("x")),
        (event("x").replace(r#"{"data""#, r#"{"\ud83d":{"a":[]},"data""#), with("x")),
        (event("x").replace(r#""body""#, r#""n":NaN,"m":-Infinity,"o":1e999,"body""#), with("x")),
        (event("x").replace(r#""body""#, r#""body":7,"\ud83d":1e999,"body""#), with("x")),
    ] {
        assert_eq!(parse(&frame), wanted, "{frame}");
    }
    let id = r#"{"data":{"type":"X-DPT-CAB-ID","id":"c\udfff","command_status":2}}"#;
    let Incoming::Message(Message::Command(report)) = parse(id) else { panic!("not read") };
    assert_eq!(report.id.as_str(), "c\u{fffd}");
}

proptest! {
    #[test]
    fn no_text_panics(frame in ".{0,200}") {
        std::hint::black_box(parse(&frame));
    }

    #[test]
    fn no_json_panics(
        kind in prop_oneof![Just("X-DPT-CAB-ID"), Just("X-DPT-CAB-REQUEST-ID"), Just("STREAM-READY"), Just("other")],
        id in ".{0,20}",
        status in proptest::num::f64::ANY,
        body in ".{0,60}",
    ) {
        let status = serde_json::Number::from_f64(status).map_or(serde_json::Value::Null, serde_json::Value::Number);
        let frame = serde_json::json!({"data": {
            "type": kind, "id": id, "command_status": status, "output_type": status, "body": body, "streamUrl": body,
        }}).to_string();
        std::hint::black_box(parse(&frame));
    }

    #[test]
    fn a_cut_message_never_reads_as_another_outcome(at in 0_usize..96) {
        let whole = r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":"Command completed"}}"#;
        let cut = whole.get(..at.min(whole.len() - 1)).unwrap_or_default();
        prop_assert_eq!(parse(cut), Incoming::Unreadable(UnreadableReason::NotJson));
    }
}

#[test]
fn the_lifetime_of_a_link_is_read_if_the_message_has_one() {
    let life = |extra: &str| {
        let text = format!(
            r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/?auth=x"{extra}}}}}"#
        );
        match parse(&text) {
            Incoming::Message(Message::Data(report)) => report.expiry,
            other => panic!("{other:?}"),
        }
    };
    let until = Some(LinkExpiry::Until("2026-02-21T15:33:44Z".parse().unwrap()));
    for field in [
        r#","expiresAt":"2026-02-21T16:33:44+01:00""#,
        r#","expires_at":1771688024"#,
        r#","expiresAt":1771688024000"#,
        r#","expiresAt":"2026-02-21 15:33:44""#,
        r#","expiresAt":"Sat, 21 Feb 2026 15:33:44 GMT""#,
    ] {
        assert_eq!(life(field), until, "{field}");
    }
    for field in [
        r#","ttl":90"#,
        r#","expiresIn":"90""#,
        r#","ttl":"90s""#,
        r#","expiresAt":90"#,
        r#","expires_in":90.0,"expiresAt":"soon""#,
    ] {
        assert_eq!(life(field), Some(LinkExpiry::For(std::time::Duration::from_secs(90))), "{field}");
    }
    for field in ["", r#","expiresAt":"soon""#, r#","ttl":-1"#, r#","expiresIn":{}"#] {
        assert_eq!(life(field), None, "{field}");
    }
}

#[test]
fn the_fast_path_reads_the_usual_frames() {
    for frame in [
        r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":2,"body":"Command completed successfully"}}"#,
        r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1","command_status":1,"body":null}}"#,
        r#"{ "data" : { "id":"r-1", "type":"X-DPT-CAB-REQUEST-ID", "data_context":"a", "output_type":1, "body":"https:\/\/h\/?auth=x"}}"#,
    ] {
        assert_eq!(fast_path::parse(frame), Some(parse_full(frame)), "{frame}");
    }
}

#[test]
fn the_fast_path_agrees_with_the_full_parser() {
    let whole = [("type", ""), ("id", r#""c-1""#), ("command_status", "2"), ("body", r#""x""#)];
    let mut answers = 0;
    for kind in [r#""X-DPT-CAB-ID""#, r#""X-DPT-CAB-REQUEST-ID""#] {
        for (key, value) in KEYS.iter().flat_map(|key| VALUES.iter().map(move |value| (*key, *value))) {
            let odd = format!(r#""{key}" : {value}"#);
            let fields = |left_out: &str| {
                let kept = whole.iter().filter(|(name, _)| *name != left_out);
                kept.map(|(name, value)| format!(r#""{name}":{}"#, if *name == "type" { kind } else { value }))
                    .collect::<Vec<_>>()
                    .join(",")
            };
            // Spelled differently, given twice, and around the event.
            for frame in [
                format!(r#"{{"data":{{{odd},{}}}}}"#, fields(key)),
                format!(r#"{{"data":{{{},{odd}}}}}"#, fields("")),
                format!(r#"{{"data":{{{}}},{odd}}}"#, fields("")),
            ] {
                if let Some(quick) = fast_path::parse(&frame) {
                    answers += 1;
                    assert_eq!(quick, parse_full(&frame), "{frame}");
                }
            }
        }
    }
    assert!(answers > 50, "the quick way hardly answers");
}

/// Field names, known and unknown, and one written with an escape.
const KEYS: [&str; 10] = [
    "type",
    "id",
    "\\u0069d",
    "requestId",
    "command_status",
    "body",
    "data_context",
    "output_type",
    "streamUrl",
    "status",
];

/// Values as written: of the usual types, and of any other.
const VALUES: [&str; 22] = [
    r#""X-DPT-CAB-ID""#,
    r#""X-DPT-CAB-REQUEST-ID""#,
    r#""STREAM-READY""#,
    r#""c-2""#,
    r#""""#,
    r#""https://h/?auth=x""#,
    r#""a\/b""#,
    r#""\ud800""#,
    r#""AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==""#,
    "\"\u{1}\"",
    "0",
    "1",
    "3",
    "-0",
    "2.0",
    "1e2",
    "9223372036854775808",
    "null",
    "true",
    "[1]",
    r#"{"a":1}"#,
    "nul",
];
