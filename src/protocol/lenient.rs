//! JSON as servers write it in the field: read strictly, and repaired only if that fails.
//!
//! A repair changes what strict readers reject and everybody understands: half a surrogate pair becomes U+FFFD, a raw control
//! character in a string becomes its escape, `NaN` and `Infinity` become `null`, and a byte order mark or NULs around the document
//! are removed. Everything else stays unchanged, so a text that is not JSON stays invalid.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// Maximum nesting of a document that is read as a [`Value`], whose own limit is 127.
const MAX_DEPTH: usize = 100;

/// The document as a value. Parts nested too deep, and numbers out of range, become `null`.
pub(crate) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&Repair::of(text, true)).ok())
}

/// The repaired text; `None` if there is nothing to repair.
pub(crate) fn repaired(text: &str) -> Option<String> {
    let repaired = Repair::of(text, false);
    (repaired != text).then_some(repaired)
}

/// The content of a string literal; `None` if it is not one.
pub(crate) fn string(literal: &str) -> Option<String> {
    serde_json::from_str(literal).ok().or_else(|| serde_json::from_str(&repaired(literal)?).ok())
}

/// Decodes bytes as text: UTF-8, or UTF-16 recognised by a byte order mark or by how its first character is encoded.
pub(crate) fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match bytes {
        [0xff, 0xfe, rest @ ..] | rest @ [b'{' | b'[', 0, ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'{' | b'[', ..] => utf16(rest, u16::from_be_bytes),
        _ => str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let decoded = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)));
    rest.is_empty().then(|| decoded.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into())
}

/// Whether a character may surround a document without meaning.
pub(crate) fn is_filler(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\0' | '\u{feff}')
}

/// A repair in progress.
struct Repair<'a> {
    rest: &'a str,
    out: String,
    /// Whether the result is read as a [`Value`], which can't represent every document.
    for_value: bool,
    depth: usize,
}

impl<'a> Repair<'a> {
    fn of(text: &'a str, for_value: bool) -> String {
        let rest = text.trim_matches(is_filler);
        let mut repair = Self { rest, out: String::with_capacity(rest.len()), for_value, depth: 0 };
        while let Some(next) = repair.rest.chars().next() {
            repair.token(next);
        }
        repair.out
    }

    /// Advances by `length` bytes and returns them.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn token(&mut self, next: char) {
        match next {
            '"' => self.string(),
            '{' | '[' => {
                self.depth += 1;
                if self.for_value && self.depth > MAX_DEPTH {
                    self.skip_nested();
                    self.out.push_str("null");
                } else {
                    self.out.push_str(self.rest.get(..1).unwrap_or_default());
                    self.take(1);
                }
            }
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                let closing = self.take(1);
                self.out.push_str(closing);
            }
            '-' | '+' | '0'..='9' | 'a'..='z' | 'A'..='Z' => self.word(),
            _ => {
                let other = self.take(next.len_utf8());
                self.out.push_str(other);
            }
        }
    }

    /// Skips an object or a list with everything in it.
    fn skip_nested(&mut self) {
        let outside = self.depth.saturating_sub(1);
        while let Some(next) = self.rest.chars().next() {
            match next {
                '"' => {
                    let length = self.out.len();
                    self.string();
                    self.out.truncate(length);
                    continue;
                }
                '{' | '[' => self.depth += 1,
                '}' | ']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.take(next.len_utf8());
            // This bracket closes the first one that was opened here.
            if self.depth == outside + 1 && matches!(next, '}' | ']') {
                self.depth = outside;
                return;
            }
        }
    }

    /// A number, `true`, `null`, or a number as other languages write it.
    fn word(&mut self) {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let length = self.rest.find(|c| !is_inner(c)).unwrap_or(self.rest.len());
        let word = self.take(length);
        let is_beyond = |word: &str| word.parse::<f64>().is_ok_and(f64::is_infinite);
        let is_null = match word {
            "NaN" | "-NaN" | "Infinity" | "-Infinity" => true,
            _ => self.for_value && word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && is_beyond(word),
        };
        self.out.push_str(if is_null { "null" } else { word });
    }

    fn string(&mut self) {
        let quote = self.take(1);
        self.out.push_str(quote);
        loop {
            let plain = self.rest.find(|c: char| c < ' ' || matches!(c, '"' | '\\')).unwrap_or(self.rest.len());
            let plain = self.take(plain);
            self.out.push_str(plain);
            match self.rest.chars().next() {
                None => return,
                Some('"') => {
                    let quote = self.take(1);
                    self.out.push_str(quote);
                    return;
                }
                Some('\\') => self.escape(),
                Some(control) => {
                    _ = write!(self.out, "\\u{:04x}", u32::from(control));
                    self.take(1);
                }
            }
        }
    }

    fn escape(&mut self) {
        match (unit(self.rest), unit(self.rest.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
                let pair = self.take(12);
                self.out.push_str(pair);
            }
            (Some(0xd800..=0xdfff), _) => {
                self.take(6);
                self.out.push_str("\\ufffd");
            }
            _ => {
                // An escape includes the next character: an escaped quote does not end the string.
                let length = self.rest.chars().take(2).map(char::len_utf8).sum();
                let escape = self.take(length);
                self.out.push_str(escape);
            }
        }
    }
}

/// The value of a `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invalid_json_is_repaired_and_the_rest_is_unchanged() {
        for (written, repaired_to) in [
            (r#"{"a":"x\ud83d"}"#, r#"{"a":"x\ufffd"}"#),
            (r#"{"a":"\ude00x"}"#, r#"{"a":"\ufffdx"}"#),
            (r#"{"\ud83d":1.50, "b":"ü\/"}"#, r#"{"\ufffd":1.50, "b":"ü\/"}"#),
            (r#"["\ud83d\ud83d\ude00\ud83d"]"#, r#"["\ufffd\ud83d\ude00\ufffd"]"#),
            (r#"["\ude00\ud83d","\\ud83d"]"#, r#"["\ufffd\ufffd","\\ud83d"]"#),
            (r#"["\uD83Dx\uDE00"]"#, r#"["\ufffdx\ufffd"]"#),
            ("\u{feff}{}\0\0\r\n", "{}"),
            ("[\"a\tb\nc\u{1f}\"]", "[\"a\\u0009b\\u000ac\\u001f\"]"),
            (r#"[NaN,Infinity,-Infinity,"NaN"]"#, r#"[null,null,null,"NaN"]"#),
        ] {
            assert_eq!(repaired(written).as_deref(), Some(repaired_to), "{written}");
            assert!(value(written).is_some(), "{written}");
        }
        for whole in [r#"{"a":"\ud83d\ude00"}"#, r#"["\"\\"]"#, "[1e999, -0]", "[tru, {'a'}]", r#""\ud8"#, r#"["\"#] {
            assert_eq!(repaired(whole), None, "{whole}");
        }
    }

    #[test]
    fn a_document_that_is_deep_or_has_huge_numbers_does_not_lose_the_rest() {
        let deep = format!(r#"{{"x":{}"]"{},"n":1e999,"y":[[7]]}}"#, "[".repeat(5_000), "]".repeat(5_000));
        let read = value(&deep).unwrap();
        assert_eq!((&read["y"][0][0], &read["n"]), (&Value::from(7), &Value::Null));
        for (text, wanted) in [("\"x\\ud800\"", Some("x\u{fffd}")), ("7", None), ("\"x", None), ("\"\\q\"", None)] {
            assert_eq!(string(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn text_comes_in_utf_8_and_utf_16() {
        let text = r#"{"a":"ü"}"#;
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes(), &le, &be, &[&[0xff, 0xfe], &*le].concat(), &[&[0xfe, 0xff], &*be].concat()] {
            assert_eq!(text_of(bytes).as_deref(), Some(text), "{bytes:?}");
        }
        for bytes in [&[0, 159, 146][..], &[0xff, 0xfe, 1], &[0xc3, 0x28]] {
            assert_eq!(text_of(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_repair_is_final_and_never_changes_what_is_strict(text in "[\\[\\]{}\",:a-fuNI0-9\\\\\u{0}-\u{1f}-]{0,60}") {
            let once = Repair::of(&text, false);
            prop_assert_eq!(repaired(&once), None);
            if let Ok(strict) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(value(&text), Some(strict));
            }
        }
    }
}
