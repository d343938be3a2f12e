//! Which links of earlier runs can still be used: what decides, for whoever reads the journal, whether one is ready.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use crate::activity::{Activities, Seq};
use crate::credentials::{JournalId, SealKey};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::row::id_text;
use super::seal::{RUN_SEAL, Sealer};
use super::{Archive, JournalError};

/// The row in `meta` that holds the first entry of the newest run.
const LIVE_FROM: &str = "live_from";

/// Who opens the links that were kept.
#[derive(Clone)]
pub enum LinkOpener {
    /// The run that is under way, with the key that it was given.
    Run,
    /// The next run, if the keyring then gives this key; `None` if it gives none.
    NextRun(Option<SealKey>),
}

impl std::fmt::Debug for LinkOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run => "Run",
            Self::NextRun(Some(_)) => "NextRun(key)",
            Self::NextRun(None) => "NextRun(no key)",
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
pub(super) fn begin_run(connection: &Connection, first: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (LIVE_FROM, first))?;
    connection.execute("DELETE FROM meta WHERE name = ?1", [RUN_SEAL]).map(drop)
}

impl Archive {
    /// The name of the journal, if links may be kept in it that were sealed with a key of the keyring.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn sealed_as(&self) -> Result<Option<JournalId>, JournalError> {
        let read = || {
            if !has_secrets(&self.connection)? {
                return Ok(None);
            }
            let sql = "SELECT value FROM meta WHERE name = 'journal' AND EXISTS (SELECT 1 FROM secret)";
            let id: Option<[u8; 16]> = self.connection.query_row(sql, (), |row| row.get(0)).optional()?;
            Ok(id.map(JournalId::from_random_bytes))
        };
        read().map_err(|source| self.failed(source))
    }

    /// What is known of the links of earlier runs. One whose secret the `opener` can't open was not kept for it.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn earlier_links(&self, opener: &LinkOpener) -> Result<EarlierLinks, JournalError> {
        let read = || {
            let has_secrets = has_secrets(&self.connection)?;
            let number = |name| {
                let sql = "SELECT value FROM meta WHERE name = ?1";
                self.connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).optional()
            };
            let (live_from, seal) = match opener {
                // The first version kept no secrets. An earlier one did not note where its run begins.
                LinkOpener::Run if has_secrets => (number(LIVE_FROM)?.unwrap_or(0), number(RUN_SEAL)?),
                LinkOpener::Run => (0, None),
                LinkOpener::NextRun(Some(key)) if has_secrets => {
                    let sql = "SELECT value FROM meta WHERE name = 'journal'";
                    let journal = self.connection.query_row(sql, (), |row| row.get(0))?;
                    let sealer = Sealer::find(&self.connection, JournalId::from_random_bytes(journal), key)?;
                    (i64::MAX, sealer.map(|sealer| sealer.number))
                }
                LinkOpener::NextRun(_) => (i64::MAX, None),
            };
            let mut kept = BTreeSet::new();
            if let Some(seal) = seal {
                let sql = "SELECT DISTINCT uuid, request FROM secret JOIN profile ON number = secret.profile
                           WHERE secret.seal = ?1";
                let mut select = self.connection.prepare(sql)?;
                let mut rows = select.query([seal])?;
                while let Some(found) = rows.next()? {
                    let profile = ProfileId::from_u128(u128::from_be_bytes(found.get(0)?));
                    kept.insert((profile, RequestId::new(id_text(found.get_ref(1)?))));
                }
            }
            Ok(EarlierLinks { live_from: Seq(u64::try_from(live_from).unwrap_or(0)), kept })
        };
        read().map_err(|source| self.failed(source))
    }
}

/// Whether the journal has the tables of secrets.
fn has_secrets(connection: &Connection) -> rusqlite::Result<bool> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'secret')";
    Ok(connection.query_row(tables, (), |row| row.get::<_, i64>(0))? == 2)
}
