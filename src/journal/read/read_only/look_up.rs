//! Look-ups for an export: names of profiles, and the activities of entries.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::OptionalExtension as _;

use crate::activity::{ActivityKey, Seq};
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::to_sql;
use crate::journal::tables::profile_names;
use crate::settings::ProfileId;

use super::{ReadOnlyJournal, entries_where, of_profile};

impl ReadOnlyJournal {
    /// The stored names of profiles. A journal of an earlier version has none.
    pub fn names(&self) -> BTreeMap<ProfileId, String> {
        match profile_names::all(&self.connection) {
            Ok(names) => names.into_iter().collect(),
            Err(error) => {
                tracing::debug!(%error, "the names of profiles are not known");
                BTreeMap::new()
            }
        }
    }

    /// The activities of entries. Entries that were removed are skipped.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn keys_of(&self, entries: &[Seq]) -> Result<BTreeSet<(ProfileId, ActivityKey)>, JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&entries_where("seq = ?1"))?;
            let mut keys = BTreeSet::new();
            for seq in entries {
                let found = statement.query_row([to_sql(*seq)], of_profile).optional()?;
                keys.extend(found.map(|(profile, entry)| (profile, entry.key)));
            }
            Ok(keys)
        })
    }
}
