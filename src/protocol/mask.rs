//! Takes the secrets out of raw text, so that the rest of it can be kept and shown as it came.
//!
//! What is masked: the secrets that the caller names (the profile's token, the link or stream token that the parser found),
//! the value of every `auth=` in a URL or a text, and string values under names that hold credentials. A masked message
//! keeps its shape: a link stays a link, a bare token stays a bare token, so that the parser reads the same from it.

use std::borrow::Cow;

use super::Link;

/// What stands in a secret's place.
pub const HIDDEN: &str = "hidden";

/// The field name whose value opens data, as the value of `auth=` does.
const OPENING_NAME: &str = "auth";

/// Field names whose string values are credentials, compared without case and without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 8] = [
    "authorizationtoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "authorization",
    "xdptauthorization",
    "password",
    "secret",
];

/// The text with every secret masked. Text that holds none comes back as it is.
///
/// Works on anything, JSON or not; only string values change, all other bytes stay.
#[must_use]
pub fn text<'a>(raw: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    Masker { secrets, spares_links: false }.text(raw)
}

/// The text with credentials and the named secrets masked, but with what opens data left in it: every `auth=`. It is a
/// secret itself, and only to be sealed.
#[must_use]
pub fn credentials<'a>(raw: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    Masker { secrets, spares_links: true }.text(raw)
}

/// What is taken out of a text.
#[derive(Clone, Copy)]
struct Masker<'s> {
    secrets: &'s [&'s str],
    /// Whether what opens data stays.
    spares_links: bool,
}

impl Masker<'_> {
    fn text(self, raw: &str) -> Cow<'_, str> {
        if !may_hold_a_secret(raw, self.secrets) {
            return Cow::Borrowed(raw);
        }
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        let mut name = String::new();
        while let Some(start) = rest.find('"') {
            let (before, from_quote) = rest.split_at(start);
            out.push_str(&self.plain(before));
            let Some(end) = end_of_string(from_quote) else {
                // An unfinished string: not JSON any more.
                out.push_str(&self.plain(from_quote));
                return Cow::Owned(out);
            };
            let (literal, after) = from_quote.split_at(end);
            if after.trim_start().starts_with(':') {
                name = decode(literal).into_owned();
                out.push_str(&self.plain(literal));
            } else {
                self.push_value(&mut out, literal, &name);
            }
            rest = after;
        }
        out.push_str(&self.plain(rest));
        Cow::Owned(out)
    }

    /// Adds a string value, masked where it holds a secret.
    fn push_value(self, out: &mut String, literal: &str, name: &str) {
        let value = decode(literal);
        let masked = if self.hides_values_of(name) && !value.is_empty() {
            Cow::Borrowed(HIDDEN)
        } else if self.secrets.contains(&value.as_ref()) && super::incoming::is_url(&value) {
            Cow::Owned(Link::new(value.as_ref()).redacted())
        } else {
            self.plain(&value)
        };
        if masked == value {
            out.push_str(literal);
        } else {
            out.push_str(&serde_json::Value::from(masked.as_ref()).to_string());
        }
    }

    /// Whether the values of a field of that name are secrets whatever they are.
    fn hides_values_of(self, name: &str) -> bool {
        let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
        CREDENTIAL_NAMES.contains(&plain.as_str()) || (!self.spares_links && plain == OPENING_NAME)
    }

    /// A text without structure: named secrets and the values of `auth=`.
    fn plain(self, text: &str) -> Cow<'_, str> {
        let mut out = Cow::Borrowed(text);
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty() && **secret != HIDDEN) {
            if out.contains(secret) {
                out = Cow::Owned(out.replace(secret, HIDDEN));
            }
        }
        if self.spares_links { out } else { hide_auth_values(out) }
    }
}

/// A cheap look before the careful one: most messages hold no secret.
fn may_hold_a_secret(raw: &str, secrets: &[&str]) -> bool {
    let raw = raw.as_bytes();
    // An escaped letter or slash could hide any of them.
    memchr::memchr(b'\\', raw).is_some()
        || SIGNS.iter().any(|sign| sign.is_in(raw))
        || secrets.iter().any(|secret| memchr::memmem::find(raw, secret.as_bytes()).is_some())
}

/// What every credential's name, and every `auth=`, has in it; found by a letter that is rare in messages.
const SIGNS: [Sign; 4] = [
    Sign { word: b"auth", letter: b'h', before: 3 },
    Sign { word: b"token", letter: b'k', before: 2 },
    Sign { word: b"password", letter: b'w', before: 4 },
    Sign { word: b"secret", letter: b'r', before: 3 },
];

/// A word to look for, in any case.
struct Sign {
    word: &'static [u8],
    letter: u8,
    /// How many letters stand before it in the word.
    before: usize,
}

impl Sign {
    fn is_in(&self, raw: &[u8]) -> bool {
        memchr::memchr2_iter(self.letter, self.letter.to_ascii_uppercase(), raw).any(|at| {
            let start = at.checked_sub(self.before);
            let there = start.and_then(|start| raw.get(start..start + self.word.len()));
            there.is_some_and(|there| there.eq_ignore_ascii_case(self.word))
        })
    }
}

/// Where the string literal that begins the text ends, behind its closing quote.
fn end_of_string(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What a string literal says; itself where it is no valid one.
fn decode(literal: &str) -> Cow<'_, str> {
    serde_json::from_str::<String>(literal).map_or(Cow::Borrowed(literal), Cow::Owned)
}

/// Hides what follows `auth=` (in any case, also percent-encoded as `auth%3D`) up to the end of the value.
fn hide_auth_values(text: Cow<'_, str>) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("auth=") && !lower.contains("auth%3d") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = lower.get(at..) {
        let found =
            [rest.find("auth=").map(|i| i + 5), rest.find("auth%3d").map(|i| i + 7)].into_iter().flatten().min();
        let Some(value) = found.map(|offset| at + offset) else { break };
        let end = text
            .get(value..)
            .and_then(|tail| tail.find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '#' | '<' | '>')))
            .map_or(text.len(), |offset| value + offset);
        out.push_str(text.get(at..value).unwrap_or_default());
        if end > value {
            out.push_str(HIDDEN);
        }
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::incoming::parse;
    use crate::protocol::{Delivery, Incoming, Message};
    use proptest::prelude::*;

    #[test]
    fn secrets_go_and_the_rest_stays_to_the_letter() {
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
    fn a_masked_message_reads_as_the_same_shape() {
        let link = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/p?auth=s"}}"#;
        let bare = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"bare-s"}}"#;
        for (raw, secret) in [(link, "https://h/p?auth=s"), (bare, "bare-s")] {
            let masked = text(raw, &[secret]);
            let Incoming::Message(Message::Data(report)) = parse(&masked) else { panic!("lost its shape: {masked}") };
            match report.delivery {
                Delivery::Link(link) => assert_eq!(link.expose(), "https://h/…?auth=hidden"),
                Delivery::StreamToken(token) => assert_eq!(token.expose(), HIDDEN),
                other => panic!("lost its shape: {other:?}"),
            }
        }
    }

    #[test]
    fn what_opens_data_can_be_left_in_for_the_seal() {
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

    proptest! {
        #[test]
        fn no_text_panics_and_no_named_secret_stays(before in ".{0,40}", after in ".{0,40}", secret in "[a-zA-Z0-9._-]{8,20}") {
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
}
