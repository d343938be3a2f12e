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

pub(crate) mod error;
pub(crate) mod evaluate;
pub(crate) mod expression;
pub(crate) mod names;
pub(crate) mod parse;
pub(crate) mod pattern;
pub(crate) mod slip;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::activity::time::since::TimeSpec;
use crate::activity::time::timestamp::Timestamp;

use super::read::Activity;

use error::FilterError;
use expression::{Comparison, Filter, Term, Test};
use names::Field;

#[cfg(test)]
mod tests;

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
    pub fn matches(&self, activity: &Activity<'_>, now: Timestamp) -> bool {
        self.matches_whole(activity, now, None)
    }

    /// The same with the whole text of which the row may have only the beginning in memory, where it is known.
    #[must_use]
    pub fn matches_whole(&self, activity: &Activity<'_>, now: Timestamp, whole: Option<&str>) -> bool {
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
    pub(crate) fn depends_on_time(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Since(TimeSpec::Ago(_)) | Test::Took(..)))
    }

    /// The next moment after `now` at which it may judge a row otherwise although nothing happened to the row.
    pub(crate) fn turns(&self, activity: &Activity<'_>, now: Timestamp) -> Option<Timestamp> {
        const TICK: Duration = Duration::from_micros(1);
        let turn = |term: &Term| match &term.test {
            Test::Since(TimeSpec::Ago(age)) => Some(activity.updated().plus(*age).plus(TICK)),
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
            | Test::Since(TimeSpec::At(_) | TimeSpec::Day(..))
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
