//! Which links of earlier runs are still usable, so that readers of the journal can tell whether data is ready.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::activity::{Activities, Seq};
use crate::credentials::SealKey;
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::seal::RUN_SEAL;

/// The row in `meta` with the first entry of the newest run.
pub(crate) const LIVE_FROM: &str = "live_from";

/// Who can open the stored links.
#[derive(Clone)]
pub enum LinkOpener {
    /// The current run, with the key that it was given.
    Run,
    /// The next run, if the keyring then has this key; `None` if it has none.
    NextRun(Option<SealKey>),
    /// Unknown: no keyring is accessible, as in a job without a desktop session. Stored links count as usable.
    Unknown,
}

/// The links of earlier runs. A link that was not stored was lost with the memory of its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierLinks {
    /// Entries before this one are from earlier runs.
    pub live_from: Seq,
    /// The requests whose links are stored.
    pub stored: BTreeSet<(ProfileId, RequestId)>,
}

impl EarlierLinks {
    /// Passes them on to a model.
    pub fn apply(&self, profile: ProfileId, activities: &mut Activities) {
        activities.set_live_from(self.live_from);
        let stored: Vec<RequestId> =
            self.stored.iter().filter(|(of, _)| *of == profile).map(|(_, request)| request.clone()).collect();
        activities.restore_links(&stored);
    }
}

/// Notes the number of a new run's first entry.
pub(crate) fn begin_run(connection: &Connection, first: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (LIVE_FROM, first))?;
    connection.execute("DELETE FROM meta WHERE name = ?1", [RUN_SEAL]).map(drop)
}

/// Whether the journal has the tables of secrets.
pub(crate) fn has_secrets(connection: &Connection) -> rusqlite::Result<bool> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'secret')";
    Ok(connection.query_row(tables, (), |row| row.get::<_, i64>(0))? == 2)
}
