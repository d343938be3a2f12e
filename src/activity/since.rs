//! A time from which on things count, as it is typed: in the filter's `since:` and after `--since`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Moment;

/// A time from which on things count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// A point in time.
    At(Moment),
    /// So long ago.
    Ago(Duration),
}

/// What was typed is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Write a time such as 2026-03-01T12:00:00Z, a date such as 2026-03-01, or an age such as 10m, 2h or 3d.")]
pub struct NoTime;

impl Since {
    /// The point in time.
    #[must_use]
    pub fn moment(self, now: Moment) -> Moment {
        match self {
            Self::At(moment) => moment,
            Self::Ago(age) => Moment(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))),
        }
    }
}

impl FromStr for Since {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(age) = age(text) {
            return Ok(Self::Ago(age));
        }
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(timestamp.into()));
        }
        // Only a date: jiff would also take a date and a time without an offset, which nobody could be sure of.
        if text.len() == 10
            && let Ok(midnight) = text.parse::<Date>().and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)))
        {
            return Ok(Self::At(midnight.into()));
        }
        Err(NoTime)
    }
}

impl fmt::Display for Since {
    /// In a form that is read back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => write!(f, "{moment}"),
            Self::Ago(age) => {
                let seconds = age.as_secs();
                let (per_unit, unit) = UNITS
                    .into_iter()
                    .find(|(per_unit, _)| seconds > 0 && seconds.is_multiple_of(*per_unit))
                    .unwrap_or((1, 's'));
                write!(f, "{}{unit}", seconds / per_unit)
            }
        }
    }
}

/// The units of an age in seconds, the largest first.
const UNITS: [(u64, char); 5] = [(7 * 24 * 60 * 60, 'w'), (24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm'), (1, 's')];

/// An age: a whole number and a unit.
fn age(text: &str) -> Option<Duration> {
    let last = text.chars().next_back()?;
    let (seconds, _) = UNITS.into_iter().find(|(_, unit)| *unit == last)?;
    let number = text.strip_suffix(last).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_point_a_date_or_an_age() {
        let now = Moment::from_millis(1_000_000_000_000);
        let read = |text: &str| Since::from_str(text).map(|since| since.moment(now).to_string());
        for (text, wanted) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000000Z"),
            ("2026-03-01", "2026-03-01T00:00:00.000000Z"),
            ("90s", "2001-09-09T01:45:10.000000Z"),
            ("10m", "2001-09-09T01:36:40.000000Z"),
            ("2h", "2001-09-08T23:46:40.000000Z"),
            ("3d", "2001-09-06T01:46:40.000000Z"),
            ("1w", "2001-09-02T01:46:40.000000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(wanted), "{text}");
            let since = Since::from_str(text).unwrap();
            assert_eq!(since.to_string().parse(), Ok(since), "{text} is not read back");
        }
        for text in
            ["", "m", "10", "-1h", "+1h", "yesterday", "2026-13-01", "2026-03-01T12:00", "99999999999999999999d"]
        {
            assert!(read(text).is_err(), "{text:?} was taken for a time");
        }
    }
}
