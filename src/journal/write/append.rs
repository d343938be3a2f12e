//! An append that waits for its commit, and the channel for the reply.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::activity::Seq;
use crate::journal::error::JournalError;
use crate::settings::ProfileId;

use super::database::Batch;

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
