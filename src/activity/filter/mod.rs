//! The one filter language of the window, `export` and `watch`.
//!
//! | written | lets a row through where |
//! |---|---|
//! | `word`, `"a phrase"` | it is found, in any case, in the kind, id, label, context, status or message |
//! | `/regex/` | the expression matches one of these, in any case |
//! | `id:23f7`, `label:`, `context:`, `message:` | the same, in that field alone; `label:""` where there is none |
//! | `status:failed`, `kind:data`, `source:enquiry` | the field says so; `status:failed,unknown` either |
//! | `since:10m` | its last message came within ten minutes, or since a date or a time; a date is a day in the window's time zone, in UTC on the command line |
//! | `took:>2s` | it took longer; also `<`, `>=`, `<=` |
//! | `-…` | what follows the minus is not so |
//!
//! Parts are separated by spaces, and all of them must hold. [`Filter::parse`] never panics, and a mistake is an error
//! that names its place. Pure: the time comes with each question.

mod error;
mod evaluate;
mod names;
mod parse;
mod pattern;
mod slip;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Activity, Kind, Moment, Since, Source};

pub use error::{FilterError, Problem};
pub(super) use evaluate::Matcher;
pub use names::Field;
use names::StatusName;
use pattern::Pattern;
pub use slip::Slip;

/// A filter, read. Empty, it lets every row through. [`fmt::Display`] writes it in a form that is read back as the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// One part: what is asked, or that it is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    not: bool,
    test: Test,
}

/// What one part asks of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// A pattern is found in a field, or in any.
    Text(Option<Field>, Pattern),
    /// A field says nothing.
    Empty(Field),
    /// The status is one of these.
    Status(Vec<StatusName>),
    /// The kind is one of these.
    Kind(Vec<Kind>),
    /// Its state is known in one of these ways.
    Source(Vec<Source>),
    /// Its last message came no earlier.
    Since(Since),
    /// How long it took.
    Took(Comparison, Duration),
}

/// How two durations are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Longer,
    AtLeast,
    Shorter,
    AtMost,
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Longer => ">",
            Self::AtLeast => ">=",
            Self::Shorter => "<",
            Self::AtMost => "<=",
        }
    }

    fn holds(self, took: Duration, than: Duration) -> bool {
        match self {
            Self::Longer => took > than,
            Self::AtLeast => took >= than,
            Self::Shorter => took < than,
            Self::AtMost => took <= than,
        }
    }
}

impl Filter {
    /// Reads what was typed. Dates in it are days in UTC.
    ///
    /// # Errors
    ///
    /// Where it is no filter: what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_in(text, &TimeZone::UTC)
    }

    /// Reads what was typed. Dates in it are days in `zone`.
    ///
    /// # Errors
    ///
    /// Where it is no filter: what is wrong, and where.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, FilterError> {
        parse::read(text, zone).map(|terms| Self { terms })
    }

    /// Whether it lets every row through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it lets a row through at a time.
    #[must_use]
    pub fn matches(&self, activity: &Activity<'_>, now: Moment) -> bool {
        self.matches_whole(activity, now, None)
    }

    /// The same with the whole text of which the row may have only the beginning in memory, where it is known.
    #[must_use]
    pub fn matches_whole(&self, activity: &Activity<'_>, now: Moment, whole: Option<&str>) -> bool {
        evaluate::without_memory(self, activity, now, whole)
    }

    /// What it finds in a text of a field (`None`: whatever field it asks for), in ascending order and apart: for marking.
    /// What is asked not to be there is not marked.
    #[must_use]
    pub fn marks(&self, field: Option<Field>, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for term in self.terms.iter().filter(|term| !term.not) {
            if let Test::Text(of, pattern) = &term.test
                && (of.is_none() || field.is_none() || *of == field)
            {
                pattern.find_all(text, &mut found);
            }
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }

    /// Whether something in it marks text.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        self.terms.iter().any(|term| !term.not && matches!(term.test, Test::Text(..)))
    }

    /// Whether what it lets through changes with the time alone.
    pub(super) fn depends_on_time(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Since(Since::Ago(_)) | Test::Took(..)))
    }

    /// The next moment after `now` at which it may judge a row otherwise although nothing happened to the row.
    pub(super) fn turns(&self, activity: &Activity<'_>, now: Moment) -> Option<Moment> {
        const TICK: Duration = Duration::from_micros(1);
        let turn = |term: &Term| match &term.test {
            Test::Since(Since::Ago(age)) => Some(activity.updated().plus(*age).plus(TICK)),
            // It is told by when it began for as long as it is under way.
            Test::Took(comparison, than) if activity.status().is_open() => {
                let strict = matches!(comparison, Comparison::Longer | Comparison::AtMost);
                let turn = activity.first_seen().plus(*than);
                Some(if strict { turn.plus(TICK) } else { turn })
            }
            Test::Text(..)
            | Test::Empty(_)
            | Test::Status(_)
            | Test::Kind(_)
            | Test::Source(_)
            | Test::Since(Since::At(_) | Since::Day(..))
            | Test::Took(..) => None,
        };
        self.terms.iter().filter_map(turn).filter(|turn| *turn > now).min()
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
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
            Test::Took(comparison, than) => write!(f, "took:{}{}", comparison.sign(), names::span(*than)),
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, field: &str, words: impl Iterator<Item = T>) -> fmt::Result {
    write!(f, "{field}:")?;
    for (index, word) in words.enumerate() {
        write!(f, "{}{word}", if index > 0 { "," } else { "" })?;
    }
    Ok(())
}
