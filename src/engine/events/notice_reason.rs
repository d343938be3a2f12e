//! Why the operator is notified. The text is made from it where it is shown.

use std::path::{Path, PathBuf};

use crate::activity::{ActivityKey, Timestamp, bytes};
use crate::credentials::KeyringError;
use crate::engine::network::rest_error::RestError;
use crate::journal::{self, JournalError, RepairReport, Unsealed};
use crate::protocol::{CommandId, RequestId, counted};

use super::cause::Cause;
use super::clock_jump::ClockJump;
use super::connection_reason::{DisconnectReason, reason_of};
use super::problem::{ProblemReason, SharedError};

/// The cause of a [`crate::engine::Notice`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoticeReason {
    /// A problem that lasts.
    #[error(transparent)]
    Problem(#[from] ProblemReason),
    /// A notice that comes back until it is dismissed.
    #[error(transparent)]
    Persistent(#[from] PersistentReason),
    /// The window's own, in its words.
    #[error("{0}")]
    Window(String),
    /// More notices came than can wait.
    #[error("{} came while the window was busy and can be read in the log.", counted(*.0 as u64, "more notice"))]
    TooMany(usize),
    /// A task of the program panicked.
    #[error("Something went wrong inside Privicore Monitor while {0}. Restart it, and report this if it comes again.")]
    TaskPanicked(&'static str),
    /// Others can read the data directory.
    #[error(
        "Other users of this computer can read the data directory {}, because its file system has no permissions. Use another \
         with --data-dir, or mount that file system with permissions.",
        .0.display()
    )]
    OpenDataDirectory(PathBuf),
    /// The settings could not be read, and the defaults are in force.
    #[error("{0}")]
    SettingsReset(String),
    /// Other processes can't reach this one.
    #[error("Other programs can't hand commands to this one by `track`. {0}")]
    NoSocket(Cause),
    /// The computer's clock jumped or is set wrong.
    #[error("{0}")]
    ClockJumped(ClockJump),

    /// The command line names a profile that does not exist.
    #[error("There is no profile named {0}. Add it, or check the name.")]
    NoSuchProfile(String),
    /// This build has no sandbox.
    #[error("This build of Privicore Monitor has no sandbox in it.")]
    NoSandbox,
    /// The sandbox did not start.
    #[error("The sandbox could not be started: {0}")]
    SandboxFailed(String),
    /// The profile's addresses can't be used.
    #[error("{0}")]
    Endpoints(Cause),
    /// The profile has no token.
    #[error("There is no token to connect with. Sign in.")]
    NoTokenToConnect,
    /// The token is being renewed.
    #[error("The token is being renewed already.")]
    AlreadyRenewing,
    /// The server renews the token later.
    #[error("{0}")]
    RenewalDeferred(RestError),
    /// The token was renewed.
    #[error("The token was renewed.")]
    TokenRenewed,
    /// The journal does not say what earlier runs left to do.
    #[error("Unfinished work of earlier runs can't be read: {0}")]
    PendingWorkUnreadable(SharedError<JournalError>),
    /// A token that was to be revoked can't be decrypted.
    #[error(
        "A profile was signed out, but its token is not revoked yet, because the system keyring gives no key to read it with: {0}"
    )]
    RevocationSealed(ProblemReason),
    /// The server did not revoke a token yet.
    #[error(
        "{name} was signed out, but its token was not revoked yet. {why} Privicore Monitor tries again, also after a restart."
    )]
    RevocationDeferred {
        /// The profile's name.
        name: String,
        /// The failure.
        why: RestError,
    },
    /// The keyring keeps the secrets of a removed profile.
    #[error("{0}")]
    SecretsNotDeleted(KeyringError),
    /// A profile can't be removed.
    #[error(
        "{name} was not removed, and nothing of it was deleted: {why} Remove it again once the journal can be written."
    )]
    ProfileNotRemoved {
        /// The profile's name.
        name: String,
        /// The journal's error.
        why: SharedError<JournalError>,
    },

    /// The server sent an error that answers no request.
    #[error(
        "The server sent an error with status {status} that belongs to no request{} The connection stays open.",
        reason_of(.words)
    )]
    UnexpectedReply {
        /// The status.
        status: i64,
        /// The server's words.
        words: String,
    },
    /// A message was lost because it could not be read.
    #[error("{why} {}", after_loss(.repeated.then_some(*.times), *.can_raise))]
    MessageLost {
        /// How it ended the connection.
        why: DisconnectReason,
        /// How often that happened in a row.
        times: u32,
        /// Whether that is often enough to assume that it is the same message.
        repeated: bool,
        /// Whether a larger limit would help.
        can_raise: bool,
    },
    /// Commands are no longer checked.
    #[error(
        "{} had no outcome for a day. Automatic checks have stopped. Check the status to ask again.",
        counted(*.0 as u64, "command")
    )]
    SilentCommands(usize),
    /// Commands are not checked, because there are too many.
    #[error(
        "Too many commands are open at once: {} will not be checked automatically. Check the status of those that matter.",
        counted(*.0 as u64, "command")
    )]
    TooManyCommands(usize),
    /// The status of commands is not known.
    #[error("{}", status_unknown(.commands, .why))]
    StatusUnknown {
        /// The command that was asked for, and those that were not because of it.
        commands: Vec<CommandId>,
        /// The failure.
        why: RestError,
    },
    /// The commands of a gap are checked later.
    #[error("What was open across the gap is asked for as soon as the profile is connected.")]
    GapDeferred,
    /// A gap can't be read.
    #[error("The gap can't be reconciled: {0}")]
    GapUnreadable(SharedError<JournalError>),
    /// No command was given to track.
    #[error("There is no command to track. Give its id.")]
    NothingToTrack,

    /// Messages were lost because the journal refused them until the end.
    #[error("{}", lost_at_shutdown(*.count, .why))]
    LostAtShutdown {
        /// How many.
        count: usize,
        /// The journal's error.
        why: SharedError<JournalError>,
    },
    /// The journal accepts entries again.
    #[error("The journal can be written again: everything that waited is in it.")]
    JournalWritable,
    /// Old entries were deleted.
    #[error("{}", purged(*.entries, *.size, *.oldest_left))]
    Purged {
        /// How many.
        entries: u64,
        /// Their size in bytes.
        size: u64,
        /// The time of the oldest entry that is left.
        oldest_left: Option<Timestamp>,
    },
    /// The history was not deleted.
    #[error("The activity is still in the journal: {0}")]
    HistoryNotCleared(SharedError<JournalError>),
    /// Earlier activity can't be read.
    #[error("Earlier activity can't be shown: {0}")]
    NotRestored(SharedError<JournalError>),
    /// The open commands of earlier runs can't be read.
    #[error("Commands of earlier runs are not asked for: {0}")]
    OpenUnreadable(SharedError<JournalError>),
    /// What an earlier run left behind can't be read.
    #[error("{} is not known: {why}", describe_left_behind(.key))]
    LeftBehindUnreadable {
        /// The gap, or the request whose download did not end.
        key: ActivityKey,
        /// The journal's error.
        why: SharedError<JournalError>,
    },
    /// The links of earlier runs can't be read.
    #[error("Links of earlier runs can't be read: {0} Request that data again.")]
    LinksUnreadable(SharedError<JournalError>),
    /// The journal can't be read for the window.
    #[error("{what} can't be shown: {why}")]
    NotShown {
        /// What the window asked for.
        what: Unshown,
        /// The journal's error.
        why: SharedError<JournalError>,
    },
    /// A binary message was saved.
    #[error("{0} is saved.")]
    MessageSaved(String),
    /// A binary message was not saved.
    #[error("{name} could not be saved: {why}")]
    MessageNotSaved {
        /// The file's name.
        name: String,
        /// The cause.
        why: NoMessage,
    },
    /// A file can't be opened with the system's programs.
    #[error("{0}")]
    NotOpened(String),
    /// Another export is running.
    #[error("Another export is under way. Wait until it has ended, or cancel it.")]
    AlreadyExporting,
    /// The export is done.
    #[error("{} exported to {}.", counted(*.lines, "line"), .to.display())]
    Exported {
        /// The number of lines.
        lines: u64,
        /// The file.
        to: PathBuf,
    },
    /// The export failed or was cancelled.
    #[error("{0}")]
    NotExported(Cause),

    /// The server asks to wait with a data request.
    #[error("The request for data waits. {0}")]
    RequestDeferred(RestError),
    /// The request to repeat can't be read.
    #[error("The data can't be requested again: {0}")]
    RequestUnreadable(SharedError<JournalError>),
    /// The data token of the request to repeat is not known.
    #[error(
        "The data can't be requested again from here: its data token is not known. Choose it in the list of data tokens, or have \
         the software request it that requested it first."
    )]
    NoDataToken,
    /// Data was not requested.
    #[error("{}. {why}", not_requested(.name.as_deref(), *.count))]
    NotRequested {
        /// The name of the data, if it has one.
        name: Option<String>,
        /// How many requests were not made because of it.
        count: usize,
        /// The failure.
        why: RestError,
    },
    /// Data will not be saved automatically, because too much is awaited.
    #[error(
        "The data of {request} will not be saved by itself, because {max} requests are waited for already. Save it by hand when it \
         is ready."
    )]
    TooManyExpected {
        /// The request.
        request: RequestId,
        /// The limit.
        max: usize,
    },
    /// A download can't go on at another place.
    #[error("{0}")]
    NotMoved(Cause),
    /// A file was saved, but the server did not give its length.
    #[error("{0} was saved. The server did not give its length, so it may be incomplete.")]
    LengthUnknown(String),
    /// A download failed.
    #[error("{what} was not saved. {why}")]
    NotSaved {
        /// The file's name, or which request's data it is.
        what: String,
        /// The failure, as the journal records it.
        why: String,
    },
    /// A download of an earlier run failed, and the operator has not acknowledged that.
    #[error("{0}")]
    NotAcknowledged(String),
    /// A file could not be decrypted.
    #[error(
        "{name} could not be decrypted: {why}. It is kept as it came, encrypted, under the name {kept_name}. Check the key in the \
         profile's ready data settings."
    )]
    NotDecrypted {
        /// The name of the plain file.
        name: String,
        /// The failure.
        why: Cause,
        /// The name of the encrypted file.
        kept_name: String,
    },
    /// A file could not be decompressed.
    #[error(
        "{name} came compressed ({coding}) and could not be decompressed: {why}. It is kept as it came, under the name {kept_name}."
    )]
    NotDecompressed {
        /// The name of the plain file.
        name: String,
        /// The compression.
        coding: String,
        /// The failure.
        why: Cause,
        /// The name of the compressed file.
        kept_name: String,
    },
}

impl NoticeReason {
    /// The notice that the journal stores with this text.
    pub fn stored(sentence: impl Into<String>) -> Self {
        Self::Persistent(PersistentReason::Stored(sentence.into()))
    }
}

/// The cause of a notice about lost data or a risk. The journal stores the notice until it is dismissed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PersistentReason {
    /// A stored notice of an earlier run.
    #[error("{0}")]
    Stored(String),
    /// The key of sealed links is gone.
    #[error("{}", journal::key_missing(*.0))]
    LinkKeyMissing(u64),
    /// Stored links were changed by something else.
    #[error("{}", links_tampered(*.0))]
    LinksTampered(u64),
    /// The journal was damaged and repaired.
    #[error("{0}")]
    Repaired(RepairReport),
    /// The journal was replaced while it was open, and another one is in use now.
    #[error("{}", journal_replaced(.0))]
    JournalReplaced(PathBuf),
    /// The server refuses to revoke a token.
    #[error("{name} was signed out, but its token was not revoked. {why}")]
    NotRevoked {
        /// The profile's name.
        name: String,
        /// The refusal.
        why: RestError,
    },
    /// A token that was to be revoked is not known any more.
    #[error(
        "{0} was signed out, but its token was not revoked: Privicore Monitor was closed before the server answered, and the token \
         was not kept. Have it revoked by other means, or let it expire."
    )]
    RevocationLost(String),
}

impl PersistentReason {
    /// The reason for which another journal is in use.
    pub(crate) fn of_recovery(error: &JournalError) -> Self {
        match error {
            JournalError::Repaired(report) => Self::Repaired(report.clone()),
            JournalError::Replaced { path } => Self::JournalReplaced(path.clone()),
            other => Self::Stored(other.to_string()),
        }
    }
}

/// The same if the journal stores them as one.
impl PartialEq for PersistentReason {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// What the window asked for and can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unshown {
    /// The messages of an activity.
    #[error("The messages of {0}")]
    Messages(String),
    /// The messages of rows that were evicted.
    #[error("Earlier messages")]
    EarlierMessages,
    /// The full text of rows.
    #[error("The whole text of the rows")]
    Texts,
    /// The secrets of an activity.
    #[error("The secrets of {0}")]
    Secrets(String),
}

/// Why a binary message was not saved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoMessage {
    /// The journal can't be read.
    #[error("{0}")]
    Unreadable(SharedError<JournalError>),
    /// Its bytes were never stored.
    #[error("its bytes are not kept. Without the system keyring they never were.")]
    NotStored,
    /// The task that writes it panicked.
    #[error("the part of the program that writes it failed.")]
    WriterPanicked,
    /// The file can't be written.
    #[error("{0}")]
    File(Cause),
}

fn journal_replaced(path: &Path) -> String {
    JournalError::Replaced { path: path.to_owned() }.to_string()
}

fn links_tampered(count: u64) -> String {
    Unsealed { tampered: count, ..Unsealed::default() }.sentence().unwrap_or_default()
}

/// What follows from a lost message; `times` if it was not the first one in a row.
fn after_loss(times: Option<u32>, can_raise: bool) -> String {
    let Some(times) = times else {
        return "The message is lost, and its gap stays marked: acknowledgements may be missing. Privicore Monitor reconnects."
            .to_owned();
    };
    let advice = if can_raise {
        format!("A message was lost like this {times} times in a row, and more may be: raise the limit to read them.")
    } else {
        format!(
            "That has happened {times} times in a row: ask the server's owner to take the message out of the queue."
        )
    };
    format!("{advice} Until then Privicore Monitor reconnects after growing pauses.")
}

fn status_unknown(commands: &[CommandId], why: &RestError) -> String {
    let Some((first, more)) = commands.split_first() else { return why.to_string() };
    let rest = match more.len() {
        0 => String::new(),
        1 => " One more command was not asked for.".to_owned(),
        remaining => format!(" {remaining} more commands were not asked for."),
    };
    format!("The status of {first} is not known: {why}{rest}")
}

fn lost_at_shutdown(count: usize, why: &SharedError<JournalError>) -> String {
    let are = if count == 1 { "is" } else { "are" };
    let messages = counted(count as u64, "message");
    format!("{messages} could not be written to the journal before Privicore Monitor closed, and {are} lost: {why}")
}

fn purged(entries: u64, size: u64, oldest_left: Option<Timestamp>) -> String {
    let removed = counted(entries, "entry");
    let rest = match oldest_left {
        Some(oldest) => {
            let day = jiff::tz::TimeZone::system().to_datetime(oldest.timestamp()).date();
            format!("It now begins on {day}.")
        }
        None => "It is empty now.".to_owned(),
    };
    format!("Removed {removed} ({}) from the journal to stay within its size and age limits. {rest}", bytes(size))
}

fn describe_left_behind(key: &ActivityKey) -> String {
    match key {
        ActivityKey::Gap(_) => "What was open while nothing could be received".to_owned(),
        key => format!("How the download of request {} ended", key.id()),
    }
}

fn not_requested(name: Option<&str>, count: usize) -> String {
    match (count, name) {
        (1, Some(name)) => format!("{name} was not requested"),
        (1, None) => "The data was not requested".to_owned(),
        (count, _) => format!("{count} were not requested"),
    }
}
