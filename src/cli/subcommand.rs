//! The subcommands that need no window (`watch`, `export`, `track`) and their arguments.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};

use crate::activity::{Filter, TimeSpec};

/// What is done without a window.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CliCommand {
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
    #[arg(long, value_name = "final:ID|label:NAME", allow_hyphen_values = true)]
    pub exit_on: Option<ExitCondition>,

    /// Leave out events of rows that this filter does not let through; a date in it (`since:2026-03-01`) is a day in UTC
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<Filter>,
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
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<TimeSpec>,

    /// Leave out rows that this filter does not let through; a date in it (`since:2026-03-01`) is a day in UTC
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<Filter>,

    /// Write one line a message received instead, in order of arrival
    #[arg(long)]
    pub messages: bool,

    /// Begin CSV with a byte order mark, by which Excel knows that it is UTF-8
    #[arg(long)]
    pub bom: bool,

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
    /// Label for all given ids
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
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

/// The condition that ends `watch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitCondition {
    /// The command or data request with this id has an outcome.
    Final(String),
    /// At least one activity has this label, and every one that has it has an outcome.
    Label(String),
}

impl FromStr for ExitCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':').map(|(what, which)| (what, which.trim())) {
            Some(("final", id)) if !id.is_empty() => Ok(Self::Final(id.to_owned())),
            Some(("label", name)) if !name.is_empty() => Ok(Self::Label(name.to_owned())),
            _ => Err("write final:ID or label:NAME".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_condition_is_an_id_or_a_label() {
        assert_eq!("final:a:b".parse(), Ok(ExitCondition::Final("a:b".into())));
        assert_eq!("label:night run".parse(), Ok(ExitCondition::Label("night run".into())));
        for text in ["", "final", "final:", "label: ", "other:x"] {
            assert!(text.parse::<ExitCondition>().is_err(), "{text:?} was taken for a goal");
        }
    }
}
