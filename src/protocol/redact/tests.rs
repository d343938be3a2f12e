use proptest::prelude::*;

use crate::protocol::incoming::message::{DataBody, Incoming, Message};
use crate::protocol::incoming::parse;
use crate::protocol::incoming::raw_fields::{Data, Envelope};

use super::*;

#[test]
fn secrets_are_masked_and_the_rest_is_unchanged() {
    for (raw, secrets, masked) in [
        (r#"{"data":{"type":"X","id":"1"}}"#, &["T-1"][..], r#"{"data":{"type":"X","id":"1"}}"#),
        (r#"{ "body" : "https://h/p?auth=abc&x=1" }"#, &[], r#"{ "body" : "https://h/p?auth=hidden&x=1" }"#),
        (
            r#"{"body":"https://h/p/secret-path?auth=abc"}"#,
            &["https://h/p/secret-path?auth=abc"],
            r#"{"body":"https://h/…?auth=hidden"}"#,
        ),
        (r#"{"body":"https:\/\/h\/p?auth=abc"}"#, &[], r#"{"body":"https://h/p?auth=hidden"}"#),
        (r#"{"body":"https://h/p?\u0061uth=abc"}"#, &[], r#"{"body":"https://h/p?auth=hidden"}"#),
        (r#"{"body":"tok-en-1"}"#, &["tok-en-1"], r#"{"body":"hidden"}"#),
        (r#"{"authorizationToken":"T-2","n":2.0}"#, &[], r#"{"authorizationToken":"hidden","n":2.0}"#),
        (r#"{"authorization_token":"T-2"}"#, &[], r#"{"authorization_token":"hidden"}"#),
        ("not JSON T-1 and ?AUTH=abc end", &["T-1"], "not JSON hidden and ?AUTH=hidden end"),
        (r#"{"unfinished":"auth=abc"#, &[], r#"{"unfinished":"auth=hidden"#),
        (r#"{"PassWord":"p","ACCESS_TOKEN":"t"}"#, &[], r#"{"PassWord":"hidden","ACCESS_TOKEN":"hidden"}"#),
        (r#"{"Client-Secret":"s","SECRET":"s"}"#, &[], r#"{"Client-Secret":"s","SECRET":"hidden"}"#),
        ("?aUtH=abc", &[], "?aUtH=hidden"),
        (r#"{"auth":""}"#, &[], r#"{"auth":""}"#),
        ("auth=a auth%3Db&c", &[], "auth=hidden auth%3Dhidden&c"),
    ] {
        assert_eq!(text(raw, secrets), masked, "{raw}");
        assert_eq!(text(masked, secrets), masked, "masking again changed {masked}");
    }
}

#[test]
fn no_name_that_the_parser_reads_is_masked() {
    for (name, kind) in Envelope::NAMES.iter().chain(Data::NAMES) {
        // A secret that is spelled like the name, and one that is too short to be told from a value.
        let raw = format!(r#"{{"{name}":"1","x":"{name}"}}"#);
        let masked = text(&raw, &[name, "1"]).into_owned();
        let value = if *kind == FieldKind::Text { HIDDEN } else { "1" };
        assert_eq!(masked, format!(r#"{{"{name}":"{value}","x":"hidden"}}"#));
    }
}

#[test]
fn a_masked_message_reads_as_the_same_shape() {
    let link = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/p?auth=s"}}"#;
    let bare = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"bare-s"}}"#;
    for (raw, secret) in [(link, "https://h/p?auth=s"), (bare, "bare-s")] {
        let masked = text(raw, &[secret]);
        let Incoming::Message(Message::Data(report)) = parse(&masked) else { panic!("lost its shape: {masked}") };
        match report.delivery {
            DataBody::Link(link) => assert_eq!(link.expose(), "https://h/…?auth=hidden"),
            DataBody::StreamToken(token) => assert_eq!(token.expose(), HIDDEN),
            other => panic!("lost its shape: {other:?}"),
        }
    }
}

#[test]
fn links_can_be_left_unmasked_for_encryption() {
    for (raw, secrets, masked) in [
        (
            r#"{"body":"https://h/p?auth=abc","x":"T-1"}"#,
            &["T-1"][..],
            r#"{"body":"https://h/p?auth=abc","x":"hidden"}"#,
        ),
        (r#"{"auth":"abc","password":"p"}"#, &[], r#"{"auth":"abc","password":"hidden"}"#),
        ("see auth=abc, T-1", &["T-1"], "see auth=abc, hidden"),
    ] {
        assert_eq!(credentials(raw, secrets), masked, "{raw}");
        assert_ne!(text(raw, secrets), masked, "it was all masked: {raw}");
    }
    let named = r#"{"body":"https://h/p?auth=abc"}"#;
    let link = ["https://h/p?auth=abc"];
    assert_eq!(credentials(named, &link), text(named, &link), "there is more than what is named");
}

#[test]
fn a_secret_is_masked_where_it_occurs_and_a_short_one_only_as_a_word() {
    let data = |body: &str| {
        format!(
            r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r-1","data_context":"1 a type","output_type":1,"x":{{"n":[1,-1.1e1]}},"body":{body}}}}}"#
        )
    };
    for secret in ["1", "a", "-", "\"", "\\", "id", "data", "body", "type", "hid", "null", "X-DPT-CAB-REQUEST-ID", "r"]
    {
        let literal = serde_json::Value::from(secret).to_string();
        assert_eq!(text(&data(&literal), &[secret]), data(r#""hidden""#), "{secret}");
    }
    // Its number is spelled like the secret, and means something else.
    let message = r#"{"data":{"type":"X-DPT-CAB-ID","id":"1","command_status":"1","body":"1 of 1 done, a1-1.1"}}"#;
    assert_eq!(text(message, &["1"]), message);
    assert_eq!(text(r#"{"x":"1","body":"1"}"#, &["1"]), r#"{"x":"hidden","body":"hidden"}"#);
    assert_eq!(text("bad token 1.", &["1"]), "bad token hidden.");
}

#[test]
fn a_long_secret_is_masked_everywhere() {
    for (raw, masked) in [
        (r#"{"canary-1234":1}"#, r#"{"hidden":1}"#),
        (r#"{"\u0063anary-1234":1}"#, r#"{"hidden":1}"#),
        (r#"{"x":"\u0063anary\u002d1234, twice: canary-1234"}"#, r#"{"x":"hidden, twice: hidden"}"#),
        (r#"{"x":"{\"y\":\"\\u0063anary-1234\"}"}"#, r#"{"x":"{\"y\":\"hidden\"}"}"#),
        (r#"{"x":["canary-1234",{"id":"canary-1234"}]}"#, r#"{"x":["hidden",{"id":"hidden"}]}"#),
        (r#"{"x":"uncanary-12345"}"#, r#"{"x":"unhidden5"}"#),
        (r#"{"x":"\u0063anary-1234"#, r#"{"x":"hidden"#),
        ("canary-1234{", "hidden{"),
    ] {
        assert_eq!(text(raw, &["canary-1234"]), masked, "{raw}");
    }
    let number = r#"{"data":{"n":1234567890,"m":-91234567890.5,"status":200}, "x" : [1234567890 ]}"#;
    let masked = r#"{"data":{"n":"hidden","m":"hidden","status":200}, "x" : ["hidden" ]}"#;
    assert_eq!(text(number, &["1234567890"]), masked);
    assert_eq!(text(r#"{"x":"a \"quoted\" one"}"#, &["a \"quoted\" one"]), r#"{"x":"hidden"}"#);
}

#[test]
fn a_name_that_is_not_json_contains_no_secret() {
    assert_eq!(text("{\"0-aaAA00\u{b}\":1}", &["0-aaAA00"]), r#"{"hidden\u000b":1}"#);
    assert_eq!(text("\"\\q0-aaAA00\":", &["0-aaAA00"]), "\"\\qhidden\":");
}

#[test]
fn a_secret_in_invalid_json_is_masked() {
    for (raw, masked) in [
        (r#"{"authorizationToken":"T-\ud83dx"}"#, r#"{"authorizationToken":"hidden"}"#),
        (r#"{"\ud83d":1,"password":1234}"#, r#"{"\ud83d":1,"password":"hidden"}"#),
        (r#"{"x":NaN,"password":1234}"#, r#"{"x":NaN,"password":"hidden"}"#),
        ("{\"password\":\"a\tb\"}", r#"{"password":"hidden"}"#),
        (r#"{"password":"a\qb"}"#, r#"{"password":"hidden"}"#),
        (r#"{"body":"https://h/?auth=abc\ud83d"}"#, r#"{"body":"https://h/?auth=hidden"}"#),
        (r#"{"body":"canary-1234\ud83d"}"#, "{\"body\":\"hidden\u{fffd}\"}"),
        (r#"{"x":"\u00canary-1234","\u00canary-1234":1}"#, r#"{"x":"Ênary-1234","Ênary-1234":1}"#),
        (r#"{"x":"\ud8canary-1234"#, "{\"x\":\"\u{fffd}nary-1234"),
        (r#"{"canary-1234\ud83d":1}"#, "{\"hidden\u{fffd}\":1}"),
        ("\u{feff}{\"body\":\"\\u0063anary-1234\"}\0", "\u{feff}{\"body\":\"hidden\"}\0"),
    ] {
        assert_eq!(text(raw, &["canary-1234"]), masked, "{raw}");
    }
}

#[test]
fn credentials_within_json_within_a_text_are_masked_too() {
    let inner = r#"{"password":"p","access_token":["t",17],"note":"ok"}"#;
    let raw = serde_json::json!({"data": {"type": "x", "id": "1", "body": inner}}).to_string();
    let masked = text(&raw, &[]).into_owned();
    let read: serde_json::Value = serde_json::from_str(&masked).unwrap();
    let body = read["data"]["body"].as_str().unwrap();
    assert_eq!(body, r#"{"password":"hidden","access_token":["hidden","hidden"],"note":"ok"}"#);
}

proptest! {
    #[test]
    fn masked_json_is_still_json_with_the_same_meaning(
        secret in prop_oneof!["[a-z0-9\"\\\\{}:,. -]{1,12}", "[0-9]{1,12}", Just("X-DPT-CAB-REQUEST-ID".to_owned())],
        id in "[a-z0-9]{1,4}",
        extra in ".{0,20}",
    ) {
        prop_assume!(!secret.trim().is_empty() && !crate::protocol::incoming::message::is_url(&secret));
        let extra = format!("{extra} {secret}");
        let raw = serde_json::json!({"data": {
            "type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 1, "body": secret, "x": {extra.clone(): [1, extra]},
        }});
        let masked = text(&raw.to_string(), &[&secret]).into_owned();
        let Incoming::Message(Message::Data(report)) = parse(&masked) else { panic!("lost its shape: {masked}") };
        prop_assert_eq!(report.id.as_str(), id);
        let DataBody::StreamToken(token) = report.delivery else { panic!("lost its shape: {masked}") };
        prop_assert_eq!(token.expose(), HIDDEN);
        prop_assert!(secret.len() < MIN_LONG || !masked.contains(&secret) || incoming::message::is_known_type(&secret), "{}", masked);
    }

    #[test]
    fn no_text_panics_and_no_named_secret_remains(before in ".{0,40}", after in ".{0,40}", secret in "[a-zA-Z0-9._-]{8,20}") {
        let raw = format!("{before}{secret}{after}");
        let masked = text(&raw, &[&secret]).into_owned();
        prop_assert!(!masked.contains(&secret) || HIDDEN.contains(&*secret), "{masked}");
    }

    #[test]
    fn json_stays_json(body in ".{0,60}", secret in "[a-z]{8,20}") {
        let raw = serde_json::json!({"data": {"body": format!("{body}?auth={secret} {secret}"), "id": body}}).to_string();
        let masked = text(&raw, &[&secret]).into_owned();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
    }
}
