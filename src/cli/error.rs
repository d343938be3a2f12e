//! Errors of `watch`, `export` and `track`, and the exit code of each.

use std::io;
use std::path::PathBuf;

use crate::engine::{EngineError, ipc};
use crate::journal::{JournalError, NotAppended};
use crate::settings::atomic::describe_io;
use crate::settings::{AddressError, SettingsError};

use super::Exit;

/// Why a subcommand fails, or ends before its goal.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is no profile to watch or to track for.
    #[error(
        "There is no profile. Sign in in the window first, or set PRIVICORE_API_URL, PRIVICORE_WS_URL, PRIVICORE_USERNAME \
         and PRIVICORE_PASSWORD."
    )]
    NoProfile,
    /// No profile has that name.
    #[error("There is no profile named {0}. Check the name.")]
    UnknownProfile(String),
    /// There are several profiles, and `--profile` does not choose one.
    #[error("There are several profiles. Say whose the commands are with --profile NAME.")]
    SeveralProfiles,
    /// The environment gives an invalid address.
    #[error("{name}: {why}")]
    Address {
        /// The variable's name.
        name: &'static str,
        /// What is wrong with the address.
        why: AddressError,
    },
    /// The environment gives unencrypted addresses, over which passwords must not be sent.
    #[error(
        "The connection to {0} would not be encrypted. Use https:// and wss:// addresses, or sign in in the window, where \
         you can allow it."
    )]
    Unencrypted(String),
    /// The combination of arguments is invalid.
    #[error("{0}")]
    Usage(String),
    /// The ids or the label to track are invalid.
    #[error(transparent)]
    Tracking(#[from] ipc::InvalidTrackRequest),
    /// There is no token, or the server refused it.
    #[error("Nothing is left to watch: {0}")]
    SignedOut(String),
    /// No server could be reached.
    #[error("No server was reached within {seconds} s. {}", .why.as_deref().unwrap_or_default())]
    NotReached {
        /// How many seconds the program tried.
        seconds: u64,
        /// The last error as a sentence, if there was one.
        why: Option<String>,
    },
    /// The engine could not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine stopped unexpectedly.
    #[error("Internal error. Restart Privicore Monitor, and report this if it happens again.")]
    EngineStopped,
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The process that holds the journal could not save the entries.
    #[error("{0}")]
    NotTracked(String),
    /// The process that holds the journal could not be reached.
    #[error(transparent)]
    Ask(#[from] ipc::IpcError),
    /// Standard input could not be read.
    #[error("Standard input could not be read: {}.", describe_io(.0))]
    Input(io::Error),
    /// Some lines of standard input name no command; all others are tracked.
    #[error("{}", describe_invalid_lines(*.invalid, *.tracked))]
    InvalidLines {
        /// How many lines name no command.
        invalid: u64,
        /// How many commands are tracked.
        tracked: usize,
    },
    /// Standard input was not read to its end.
    #[error("{source} The commands up to line {line} are handled. Try again with the lines after it.")]
    TrackingStopped {
        /// The number of the last line that was handled.
        line: u64,
        /// Why it was not read further.
        source: Box<CliError>,
    },
    /// The system asked the program to end while it read standard input.
    #[error("Cancelled after line {line} of standard input. Commands tracked: {tracked}.")]
    TrackingCancelled {
        /// The number of the last line that was handled.
        line: u64,
        /// How many commands are tracked.
        tracked: usize,
    },
    /// The folders can't be created.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file could not be written.
    #[error("{} could not be written: {}. {}", path.display(), describe_io(source), hint_for_file(source))]
    File {
        /// The file's path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Standard output could not be written.
    #[error("Standard output could not be written: {}.", describe_io(.0))]
    Output(io::Error),
    /// The system asked the program to end during an export.
    #[error("The export was cancelled, and no file was written.")]
    Cancelled,
    /// The system refuses threads, sockets or signal handlers.
    #[error("The system did not give what is needed to run: {}. Close other programs and try again.", describe_io(.0))]
    System(#[source] io::Error),
}

impl CliError {
    /// The exit code of this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoProfile
            | Self::UnknownProfile(_)
            | Self::SeveralProfiles
            | Self::Address { .. }
            | Self::Unencrypted(_)
            | Self::Usage(_)
            | Self::InvalidLines { .. }
            | Self::Tracking(_) => Exit::Usage,
            Self::TrackingStopped { source, .. } => source.exit(),
            Self::SignedOut(_) => Exit::SignedOut,
            Self::NotReached { .. } => Exit::NotReached,
            _ => Exit::Failed,
        }
    }
}

/// What to do about a file that could not be written.
fn hint_for_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "Create the folder first, or give another path.",
        io::ErrorKind::IsADirectory => "Give the path of a file in it.",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "Give a path in a folder that you may write to."
        }
        _ => "It is as it was before.",
    }
}

fn describe_invalid_lines(invalid: u64, tracked: usize) -> String {
    let lines = if invalid == 1 {
        "1 line names no command and is".to_owned()
    } else {
        format!("{invalid} lines name no command and are")
    };
    let all_others = match tracked {
        0 => "There were no others.".to_owned(),
        1 => "The other command is tracked.".to_owned(),
        tracked => format!("The other {tracked} commands are tracked."),
    };
    format!("{lines} not tracked. {all_others} Correct the lines named above and give only them again.")
}

impl From<NotAppended> for CliError {
    fn from(refused: NotAppended) -> Self {
        Self::Journal(refused.source)
    }
}
