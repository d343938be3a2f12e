//! The messages of the local socket, their limits, and its errors.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::events::track_request::{NotConfirmed, TrackError, TrackRequest, VERSION};
use crate::settings::atomic::describe_io;

/// The longest line, in bytes.
pub(crate) const MAX_LINE_LENGTH: u64 = 1024 * 1024;
/// How long a request may take to arrive.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client waits for the response, because the journal may be busy.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the local socket is not available.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Its path is too long for the system.
    #[error(
        "The path of the local socket, {}, is too long: {length} bytes, and {max} are the most. Set XDG_RUNTIME_DIR, or use a \
         data directory with a shorter path.",
        .socket.display()
    )]
    TooLong {
        /// The path of the socket.
        socket: PathBuf,
        /// The length of the path in bytes.
        length: usize,
        /// The longest path that the system supports, in bytes.
        max: usize,
    },
    /// The socket's folder can't be used.
    #[error("The folder {} of the local socket can't be used: {}.", .folder.display(), describe_io(.source))]
    Folder {
        /// The folder of the socket.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The socket itself can't be used.
    #[error("The local socket {} can't be used: {}.", .socket.display(), describe_io(.source))]
    Unusable {
        /// The path of the socket.
        socket: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Why a request to the process that holds the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Nothing listens on the socket, or not yet.
    #[error(
        "Privicore Monitor is running with this data directory, but does not listen to other programs. Track the commands in its window."
    )]
    NotRunning,
    /// The local socket can't be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The process did not accept the request in time.
    #[error(
        "The running Privicore Monitor did not take the command ids within {seconds} s, because it is busy. They are not \
         tracked. Try again in a moment."
    )]
    NotAccepted {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The process accepted the request, but did not respond yet.
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    /// The response can't be read.
    #[error("The running Privicore Monitor gave no answer that can be read: {}. Is it of another version?", describe_io(.0))]
    Response(#[source] io::Error),
}

/// The line with the request.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Request {
    pub(crate) version: u32,
    #[serde(rename = "do")]
    pub(crate) what: String,
    pub(crate) profile: Option<String>,
    /// The label of all commands.
    pub(crate) label: Option<String>,
    pub(crate) ids: Vec<String>,
    /// From version 2 on: the label of each command, if they differ. Version 1 would ignore it, so it is not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<Option<String>>,
}

impl Request {
    pub(crate) fn of(tracking: &TrackRequest) -> Self {
        let label = tracking.commands.first().and_then(|command| command.label.clone());
        let has_one_label = tracking.commands.iter().all(|command| command.label == label);
        let labels = || tracking.commands.iter().map(|command| command.label.clone()).collect();
        Self {
            version: if has_one_label { 1 } else { 2 },
            what: TRACK.to_owned(),
            profile: tracking.profile.clone(),
            label: label.filter(|_| has_one_label),
            ids: tracking.commands.iter().map(|command| command.id.as_str().to_owned()).collect(),
            labels: if has_one_label { Vec::new() } else { labels() },
        }
    }

    /// Parses a request line.
    pub(crate) fn read(line: &[u8]) -> Result<TrackRequest, TrackError> {
        /// What the requests of every version have.
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(line).map_err(|_not_ours| TrackError::Unreadable)?;
        if !(1..=VERSION).contains(&version) {
            return Err(TrackError::OtherVersion(version));
        }
        let question: Self = serde_json::from_slice(line).map_err(|_not_ours| TrackError::Unreadable)?;
        if question.what != TRACK {
            return Err(TrackError::Unreadable);
        }
        if question.labels.is_empty() {
            return Ok(TrackRequest::new(question.profile, &question.ids, question.label.as_deref())?);
        }
        if question.labels.len() != question.ids.len() {
            return Err(TrackError::Unreadable);
        }
        let labels = question.labels.iter().map(Option::as_deref);
        Ok(TrackRequest::with_labels(question.profile, question.ids.iter().map(String::as_str).zip(labels))?)
    }
}

/// The line with the response.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    /// This many commands are tracked.
    Accepted(usize),
    /// The request is wrong; the reason, as a sentence.
    Usage(String),
    /// It failed; the reason, as a sentence.
    Failed(String),
}

/// The value of [`Request::what`] that asks to track commands.
pub(crate) const TRACK: &str = "track";
