//! Clearing a profile's history.

use crate::journal::error::JournalError;
use crate::journal::write::cleanup::Cleaned;
use crate::journal::write::write_request::WriteRequest;

use super::Journal;

impl Journal {
    /// Takes a little of what was forgotten off the disk. Appends that wait come in between two steps: go on while
    /// [`Cleaned::more`] says so. To be done at each start as well: an earlier run may have ended in between.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn clean_step(&self) -> Result<Cleaned, JournalError> {
        self.order(WriteRequest::Clean).await
    }
}
