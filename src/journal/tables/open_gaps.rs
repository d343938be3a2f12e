//! The activities that open gaps name, and the entries of a gap.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::activity::ActivityKey;
use crate::journal::file::entry_codec::{self, StoredId};

use super::gap_rows::named_by_gap;
use super::open_activity::OpenIndex;

/// Hashes of the activities that open gaps name.
pub(crate) fn named_by_open_gaps(connection: &Connection, index: &OpenIndex) -> rusqlite::Result<HashSet<u64>> {
    let mut select = connection.prepare_cached("SELECT profile, kind, id FROM open_activity WHERE kind = 4")?;
    let mut rows = select.query(())?;
    let mut named = HashSet::new();
    while let Some(found) = rows.next()? {
        let profile = found.get(0)?;
        let gap = entry_codec::key(found.get(1)?, found.get_ref(2)?);
        named.extend(named_by_gap(connection, profile, &gap)?.iter().map(|key| index.hash(profile, key)));
    }
    Ok(named)
}

/// The numbers of a gap's entries, ascending. They have their own index, because a gap is the union of its entries and the row of a
/// long one does not list all of them.
pub(crate) fn entries_of_gap(connection: &Connection, profile: i64, key: &ActivityKey) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT seq FROM entry WHERE kind % 10 = 4 AND profile = ?1 AND id = ?2 ORDER BY seq";
    let mut select = connection.prepare_cached(sql)?;
    select.query_map((profile, StoredId::of(key.id())), |row| row.get(0))?.collect()
}
