//! Splits several documents in one frame: one a line, concatenated, in a list, or in a list that is `data`.
//!
//! A broken document does not affect the others: it ends where the next readable one starts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::protocol::lenient;

use super::message::Incoming;
use super::parse;
use super::raw_fields::Envelope;

/// Maximum number of failed searches for the end of broken documents in one frame, because each may scan all of it.
const MAX_TRIES: usize = 256;

/// The documents of one frame, found one at a time.
#[derive(Debug, PartialEq, Eq)]
pub struct Documents {
    text: String,
    at: usize,
    tries: usize,
    /// Whether each is the value of `data`.
    is_data: bool,
}

impl Documents {
    /// The documents of a text that is not one message; `None` if it is not several either.
    pub fn of(text: &str) -> Option<Self> {
        let new = |text: &str, is_data| Self { text: text.to_owned(), at: 0, tries: MAX_TRIES, is_data };
        if let Some(strict) = strict(text) {
            let (list, are_data) = match serde_json::from_str::<Envelope<'_>>(&strict) {
                Ok(Envelope { data: Some(data), .. }) if strict.trim_start().starts_with('{') => (data.get(), true),
                _ => (&*strict, false),
            };
            let items = serde_json::from_str::<Vec<&RawValue>>(list).unwrap_or_default();
            return items.iter().any(|item| item.get().starts_with('{')).then(|| new(list, are_data));
        }
        let mut documents = new(text, false);
        let is_whole =
            documents.next_document().is_none_or(|(first, _)| first.len() == text.trim_matches(is_between).len());
        (!is_whole).then(|| new(text, false))
    }

    /// The next document as a message of its own, and whether it is intact; a broken one is returned as it is.
    pub fn next_document(&mut self) -> Option<(Cow<'_, str>, bool)> {
        let rest = self.text.get(self.at..)?;
        let from = self.at + (rest.len() - rest.trim_start_matches(is_between).len());
        let rest = self.text.get(from..).filter(|rest| !rest.is_empty())?;
        let (is_sound, length) = match end_of(rest) {
            Some(end) => (true, end),
            None => (false, end_of_broken(rest, &mut self.tries)),
        };
        self.at = from + length;
        let document = self.text.get(from..self.at)?.trim_end_matches(is_between);
        let whole = if self.is_data && is_sound { format!("{{\"data\":{document}}}").into() } else { document.into() };
        Some((whole, is_sound))
    }
}

/// The text, or its repaired form, if that is one document.
fn strict(text: &str) -> Option<Cow<'_, str>> {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if is_json(text) {
        return Some(text.into());
    }
    lenient::repaired(text).filter(|repaired| is_json(repaired)).map(Cow::Owned)
}

/// Whether a character may separate documents. `\u{1e}` is that of RFC 7464.
fn is_between(character: char) -> bool {
    lenient::is_filler(character) || matches!(character, ',' | '[' | ']' | '\u{1e}')
}

/// The end of the object that starts a text; `None` if no readable object starts it.
fn end_of(text: &str) -> Option<usize> {
    if !text.starts_with('{') {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    if matches!(stream.next(), Some(Ok(_))) {
        return Some(stream.byte_offset());
    }
    // A document that has to be repaired ends with its line.
    let line = text.lines().next().unwrap_or_default();
    strict(line).map(|_| line.len())
}

/// The end of a broken document: the next meaningful one, or the end of the text. The next one starts a line, or starts where an
/// intact document would have ended.
fn end_of_broken(text: &str, tries: &mut usize) -> usize {
    let (mut depth, mut is_string, mut is_escaped, mut begins_line) = (0_usize, false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'{' && at > 0 && (begins_line || (depth == 0 && !is_string)) {
            let found = text.get(at..).unwrap_or_default();
            let says_something = |end| !matches!(parse(found.get(..end).unwrap_or_default()), Incoming::Unreadable(_));
            if end_of(found).is_some_and(says_something) {
                return at;
            }
            *tries = tries.saturating_sub(1);
            if *tries == 0 {
                break;
            }
        }
        begins_line = matches!(byte, b'\n' | b'\x1e');
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command's event, and the rest of a text's documents.
    fn event(id: &str) -> String {
        format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":2}}}}"#)
    }

    fn of(text: &str) -> Vec<String> {
        let Some(mut documents) = Documents::of(text) else { return Vec::new() };
        std::iter::from_fn(|| documents.next_document().map(|(document, _)| document.into_owned())).collect()
    }

    #[test]
    fn events_are_found_in_every_arrangement_within_a_frame() {
        let (a, b, c) = (event("a"), event("b"), event("c"));
        let broken = r#"{"data":{"type":"X-DPT-CAB-ID","id":"x","command_status":2,}}"#;
        let cut = r#"{"data":{"type":"X-DPT-CAB-ID","id":"x","bo"#;
        let lone = a.replace("\"a\"", "\"a\",\"body\":\"\\ud83d\"");
        let raw = a.replace("\"a\"", "\"a\",\"body\":\"x\ty\"");
        let inner = |event: &str| event.strip_prefix("{\"data\":").unwrap().strip_suffix('}').unwrap().to_owned();
        for (text, wanted) in [
            (format!("{a}\n{b}"), vec![&*a, &*b]),
            (format!("{a}\r\n\r\n{b}\r\n"), vec![&*a, &*b]),
            (format!("{a}{b}{c}"), vec![&*a, &*b, &*c]),
            (format!("\u{feff}{a}\0{b}\0"), vec![&*a, &*b]),
            (format!("\u{1e}{a}\n\u{1e}{b}\n"), vec![&*a, &*b]),
            (format!("[{a}, {b}]"), vec![&*a, &*b]),
            (format!("[{a},7]"), vec![&*a, "7"]),
            (format!("[{a}]\n[{b},{c}]"), vec![&*a, &*b, &*c]),
            (format!("{{\"data\":[{},{}]}}", inner(&a), inner(&b)), vec![&*a, &*b]),
            (format!("{a}\n{broken}\n{b}"), vec![&*a, broken, &*b]),
            (format!("{a}{broken}{b}"), vec![&*a, broken, &*b]),
            (format!("{cut}\n{b}"), vec![cut, &*b]),
            (format!("{a}\n{cut}"), vec![&*a, cut]),
            (format!("[{a},{broken},{b}]"), vec![&*a, broken, &*b]),
            (format!("hello\n{a}\nbye"), vec!["hello", &*a, "bye"]),
            (format!("{lone}\n{raw}\n{b}"), vec![&*lone, &*raw, &*b]),
            (format!("[{raw},{b}]"), vec![&*raw.replace('\t', "\\u0009"), &*b]),
        ] {
            assert_eq!(of(&text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_single_message_or_none_is_not_split() {
        let a = event("a");
        let quoted = format!(r#"{{"data":{{"type":"t","body":[{{"x":1}},{a}],}}}}"#);
        for text in ["", "hello", "[]", "[1]", "7 8", "{", "{}{", &a, &quoted, r#"{"data":[1]}"#, "a\n{\"b\":1}"] {
            let found = of(text);
            assert!(found.is_empty() || text == "{}{", "{text:?} {found:?}");
        }
    }

    #[test]
    fn a_frame_full_of_unfinished_documents_is_read_in_bounded_time() {
        let text = "{\"a\":\"\n".repeat(150_000);
        assert_eq!(of(&text), [""; 0]);
    }
}
