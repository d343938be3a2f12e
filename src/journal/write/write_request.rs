//! Requests to the writer thread.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::activity::{Seq, Timestamp};
use crate::credentials::{KeyringError, SealKey};
use crate::journal::error::JournalError;
use crate::journal::tables::clock::KeptClock;
use crate::journal::tables::notices::PersistedNotice;
use crate::journal::tables::open_activity::OpenActivity;
use crate::journal::tables::pending_work::{PendingWork, WorkId};
use crate::journal::tables::secrets::{Sealing, Unsealed};
use crate::protocol::{RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::cleanup::Cleaned;
use super::database::Batch;
use super::retention::{Limits, PurgeStep};

pub(crate) enum WriteRequest {
    /// Commits a batch. Replies with the number of the first entry; the others follow it.
    Append(Append),
    /// Clears a profile's history.
    Forget { profile: ProfileId, reply: Reply<()> },
    /// Runs a step of deleting cleared history from the disk.
    Clean(Reply<Cleaned>),
    /// Records pending work.
    BeginWork { works: Vec<PendingWork>, at: Timestamp, reply: Reply<Vec<WorkId>> },
    /// Reads the pending work.
    PendingWork(Reply<Vec<(WorkId, PendingWork)>>),
    /// Deletes finished work.
    EndWork { work: WorkId, reply: Reply<()> },
    /// Notes that a profile is live.
    Alive { profile: ProfileId, at: Timestamp, reply: Reply<()> },
    /// Sets the sealing key, or why there is none.
    Seal { key: Result<SealKey, KeyringError>, reply: Reply<Sealing> },
    /// Opens a profile's secrets.
    Secrets { profile: ProfileId, reply: Reply<Unsealed> },
    /// Opens the original of an entry.
    Original { profile: ProfileId, seq: Seq, reply: Reply<Option<UnmaskedMessage>> },
    /// Deletes the secrets of a request.
    ForgetSecret { profile: ProfileId, request: RequestId, reply: Reply<u64> },
    /// Deletes expired secrets: as their messages said, else those that arrived before `came_before`.
    ForgetExpired { now: Timestamp, came_before: Timestamp, reply: Reply<u64> },
    /// Stores the name of a profile.
    NameProfile { profile: ProfileId, name: String, reply: Reply<()> },
    /// Stores a notice until it is dismissed.
    KeepNotice { notice: PersistedNotice, reply: Reply<()> },
    /// Reads the stored notices.
    Notices(Reply<Vec<PersistedNotice>>),
    /// Deletes a dismissed notice.
    NoticeRead { profile: Option<ProfileId>, sentence: String, reply: Reply<()> },
    /// Reads the open activities of a profile. Replies when the open-activity table is complete.
    Open { profile: ProfileId, reply: Reply<Vec<OpenActivity>> },
    /// Stores the run's clock for the next run.
    KeepClock { clock: KeptClock, reply: Reply<()> },
    /// Runs a step of retention.
    Purge { now: Timestamp, limits: Limits, reply: Reply<PurgeStep> },
    /// Repairs a database of this generation that the reader found damaged. No error if it has been repaired since.
    Mend { damaged: u64, reply: Reply<()> },
    /// Stops the thread, after everything sent before. Replies by dropping the sender.
    Close(oneshot::Sender<()>),
}

/// An append that waits for the commit.
pub(crate) struct Append {
    pub(crate) profile: ProfileId,
    pub(crate) batch: Arc<Batch>,
    pub(crate) reply: Reply<Seq>,
}

/// The channel for a reply.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

impl Append {
    /// Replies after dropping the thread's reference to the batch, so that the caller's is the only one and needs no copy.
    pub(crate) fn answer(self, outcome: Result<Seq, JournalError>) {
        drop(self.batch);
        // The entries stay committed even if the caller is gone.
        drop(self.reply.send(outcome));
    }
}
