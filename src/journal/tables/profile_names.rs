//! The names of profiles, so that exports can name profiles that are not, or no longer, in the settings.

use rusqlite::{Connection, Transaction};

use crate::settings::ProfileId;

/// The key in the table `meta` for a profile's name.
fn key(profile: ProfileId) -> String {
    format!("{PREFIX}{profile}")
}

/// The prefix of such keys.
const PREFIX: &str = "name:";

/// Stores a profile's name.
pub(crate) fn save(connection: &Connection, profile: ProfileId, name: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(sql, (key(profile), name)).map(|_one| ())
}

/// Deletes a profile's name.
pub(crate) fn delete(transaction: &Transaction<'_>, profile: ProfileId) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM meta WHERE name = ?1", [key(profile)]).map(|_count| ())
}

pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<(ProfileId, String)>> {
    let mut statement = connection.prepare("SELECT name, value FROM meta WHERE name GLOB ?1")?;
    let found = statement.query_map([format!("{PREFIX}*")], |row| {
        let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
        let id = key.strip_prefix(PREFIX).and_then(|id| uuid::Uuid::parse_str(id).ok());
        Ok(id.map(|id| (ProfileId::from_u128(id.as_u128()), name)))
    })?;
    found.filter_map(Result::transpose).collect()
}
