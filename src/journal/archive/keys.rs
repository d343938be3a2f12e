//! What the journal has, without what servers said: whose, of which activities, and what this program did.

use crate::activity::{ActivityKey, Entry, Seq};
use crate::journal::JournalError;
use crate::journal::reader::to_sql;
use crate::journal::row;
use crate::settings::ProfileId;

use super::{Archive, entries_where, of_profile};

/// The first `kind` of an entry of our own making, in tens: deeds, then gaps.
const OURS: i64 = 40;

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

    /// Every deed and every gap of all profiles, in ascending order: the few entries that did not come from a server.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub fn ours(&self, each: impl FnMut(ProfileId, Entry)) -> Result<(), JournalError> {
        self.ours_before(Seq(u64::MAX), each)
    }

    /// The same of those before a number.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn ours_before(&self, before: Seq, mut each: impl FnMut(ProfileId, Entry)) -> Result<(), JournalError> {
        let mut read = || {
            let mut statement =
                self.connection.prepare_cached(&entries_where("kind >= ?1 AND seq < ?2 ORDER BY seq"))?;
            for found in statement.query_map((OURS, to_sql(before)), of_profile)? {
                let (profile, entry) = found?;
                each(profile, entry);
            }
            Ok(())
        };
        read().map_err(|source| self.failed(source))
    }
}
