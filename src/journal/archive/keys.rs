//! What the journal has, without its messages: whose, and of which activities.

use crate::activity::{ActivityKey, Seq};
use crate::journal::JournalError;
use crate::journal::reader::to_sql;
use crate::journal::row;
use crate::settings::ProfileId;

use super::Archive;

impl Archive {
    /// The profiles that have, or had, entries.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn profiles(&self) -> Result<Vec<ProfileId>, JournalError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT uuid FROM profile")?;
            let profile = |found: &rusqlite::Row<'_>| Ok(ProfileId::from_u128(u128::from_be_bytes(found.get(0)?)));
            statement.query_map((), profile)?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.failed(source))
    }

    /// Whose entries a profile has before a number, the newest first: each entry's number and activity.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn keys_before(
        &self,
        profile: ProfileId,
        before: Seq,
        limit: u32,
    ) -> Result<Vec<(Seq, ActivityKey)>, JournalError> {
        let sql = "SELECT seq, kind, id FROM entry WHERE profile = (SELECT number FROM profile WHERE uuid = ?1)
                   AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let parameters = (profile.as_u128().to_be_bytes(), to_sql(before), limit);
            statement.query_map(parameters, row::numbered_key)?.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|source| self.failed(source))
    }
}
