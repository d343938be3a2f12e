//! The names of profiles, so that what is exported names one that the settings do not list (any more).

use rusqlite::{Connection, Transaction};

use crate::settings::ProfileId;

/// The key in the table `meta` under which a profile's name is kept.
fn key(profile: ProfileId) -> String {
    format!("{PREFIX}{profile}")
}

/// How such keys begin.
const PREFIX: &str = "name:";

/// Keeps a profile's name.
pub(crate) fn keep(connection: &Connection, profile: ProfileId, name: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(sql, (key(profile), name)).map(|_one| ())
}

/// Forgets a profile's name.
pub(crate) fn forget(transaction: &Transaction<'_>, profile: ProfileId) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM meta WHERE name = ?1", [key(profile)]).map(|_count| ())
}

/// The names that are kept.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<(ProfileId, String)>> {
    let mut statement = connection.prepare("SELECT name, value FROM meta WHERE name GLOB ?1")?;
    let found = statement.query_map([format!("{PREFIX}*")], |row| {
        let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
        let id = key.strip_prefix(PREFIX).and_then(|id| uuid::Uuid::parse_str(id).ok());
        Ok(id.map(|id| (ProfileId::from_u128(id.as_u128()), name)))
    })?;
    found.filter_map(Result::transpose).collect()
}
