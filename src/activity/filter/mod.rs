//! The filter language that the window, `export` and `watch` share.
//!
//! | written | matches a row if |
//! |---|---|
//! | `word`, `"a phrase"` | it occurs, ignoring case, in the kind, id, label, context, status or message |
//! | `/regex/` | the expression matches one of these, ignoring case |
//! | `id:23f7`, `label:`, `context:`, `message:` | same in that field alone; `label:""` if it is empty |
//! | `status:failed`, `kind:data`, `source:enquiry` | the field has this value; `status:failed,unknown` either |
//! | `since:10m` | its last message arrived within ten minutes, or since a date or a time; a date is a day in the window's time zone, in UTC on the command line |
//! | `took:>2s` | it took longer; also `<`, `>=`, `<=` |
//! | `-…` | what follows the minus does not match |
//!
//! Parts are separated by spaces, and all of them must match. [`Filter::parse`] never panics, and a syntax error has its position.
//! No clock: each call passes the time.

pub(crate) mod error;
pub(crate) mod evaluate;
pub(crate) mod expression;
pub(crate) mod fields;
pub(crate) mod parse;
pub(crate) mod pattern;
pub(crate) mod suggestion;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::activity::time::time_spec::TimeSpec;
use crate::activity::time::timestamp::Timestamp;

use super::activity_values::Activity;

use error::FilterError;
use evaluate::WholeTexts;
use expression::{Comparison, Filter, Term, Test};
use fields::Field;

#[cfg(test)]
mod tests;

impl Filter {
    /// Parses a filter. Dates in it are days in UTC.
    ///
    /// # Errors
    ///
    /// If it is not a valid filter: what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_in(text, &TimeZone::UTC)
    }

    /// Parses a filter. Dates in it are days in `zone`.
    ///
    /// # Errors
    ///
    /// If it is not a valid filter: what is wrong, and where.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, FilterError> {
        parse::parse(text, zone).map(|terms| Self { terms })
    }

    /// Whether it matches every row.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row matches at a time.
    pub fn matches(&self, activity: &Activity<'_>, now: Timestamp) -> bool {
        self.matches_whole(activity, now, WholeTexts::default())
    }

    /// Same with complete texts that the row may have only in part.
    pub fn matches_whole(&self, activity: &Activity<'_>, now: Timestamp, whole: WholeTexts<'_>) -> bool {
        evaluate::evaluate_uncached(self, activity, now, whole)
    }

    /// The matches in a text of a field (`None`: of any tested field), ascending and without overlap, for highlighting. Negated
    /// parts highlight nothing.
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

    /// Whether any part highlights text.
    pub fn has_marks(&self) -> bool {
        self.terms.iter().any(|term| !term.not && matches!(term.test, Test::Text(..)))
    }

    /// Whether its result for a row can change with time alone.
    pub(crate) fn depends_on_time(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Since(TimeSpec::Ago(_)) | Test::Took(..)))
    }

    /// The next time after `now` at which its result for a row may change without a new message.
    pub(crate) fn next_change(&self, activity: &Activity<'_>, now: Timestamp) -> Option<Timestamp> {
        const TICK: Duration = Duration::from_micros(1);
        let turn = |term: &Term| match &term.test {
            Test::Since(TimeSpec::Ago(age)) => Some(activity.updated().plus(*age).plus(TICK)),
            // While it is open, the result depends on when it started.
            Test::Took(comparison, than) if activity.status().is_open() => {
                let strict = matches!(comparison, Comparison::Longer | Comparison::AtMost);
                let turn = activity.first_seen().plus(*than);
                Some(if strict { turn.plus(TICK) } else { turn })
            }
            _ => None,
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
