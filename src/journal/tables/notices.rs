//! Notices about data loss or risks, which stay over restarts until they are dismissed.

use rusqlite::{Connection, TransactionBehavior};

use crate::activity::Timestamp;
use crate::settings::ProfileId;

/// Maximum number of stored notices; beyond it the oldest are deleted.
const MAX_NOTICES: i64 = 100;

/// A notice that was not dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistedNotice {
    /// The profile that it is about, if any.
    pub profile: Option<ProfileId>,
    /// When it was raised.
    pub at: Timestamp,
    /// The whole sentence. Together with the profile it identifies the notice: the same notice is stored once.
    pub sentence: String,
}

fn key(profile: Option<ProfileId>) -> [u8; 16] {
    profile.map_or(0, ProfileId::as_u128).to_be_bytes()
}

/// Stores a notice, unless the same one is already stored.
pub(crate) fn save(connection: &mut Connection, notice: &PersistedNotice) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT OR IGNORE INTO notice (profile, at, sentence) VALUES (?1, ?2, ?3)",
        (key(notice.profile), notice.at.0, &notice.sentence),
    )?;
    transaction.execute(
        "DELETE FROM notice WHERE number NOT IN (SELECT number FROM notice ORDER BY number DESC LIMIT ?1)",
        [MAX_NOTICES],
    )?;
    transaction.commit()
}

/// The stored notices, oldest first.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<PersistedNotice>> {
    let mut select = connection.prepare_cached("SELECT profile, at, sentence FROM notice ORDER BY number")?;
    let notices = select.query_map((), |row| {
        let profile = u128::from_be_bytes(row.get(0)?);
        let profile = (profile != 0).then(|| ProfileId::from_u128(profile));
        Ok(PersistedNotice { profile, at: Timestamp(row.get(1)?), sentence: row.get(2)? })
    })?;
    notices.collect()
}

/// Deletes a dismissed notice.
pub(crate) fn delete(connection: &Connection, profile: Option<ProfileId>, sentence: &str) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM notice WHERE profile = ?1 AND sentence = ?2", (key(profile), sentence))
        .map(|_count| ())
}

/// Deletes a profile's notices.
pub(crate) fn delete_all_of(connection: &Connection, profile: ProfileId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM notice WHERE profile = ?1", [key(Some(profile))]).map(|_count| ())
}
