//! The local socket: how another process of the same user hands command ids to the one that holds the journal.
//!
//! One line of JSON goes in, one comes back, each of at most 1 MiB, each with a version; neither holds a
//! secret. The socket lies in a folder for its owner only and is for its owner only itself; whoever connects must be of the
//! same user. Only on Unix: tokio can't make a named pipe for its owner only, so on Windows nobody listens.
#![cfg_attr(not(unix), expect(dead_code, reason = "nobody listens there"))]

#[cfg(unix)]
mod door;
#[cfg(unix)]
mod place;

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

use crate::activity::{ActivityKey, Deed, Entry, Fact, Moment};
use crate::protocol::CommandId;
use crate::settings::atomic::in_words;

#[cfg(unix)]
pub(super) use door::listen;

/// The version of the lines.
const VERSION: u32 = 1;

/// The longest line, in bytes.
const LONGEST_LINE: u64 = 1024 * 1024;

/// How many commands one request may name. As many ids of servers that are known fit into a line.
const MOST_COMMANDS: usize = 10_000;

/// The longest id and the longest label that are taken, in characters. A server's ids have 36.
const LONGEST_NAME: usize = 200;

/// What is asked of the holder: to follow commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// The name of the profile; `None` where there is only one.
    pub profile: Option<String>,
    /// The commands, each once.
    commands: Vec<CommandId>,
    /// A name for all of them.
    label: Option<String>,
}

/// A wish to follow commands that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackingError {
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

impl Tracking {
    /// Checks what was asked for. Each id counts once; a label of nothing but spaces is none.
    ///
    /// # Errors
    ///
    /// Where it makes no sense.
    pub fn new(profile: Option<String>, ids: &[String], label: Option<&str>) -> Result<Self, TrackingError> {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
        };
        if ids.len() > MOST_COMMANDS {
            return Err(TrackingError::TooMany(ids.len()));
        }
        let mut commands = Vec::with_capacity(ids.len());
        let mut known = std::collections::BTreeSet::new();
        for (id, number) in ids.iter().map(|id| id.trim()).zip(1..) {
            if !is_name(id) {
                return Err(TrackingError::NoId { number });
            }
            if known.insert(id) {
                commands.push(CommandId::from(id));
            }
        }
        if commands.is_empty() {
            return Err(TrackingError::Nothing);
        }
        let label = label.map(str::trim).filter(|label| !label.is_empty());
        if label.is_some_and(|label| !is_name(label)) {
            return Err(TrackingError::NoLabel);
        }
        Ok(Self { profile, commands, label: label.map(str::to_owned) })
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there is none; [`Tracking::new`] makes none like that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// What the journal keeps of it.
    #[must_use]
    pub fn into_entries(self, at: Moment) -> Vec<Entry> {
        entries(&self.commands, self.label.as_deref(), at)
    }
}

/// What the journal keeps of the wish to follow commands.
pub(super) fn entries(commands: &[CommandId], label: Option<&str>, at: Moment) -> Vec<Entry> {
    let entry = |command: &CommandId, deed| Entry::ours(at, ActivityKey::Command(command.clone()), Fact::Done(deed));
    let mut entries = Vec::new();
    for command in commands {
        entries.push(entry(command, Deed::Tracked));
        if let Some(label) = label {
            entries.push(entry(command, Deed::Labelled { label: label.to_owned() }));
        }
    }
    entries
}

/// Why the holder does not do what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TrackError {
    /// What it was asked is no request.
    #[error("The running Privicore Monitor can't read what it was asked.")]
    Unreadable,
    /// Another version asks.
    #[error("The running Privicore Monitor is of another version (it speaks {VERSION}, not {0}). Restart it.")]
    OtherVersion(u32),
    /// It makes no sense.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
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
    fn is_usage(&self) -> bool {
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

/// Why the holder did not do what was asked of it, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was asked for something that can't be meant: wrong usage.
    #[error("{0}")]
    Usage(String),
    /// It can't.
    #[error("{0}")]
    Failed(String),
}

/// A request on its way to the engine's centre.
#[derive(Debug)]
pub(super) struct Asked {
    /// What is asked.
    pub(super) tracking: Tracking,
    /// The answer: how many commands are followed from now on.
    pub(super) reply: oneshot::Sender<Result<usize, TrackError>>,
}

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

/// Why the holder could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
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

/// Asks the holder of a data folder's journal to follow commands; how many it follows from now on. Waits for the answer,
/// for a few seconds at most.
///
/// # Errors
///
/// Where it can't be asked; within the result, where it refused.
pub fn ask(data: &Path, tracking: &Tracking) -> Result<Result<usize, Refusal>, AskError> {
    #[cfg(unix)]
    return door::ask(data, tracking);
    #[cfg(not(unix))]
    {
        let _unused = (data, tracking);
        Err(AskError::NotHere)
    }
}

/// Nobody listens here.
#[cfg(not(unix))]
pub(super) async fn listen(_data: PathBuf, _tools: super::tools::Tools) {}

/// The line that asks.
#[derive(serde::Serialize, serde::Deserialize)]
struct Question {
    version: u32,
    #[serde(rename = "do")]
    what: String,
    profile: Option<String>,
    label: Option<String>,
    ids: Vec<String>,
}

/// The line that answers.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// So many are followed.
    Accepted(usize),
    /// Wrong usage; why, in a sentence.
    Usage(String),
    /// It failed; why, in a sentence.
    Failed(String),
}

/// What [`Question::what`] says.
const TRACK: &str = "track";

impl Question {
    fn of(tracking: &Tracking) -> Self {
        Self {
            version: VERSION,
            what: TRACK.to_owned(),
            profile: tracking.profile.clone(),
            label: tracking.label.clone(),
            ids: tracking.commands.iter().map(|id| id.as_str().to_owned()).collect(),
        }
    }

    /// Reads a line that asks.
    fn read(line: &[u8]) -> Result<Tracking, TrackError> {
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
        Ok(Tracking::new(question.profile, &question.ids, question.label.as_deref())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_was_asked_survives_the_line() {
        let tracking = Tracking::new(Some("ops".into()), &ids(&["a", " b ", "a"]), Some(" deploy ")).unwrap();
        assert_eq!(tracking.len(), 2, "an id that came twice counts twice");
        let line = serde_json::to_vec(&Question::of(&tracking)).unwrap();
        assert_eq!(Question::read(&line).unwrap(), tracking);
        let entries = tracking.into_entries(Moment(7));
        let facts: Vec<_> = entries.iter().map(|entry| (entry.key.id(), entry.fact.clone())).collect();
        let label = || Fact::Done(Deed::Labelled { label: "deploy".into() });
        let tracked = || Fact::Done(Deed::Tracked);
        assert_eq!(facts, [("a", tracked()), ("a", label()), ("b", tracked()), ("b", label())]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        let long = "x".repeat(LONGEST_NAME + 1);
        let many = vec!["a".to_owned(); MOST_COMMANDS + 1];
        for (ids, label) in [
            (ids(&[]), None),
            (ids(&["a", ""]), None),
            (ids(&["a\u{1b}[31m"]), None),
            (ids(&[&long]), None),
            (many, None),
            (ids(&["a"]), Some("two\nlines")),
        ] {
            let error = Tracking::new(None, &ids, label).unwrap_err().to_string();
            assert!(error.ends_with('.'), "not a sentence: {error}");
        }
    }

    #[test]
    fn lines_of_others_are_refused() {
        for line in [
            "",
            "null",
            "{}",
            r#"{"version":2,"do":"track"}"#,
            r#"{"version":1,"do":"quit","profile":null,"label":null,"ids":["a"]}"#,
            r#"{"version":1,"do":"track","profile":null,"label":null,"ids":[]}"#,
        ] {
            let refused = Question::read(line.as_bytes()).unwrap_err();
            assert!(refused.is_usage() && refused.to_string().ends_with('.'), "{line}: {refused:?}");
        }
    }
}
