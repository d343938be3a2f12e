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

    /// How many activities of a profile have no entry from a number on, by where their first entries are: the first number of
    /// each stretch of 256 that has any, and how many have their first entry in it.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn activities_before(&self, profile: ProfileId, before: Seq) -> Result<Vec<(Seq, u64)>, JournalError> {
        let sql = "SELECT first & ~255 AS stretch, count(*) FROM (
                       SELECT min(seq) AS first, max(seq) AS last FROM entry
                       WHERE profile = (SELECT number FROM profile WHERE uuid = ?1) GROUP BY kind % 10, id
                   ) WHERE last < ?2 GROUP BY stretch";
        let number =
            |row: &rusqlite::Row<'_>, index| row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let parameters = (profile.as_u128().to_be_bytes(), to_sql(before));
            select.query_map(parameters, |row| Ok((Seq(number(row, 0)?), number(row, 1)?)))?.collect::<Result<_, _>>()
        };
        read().map_err(|source| self.failed(source))
    }
}
