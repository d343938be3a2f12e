//! Reads the entries of one activity.
//!
//! An open activity's entries are listed in its row ([`crate::journal::tables::open_activity`]). A settled activity's entries are
//! searched between the first and the last entry that the caller knows of. A gap's entries have an index.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension};

use crate::activity::{ActivityKey, Entry, Kind, Seq};
use crate::journal::file::entry_codec::{self, COLUMNS, StoredId, to_sql};
use crate::journal::tables::open_activity::{self, OpenIndex};
use crate::journal::tables::open_gaps;
use crate::journal::write::database::number_of;
use crate::settings::ProfileId;

/// Maximum number of entries read, separately for entries from a server and for local ones: the newest.
const MAX_ENTRIES: usize = 1_000;
/// Maximum bytes of entries read, unless a single entry is larger.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Entries of one activity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The entries, ascending.
    pub entries: Vec<Entry>,
    /// Whether there are more than these.
    pub is_cut: bool,
}

/// Selects an activity.
#[derive(Debug, Clone)]
pub(crate) struct HistoryQuery {
    pub(crate) profile: ProfileId,
    pub(crate) key: ActivityKey,
    /// The first and the last entry that the caller knows of.
    pub(crate) known: Option<(Seq, Seq)>,
}

pub(crate) fn read(connection: &Connection, open: &OpenIndex, query: &HistoryQuery) -> rusqlite::Result<History> {
    let HistoryQuery { profile, key, known } = query;
    let Some(profile) = number_of(connection, *profile)? else { return Ok(History::default()) };
    if key.kind() == Kind::Gap {
        let numbers = open_gaps::entries_of_gap(connection, profile, key)?;
        return fetch(connection, profile, key, &numbers, false);
    }
    let known = known.map(|(first, last)| (to_sql(first), to_sql(last)));
    let listed = open_activity::entries_of(connection, open, profile, key)?;
    let (numbers, is_cut) = match (listed, known) {
        // It was settled, and is open again.
        (Some((listed, _)), Some((first, last))) if listed.first().is_some_and(|listed| first < *listed) => {
            search(connection, profile, key, first, last)?
        }
        (Some(listed), _) => listed,
        (None, Some((first, last))) => search(connection, profile, key, first, last)?,
        // Only while the table is being built, after an update.
        (None, None) if !open.is_complete() => search(connection, profile, key, 0, i64::MAX)?,
        (None, None) => return Ok(History::default()),
    };
    fetch(connection, profile, key, &numbers, is_cut)
}

/// The numbers of an activity's newest entries in a range, and whether there are more.
fn search(
    connection: &Connection,
    profile: i64,
    key: &ActivityKey,
    first: i64,
    last: i64,
) -> rusqlite::Result<(Vec<i64>, bool)> {
    // The plus keeps SQLite from using the index on profiles: reading the range itself is faster.
    let mut select = connection.prepare_cached(
        "SELECT seq, kind FROM entry
         WHERE seq BETWEEN ?2 AND ?3 AND id = ?5 AND kind % 10 = ?4 AND +profile = ?1 ORDER BY seq",
    )?;
    let mut rows = select.query((profile, first, last, entry_codec::unit(key.kind()), StoredId::of(key.id())))?;
    let (mut told, mut ours, mut is_cut) = (VecDeque::new(), VecDeque::new(), false);
    while let Some(found) = rows.next()? {
        // Frequent server messages must not push out local entries.
        let numbers = if entry_codec::is_local(found.get(1)?) { &mut ours } else { &mut told };
        numbers.push_back(found.get(0)?);
        if numbers.len() > MAX_ENTRIES {
            numbers.pop_front();
            is_cut = true;
        }
    }
    let mut numbers: Vec<i64> = told.into_iter().chain(ours).collect();
    numbers.sort_unstable();
    Ok((numbers, is_cut))
}

/// Reads the entries with these numbers, newest first, up to the size limit.
fn fetch(
    connection: &Connection,
    profile: i64,
    key: &ActivityKey,
    numbers: &[i64],
    mut is_cut: bool,
) -> rusqlite::Result<History> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, octet_length(payload) FROM entry WHERE seq = ?1 AND profile = ?2"
    ))?;
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    for number in numbers.iter().rev() {
        let found = select.query_row((number, profile), |found| {
            let size = usize::try_from(found.get::<_, i64>(5)?).unwrap_or(0);
            let is_ours = entry_codec::is_local(found.get(2)?);
            let too_much = !is_ours && bytes > 0 && bytes.saturating_add(size) > MAX_BYTES;
            if !is_ours {
                bytes = bytes.saturating_add(size);
            }
            if too_much { Ok(None) } else { entry_codec::read(found).map(Some) }
        });
        match found.optional()? {
            Some(Some(entry)) if entry.key == *key => entries.push(entry),
            Some(None) => is_cut = true,
            // It has been removed.
            Some(Some(_)) | None => {}
        }
    }
    entries.reverse();
    Ok(History { entries, is_cut })
}
