//! Reads profiles, activities and local entries, without server messages.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension as _;

use crate::activity::{ActivityKey, Entry, Seq};
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::{self, to_sql};
use crate::journal::tables::open_activity;
use crate::journal::write::database::number_of;
use crate::journal::write::retention::{PURGED_BEFORE, PURGED_ENTRIES};
use crate::settings::ProfileId;

use super::{ReadOnlyJournal, entries_where, of_profile};

/// The lowest `kind` of a local entry: local events from 40 on, then gaps.
const FIRST_LOCAL_KIND: i64 = 40;

impl ReadOnlyJournal {
    /// The profiles that have, or had, entries.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn profiles(&self) -> Result<Vec<ProfileId>, JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT uuid FROM profile")?;
            let profile = |found: &rusqlite::Row<'_>| Ok(ProfileId::from_u128(u128::from_be_bytes(found.get(0)?)));
            statement.query_map((), profile)?.collect::<rusqlite::Result<_>>()
        })
    }

    /// The number and activity of a profile's entries before a number, newest first.
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
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let parameters = (profile.as_u128().to_be_bytes(), to_sql(before), limit);
            statement.query_map(parameters, entry_codec::numbered_key)?.collect::<rusqlite::Result<_>>()
        })
    }

    /// The open activities of a profile; empty while the writing process is still building their table.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn open_activities(&self, profile: ProfileId) -> Result<Vec<ActivityKey>, JournalError> {
        self.read(|connection| match number_of(connection, profile)? {
            Some(number) => open_activity::keys_of(connection, number),
            None => Ok(Vec::new()),
        })
    }

    /// The number before which the journal has removed all entries except those of open items and of items that gaps name; and the
    /// number of removed entries.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn purged_before(&self) -> Result<(Seq, u64), JournalError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'";
            if connection.query_row(sql, (), |row| row.get::<_, i64>(0))? == 0 {
                // A journal of the first version.
                return Ok((Seq(0), 0));
            }
            let mut select = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
            let mut number = |name| {
                let found = select.query_row([name], |row| row.get::<_, i64>(0)).optional();
                found.map(|found| found.and_then(|found| u64::try_from(found).ok()).unwrap_or(0))
            };
            Ok((Seq(number(PURGED_BEFORE)?), number(PURGED_ENTRIES)?))
        })
    }

    /// Whether the journal has this entry.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn has_entry(&self, seq: Seq) -> Result<bool, JournalError> {
        self.read(|connection| connection.prepare_cached("SELECT 1 FROM entry WHERE seq = ?1")?.exists([to_sql(seq)]))
    }

    /// The entries of some activities of a profile among its `limit` oldest entries from `from` on and before a number, in
    /// ascending order; and the number from which there are more to read.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn entries_of(
        &self,
        profile: ProfileId,
        wanted: &BTreeSet<ActivityKey>,
        from: Seq,
        before: Seq,
        limit: u32,
    ) -> Result<(Vec<Entry>, Option<Seq>), JournalError> {
        let sql = "SELECT seq, kind, id FROM entry WHERE profile = (SELECT number FROM profile WHERE uuid = ?1)
                   AND seq >= ?2 AND seq < ?3 ORDER BY seq LIMIT ?4";
        self.read(|connection| {
            let mut order = connection.prepare_cached(sql)?;
            let mut look_up = connection.prepare_cached(&entries_where("seq = ?1"))?;
            let mut rows = order.query((profile.as_u128().to_be_bytes(), to_sql(from), to_sql(before), limit))?;
            let (mut entries, mut looked_at, mut last) = (Vec::new(), 0, from);
            while let Some(found) = rows.next()? {
                let (seq, key) = entry_codec::numbered_key(found)?;
                (looked_at, last) = (looked_at + 1, seq);
                if wanted.contains(&key) {
                    entries.extend(look_up.query_row([to_sql(seq)], of_profile).optional()?.map(|(_, entry)| entry));
                }
            }
            Ok((entries, (looked_at == limit).then(|| Seq(last.0.saturating_add(1)))))
        })
    }

    /// Reads every local event and every gap of all profiles, in ascending order: the few entries that did not come from a server.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn local_entries(&self, each: impl FnMut(ProfileId, Entry)) -> Result<(), JournalError> {
        self.local_entries_before(Seq(u64::MAX), each)
    }

    /// Same for those before a number.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn local_entries_before(
        &self,
        before: Seq,
        mut each: impl FnMut(ProfileId, Entry),
    ) -> Result<(), JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&entries_where("kind >= ?1 AND seq < ?2 ORDER BY seq"))?;
            for found in statement.query_map((FIRST_LOCAL_KIND, to_sql(before)), of_profile)? {
                let (profile, entry) = found?;
                each(profile, entry);
            }
            Ok(())
        })
    }

    /// Counts the activities of a profile without an entry from a number on, by the position of their first entries: the first
    /// number of each non-empty range of 256, and how many have their first entry in it.
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
        self.read(|connection| {
            let mut select = connection.prepare_cached(sql)?;
            let parameters = (profile.as_u128().to_be_bytes(), to_sql(before));
            select.query_map(parameters, |row| Ok((Seq(number(row, 0)?), number(row, 1)?)))?.collect::<Result<_, _>>()
        })
    }
}
