//! Suggests a field if a bare word resembles one: half of its name, its name with a wrong letter, or without the colon. Such a
//! filter is valid, so this is not an error; but it may be why nothing matches.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::error::Problem;
use super::fields;
use super::parse::{self, Token};

/// A part of a filter that may be meant differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The part as typed.
    pub typed: String,
    /// The suggested part, or a field's name and colon that need a value.
    pub suggested: String,
    /// The whole filter with the suggestion in place of the part.
    pub corrected: String,
    /// The end of the suggestion in `corrected`, in characters.
    pub end: usize,
    /// Whether the part is searched as a word; otherwise the filter is invalid.
    pub is_word: bool,
}

impl Suggestion {
    /// The first suggestion for a typed filter; `None` if nothing in it resembles a field.
    pub fn find(text: &str) -> Option<Self> {
        match parse::words(text) {
            Ok(words) => {
                let (at, meant) =
                    words.iter().enumerate().find_map(|(at, word)| of_word(text, word, words.get(at + 1)))?;
                Self::new(text, at, meant, true)
            }
            Err(error) => {
                let Problem::UnknownField { like: Some(field), .. } = error.problem else { return None };
                let rest = text.get(error.range.end..)?;
                let value = rest.split(char::is_whitespace).next().unwrap_or_default();
                let at = error.range.start..error.range.end + value.len();
                Self::new(text, at, format!("{field}{value}"), false)
            }
        }
    }

    fn new(text: &str, at: Range<usize>, suggested: String, is_word: bool) -> Option<Self> {
        let typed = text.get(at.clone())?.to_owned();
        let (before, after) = (text.get(..at.start)?, text.get(at.end..)?);
        let corrected = format!("{before}{suggested}{after}");
        let end = before.chars().count() + suggested.chars().count();
        Some(Self { typed, suggested, corrected, end, is_word })
    }

    /// The question to the operator, in sentences.
    pub fn question(&self) -> String {
        let question = match self.suggested.strip_suffix(':') {
            Some(field) => format!("Did you mean the field {field}?"),
            None => format!("Did you mean {}?", self.suggested),
        };
        if self.is_word { format!("“{}” is looked for as a word. {question}", self.typed) } else { question }
    }
}

/// The part that starts with a word, if that resembles a field, and the suggestion for it.
fn of_word(text: &str, word: &Token<'_>, next: Option<&Token<'_>>) -> Option<(Range<usize>, String)> {
    let letters = word.text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.text.len());
    let (name, behind) = word.text.split_at_checked(letters)?;
    let field = fields::similar_to_word(&name.to_lowercase())?;
    // A sign other than the colon, as in `status=failed`.
    if let Some(value) = behind.strip_prefix(['=', ';']) {
        return Some((word.at.clone(), format!("{field}:{value}")));
    }
    if !behind.is_empty() {
        return None;
    }
    let whole = next.filter(|next| is_space(text, word.at.end..next.at.start)).and_then(|next| {
        let value = next.text.trim_start_matches([':', '=']);
        // A text field accepts any value, so only a sign shows that a field was meant.
        let is_meant = value.len() < next.text.len() || !fields::is_text(field);
        let both = format!("{field}:{value}");
        (is_meant && parse::parse(&both, &TimeZone::UTC).is_ok()).then_some((word.at.start..next.at.end, both))
    });
    Some(whole.unwrap_or_else(|| (word.at.clone(), format!("{field}:"))))
}

fn is_space(text: &str, between: Range<usize>) -> bool {
    text.get(between).is_some_and(|between| between.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(text: &str) -> Option<(String, String)> {
        let suggestion = Suggestion::find(text)?;
        let before: String = suggestion.corrected.chars().take(suggestion.end).collect();
        assert!(before.ends_with(&suggestion.suggested), "{suggestion:?}");
        Some((suggestion.question(), suggestion.corrected))
    }

    #[test]
    fn a_word_that_resembles_a_field_gets_a_suggestion() {
        let word = |typed: &str, question: &str| format!("“{typed}” is looked for as a word. Did you mean {question}?");
        for (typed, question, right) in [
            ("stau", word("stau", "the field status"), "status:"),
            ("ü STAT x", word("STAT", "the field status"), "ü status: x"),
            ("contxet", word("contxet", "the field context"), "context:"),
            ("status=failed", word("status=failed", "status:failed"), "status:failed"),
            ("a lable=x b", word("lable=x", "label:x"), "a label:x b"),
            ("status failed", word("status failed", "status:failed"), "status:failed"),
            ("stats  open -x", word("stats  open", "status:open"), "status:open -x"),
            ("label :x", word("label :x", "label:x"), "label:x"),
            ("since 10m", word("since 10m", "since:10m"), "since:10m"),
            ("label x", word("label", "the field label"), "label: x"),
            ("status kind:data failed", word("status", "the field status"), "status: kind:data failed"),
            ("staus:failed", "Did you mean status:failed?".to_owned(), "status:failed"),
            ("ü -sta:", "Did you mean the field status?".to_owned(), "ü -status:"),
            ("a lebal:\"b c\" d", "Did you mean label:\"b?".to_owned(), "a label:\"b c\" d"),
        ] {
            assert_eq!(corrected(typed), Some((question, right.to_owned())), "{typed}");
        }
    }

    #[test]
    fn a_valid_filter_gets_no_suggestion() {
        for typed in [
            "",
            "owner",
            "\"status\"",
            "-stau",
            "status:failed",
            "http://x",
            "so",
            "st",
            "/stau/",
            "status:",
            "took:2s",
        ] {
            assert_eq!(Suggestion::find(typed), None, "{typed}");
        }
    }
}
