//! A request to track commands, from the window or from another process.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::activity::{ActivityKey, Entry, Fact, LocalEvent, Timestamp};
use crate::protocol::CommandId;

/// The newest version of the line format.
pub(crate) const VERSION: u32 = 2;

/// A request to track commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackRequest {
    /// The name of the profile; `None` if there is only one.
    pub profile: Option<String>,
    /// The commands, each id once.
    pub(crate) commands: Vec<TrackedCommand>,
}

/// A command to track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedCommand {
    pub(crate) id: CommandId,
    pub(crate) label: Option<String>,
}

impl TrackedCommand {
    /// Checks an id and a label, and removes surrounding blanks. A label of blanks only counts as none.
    ///
    /// # Errors
    ///
    /// If the id or the label is invalid.
    pub fn new(id: &str, label: Option<&str>) -> Result<Self, InvalidCommand> {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().count() <= MAX_NAME_LENGTH && !text.chars().any(char::is_control)
        };
        let id = id.trim();
        if !is_name(id) {
            return Err(InvalidCommand::Id);
        }
        let label = label.map(str::trim).filter(|label| !label.is_empty());
        if label.is_some_and(|label| !is_name(label)) {
            return Err(InvalidCommand::Label);
        }
        Ok(Self { id: CommandId::from(id), label: label.map(str::to_owned) })
    }

    /// The length of the id and the label in bytes.
    pub fn byte_length(&self) -> usize {
        self.id.as_str().len() + self.label.as_ref().map_or(0, String::len)
    }
}

impl TrackRequest {
    /// Checks a request with one label for all commands. Duplicate ids count once.
    ///
    /// # Errors
    ///
    /// If an id or the label is invalid, or if there are no ids or too many.
    pub fn new(profile: Option<String>, ids: &[String], label: Option<&str>) -> Result<Self, InvalidTrackRequest> {
        Self::with_labels(profile, ids.iter().map(|id| (id.as_str(), label)))
    }

    /// Checks a request with a label for each command.
    ///
    /// # Errors
    ///
    /// If an id or a label is invalid, or if there are no ids or too many.
    pub(crate) fn with_labels<'a>(
        profile: Option<String>,
        commands: impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, InvalidTrackRequest> {
        if commands.len() > MAX_COMMANDS {
            return Err(InvalidTrackRequest::TooMany(commands.len()));
        }
        let checked = commands.zip(1..).map(|((id, label), number)| {
            TrackedCommand::new(id, label).map_err(|invalid| match invalid {
                InvalidCommand::Id => InvalidTrackRequest::InvalidId { number },
                InvalidCommand::Label => InvalidTrackRequest::InvalidLabel,
            })
        });
        Self::of_commands(profile, checked.collect::<Result<_, _>>()?)
    }

    /// A request with these commands. Duplicate ids count once, with the last label.
    ///
    /// # Errors
    ///
    /// If there are no commands or too many.
    pub fn of_commands(profile: Option<String>, commands: Vec<TrackedCommand>) -> Result<Self, InvalidTrackRequest> {
        if commands.len() > MAX_COMMANDS {
            return Err(InvalidTrackRequest::TooMany(commands.len()));
        }
        let mut unique: Vec<TrackedCommand> = Vec::with_capacity(commands.len());
        let mut positions = BTreeMap::new();
        for command in commands {
            if let Some(known) = positions.get(&command.id).and_then(|position: &usize| unique.get_mut(*position)) {
                known.label = command.label.or_else(|| known.label.take());
            } else {
                positions.insert(command.id.clone(), unique.len());
                unique.push(command);
            }
        }
        if unique.is_empty() {
            return Err(InvalidTrackRequest::Empty);
        }
        Ok(Self { profile, commands: unique })
    }

    /// The number of commands.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are no commands; [`TrackRequest::new`] never creates such a request.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The entries that the journal stores for this request.
    pub fn into_entries(self, at: Timestamp) -> Vec<Entry> {
        entries(self.commands.iter().map(|command| (&command.id, command.label.as_deref())), at)
    }
}

/// Why a command can't be tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// The id is invalid.
    #[error(
        "The command id is empty, longer than {MAX_NAME_LENGTH} characters, or has characters that can't be shown."
    )]
    Id,
    /// The label is invalid.
    #[error("The label is longer than {MAX_NAME_LENGTH} characters, or has characters that can't be shown.")]
    Label,
}

/// Why a track request is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrackRequest {
    /// There are no ids.
    #[error("No command id was given. Give the ids that Privicore answered with.")]
    Empty,
    /// There are too many ids.
    #[error("{0} command ids are too many at once. Give at most {MAX_COMMANDS}.")]
    TooMany(usize),
    /// An id is invalid.
    #[error(
        "The command id {number} is empty, longer than {MAX_NAME_LENGTH} characters, or has characters that can't be shown."
    )]
    InvalidId {
        /// The position of the invalid id, from 1.
        number: usize,
    },
    /// The label is invalid.
    #[error(
        "The label is longer than {MAX_NAME_LENGTH} characters, or has characters that can't be shown. Give another."
    )]
    InvalidLabel,
}

/// Why the instance that holds the data directory rejects a track request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackError {
    /// The line is not a request.
    #[error("The running Privicore Monitor can't read what it was asked.")]
    Unreadable,
    /// The request has another protocol version.
    #[error("The running Privicore Monitor is of another version (it speaks {VERSION} at most, not {0}). Restart it.")]
    OtherVersion(u32),
    /// The request is invalid.
    #[error(transparent)]
    Tracking(#[from] InvalidTrackRequest),
    /// No profile has that name.
    #[error("There is no profile named {0}. Check the name.")]
    NoSuchProfile(String),
    /// There is no profile.
    #[error("There is no profile yet. Sign in first.")]
    NoProfile,
    /// More than one profile has that name.
    #[error("Several profiles are named {0}. Rename one of them in the window.")]
    AmbiguousName(String),
    /// The request names no profile, and there is more than one.
    #[error("There are several profiles. Say whose the commands are with --profile NAME.")]
    SeveralProfiles,
    /// The profile is being removed.
    #[error("The profile is being removed.")]
    BeingRemoved,
    /// The journal did not store the request in time.
    #[error(transparent)]
    NotConfirmed(NotConfirmed),
}

impl TrackError {
    /// Whether the request is at fault (wrong usage) rather than the instance that answers it.
    pub(crate) fn is_usage(&self) -> bool {
        !matches!(self, Self::BeingRemoved | Self::NotConfirmed(_))
    }
}

/// A request on its way to the supervisor.
#[derive(Debug)]
pub(crate) struct IncomingRequest {
    pub(crate) tracking: TrackRequest,
    /// Receives the number of commands that are tracked from now on.
    pub(crate) reply: oneshot::Sender<Result<usize, TrackError>>,
}

/// The entries that the journal stores for a request to track commands, each with its label.
pub(crate) fn entries<'a>(
    commands: impl Iterator<Item = (&'a CommandId, Option<&'a str>)>,
    at: Timestamp,
) -> Vec<Entry> {
    let entry =
        |command: &CommandId, event| Entry::local(at, ActivityKey::Command(command.clone()), Fact::Local(event));
    let mut entries = Vec::new();
    for (command, label) in commands {
        entries.push(entry(command, LocalEvent::Tracked));
        if let Some(label) = label {
            entries.push(entry(command, LocalEvent::Labelled { label: label.to_owned() }));
        }
    }
    entries
}

/// The most commands that one request may name. This many ids, at the length that known servers use, fit into a line.
pub(crate) const MAX_COMMANDS: usize = 10_000;

/// The longest id and the longest label that are accepted, in characters. A server's ids have 36.
pub(crate) const MAX_NAME_LENGTH: usize = 200;

/// Why the instance that holds the data directory did not do what was requested, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The request is invalid: wrong usage.
    #[error("{0}")]
    Usage(String),
    /// The instance failed to do it.
    #[error("{0}")]
    Failed(String),
}

/// The instance has the request but has not confirmed it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The running Privicore Monitor has the command ids and follows them, but did not confirm within {seconds} s that they are \
     in its journal: the journal is busy or can't be written. Look at its window before you close it."
)]
pub struct NotConfirmed {
    /// How many seconds the instance had to confirm.
    pub seconds: u64,
}
