//! Stores the run's clock.

use crate::journal::error::JournalError;
use crate::journal::tables::clock::{self, StoredClock};

use super::Journal;

impl Journal {
    /// Stores the clock of this run for the next one.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn save_clock(&self, clock: StoredClock) -> Result<(), JournalError> {
        self.write(move |database| clock::save(&database.connection, &clock)).await
    }
}
