//! A parsed filter.

use std::fmt;
use std::time::Duration;

use crate::activity::activity_values::Evidence;
use crate::activity::entry::Kind;
use crate::activity::time::time_spec::TimeSpec;

use super::fields::{Field, StatusName};
use super::pattern::Pattern;

/// A parsed filter. An empty one matches every row. [`fmt::Display`] writes it so that it parses to the same filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub(crate) terms: Vec<Term>,
}

/// One part: a test, possibly negated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) not: bool,
    pub(crate) test: Test,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("-")?;
        }
        match &self.test {
            Test::Text(None, pattern) => pattern.fmt(f),
            Test::Text(Some(field), pattern) => write!(f, "{}:{pattern}", field.word()),
            Test::Empty(field) => write!(f, "{}:\"\"", field.word()),
            Test::Status(names) => list(f, "status", names.iter().map(|name| name.word())),
            Test::Kind(kinds) => list(f, "kind", kinds.iter().map(|kind| kind.word().to_lowercase())),
            Test::Source(sources) => list(f, "source", sources.iter().map(|source| source.word())),
            Test::Since(since) => write!(f, "since:{since}"),
            Test::Took(comparison, than) => {
                write!(f, "took:{}{}", comparison.sign(), super::fields::format_duration(*than))
            }
        }
    }
}

/// The test of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// A pattern matches a field, or any field.
    Text(Option<Field>, Pattern),
    /// A field is empty.
    Empty(Field),
    /// The status is one of these.
    Status(Vec<StatusName>),
    /// The kind is one of these.
    Kind(Vec<Kind>),
    /// The source is one of these.
    Source(Vec<Evidence>),
    /// The last message arrived at this time or later.
    Since(TimeSpec),
    /// The duration compares like this.
    Took(Comparison, Duration),
}

/// A comparison of two durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Longer,
    AtLeast,
    Shorter,
    AtMost,
}

impl Comparison {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Longer => ">",
            Self::AtLeast => ">=",
            Self::Shorter => "<",
            Self::AtMost => "<=",
        }
    }

    pub(crate) fn holds(self, took: Duration, than: Duration) -> bool {
        match self {
            Self::Longer => took > than,
            Self::AtLeast => took >= than,
            Self::Shorter => took < than,
            Self::AtMost => took <= than,
        }
    }
}

pub(crate) fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    field: &str,
    words: impl Iterator<Item = T>,
) -> fmt::Result {
    write!(f, "{field}:")?;
    for (index, word) in words.enumerate() {
        write!(f, "{}{word}", if index > 0 { "," } else { "" })?;
    }
    Ok(())
}
