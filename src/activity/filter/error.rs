//! Syntax errors of filters and their positions.

use std::ops::Range;

use crate::activity::time::time_spec::ParseTimeError;

/// A filter with a syntax error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Character {character}: {problem}")]
pub struct FilterError {
    /// What is wrong, in sentences.
    pub problem: Problem,
    /// The position in bytes of the typed text; may be empty, also at the end.
    pub range: Range<usize>,
    /// The position in characters, from 1.
    pub character: usize,
}

/// A kind of syntax error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A minus without a term.
    #[error("Type behind the minus what is to be left out.")]
    LoneMinus,
    /// A comma in a list of values without a value on one side.
    #[error("A value is missing beside the comma. Type another one, or take the comma away.")]
    LoneComma,
    /// An unterminated quotation mark.
    #[error("The quotation mark is not closed. Type another at the end of the phrase.")]
    OpenQuote,
    /// An unterminated regular expression.
    #[error("The expression is not closed. End it with a slash, or put the text in quotation marks.")]
    OpenRegex,
    /// Text directly after a part, without the required space.
    #[error("A space is missing here.")]
    MissingSpace,
    /// An unknown field name.
    #[error("There is no field {name}.{} To search for this text, put it in quotation marks.",
        like.map_or_else(String::new, |like| format!(" Is {like} meant?")))]
    UnknownField {
        /// The name as typed.
        name: String,
        /// A field with a similar name.
        like: Option<&'static str>,
    },
    /// A field without a value after the colon.
    #[error("Type behind the colon what is wanted, for example {example}.")]
    MissingValue {
        /// An example of a value.
        example: &'static str,
    },
    /// An unknown value of a field.
    #[error("There is no {field} {value}. There are {known}.")]
    UnknownValue {
        /// The field.
        field: &'static str,
        /// The value as typed.
        value: String,
        /// The valid values.
        known: &'static str,
    },
    /// An invalid time after `since:`.
    #[error(transparent)]
    NoTime(#[from] ParseTimeError),
    /// An invalid duration comparison after `took:`.
    #[error("Write how long, with longer or shorter in front: took:>2s, took:<500ms, took:>=1.5m.")]
    NoSpan,
    /// An invalid regular expression.
    #[error("The expression can't be read: {0}.")]
    Regex(String),
    /// A regular expression that needs too much memory.
    #[error("The expression is too large. Make it shorter, or repeat less in it.")]
    RegexTooLarge,
    /// Too many parts.
    #[error("A filter takes at most {max} parts.")]
    TooMany {
        /// The maximum.
        max: usize,
    },
}

impl FilterError {
    /// Creates an error for a range of the typed text.
    pub(crate) fn new(text: &str, range: Range<usize>, problem: Problem) -> Self {
        let character = text.char_indices().take_while(|(at, _)| *at < range.start).count() + 1;
        Self { problem, range, character }
    }
}
