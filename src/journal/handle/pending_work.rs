//! Pending work that must survive a quit.

use crate::activity::Timestamp;
use crate::journal::error::JournalError;
use crate::journal::tables::pending_work::{PendingWork, WorkId};

use super::Journal;

impl Journal {
    /// Records, in one small transaction, work that must be done even if the program ends first. If a profile is to be removed, its
    /// history is cleared in the same transaction and nothing more is written for it. A token is stored sealed, or not at all.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then nothing was recorded.
    pub async fn record_work(&self, works: Vec<PendingWork>, at: Timestamp) -> Result<Vec<WorkId>, JournalError> {
        self.run(move |writer| writer.record_work(&works, at)).await
    }

    /// The pending work, oldest first. To get tokens, call it after [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn pending_work(&self) -> Result<Vec<(WorkId, PendingWork)>, JournalError> {
        self.write(|database| database.pending_work()).await
    }

    /// Deletes finished work.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then the work will be done again.
    pub async fn complete_work(&self, work: WorkId) -> Result<(), JournalError> {
        self.write(move |database| database.complete_work(work)).await
    }
}
