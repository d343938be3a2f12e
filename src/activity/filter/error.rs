//! What is wrong with a filter, and where.

use std::ops::Range;

use crate::activity::time::since::ParseTimeError;

/// A filter that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Character {character}: {problem}")]
pub struct FilterError {
    /// What is wrong, in sentences.
    pub problem: Problem,
    /// Where, in bytes of what was typed; may be empty, at the end too.
    pub range: Range<usize>,
    /// Where, as people count: characters from 1.
    pub character: usize,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A minus stands alone.
    #[error("Type behind the minus what is to be left out.")]
    LoneMinus,
    /// A comma in a list of values has no value on one side.
    #[error("A value is missing beside the comma. Type another one, or take the comma away.")]
    LoneComma,
    /// A quotation mark has no other.
    #[error("The quotation mark is not closed. Type another at the end of the phrase.")]
    OpenQuote,
    /// A regular expression has no end.
    #[error("The expression is not closed. End it with a slash, or put the text in quotation marks.")]
    OpenRegex,
    /// Something follows at once where a space must stand.
    #[error("A space is missing here.")]
    MissingSpace,
    /// No field has that name.
    #[error("There is no field {name}.{} To search for this text, put it in quotation marks.",
        like.map_or_else(String::new, |like| format!(" Is {like} meant?")))]
    UnknownField {
        /// What was typed.
        name: String,
        /// The field that it is like.
        like: Option<&'static str>,
    },
    /// Nothing stands behind a field's colon.
    #[error("Type behind the colon what is wanted, for example {example}.")]
    MissingValue {
        /// What could stand there.
        example: &'static str,
    },
    /// A field has no such value.
    #[error("There is no {field} {value}. There are {known}.")]
    UnknownValue {
        /// The field.
        field: &'static str,
        /// What was typed.
        value: String,
        /// The values that there are.
        known: &'static str,
    },
    /// What stands behind `since:` is no time.
    #[error(transparent)]
    NoTime(#[from] ParseTimeError),
    /// What stands behind `took:` is no comparison with a duration.
    #[error("Write how long, with longer or shorter in front: took:>2s, took:<500ms, took:>=1.5m.")]
    NoSpan,
    /// A regular expression that can't be read.
    #[error("The expression can't be read: {0}.")]
    Regex(String),
    /// A regular expression that takes too much memory.
    #[error("The expression is too large. Make it shorter, or repeat less in it.")]
    RegexTooLarge,
    /// More than a filter may have.
    #[error("A filter takes at most {most} parts.")]
    TooMany {
        /// How many.
        most: usize,
    },
}

impl FilterError {
    /// A problem in a range of what was typed.
    pub(crate) fn new(text: &str, range: Range<usize>, problem: Problem) -> Self {
        let character = text.char_indices().take_while(|(at, _)| *at < range.start).count() + 1;
        Self { problem, range, character }
    }
}
