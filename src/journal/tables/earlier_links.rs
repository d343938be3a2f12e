//! Which links of earlier runs can still be used: what decides, for whoever reads the journal, whether one is ready.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::activity::{Activities, Seq};
use crate::credentials::SealKey;
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::seal::RUN_SEAL;

/// The row in `meta` that holds the first entry of the newest run.
pub(crate) const LIVE_FROM: &str = "live_from";

/// Who opens the links that were kept.
#[derive(Clone)]
pub enum LinkOpener {
    /// The run that is under way, with the key that it was given.
    Run,
    /// The next run, if the keyring then gives this key; `None` if it gives none.
    NextRun(Option<SealKey>),
    /// The next run, of which nothing is known: no keyring can be asked from here, as in a job without a desktop session. Links
    /// that were kept count as they are.
    NotKnown,
}

impl std::fmt::Debug for LinkOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run => "Run",
            Self::NextRun(Some(_)) => "NextRun(key)",
            Self::NextRun(None) => "NextRun(no key)",
            Self::NotKnown => "NotKnown",
        })
    }
}

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
pub(crate) fn begin_run(connection: &Connection, first: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (LIVE_FROM, first))?;
    connection.execute("DELETE FROM meta WHERE name = ?1", [RUN_SEAL]).map(drop)
}

/// Whether the journal has the tables of secrets.
pub(crate) fn has_secrets(connection: &Connection) -> rusqlite::Result<bool> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'secret')";
    Ok(connection.query_row(tables, (), |row| row.get::<_, i64>(0))? == 2)
}
