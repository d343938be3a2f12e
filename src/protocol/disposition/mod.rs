//! Reads the file name in a `Content-Disposition` header (RFC 6266), in every spelling that browsers accept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::file_name::safe_name;

/// Maximum number of joined pieces of a continued parameter (RFC 2231).
const MAX_PIECES: usize = 100;

/// The safe file name in a `Content-Disposition` of any type; `None` if it has none.
///
/// In order of precedence: `filename*` (RFC 8187), its pieces `filename*0*`, `filename*1*` … (RFC 2231), and `filename`, which may
/// contain encoded words as in mail (RFC 2047). The first of two equal parameters counts. A malformed extended value, such as one
/// without a character set, counts only if nothing else names the file.
pub fn file_name(header: &[u8]) -> Option<String> {
    // Outside ASCII nothing is specified: UTF-8 if valid, otherwise ISO-8859-1, the historical encoding.
    let header = str::from_utf8(header).map_or_else(|_other| latin_1(header), str::to_owned);
    let (mut plain, mut extended) = (None, None);
    let mut pieces: Vec<(usize, bool, String)> = Vec::new();
    let (kind, mut rest) = header.split_once(';').unwrap_or((&header, ""));
    if kind.contains('=') {
        // No type: the first part is already a parameter.
        rest = &header;
    }
    while !rest.is_empty() {
        let (name, value, after) = parameter(rest);
        rest = after;
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "filename" if plain.is_none() => plain = Some(value),
            "filename*" if extended.is_none() => extended = Some(value),
            _ => {
                if let Some((number, is_encoded)) = piece(&name)
                    && pieces.len() < MAX_PIECES
                {
                    pieces.push((number, is_encoded, value));
                }
            }
        }
    }
    let exact = || extended.as_deref().and_then(decoded).and_then(|name| safe_name(&name));
    let joined = || joined(&mut pieces.clone()).and_then(|name| safe_name(&name));
    let plain = || plain.as_deref().and_then(|name| safe_name(&mail_words(name)));
    let loose = || extended.as_deref().and_then(|value| safe_name(&decoded_loosely(value)));
    exact().or_else(joined).or_else(plain).or_else(loose)
}

/// One parameter, its value without quotes and backslashes, and the rest.
fn parameter(text: &str) -> (&str, String, &str) {
    let end = text.find([';', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let Some(value) = rest.strip_prefix('=') else {
        return (name, String::new(), rest.strip_prefix(';').unwrap_or_default());
    };
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let (value, rest) = value.split_once(';').unwrap_or((value, ""));
        return (name, value.trim_end().to_owned(), rest);
    };
    let (mut unquoted, mut characters) = (String::new(), quoted.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => unquoted.extend(characters.next()),
            other => unquoted.push(other),
        }
    }
    let rest = characters.as_str();
    (name, unquoted, rest.split_once(';').map_or("", |(_nothing, rest)| rest))
}

/// The number of a piece of `filename` (RFC 2231), and whether it is percent-encoded.
fn piece(name: &str) -> Option<(usize, bool)> {
    let number = name.strip_prefix("filename*")?;
    let (digits, is_encoded) = number.strip_suffix('*').map_or((number, false), |digits| (digits, true));
    Some((digits.parse().ok()?, is_encoded))
}

/// The consecutive pieces from 0 on, joined. The first one names the character set for all encoded ones.
fn joined(pieces: &mut [(usize, bool, String)]) -> Option<String> {
    pieces.sort_by_key(|(number, ..)| *number);
    let (mut bytes, mut charset) = (Vec::new(), Charset::Utf8);
    let mut expected = 0;
    for (number, is_encoded, value) in pieces.iter() {
        if *number + 1 == expected {
            continue;
        }
        if *number != expected {
            break;
        }
        match (is_encoded, expected) {
            (true, 0) => {
                let (named, encoded) = with_charset(value)?;
                charset = Charset::of(named)?;
                bytes.extend(unescaped(encoded)?);
            }
            (true, _) => bytes.extend(unescaped(value)?),
            (false, _) => bytes.extend(charset.encoded(value)),
        }
        expected += 1;
    }
    (expected > 0).then(|| charset.text(bytes)).flatten()
}

/// The character sets that browsers accept in a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    fn of(name: &str) -> Option<Self> {
        let name = name.trim();
        if ["", "utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            Some(Self::Utf8)
        } else if ["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "windows-1252"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
        {
            Some(Self::Latin1)
        } else {
            None
        }
    }

    fn text(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes).ok(),
            Self::Latin1 => Some(latin_1(&bytes)),
        }
    }

    /// An unencoded text as bytes of this character set.
    fn encoded(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Latin1 => text.chars().map(|c| u8::try_from(c).unwrap_or(b'_')).collect(),
        }
    }
}

/// The character set and the encoded text of an extended value, without the language between them.
fn with_charset(value: &str) -> Option<(&str, &str)> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    Some((charset, encoded))
}

/// Decodes an extended value: a character set, a language, and percent-encoded text. An empty character set means none was named.
fn decoded(value: &str) -> Option<String> {
    let (charset, encoded) = with_charset(value)?;
    Charset::of(charset)?.text(unescaped(encoded)?)
}

/// Decodes a malformed extended value: without a character set, with an unknown one, or with broken escapes.
fn decoded_loosely(value: &str) -> String {
    let encoded = with_charset(value).map_or(value, |(_charset, encoded)| encoded);
    let bytes: Vec<u8> = percent_decode_str(encoded).collect();
    String::from_utf8(bytes).unwrap_or_else(|error| latin_1(error.as_bytes()))
}

/// Decodes percent-encoded text to bytes.
fn unescaped(encoded: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

/// Decodes encoded words in a text (RFC 2047: `=?utf-8?B?…?=`). White space between two of them is dropped.
fn mail_words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some((before, word)) = rest.split_once("=?") {
        let Some((decoded, after)) = mail_word(word) else {
            out.push_str(before);
            out.push_str("=?");
            (rest, after_word) = (word, false);
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&decoded);
        (rest, after_word) = (after, true);
    }
    out.push_str(rest);
    out
}

/// Decodes an encoded word from its character set on, and returns the rest.
fn mail_word(word: &str) -> Option<(String, &str)> {
    let (charset, rest) = word.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, after) = rest.split_once("?=")?;
    // A language may follow the character set (RFC 2231).
    let charset = charset.split('*').next().unwrap_or_default();
    let bytes = if encoding.eq_ignore_ascii_case("b") {
        STANDARD.decode(encoded).ok()?
    } else if encoding.eq_ignore_ascii_case("q") {
        unescaped(&encoded.replace('%', "%25").replace('=', "%").replace('_', " "))?
    } else {
        return None;
    };
    Some((Charset::of(charset)?.text(bytes)?, after))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests;
