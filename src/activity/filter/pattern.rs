//! Search patterns: a run of characters or a regular expression, both ignoring case.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::memmem::Finder;

use super::error::Problem;

/// Maximum memory of a compiled expression, in bytes.
const MAX_REGEX_SIZE: usize = 256 * 1024;
/// Maximum nesting of an expression.
const MAX_REGEX_DEPTH: u32 = 50;

/// A run of characters or a regular expression.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// As typed, and folded to lower case.
    Text { typed: Box<str>, folded: Box<Finder<'static>> },
    /// As typed between the slashes, and compiled.
    Regex { typed: Box<str>, compiled: regex::Regex },
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text { typed, .. }, Self::Text { typed: other, .. })
            | (Self::Regex { typed, .. }, Self::Regex { typed: other, .. }) => typed == other,
            (Self::Text { .. }, Self::Regex { .. }) | (Self::Regex { .. }, Self::Text { .. }) => false,
        }
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// A run of characters.
    pub(crate) fn text(typed: &str) -> Self {
        let folded = Box::new(Finder::new(typed.to_lowercase().as_bytes()).into_owned());
        Self::Text { typed: typed.into(), folded }
    }

    /// A regular expression. An error has its position in the expression, in bytes.
    pub(crate) fn regex(typed: &str) -> Result<Self, (Range<usize>, Problem)> {
        if typed.is_empty() {
            return Err((0..0, Problem::Regex("it is empty".to_owned())));
        }
        // Parse it separately first, because only that reports the position of an error.
        let mut parser = regex_syntax::ParserBuilder::new().nest_limit(MAX_REGEX_DEPTH).build();
        if let Err(error) = parser.parse(typed) {
            let (span, kind) = match &error {
                regex_syntax::Error::Parse(error) => (Some(*error.span()), error.kind().to_string()),
                regex_syntax::Error::Translate(error) => (Some(*error.span()), error.kind().to_string()),
                other => (None, other.to_string()),
            };
            let range = span.map_or(0..typed.len(), |span| span.start.offset..span.end.offset);
            return Err((range, Problem::Regex(kind)));
        }
        let compiled = regex::RegexBuilder::new(typed)
            .case_insensitive(true)
            .nest_limit(MAX_REGEX_DEPTH)
            .size_limit(MAX_REGEX_SIZE)
            .dfa_size_limit(MAX_REGEX_SIZE)
            .build();
        match compiled {
            Ok(compiled) => Ok(Self::Regex { typed: typed.into(), compiled }),
            Err(regex::Error::CompiledTooBig(_)) => Err((0..typed.len(), Problem::RegexTooLarge)),
            Err(other) => Err((0..typed.len(), Problem::Regex(other.to_string().replace('\n', " ")))),
        }
    }

    /// Whether it matches. `buffer` is scratch space.
    pub(crate) fn is_in(&self, text: &str, buffer: &mut String) -> bool {
        match self {
            Self::Text { folded, .. } => {
                if text.len() < folded.needle().len() && text.is_ascii() {
                    return false;
                }
                fold_into(text, buffer);
                folded.find(buffer.as_bytes()).is_some()
            }
            Self::Regex { compiled, .. } => compiled.is_match(text),
        }
    }

    /// Whether it can match a UUID in lower case.
    pub(crate) fn may_be_in_uuid(&self) -> bool {
        match self {
            Self::Text { folded, .. } => {
                let needle = folded.needle();
                needle.len() <= 36 && needle.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
            }
            Self::Regex { .. } => true,
        }
    }

    /// Whether it matches a UUID that is already in lower case.
    pub(crate) fn is_in_uuid(&self, uuid: &str) -> bool {
        match self {
            Self::Text { folded, .. } => folded.find(uuid.as_bytes()).is_some(),
            Self::Regex { compiled, .. } => compiled.is_match(uuid),
        }
    }

    /// Adds every non-empty match.
    pub(crate) fn find_all(&self, text: &str, found: &mut Vec<Range<usize>>) {
        match self {
            Self::Regex { compiled, .. } => {
                found.extend(compiled.find_iter(text).map(|hit| hit.range()).filter(|range| !range.is_empty()));
            }
            Self::Text { folded, .. } => {
                let (lower, origins) = fold_with_origins(text);
                let length = folded.needle().len();
                for at in folded.find_iter(lower.as_bytes()).filter(|_| length > 0) {
                    let origin = |at: usize| match &origins {
                        None => Some(at),
                        Some(origins) => origins.get(at).copied(),
                    };
                    // A match that starts or ends within the folded form of a character includes the whole character.
                    let Some(start) = origin(at) else { continue };
                    let end = origin(at + length)
                        .filter(|end| *end > start)
                        .or_else(|| text.get(start..)?.chars().next().map(|character| start + character.len_utf8()));
                    found.extend(end.map(|end| start..end));
                }
            }
        }
    }
}

/// Folds a text to lower case into a buffer.
fn fold_into(text: &str, buffer: &mut String) {
    buffer.clear();
    if text.is_ascii() {
        buffer.push_str(text);
        buffer.make_ascii_lowercase();
    } else {
        buffer.push_str(&text.to_lowercase());
    }
}

/// A text in lower case, and the original position of each of its bytes (and of its end); `None` if every byte keeps its position.
fn fold_with_origins(text: &str) -> (Cow<'_, str>, Option<Vec<usize>>) {
    if text.is_ascii() {
        return (Cow::Owned(text.to_ascii_lowercase()), None);
    }
    // Fold the whole text, since the Greek sigma folds by its position; its length does not depend on that.
    let lower = text.to_lowercase();
    let mut origins = Vec::with_capacity(lower.len() + 1);
    for (at, character) in text.char_indices() {
        let length: usize = character.to_lowercase().map(char::len_utf8).sum();
        origins.extend(std::iter::repeat_n(at, length));
    }
    origins.push(text.len());
    (Cow::Owned(lower), Some(origins))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regex { typed, .. } => write!(f, "/{typed}/"),
            Self::Text { typed, .. } if is_bare(typed) => f.write_str(typed),
            Self::Text { typed, .. } => {
                f.write_str("\"")?;
                for character in typed.chars() {
                    if matches!(character, '"' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{character}")?;
                }
                f.write_str("\"")
            }
        }
    }
}

/// Whether a text can be written without quotation marks, in any position.
fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '/'])
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\\' | ':'))
}
