//! A start time, as typed in the filter's `since:` and after `--since`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::timestamp::Timestamp;

/// A start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpec {
    /// A point in time.
    At(Timestamp),
    /// The start of a day in the time zone in which it was parsed.
    Day(Date, Timestamp),
    /// This long before now.
    Ago(Duration),
}

/// The text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Write a time such as 2026-03-01T12:00:00Z, a date such as 2026-03-01, or an age such as 10m, 2h or 3d.")]
pub struct ParseTimeError;

impl TimeSpec {
    /// The point in time.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) | Self::Day(_, moment) => moment,
            Self::Ago(age) => Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))),
        }
    }

    /// Parses a text. A date alone is a day in `zone`.
    ///
    /// # Errors
    ///
    /// If it is not a time.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, ParseTimeError> {
        let text = text.trim();
        if let Some(age) = age(text) {
            return Ok(Self::Ago(age));
        }
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(timestamp.into()));
        }
        // Only a date: jiff would also accept a date and a time without an offset, which is ambiguous.
        if text.len() == 10
            && let Ok(date) = text.parse::<Date>()
            && let Ok(begins) = zone.to_timestamp(date.at(0, 0, 0, 0))
        {
            return Ok(Self::Day(date, begins.into()));
        }
        Err(ParseTimeError)
    }
}

impl FromStr for TimeSpec {
    type Err = ParseTimeError;

    /// A date alone is a day in UTC, as on the command line.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_in(text, &TimeZone::UTC)
    }
}

impl fmt::Display for TimeSpec {
    /// Writes it so that it is parsed back to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => write!(f, "{moment}"),
            Self::Day(date, _) => write!(f, "{date}"),
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

/// The units of an age in seconds, largest first.
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
        let now = Timestamp::from_millis(1_000_000_000_000);
        let read = |text: &str| TimeSpec::from_str(text).map(|since| since.resolve(now).to_string());
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
            let since = TimeSpec::from_str(text).unwrap();
            assert_eq!(since.to_string().parse(), Ok(since), "{text} is not read back");
        }
        for text in
            ["", "m", "10", "-1h", "+1h", "yesterday", "2026-13-01", "2026-03-01T12:00", "99999999999999999999d"]
        {
            assert!(read(text).is_err(), "{text:?} was taken for a time");
        }
    }

    #[test]
    fn a_date_is_a_day_in_the_zone_in_which_it_is_parsed() {
        for (zone, date, wanted) in [
            ("UTC", "2026-11-30", "2026-11-30T00:00:00.000000Z"),
            ("America/New_York", "2026-11-30", "2026-11-30T05:00:00.000000Z"),
            ("America/New_York", "2026-07-01", "2026-07-01T04:00:00.000000Z"),
            ("Asia/Kolkata", "2026-11-30", "2026-11-29T18:30:00.000000Z"),
            // This day starts at one o'clock.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00.000000Z"),
            ("Pacific/Apia", "2026-11-30", "2026-11-29T11:00:00.000000Z"),
        ] {
            let since = TimeSpec::parse_in(date, &TimeZone::get(zone).unwrap()).unwrap();
            assert_eq!(since.resolve(Timestamp(0)).to_string(), wanted, "{date} in {zone}");
            assert_eq!(since.to_string(), date, "it is written as it was typed");
            let exact = TimeSpec::parse_in("2026-03-01T12:00:00+02:00", &TimeZone::get(zone).unwrap()).unwrap();
            assert_eq!(
                exact.resolve(Timestamp(0)).to_string(),
                "2026-03-01T10:00:00.000000Z",
                "an offset counts in any zone"
            );
        }
    }
}
