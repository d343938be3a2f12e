//! What the engine reports to the window. Only one event holds secrets: the answer to an operator who asks to see them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::engine::network::rest_error::RestError;
use crate::protocol::{DataTokenPage, RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::action::Action;
use super::connection_reason::{RetryReason, SignInError, TokenRefusal};
use super::notice_reason::NoticeReason;
pub use super::severity::Severity;

/// Something that happened; the current state is in [`crate::engine::EngineStatus`]. Events are sent on a bounded channel.
/// If that is full the engine keeps journaling, and the window reads the rest from the journal.
#[derive(Debug, Clone)]
pub enum Event {
    /// Entries restored from the journal, in chunks: the newest chunk first, each in ascending order.
    Restored {
        /// The profile that the entries belong to.
        profile: ProfileId,
        /// The entries of the chunk.
        entries: Vec<Entry>,
        /// Entries from this one on are of this run. Links of earlier entries are unusable, except those in
        /// [`crate::engine::ProfileStatus::restored_links`].
        live_from: Seq,
        /// Whether this was the last chunk.
        complete: bool,
    },
    /// Entries that were just committed, in ascending order.
    Committed {
        /// The profile that the entries belong to.
        profile: ProfileId,
        /// The entries of the batch.
        entries: Vec<Entry>,
    },
    /// Entries that the journal refuses, in ascending order, with sequence numbers of their own ([`Seq::is_persisted`]). They are
    /// in memory only until [`Event::Persisted`] follows.
    Unpersisted {
        /// The profile that the entries belong to.
        profile: ProfileId,
        /// The entries of the batch.
        entries: Vec<Entry>,
    },
    /// Entries of [`Event::Unpersisted`] are in the journal now; see [`crate::activity::Activities::remap`].
    Persisted {
        /// The profile that the entries belong to.
        profile: ProfileId,
        /// The number under which [`Event::Unpersisted`] reported the first of them.
        from: Seq,
        /// The number that the journal gave to that entry.
        to: Seq,
        /// How many entries there are, in the same order.
        count: u64,
    },
    /// The history of a profile up to now was deleted from the journal, because the operator asked for it.
    HistoryCleared {
        /// The profile whose history was cleared.
        profile: ProfileId,
    },
    /// Entries were deleted from the journal because they were too old or the journal was too large.
    Purged {
        /// The time of the oldest remaining entry; `None` if none remains.
        oldest_left: Option<Timestamp>,
        /// The number after the newest deleted entry. An activity that has only earlier entries, and is not open, is gone.
        before: Seq,
        /// The gaps that were deleted, and other activities that were deleted although they had entries from `before` on.
        /// All other gaps remain unchanged, with the ids that they name.
        gaps: Vec<(ProfileId, ActivityKey)>,
    },
    /// How many activities of a profile the journal has that were not restored because there are too many.
    Older {
        /// The profile that the activities belong to.
        profile: ProfileId,
        /// Counts by first entry: that many activities begin between this entry and the next one listed.
        rows: Vec<(Seq, u64)>,
    },
    /// Entries in the journal that were not restored, in batches, the newest first; see
    /// [`crate::activity::Activities::index_older`].
    OlderEntries {
        /// The profile that the entries belong to.
        profile: ProfileId,
        /// The number of each entry, and its activity.
        entries: Vec<(Seq, ActivityKey)>,
        /// Whether this is the last batch.
        complete: bool,
    },
    /// Activities that a search of the journal found, in batches: the answer to [`Action::SearchOlder`].
    SearchResults {
        /// The profile that was searched.
        profile: ProfileId,
        /// The number of the search.
        search: u32,
        /// The activities, each with all of its entries in ascending order.
        rows: Vec<(ActivityKey, Vec<Entry>)>,
        /// How much of the journal was searched, in per cent.
        percent: u8,
        /// How the search ended; `None` while it runs.
        end: Option<SearchEnd>,
    },
    /// The progress of the export; `None` when it has ended.
    Export(Option<ExportProgress>),
    /// One page of the profile's data tokens, or why it could not be read.
    DataTokens {
        /// The profile that the data tokens belong to.
        profile: ProfileId,
        /// The page number, from 1.
        page: u32,
        /// The page, or the error.
        answer: Result<DataTokenPage, RestError>,
    },
    /// The entries of one activity, in ascending order.
    History {
        /// The profile that the activity belongs to.
        profile: ProfileId,
        /// The activity.
        key: ActivityKey,
        /// The newest entries of the activity.
        entries: Vec<Entry>,
        /// Whether the activity has more entries than these.
        is_cut: bool,
    },
    /// Full texts: the answer to [`Action::ReadTexts`]. Texts that are no longer in the journal are missing.
    FullTexts {
        /// The profile that the activities belong to.
        profile: ProfileId,
        /// The texts, each with its activity.
        texts: Vec<(ActivityKey, String)>,
    },
    /// The earlier entries of rows that are in memory again: the answer to [`Action::ReadEarlierEntries`], for
    /// [`crate::activity::Activities::complete`].
    EarlierEntries {
        /// The profile that the rows belong to.
        profile: ProfileId,
        /// The rows, each with its entries in ascending order.
        rows: Vec<(ActivityKey, Vec<Entry>)>,
    },
    /// The messages of one activity with their secrets, except credentials: only those of which a masked secret is still
    /// stored. The answer to [`Action::Reveal`]; never sent otherwise.
    Revealed {
        /// The profile that the activity belongs to.
        profile: ProfileId,
        /// The activity.
        key: ActivityKey,
        /// The messages; wiped when dropped.
        messages: Vec<(Seq, UnmaskedMessage)>,
    },
    /// A message that the operator should read.
    Notice(Notice),
    /// The engine has stopped: it has left every channel and committed everything.
    Stopped,
}

/// How a search of the journal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEnd {
    /// The whole journal was searched.
    Complete,
    /// The search reached the limit of results; there may be more.
    TooMany,
    /// The journal could not be read.
    Failed,
}

/// The state of a sign-in.
#[derive(Debug, Clone, PartialEq)]
pub enum SignInState {
    /// The server is deciding.
    Requesting,
    /// It failed, or the server refused it.
    Failed(Arc<SignInError>),
    /// The profile has its token.
    Done,
    /// The operator cancelled it.
    Cancelled,
}

/// The states of a connection. A session is in exactly one of them.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectionState {
    /// The profile has no token.
    SignedOut,
    /// DNS, TCP, TLS and the WebSocket upgrade are in progress.
    Connecting,
    /// The join has been sent.
    Joining,
    /// Joined: messages arrive.
    Live,
    /// Waiting for the next attempt.
    Reconnecting {
        /// When the next attempt starts.
        at: Instant,
        /// The number of that attempt, from 1.
        attempt: u32,
        /// Why the last connection or attempt failed.
        why: RetryReason,
    },
    /// The server refused the token. There are no more attempts until the profile has another token.
    TokenRefused {
        /// Who refused it, and in which words.
        why: TokenRefusal,
    },
    /// The operator disconnected.
    Offline,
    /// The session is leaving the channel.
    Leaving,
}

/// The progress of a download.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DownloadProgress {
    /// The file's name.
    pub file_name: String,
    /// Bytes received so far.
    pub received: u64,
    /// The total size in bytes, if the server gave it.
    pub total: Option<u64>,
    /// Bytes per second over the last few seconds.
    pub rate: f64,
    /// The remaining time at that rate; `None` if unknown.
    pub left: Option<Duration>,
    /// The current stage.
    pub stage: DownloadStage,
}

/// The stage of a download.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DownloadStage {
    /// Bytes are arriving, or are about to.
    #[default]
    Receiving,
    /// Nothing has arrived for a while. At the limit the download is cancelled; the received bytes are kept.
    Stalled {
        /// How long nothing has arrived.
        silent: Duration,
        /// The silence at which the download is cancelled.
        limit: Duration,
    },
    /// The disk has too little space. If the GET was already sent, its answer is held open. The download continues when
    /// there is space, or at another path ([`Action::MoveDownload`]).
    NoSpace {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
        /// The destination folder.
        folder: PathBuf,
    },
    /// Everything was received. Its authentication tag is being verified; then it is decrypted.
    Decrypting,
    /// Everything was received. The file is being flushed to the disk and renamed.
    Finishing,
}

/// A download that is queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDownload {
    /// The profile that the download belongs to.
    pub profile: ProfileId,
    /// The request whose data is downloaded.
    pub request: RequestId,
    /// The destination: a file or a folder.
    pub to: PathBuf,
    /// Whether the destination is a folder.
    pub in_folder: bool,
    /// The size in bytes, if known.
    pub size: Option<u64>,
    /// When the link expires; `None` for an inline payload.
    pub expires: Option<Timestamp>,
    /// Whether, at the current rates, the link expires before the download starts.
    pub too_late: bool,
}

/// A message that the operator should read.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// The profile that the notice is about, if any.
    pub profile: Option<ProfileId>,
    /// What happened.
    pub reason: NoticeReason,
    /// One action that helps: the button's label, and what it does.
    pub remedy: Option<(String, Action)>,
}

impl Notice {
    /// Creates a notice without a remedy.
    pub fn new(severity: Severity, profile: Option<ProfileId>, reason: impl Into<NoticeReason>) -> Self {
        Self { severity, profile, reason: reason.into(), remedy: None }
    }

    /// The whole sentence: what happened and what to do.
    pub fn sentence(&self) -> String {
        self.reason.to_string()
    }
}

/// The progress of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportProgress {
    /// The name of the file.
    pub file_name: String,
    /// How many entries of the journal were read.
    pub read: u64,
    /// How many there are in total; 0 while they are being counted.
    pub total: u64,
}
