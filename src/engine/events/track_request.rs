//! A request to follow commands, from the window or from another process.

use tokio::sync::oneshot;

use crate::activity::{ActivityKey, Entry, Fact, LocalEvent, Timestamp};
use crate::protocol::CommandId;

/// The version of the lines.
pub(crate) const VERSION: u32 = 1;

/// What is asked of the holder: to follow commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackRequest {
    /// The name of the profile; `None` where there is only one.
    pub profile: Option<String>,
    /// The commands, each once.
    pub(crate) commands: Vec<CommandId>,
    /// A name for all of them.
    pub(crate) label: Option<String>,
}

impl TrackRequest {
    /// Checks what was asked for. Each id counts once; a label of nothing but spaces is none.
    ///
    /// # Errors
    ///
    /// Where it makes no sense.
    pub fn new(profile: Option<String>, ids: &[String], label: Option<&str>) -> Result<Self, InvalidTrackRequest> {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
        };
        if ids.len() > MOST_COMMANDS {
            return Err(InvalidTrackRequest::TooMany(ids.len()));
        }
        let mut commands = Vec::with_capacity(ids.len());
        let mut known = std::collections::BTreeSet::new();
        for (id, number) in ids.iter().map(|id| id.trim()).zip(1..) {
            if !is_name(id) {
                return Err(InvalidTrackRequest::NoId { number });
            }
            if known.insert(id) {
                commands.push(CommandId::from(id));
            }
        }
        if commands.is_empty() {
            return Err(InvalidTrackRequest::Nothing);
        }
        let label = label.map(str::trim).filter(|label| !label.is_empty());
        if label.is_some_and(|label| !is_name(label)) {
            return Err(InvalidTrackRequest::NoLabel);
        }
        Ok(Self { profile, commands, label: label.map(str::to_owned) })
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there is none; [`TrackRequest::new`] makes none like that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// What the journal keeps of it.
    #[must_use]
    pub fn into_entries(self, at: Timestamp) -> Vec<Entry> {
        entries(&self.commands, self.label.as_deref(), at)
    }
}

/// A wish to follow commands that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrackRequest {
    /// There is nothing to follow.
    #[error("No command id was given. Give the ids that Privicore answered with.")]
    Nothing,
    /// There is too much.
    #[error("{0} command ids are too many at once. Give at most {MOST_COMMANDS}.")]
    TooMany(usize),
    /// An id can't be one.
    #[error(
        "The command id {number} is empty, longer than {LONGEST_NAME} characters, or has characters that can't be shown."
    )]
    NoId {
        /// Which one, from 1.
        number: usize,
    },
    /// A label can't be one.
    #[error("The label is longer than {LONGEST_NAME} characters, or has characters that can't be shown. Give another.")]
    NoLabel,
}

/// Why the holder does not do what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackError {
    /// What it was asked is no request.
    #[error("The running Privicore Monitor can't read what it was asked.")]
    Unreadable,
    /// Another version asks.
    #[error("The running Privicore Monitor is of another version (it speaks {VERSION}, not {0}). Restart it.")]
    OtherVersion(u32),
    /// It makes no sense.
    #[error(transparent)]
    Tracking(#[from] InvalidTrackRequest),
    /// No profile has that name.
    #[error("There is no profile named {0}. Check the name.")]
    NoSuchProfile(String),
    /// There is no profile at all.
    #[error("There is no profile yet. Sign in first.")]
    NoProfile,
    /// More than one profile has that name.
    #[error("Several profiles are named {0}. Rename one of them in the window.")]
    SeveralNamed(String),
    /// No profile was named, and there is more than one.
    #[error("There are several profiles. Say whose the commands are with --profile NAME.")]
    SeveralProfiles,
    /// The profile is going.
    #[error("The profile is being removed.")]
    BeingRemoved,
    /// The journal does not take it in time.
    #[error(transparent)]
    NotConfirmed(NotConfirmed),
}

impl TrackError {
    /// Whether whoever asks did something wrong; otherwise the holder can't.
    #[cfg(unix)]
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Unreadable
            | Self::OtherVersion(_)
            | Self::Tracking(_)
            | Self::NoSuchProfile(_)
            | Self::NoProfile
            | Self::SeveralNamed(_)
            | Self::SeveralProfiles => true,
            Self::BeingRemoved | Self::NotConfirmed(_) => false,
        }
    }
}

/// A request on its way to the engine's centre.
#[derive(Debug)]
pub(crate) struct IncomingRequest {
    /// What is asked.
    pub(crate) tracking: TrackRequest,
    /// The answer: how many commands are followed from now on.
    pub(crate) reply: oneshot::Sender<Result<usize, TrackError>>,
}

/// What the journal keeps of the wish to follow commands.
pub(crate) fn entries(commands: &[CommandId], label: Option<&str>, at: Timestamp) -> Vec<Entry> {
    let entry = |command: &CommandId, deed| Entry::ours(at, ActivityKey::Command(command.clone()), Fact::Done(deed));
    let mut entries = Vec::new();
    for command in commands {
        entries.push(entry(command, LocalEvent::Tracked));
        if let Some(label) = label {
            entries.push(entry(command, LocalEvent::Labelled { label: label.to_owned() }));
        }
    }
    entries
}

/// How many commands one request may name. As many ids of servers that are known fit into a line.
pub(crate) const MOST_COMMANDS: usize = 10_000;

/// The longest id and the longest label that are taken, in characters. A server's ids have 36.
pub(crate) const LONGEST_NAME: usize = 200;

/// Why the holder did not do what was asked of it, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was asked for something that can't be meant: wrong usage.
    #[error("{0}")]
    Usage(String),
    /// It can't.
    #[error("{0}")]
    Failed(String),
}

/// The holder has what was asked, and has not confirmed it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The running Privicore Monitor has the command ids and follows them, but did not confirm within {seconds} s that they are \
     in its journal: the journal is busy or can't be written. Look at its window before you close it."
)]
pub struct NotConfirmed {
    /// How long it had for that.
    pub seconds: u64,
}
