//! What must outlive a quit, as the journal is asked for it.

use crate::activity::Timestamp;
use crate::journal::error::JournalError;
use crate::journal::tables::pending_work::{PendingWork, WorkId};
use crate::journal::write::write_request::WriteRequest;
use crate::settings::ProfileId;

use super::Journal;

impl Journal {
    /// Writes down, in one small transaction, what must be done even if the program ends first. Of a profile that is to be
    /// removed everything is forgotten with it, and nothing more is written. A token is kept sealed, or not at all.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then nothing was written down.
    pub async fn begin_work(&self, works: Vec<PendingWork>, at: Timestamp) -> Result<Vec<WorkId>, JournalError> {
        self.order(|reply| WriteRequest::BeginWork { works, at, reply }).await
    }

    /// What is left to do, in the order in which it was promised. For tokens, ask after [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn pending_work(&self) -> Result<Vec<(WorkId, PendingWork)>, JournalError> {
        self.order(WriteRequest::PendingWork).await
    }

    /// Work is done.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then it will be done again.
    pub async fn end_work(&self, work: WorkId) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::EndWork { work, reply }).await
    }

    /// The keyring keeps a profile's newest token, or is about to: no older one of it has to leave the keyring any more, or to be
    /// kept.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then the next start takes the new token for the old one.
    pub async fn signed_in(&self, profile: ProfileId) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::SignedIn { profile, reply }).await
    }
}
