//! Which links of earlier runs can still be used: what decides, for whoever reads the journal, whether one is ready.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use crate::activity::{Activities, Seq};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::row::id_text;
use super::{Archive, JournalError};

/// The row in `meta` that holds the first entry of the newest run.
const LIVE_FROM: &str = "live_from";

/// The links of earlier runs. One that was not kept went with the memory of its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierLinks {
    /// Entries before this one are of earlier runs.
    pub live_from: Seq,
    /// The requests whose links were kept.
    pub kept: BTreeSet<(ProfileId, RequestId)>,
}

impl EarlierLinks {
    /// Tells a model about them.
    pub fn apply(&self, profile: ProfileId, activities: &mut Activities) {
        activities.set_live_from(self.live_from);
        let kept: Vec<RequestId> =
            self.kept.iter().filter(|(of, _)| *of == profile).map(|(_, request)| request.clone()).collect();
        activities.keep_links(&kept);
    }
}

/// A run begins whose first entry has this number.
pub(super) fn begin_run(connection: &Connection, first: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (LIVE_FROM, first)).map(drop)
}

impl Archive {
    /// What is known of the links of earlier runs, if a run `is_under_way`; of all runs if none is. That a kept link can be opened is taken for
    /// granted: only the keyring knows.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn earlier_links(&self, is_under_way: bool) -> Result<EarlierLinks, JournalError> {
        let read = || {
            let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'secret')";
            if self.connection.query_row(tables, (), |row| row.get::<_, i64>(0))? < 2 {
                // Of the first version, which kept none.
                let live_from = if is_under_way { Seq(0) } else { Seq(u64::MAX) };
                return Ok(EarlierLinks { live_from, kept: BTreeSet::new() });
            }
            let begun = "SELECT value FROM meta WHERE name = ?1";
            let first: Option<i64> = self.connection.query_row(begun, [LIVE_FROM], |row| row.get(0)).optional()?;
            let live_from = match first {
                _ if !is_under_way => Seq(u64::MAX),
                Some(first) => Seq(u64::try_from(first).unwrap_or(0)),
                // Of an earlier version, which did not note it: nothing is known to be of an earlier run.
                None => Seq(0),
            };
            let sql = "SELECT DISTINCT uuid, request FROM secret JOIN profile ON number = secret.profile";
            let mut select = self.connection.prepare(sql)?;
            let mut rows = select.query(())?;
            let mut kept = BTreeSet::new();
            while let Some(found) = rows.next()? {
                let profile = ProfileId::from_u128(u128::from_be_bytes(found.get(0)?));
                kept.insert((profile, RequestId::new(id_text(found.get_ref(1)?))));
            }
            Ok(EarlierLinks { live_from, kept })
        };
        read().map_err(|source| self.failed(source))
    }
}
