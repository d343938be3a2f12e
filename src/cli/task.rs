//! What the program does without a window, and the words in which it is asked: `watch`, `export`, `track`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::activity::Moment;

/// What is done without a window.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Task {
    /// Watch without a window: one event a line
    Watch(Watch),
    /// Write what the journal has
    Export(Export),
    /// Follow commands whose outcomes are still to come
    Track(Track),
}

/// `watch`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Beside a running window this follows its journal and opens no connection. How the connection stands is said on \
standard error. Ends with code 4 where no server was reached for 30 s at the start; later it tries for ever."
)]
pub struct Watch {
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,

    /// End when the outcome of an id, or of everything with a label, is there (also where it was there before)
    #[arg(long, value_name = "final:ID|label:NAME")]
    pub exit_on: Option<Goal>,
}

/// `export`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "One line an activity in its latest state, oldest first, and one a gap. In CSV a cell that a spreadsheet would take \
for a formula gets an apostrophe in front; JSON lines have every text as it is. A file appears whole or not at all."
)]
pub struct Export {
    /// The form of the lines
    #[arg(long)]
    pub format: Format,

    /// Leave out what was last heard of before: a time (RFC 3339), a date (UTC), or an age such as 10m, 2h or 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,

    /// Leave out rows in which not all of these words are found
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,

    /// Write one line a message received instead, in order of arrival
    #[arg(long)]
    pub messages: bool,

    /// The file; standard output without one
    pub file: Option<PathBuf>,
}

/// `track`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Hands the ids to the window or to `watch`, whichever runs; writes them into the journal where neither does. \
On Windows a running window can't be asked."
)]
pub struct Track {
    /// Name all of them
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,

    /// The command ids
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

/// The form of exported lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values after RFC 4180, with a header line
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// What `watch` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// The outcome of a command, or of a data request.
    Final(String),
    /// The outcomes of everything with this label, at least one.
    Label(String),
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':').map(|(what, which)| (what, which.trim())) {
            Some(("final", id)) if !id.is_empty() => Ok(Self::Final(id.to_owned())),
            Some(("label", name)) if !name.is_empty() => Ok(Self::Label(name.to_owned())),
            _ => Err("write final:ID or label:NAME".to_owned()),
        }
    }
}

/// A time from which on things count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// A point in time.
    At(Moment),
    /// So long ago.
    Ago(Duration),
}

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
    type Err = String;

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
        Err("write a time such as 2026-03-01T12:00:00Z, a date such as 2026-03-01, or an age such as 10m, 2h or 3d"
            .to_owned())
    }
}

/// An age: a whole number and a unit.
fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let number = text.strip_suffix(unit).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
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
        }
        for text in
            ["", "m", "10", "-1h", "+1h", "yesterday", "2026-13-01", "2026-03-01T12:00", "99999999999999999999d"]
        {
            assert!(read(text).is_err(), "{text:?} was taken for a time");
        }
    }

    #[test]
    fn a_goal_is_an_id_or_a_label() {
        assert_eq!("final:a:b".parse(), Ok(Goal::Final("a:b".into())));
        assert_eq!("label:night run".parse(), Ok(Goal::Label("night run".into())));
        for text in ["", "final", "final:", "label: ", "other:x"] {
            assert!(text.parse::<Goal>().is_err(), "{text:?} was taken for a goal");
        }
    }
}
