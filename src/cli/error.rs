//! Why `watch`, `export` or `track` ends otherwise than was wished, and with which code.

use std::io;
use std::path::PathBuf;

use crate::engine::{EngineError, ipc};
use crate::journal::{JournalError, NotAppended};
use crate::settings::atomic::in_words;
use crate::settings::{AddressError, SettingsError};

use super::Exit;

/// Why a subcommand ends otherwise than was wished.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is nothing to watch or to track for.
    #[error(
        "There is no profile. Sign in in the window first, or set PRIVICORE_API_URL, PRIVICORE_WS_URL, PRIVICORE_USERNAME \
         and PRIVICORE_PASSWORD."
    )]
    NoProfile,
    /// No profile has that name.
    #[error("There is no profile named {0}. Check the name.")]
    UnknownProfile(String),
    /// It is not clear whose commands are meant.
    #[error("There are several profiles. Say whose the commands are with --profile NAME.")]
    SeveralProfiles,
    /// The environment gives an address that can't be used.
    #[error("{name}: {why}")]
    Address {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        why: AddressError,
    },
    /// The environment gives addresses that passwords must not be sent to.
    #[error(
        "The connection to {0} would not be encrypted. Use https:// and wss:// addresses, or sign in in the window, where \
         you can allow it."
    )]
    Unencrypted(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The ids or the label to track make no sense.
    #[error(transparent)]
    Tracking(#[from] ipc::InvalidTrackRequest),
    /// There is no token, or it was refused.
    #[error("Nothing is left to watch: {0}")]
    SignedOut(String),
    /// No server was reached.
    #[error("No server was reached within {seconds} s. {}", .why.as_deref().unwrap_or_default())]
    NotReached {
        /// How long it was tried.
        seconds: u64,
        /// What went wrong last, in a sentence, if anything did.
        why: Option<String>,
    },
    /// The engine can't start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine ended by itself.
    #[error("Privicore Monitor stopped working inside. Start it again, and report this if it comes again.")]
    EngineStopped,
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The holder could not keep the entries.
    #[error("{0}")]
    NotTracked(String),
    /// The holder could not be asked.
    #[error(transparent)]
    Ask(#[from] ipc::IpcError),
    /// The folders can't be made.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file can't be written.
    #[error("{} could not be written: {}. It is as it was before.", path.display(), in_words(source))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output can't be written.
    #[error("Standard output could not be written: {}.", in_words(.0))]
    Output(io::Error),
    /// The system asked the program to end in the middle of an export.
    #[error("The export was cancelled, and no file was written.")]
    Cancelled,
    /// The system gives no threads, no sockets or no signals.
    #[error("The system did not give what is needed to run: {}. Close other programs and try again.", in_words(.0))]
    System(#[source] io::Error),
}

impl CliError {
    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoProfile
            | Self::UnknownProfile(_)
            | Self::SeveralProfiles
            | Self::Address { .. }
            | Self::Unencrypted(_)
            | Self::Usage(_)
            | Self::Tracking(_) => Exit::Usage,
            Self::SignedOut(_) => Exit::SignedOut,
            Self::NotReached { .. } => Exit::NotReached,
            Self::Engine(_)
            | Self::EngineStopped
            | Self::Journal(_)
            | Self::NotTracked(_)
            | Self::Ask(_)
            | Self::Settings(_)
            | Self::File { .. }
            | Self::Output(_)
            | Self::Cancelled
            | Self::System(_) => Exit::Failed,
        }
    }
}

impl From<NotAppended> for CliError {
    fn from(refused: NotAppended) -> Self {
        Self::Journal(refused.source)
    }
}
