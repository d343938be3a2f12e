//! The subcommands that need no window (`watch`, `export`, `track`) and their arguments.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};

use crate::activity::{Filter, TimeSpec};

use super::manual::texts;

/// What is done without a window.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CliCommand {
    /// Print events without a window, one per line
    Watch(Watch),
    /// Write what the journal holds
    Export(ExportArguments),
    /// Track commands, so that their outcomes are expected and checked
    Track(Track),
}

/// `watch`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = texts::WATCH.help())]
pub struct Watch {
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,

    /// Exit when the outcome of this id, or of everything with this label, is known, including outcomes already in the journal
    #[arg(long, value_name = "final:ID|label:NAME", allow_hyphen_values = true)]
    pub exit_on: Option<ExitCondition>,

    /// Only print events of rows that match this filter; a date in it (`since:2026-03-01`) is a day in UTC
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<Filter>,
}

/// `export`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = texts::EXPORT.help())]
pub struct ExportArguments {
    /// The format of the lines
    #[arg(long)]
    pub format: Format,

    /// Only write rows that were updated since then: a time (RFC 3339), a date (UTC), or an age such as 10m, 2h or 3d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<TimeSpec>,

    /// Only write rows that match this filter; a date in it (`since:2026-03-01`) is a day in UTC
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<Filter>,

    /// Write one line per received message instead, in order of arrival
    #[arg(long)]
    pub messages: bool,

    /// Start CSV with a byte order mark, so that Excel reads it as UTF-8
    #[arg(long)]
    pub bom: bool,

    /// The file to write; without it, the lines go to standard output
    pub file: Option<PathBuf>,
}

/// `track`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = texts::TRACK.help())]
pub struct Track {
    /// Label for all given ids; with `-`, for lines without a label
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub label: Option<String>,

    /// The command ids; `-` alone reads them from standard input
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

impl Track {
    /// Whether the ids come from standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.ids.iter().any(|id| id == "-")
    }
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
