//! Stores the run's clock.

use crate::journal::error::JournalError;
use crate::journal::tables::clock::KeptClock;
use crate::journal::write::write_request::WriteRequest;

use super::Journal;

impl Journal {
    /// Stores the clock of this run for the next one.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn keep_clock(&self, clock: KeptClock) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::KeepClock { clock: clock.clone(), reply }).await
    }
}
