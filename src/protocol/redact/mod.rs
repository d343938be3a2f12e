//! Masks the secrets in raw text, so that the rest can be stored and shown as received.
//!
//! It masks the secrets that the caller passes (the profile's token, the link or stream token that the parser found), the value of
//! every `auth=` in a URL or a text, and values of fields whose names mean credentials. A masked message keeps its shape: a link
//! stays a link, a bare token stays a bare token, JSON stays JSON, so that the parser reads the same from it.
//!
//! A server may issue a secret as short as `1`, which occurs in half of all messages by chance. So the search depends on the
//! secret's length: see `Reach`.

use std::borrow::Cow;

use super::incoming::raw_fields::{FieldKind, kind_of};
use super::secret::Link;
use super::{incoming, lenient};

/// Replaces a secret.
pub const HIDDEN: &str = "hidden";

/// Replaces a binary message, which is only stored sealed.
pub const HIDDEN_BYTES: &str = r#"{"base64":"hidden"}"#;

/// Replaces a binary message that could not be sealed, and so is not stored.
pub const UNSTORED_BYTES: &str = r#"{"base64":"not kept"}"#;

/// Minimum length in bytes of a secret that is masked wherever its characters occur.
const MIN_LONG: usize = 8;
/// Minimum length in bytes of a secret that is masked within longer texts at all.
const MIN_SHORT: usize = 3;
/// How deep JSON within JSON strings is searched.
const MAX_DEPTH: usize = 4;

/// The field name whose value opens data, as the value of `auth=` does.
const OPENING_NAME: &str = "auth";

/// Field names whose values are credentials, in lower case and without `_` and `-`.
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

/// The text with every secret masked. Text without secrets is returned unchanged.
///
/// Works on any text, JSON or not. JSON stays JSON, and all bytes outside secrets stay.
pub fn text<'a>(raw: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    Masker::new(secrets, false).text(raw, MAX_DEPTH)
}

/// The text with credentials and the passed secrets masked, but with data-opening parts left in it: every `auth=`. It is a secret
/// itself, and may only be stored sealed.
pub fn credentials<'a>(raw: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    Masker::new(secrets, true).text(raw, MAX_DEPTH)
}

/// Bytes that are not text, with a secret masked if it is long enough.
pub fn bytes<'a>(raw: &'a [u8], secret: &str) -> Cow<'a, [u8]> {
    let at: Vec<usize> = match Reach::of(secret) {
        Reach::Everywhere => memchr::memmem::find_iter(raw, secret).collect(),
        Reach::Values | Reach::Words => Vec::new(),
    };
    if at.is_empty() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut copied = 0;
    for found in at {
        out.extend_from_slice(raw.get(copied..found).unwrap_or_default());
        out.extend_from_slice(HIDDEN.as_bytes());
        copied = found + secret.len();
    }
    out.extend_from_slice(raw.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where a passed secret is masked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Shorter than [`MIN_SHORT`]: only as a whole value.
    Values,
    /// Shorter than [`MIN_LONG`]: also as a whole word.
    Words,
    /// Wherever its characters occur, also in names and numbers.
    Everywhere,
}

impl Reach {
    fn of(secret: &str) -> Self {
        let length = secret.len();
        if length < MIN_SHORT {
            Self::Values
        } else if length < MIN_LONG {
            Self::Words
        } else {
            Self::Everywhere
        }
    }
}

/// The secrets to mask in a text.
struct Masker<'s> {
    /// Longest first, so that a secret that is part of another leaves no rest of it.
    secrets: Vec<&'s str>,
    /// Whether data-opening parts stay.
    keeps_links: bool,
}

impl<'s> Masker<'s> {
    fn new(secrets: &[&'s str], keeps_links: bool) -> Self {
        let mut secrets: Vec<&str> =
            secrets.iter().copied().filter(|secret| !secret.is_empty() && *secret != HIDDEN).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, keeps_links }
    }

    fn text<'a>(&self, raw: &'a str, depth: usize) -> Cow<'a, str> {
        let masked = self.by_structure(raw, depth);
        // A secret with quotes or brackets can span strings. A whole JSON document must stay JSON; a text within it, or one that is
        // not JSON, need not.
        if self.contains_long_secret(&masked) && (depth < MAX_DEPTH || !is_json(&masked)) {
            return Cow::Owned(self.prose(&masked).into_owned());
        }
        masked
    }

    /// The text with each of its strings, names and numbers masked.
    fn by_structure<'a>(&self, raw: &'a str, depth: usize) -> Cow<'a, str> {
        if !may_contain_secret(raw, &self.secrets) {
            return Cow::Borrowed(raw);
        }
        let is_json = is_json(raw) || lenient::repaired(raw).is_some_and(|repaired| is_json(&repaired));
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        let mut name = String::new();
        while let Some(start) = rest.find('"') {
            let (before, from_quote) = rest.split_at(start);
            self.push_unquoted(&mut out, before, &name, is_json);
            let Some(end) = end_of_string(from_quote) else {
                // An unterminated string: not JSON any more.
                self.push_unfinished(&mut out, from_quote);
                return Cow::Owned(out);
            };
            let (literal, after) = from_quote.split_at(end);
            if after.trim_start().starts_with(':') {
                let decoded = decode(literal);
                match &decoded {
                    Some(name) => self.push_name(&mut out, literal, name),
                    // Not JSON, for example with a raw control character: it can't be a name, so nothing in it has to stay.
                    None => out.push_str(&self.prose(literal)),
                }
                name = decoded.unwrap_or_default();
            } else {
                self.push_value(&mut out, literal, &name, depth);
            }
            rest = after;
        }
        self.push_unquoted(&mut out, rest, &name, is_json);
        Cow::Owned(out)
    }

    /// Adds the text between strings. In JSON that is structure, and numbers and words that are values of `name`.
    fn push_unquoted(&self, out: &mut String, text: &str, name: &str, is_json: bool) {
        if !is_json {
            out.push_str(&self.prose(text));
            return;
        }
        let is_structure = |c: char| matches!(c, '{' | '}' | '[' | ']' | ',' | ':') || c.is_ascii_whitespace();
        for part in text.split_inclusive(is_structure) {
            let value = part.trim_end_matches(is_structure);
            let is_number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            if is_number && (self.hides_values_of(name) || self.contains_long_secret(value)) {
                out.push('"');
                out.push_str(HIDDEN);
                out.push('"');
                out.push_str(part.get(value.len()..).unwrap_or_default());
            } else {
                out.push_str(part);
            }
        }
    }

    /// Adds an unterminated string.
    fn push_unfinished(&self, out: &mut String, text: &str) {
        match decode(&format!("{text}\"")) {
            Some(value) => {
                let masked = self.prose(&value);
                let encoded = (masked != value || self.contains_long_secret(text)).then(|| encode(&masked));
                out.push_str(encoded.as_deref().and_then(|encoded| encoded.strip_suffix('"')).unwrap_or(text));
            }
            None => out.push_str(&self.prose(text)),
        }
    }

    /// Adds a field name. Names of the protocol always stay, because the parser needs them.
    fn push_name(&self, out: &mut String, literal: &str, name: &str) {
        let masked = if kind_of(name).is_some() { Cow::Borrowed(name) } else { self.named(name, Reach::Words) };
        self.push_literal(out, literal, masked == name, &masked);
    }

    /// Adds a string value, masked if it contains a secret.
    fn push_value(&self, out: &mut String, literal: &str, name: &str, depth: usize) {
        let Some(value) = decode(literal) else {
            let hidden = self.hides_values_of(name).then(|| encode(HIDDEN).into());
            out.push_str(&hidden.unwrap_or_else(|| self.prose(literal)));
            return;
        };
        let masked = self.value(&value, name, depth);
        self.push_literal(out, literal, masked == value, &masked);
    }

    /// Adds a string as written, if masking does not change its content. Characters of a secret may complete an escape before them:
    /// they then occur in the literal, and not in its content.
    fn push_literal(&self, out: &mut String, literal: &str, is_same: bool, masked: &str) {
        if is_same && !self.contains_long_secret(literal) {
            out.push_str(literal);
        } else {
            out.push_str(&encode(masked));
        }
    }

    fn value<'a>(&self, value: &'a str, name: &str, depth: usize) -> Cow<'a, str> {
        if value.is_empty() || (name == "type" && incoming::message::is_known_type(value)) {
            return value.into();
        }
        if self.hides_values_of(name) {
            return HIDDEN.into();
        }
        // A message's type and subject are needed to find it again, so mask only secrets that are beyond doubt.
        let is_subject = kind_of(name) == Some(FieldKind::Subject);
        let least = if is_subject { Reach::Everywhere } else { Reach::Values };
        if self.secrets.iter().any(|secret| *secret == value && Reach::of(secret) >= least) {
            return if incoming::message::is_url(value) { Link::new(value).redacted().into() } else { HIDDEN.into() };
        }
        if depth > 0 && value.trim_start().starts_with(['{', '[']) {
            return self.text(value, depth - 1);
        }
        self.opening(self.named(value, least.max(Reach::Words)))
    }

    fn contains_long_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| Reach::of(secret) == Reach::Everywhere && text.contains(secret))
    }

    /// Whether all values of a field with this name are secret.
    fn hides_values_of(&self, name: &str) -> bool {
        let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
        CREDENTIAL_NAMES.contains(&plain.as_str()) || (!self.keeps_links && plain == OPENING_NAME)
    }

    /// Masks a text without structure: passed secrets and the values of `auth=`.
    fn prose<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.opening(self.named(text, Reach::Values))
    }

    fn opening<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.keeps_links { text } else { hide_auth_values(text) }
    }

    /// Masks the passed secrets with at least this reach: the long ones anywhere, the others as whole words.
    fn named<'a>(&self, text: &'a str, least: Reach) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        for secret in self.secrets.iter().filter(|secret| Reach::of(secret) >= least) {
            if !out.contains(secret) {
                continue;
            }
            if Reach::of(secret) == Reach::Everywhere {
                out = Cow::Owned(out.replace(secret, HIDDEN));
            } else {
                out = Cow::Owned(replace_words(&out, secret));
            }
        }
        out
    }
}

/// Replaces a secret that occurs as a whole word. A full stop only ends a word if it ends the sentence.
fn replace_words(text: &str, secret: &str) -> String {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let begins = |before: &str| {
        let mut before = before.chars().rev();
        match before.next() {
            Some('.') => !before.next().is_some_and(is_inner),
            last => !last.is_some_and(is_inner),
        }
    };
    let ends = |after: &str| {
        let mut after = after.chars();
        match after.next() {
            Some('.') => !after.next().is_some_and(is_inner),
            next => !next.is_some_and(is_inner),
        }
    };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, found) in text.match_indices(secret) {
        let end = at + found.len();
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
        if begins(before) && ends(after) {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(HIDDEN);
            copied = end;
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

/// A cheap check before the full one: most messages contain no secret.
fn may_contain_secret(raw: &str, secrets: &[&str]) -> bool {
    let raw = raw.as_bytes();
    // An escaped letter or slash could hide any of them.
    memchr::memchr(b'\\', raw).is_some()
        || SIGNS.iter().any(|sign| sign.is_in(raw))
        || secrets.iter().any(|secret| memchr::memmem::find(raw, secret.as_bytes()).is_some())
}

/// Parts of every credential's name and of every `auth=`, found by a letter that is rare in messages.
const SIGNS: [Sign; 4] = [
    Sign { word: b"auth", letter: b'h', before: 3 },
    Sign { word: b"token", letter: b'k', before: 2 },
    Sign { word: b"password", letter: b'w', before: 4 },
    Sign { word: b"secret", letter: b'r', before: 3 },
];

/// A word to search for, ignoring case.
struct Sign {
    word: &'static [u8],
    letter: u8,
    /// Number of letters before it in the word.
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

/// The end of the string literal that starts the text, after its closing quote.
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

/// The content of a string literal; `None` if it is invalid.
fn decode(literal: &str) -> Option<String> {
    lenient::string(literal)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A text as a string literal.
fn encode(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Masks what follows `auth=` (in any case, also percent-encoded as `auth%3D`) up to the end of the value.
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
mod tests;
