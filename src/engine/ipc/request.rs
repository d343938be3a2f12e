//! What is sent over the local socket, and why it can't be.

use std::io;
use std::path::PathBuf;

use crate::engine::events::track_request::{NotConfirmed, TrackError, TrackRequest, VERSION};
use crate::settings::atomic::in_words;

/// The longest line, in bytes.
pub(crate) const LONGEST_LINE: u64 = 1024 * 1024;

/// Why there is no local socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Its path is too long for the system.
    #[error(
        "The path of the local socket, {}, is too long: {length} bytes, and {most} are the most. Set XDG_RUNTIME_DIR, or use a \
         data directory with a shorter path.",
        .socket.display()
    )]
    TooLong {
        /// The path.
        socket: PathBuf,
        /// Its bytes.
        length: usize,
        /// How many it may have.
        most: usize,
    },
    /// The folder that it lies in.
    #[error("The folder {} of the local socket can't be used: {}.", .folder.display(), in_words(.source))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket itself.
    #[error("The local socket {} can't be used: {}.", .socket.display(), in_words(.source))]
    Unusable {
        /// Its path.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the holder could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Nobody listens there, or not yet.
    #[error(
        "Privicore Monitor is running with this data directory, but does not listen to other programs. Track the commands in its window."
    )]
    Nobody,
    /// This system has no local socket that is for its owner only.
    #[error(
        "On this system a running Privicore Monitor can't be asked by another program. Track the commands in its window, or quit it first."
    )]
    NotHere,
    /// The local socket can't be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// It did not take what was asked.
    #[error(
        "The running Privicore Monitor did not take the command ids within {seconds} s, because it is busy. They are not \
         tracked. Try again in a moment."
    )]
    NotTaken {
        /// How long it had for that.
        seconds: u64,
    },
    /// It has what was asked, and has not answered yet.
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    /// The answer can't be read.
    #[error("The running Privicore Monitor gave no answer that can be read: {}. Is it of another version?", in_words(.0))]
    Answer(#[source] io::Error),
}

/// The line that asks.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Request {
    pub(crate) version: u32,
    #[serde(rename = "do")]
    pub(crate) what: String,
    pub(crate) profile: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) ids: Vec<String>,
}

impl Request {
    pub(crate) fn of(tracking: &TrackRequest) -> Self {
        Self {
            version: VERSION,
            what: TRACK.to_owned(),
            profile: tracking.profile.clone(),
            label: tracking.label.clone(),
            ids: tracking.commands.iter().map(|id| id.as_str().to_owned()).collect(),
        }
    }

    /// Reads a line that asks.
    pub(crate) fn read(line: &[u8]) -> Result<TrackRequest, TrackError> {
        /// What every version has.
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(line).map_err(|_not_ours| TrackError::Unreadable)?;
        if version != VERSION {
            return Err(TrackError::OtherVersion(version));
        }
        let question: Self = serde_json::from_slice(line).map_err(|_not_ours| TrackError::Unreadable)?;
        if question.what != TRACK {
            return Err(TrackError::Unreadable);
        }
        Ok(TrackRequest::new(question.profile, &question.ids, question.label.as_deref())?)
    }
}

/// The line that answers.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    /// So many are followed.
    Accepted(usize),
    /// Wrong usage; why, in a sentence.
    Usage(String),
    /// It failed; why, in a sentence.
    Failed(String),
}

/// What [`Request::what`] says.
pub(crate) const TRACK: &str = "track";
