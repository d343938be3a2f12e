//! Links of earlier runs, for an export.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;

use crate::activity::Seq;
use crate::credentials::JournalId;
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::id_text;
use crate::journal::tables::earlier_links::{EarlierLinks, LIVE_FROM, LinkOpener, has_secrets};
use crate::journal::tables::seal::{RUN_SEAL, Sealer};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::ReadOnlyJournal;

impl ReadOnlyJournal {
    /// The name of the journal, if it may have links sealed with a key of the keyring.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn sealed_as(&self) -> Result<Option<JournalId>, JournalError> {
        self.read(|connection| {
            if !has_secrets(connection)? {
                return Ok(None);
            }
            let sql = "SELECT value FROM meta WHERE name = 'journal' AND EXISTS (SELECT 1 FROM secret)";
            let id: Option<[u8; 16]> = connection.query_row(sql, (), |row| row.get(0)).optional()?;
            Ok(id.map(JournalId::from_random_bytes))
        })
    }

    /// The links of earlier runs. A link whose secret the `opener` can't open counts as not stored.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn earlier_links(&self, opener: &LinkOpener) -> Result<EarlierLinks, JournalError> {
        self.read(|connection| {
            let has_secrets = has_secrets(connection)?;
            let number = |name| {
                let sql = "SELECT value FROM meta WHERE name = ?1";
                connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).optional()
            };
            let (live_from, seal) = match opener {
                // The first version stored no secrets. Other earlier versions did not note where their run begins.
                LinkOpener::Run if has_secrets => (number(LIVE_FROM)?.unwrap_or(0), number(RUN_SEAL)?),
                LinkOpener::Run => (0, None),
                LinkOpener::NextRun(Some(key)) if has_secrets => {
                    let sql = "SELECT value FROM meta WHERE name = 'journal'";
                    let journal = connection.query_row(sql, (), |row| row.get(0))?;
                    let sealer = Sealer::find(connection, JournalId::from_random_bytes(journal), key)?;
                    (i64::MAX, sealer.map(|sealer| sealer.number))
                }
                LinkOpener::NextRun(_) | LinkOpener::Unknown => (i64::MAX, None),
            };
            let mut requests = BTreeSet::new();
            let is_any = matches!(opener, LinkOpener::Unknown) && has_secrets;
            if seal.is_some() || is_any {
                let sql = "SELECT DISTINCT uuid, request FROM secret JOIN profile ON number = secret.profile
                           WHERE ?1 IS NULL OR secret.seal = ?1";
                let mut select = connection.prepare(sql)?;
                let mut rows = select.query([seal])?;
                while let Some(found) = rows.next()? {
                    let profile = ProfileId::from_u128(u128::from_be_bytes(found.get(0)?));
                    requests.insert((profile, RequestId::new(id_text(found.get_ref(1)?))));
                }
            }
            Ok(EarlierLinks { live_from: Seq(u64::try_from(live_from).unwrap_or(0)), stored: requests })
        })
    }
}
