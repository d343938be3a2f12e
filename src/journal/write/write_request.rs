//! What the writer thread is asked for.

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

/// What the thread is asked.
pub(crate) enum WriteRequest {
    /// Something to commit. The answer is the number of the first entry; the others follow it.
    Append(Append),
    /// A profile to take out.
    Forget { profile: ProfileId, reply: Reply<()> },
    /// A little to take off the disk of what was forgotten.
    Clean(Reply<Cleaned>),
    /// Work to write down.
    BeginWork { works: Vec<PendingWork>, at: Timestamp, reply: Reply<Vec<WorkId>> },
    /// What is left to do.
    PendingWork(Reply<Vec<(WorkId, PendingWork)>>),
    /// Work that is done.
    EndWork { work: WorkId, reply: Reply<()> },
    /// A profile that has signed in again.
    SignedIn { profile: ProfileId, reply: Reply<()> },
    /// A profile that is alive.
    Alive { profile: ProfileId, at: Timestamp, reply: Reply<()> },
    /// The key of the seal, or why there is none.
    Seal { key: Result<SealKey, KeyringError>, reply: Reply<Sealing> },
    /// Secrets to open.
    Secrets { profile: ProfileId, reply: Reply<Unsealed> },
    /// The original of an entry to open.
    Original { profile: ProfileId, seq: Seq, reply: Reply<Option<UnmaskedMessage>> },
    /// Secrets of a request to take out.
    ForgetSecret { profile: ProfileId, request: RequestId, reply: Reply<u64> },
    /// Secrets to take out whose time is over: those that say so themselves, else those that came before a moment.
    ForgetExpired { now: Timestamp, came_before: Timestamp, reply: Reply<u64> },
    /// The name of a profile.
    NameProfile { profile: ProfileId, name: String, reply: Reply<()> },
    /// A notice to keep until it is read.
    KeepNotice { notice: PersistedNotice, reply: Reply<()> },
    /// The notices that were not read.
    Notices(Reply<Vec<PersistedNotice>>),
    /// A notice that was read.
    NoticeRead { profile: Option<ProfileId>, sentence: String, reply: Reply<()> },
    /// What is open of a profile. The answer comes when the table of what is open is complete.
    Open { profile: ProfileId, reply: Reply<Vec<OpenActivity>> },
    /// The clock of the run, for the next one.
    KeepClock { clock: KeptClock, reply: Reply<()> },
    /// A step of taking out what is old.
    Purge { now: Timestamp, limits: Limits, reply: Reply<PurgeStep> },
    /// A database of that generation that the reader found damaged. No error where it has been mended since.
    Mend { damaged: u64, reply: Reply<()> },
    /// To end, after everything that came before. The answer is that the sender is dropped.
    Close(oneshot::Sender<()>),
}

/// An append that waits for the commit.
pub(crate) struct Append {
    pub(crate) profile: ProfileId,
    pub(crate) batch: Arc<Batch>,
    pub(crate) reply: Reply<Seq>,
}

/// An answer to whoever asked.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, JournalError>>;

impl Append {
    /// Lets go of the share first, so that the caller's is the only one and need not be copied.
    pub(crate) fn answer(self, outcome: Result<Seq, JournalError>) {
        drop(self.batch);
        // A caller that has gone does not take its entries back.
        drop(self.reply.send(outcome));
    }
}
