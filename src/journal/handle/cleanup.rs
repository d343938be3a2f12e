//! Clearing a profile's history.

use crate::journal::error::JournalError;
use crate::journal::write::cleanup::Cleaned;
use crate::journal::write::writer::Writer;

use super::Journal;

impl Journal {
    /// Deletes a little of the cleared history from the disk. Waiting appends are served between two steps: continue while
    /// [`Cleaned::more`] is set. Run it at each start as well, because an earlier run may have ended in between.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn clean_step(&self) -> Result<Cleaned, JournalError> {
        self.run(Writer::clean_step).await
    }
}
