//! The activities that a gap's entries name, and whether the gap is settled.

use rusqlite::Connection;

use crate::activity::{ActivityKey, Fact};
use crate::journal::file::entry_codec::{self, COLUMNS, StoredId};

/// Whether no activity named by an entry of an ended gap is open.
pub(crate) fn is_gap_settled(
    connection: &Connection,
    profile: i64,
    key: &ActivityKey,
    is_open: impl Fn(&ActivityKey) -> bool,
) -> rusqlite::Result<bool> {
    let named = named_by_gap(connection, profile, key)?;
    Ok(!named.iter().any(is_open))
}

/// The activities that the entries of a gap name.
pub(crate) fn named_by_gap(
    connection: &Connection,
    profile: i64,
    key: &ActivityKey,
) -> rusqlite::Result<Vec<ActivityKey>> {
    let mut select = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE kind % 10 = 4 AND profile = ?1 AND id = ?2"))?;
    let mut named = Vec::new();
    for entry in select.query_map((profile, StoredId::of(key.id())), entry_codec::read)? {
        if let Fact::Gap(gap) = entry?.fact {
            named.extend(gap.named());
        }
    }
    Ok(named)
}
