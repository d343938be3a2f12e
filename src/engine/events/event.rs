//! What the engine tells the window. No event holds a secret, but for the one that answers the operator who asks to see them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::engine::network::rest_error::RestError;
use crate::protocol::{DataTokenPage, RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::action::Action;
use super::connection_reason::{RetryReason, SignInError, TokenRefusal};

/// Something that happened. What is true now is in [`crate::engine::EngineStatus`]. Sent on a bounded channel; where that is full the
/// engine goes on journaling and the window reads the rest from the journal.
#[derive(Debug, Clone)]
pub enum Event {
    /// Entries restored from the journal: a chunk in ascending order, the newest chunk first.
    Restored {
        /// Whose.
        profile: ProfileId,
        /// The chunk.
        entries: Vec<Entry>,
        /// Entries from this one on are of this run; links of earlier ones are gone but for
        /// [`crate::engine::ProfileStatus::kept_links`].
        live_from: Seq,
        /// Whether this was the last chunk.
        complete: bool,
    },
    /// Entries that have just been committed, in ascending order.
    Committed {
        /// Whose.
        profile: ProfileId,
        /// The batch.
        entries: Vec<Entry>,
    },
    /// Entries that the journal refuses, in ascending order, under numbers of their own ([`Seq::is_kept`]): they are in memory
    /// only until [`Event::Kept`] tells otherwise.
    NotKept {
        /// Whose.
        profile: ProfileId,
        /// The batch.
        entries: Vec<Entry>,
    },
    /// Entries of [`Event::NotKept`] are in the journal now; for [`crate::activity::Activities::keep`].
    Kept {
        /// Whose.
        profile: ProfileId,
        /// The number under which the first was told.
        from: Seq,
        /// The number that the journal gave it.
        to: Seq,
        /// How many, in the same order.
        count: u64,
    },
    /// Everything of a profile up to now is gone from the journal, because the operator wished it.
    Forgotten {
        /// Whose.
        profile: ProfileId,
    },
    /// Entries were taken out of the journal because they were too old or it was too large.
    Purged {
        /// When the oldest entry came that is left; `None` where none is.
        oldest_left: Option<Timestamp>,
        /// The number after the newest entry that went: what has no other entry, and is not open, is gone.
        before: Seq,
        /// The gaps that are gone, and other activities that are gone although they had entries from there on. All other gaps stay as
        /// they were, with what they name.
        gaps: Vec<(ProfileId, ActivityKey)>,
    },
    /// How many activities of a profile the journal has beside those that were restored, because there are too many.
    Older {
        /// Whose.
        profile: ProfileId,
        /// By where their first entries are: so many from this one to the next.
        rows: Vec<(Seq, u64)>,
    },
    /// Entries that the journal has beside those that were restored, some at a time, the newest first; for
    /// [`crate::activity::Activities::index_older`].
    OlderEntries {
        /// Whose.
        profile: ProfileId,
        /// The number of each, and its activity.
        entries: Vec<(Seq, ActivityKey)>,
        /// Whether these are the last.
        complete: bool,
    },
    /// Activities that a search in the journal found: the answer to [`Action::SearchOlder`], some at a time.
    Found {
        /// Whose.
        profile: ProfileId,
        /// The number of the search.
        search: u32,
        /// Each with all of its entries in ascending order.
        rows: Vec<(ActivityKey, Vec<Entry>)>,
        /// How much of the journal has been looked at, in per cent.
        percent: u8,
        /// Whether the search has ended, and how.
        end: Option<SearchEnd>,
    },
    /// How far the export under way is; `None` when it has ended.
    Export(Option<ExportProgress>),
    /// One page of the profile's data tokens, or why there is none.
    DataTokens {
        /// Whose.
        profile: ProfileId,
        /// Which page, from 1.
        page: u32,
        /// The page.
        answer: Result<DataTokenPage, RestError>,
    },
    /// The entries of one activity, in ascending order.
    History {
        /// Whose.
        profile: ProfileId,
        /// Which.
        key: ActivityKey,
        /// The entries.
        entries: Vec<Entry>,
        /// Whether it has more than these, which are the newest.
        is_cut: bool,
    },
    /// Texts as a whole: the answer to [`Action::ReadTexts`]. What is not in the journal any more has none.
    WholeTexts {
        /// Whose.
        profile: ProfileId,
        /// Each with its activity.
        texts: Vec<(ActivityKey, String)>,
    },
    /// The earlier entries of rows that came back into memory: the answer to [`Action::ReadBack`], for
    /// [`crate::activity::Activities::complete`].
    ReadBack {
        /// Whose.
        profile: ProfileId,
        /// Which, each with its entries in ascending order.
        rows: Vec<(ActivityKey, Vec<Entry>)>,
    },
    /// The messages of one activity with their secrets, but for credentials: those of which something masked is still kept.
    /// The answer to [`Action::Reveal`], and never told otherwise.
    Revealed {
        /// Whose.
        profile: ProfileId,
        /// Which.
        key: ActivityKey,
        /// The messages; wiped when dropped.
        messages: Vec<(Seq, UnmaskedMessage)>,
    },
    /// Something that the operator should read.
    Notice(Notice),
    /// The engine has stopped: every channel is left, everything is committed.
    Stopped,
}

/// How a search in the journal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEnd {
    /// All was looked at.
    Complete,
    /// As much was found as is shown; there may be more.
    TooMany,
    /// The journal could not be read.
    Failed,
}

/// Where a sign-in stands.
#[derive(Debug, Clone, PartialEq)]
pub enum SignInState {
    /// The server is being asked.
    Asking,
    /// It failed, or was refused.
    Failed(Arc<SignInError>),
    /// The profile has its token.
    Done,
    /// The operator gave it up.
    Cancelled,
}

/// The states of a connection. A session is in exactly one of them.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectionState {
    /// There is no token.
    SignedOut,
    /// DNS, TCP, TLS and the upgrade are under way.
    Connecting,
    /// The join has been sent.
    Joining,
    /// Joined: messages arrive.
    Live,
    /// Waiting for the next attempt.
    Reconnecting {
        /// When that is.
        at: Instant,
        /// Which attempt that will be, from 1.
        attempt: u32,
        /// What went wrong.
        why: RetryReason,
    },
    /// The server refused the token: no more attempts until there is another.
    TokenRefused {
        /// Who refused it, and with which words.
        why: TokenRefusal,
    },
    /// The operator disconnected.
    Offline,
    /// Leaving the channel.
    Leaving,
}

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DownloadProgress {
    /// The file's name.
    pub file_name: String,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, where the server said.
    pub total: Option<u64>,
    /// Bytes a second, over the last few seconds.
    pub rate: f64,
    /// How long it will still take at that rate; `None` where that can't be told.
    pub left: Option<Duration>,
    /// What it does.
    pub stage: DownloadStage,
}

/// What a download does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DownloadStage {
    /// Bytes come, or are about to.
    #[default]
    Receiving,
    /// Nothing has come for a while; it is given up at the limit, and what has come is kept.
    Stalled {
        /// For how long.
        silent: Duration,
        /// How long is too long.
        limit: Duration,
    },
    /// There is too little room on the disk. Where the GET was sent its answer is held open. It goes on by itself once there
    /// is room, or at another place ([`Action::MoveDownload`]).
    NoRoom {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// Everything has come; its tag is being verified, and then it is decrypted.
    Decrypting,
    /// Everything has come; it is being flushed to the disk and named.
    Finishing,
}

/// A download that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDownload {
    /// Whose.
    pub profile: ProfileId,
    /// Which.
    pub request: RequestId,
    /// The path or the folder that it goes to.
    pub to: PathBuf,
    /// Whether that is a folder.
    pub in_folder: bool,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// When its link expires; `None` for a payload that came inline.
    pub expires: Option<Timestamp>,
    /// At the rates seen its turn comes after its link has expired.
    pub too_late: bool,
}

/// Something that the operator should read.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is, where it is a profile's.
    pub profile: Option<ProfileId>,
    /// The whole sentence: what happened and what to do.
    pub sentence: String,
    /// One thing that can be done about it: the button's words and what it does.
    pub remedy: Option<(String, Action)>,
}

impl Notice {
    /// A sentence alone.
    #[must_use]
    pub fn new(severity: Severity, profile: Option<ProfileId>, sentence: impl Into<String>) -> Self {
        Self { severity, profile, sentence: sentence.into(), remedy: None }
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; goes by itself.
    Info,
    /// Stays until it is read.
    Warning,
    /// Something failed; stays until it is read.
    Error,
}

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportProgress {
    /// The name of the file.
    pub file_name: String,
    /// How many entries of the journal have been read.
    pub read: u64,
    /// Of how many; 0 while they are being counted.
    pub total: u64,
}
