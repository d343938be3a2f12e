//! Copies the readable data of a damaged database.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Row, params_from_iter};

use crate::journal::tables::open_activity;

/// Number of rows copied in one transaction.
const TOGETHER: u32 = 1_000;

/// Minimum size of an entry in bytes: its columns, and the keys of its two trees.
const SMALLEST: u64 = 32;

/// Larger entry numbers come from changed bytes: no journal gets there by counting.
const MAX_NUMBER: i64 = i64::MAX / 2;

/// Copies everything readable of `damaged` into `fresh`, which has the newest format and no entries. Returns the number of copied
/// entries.
///
/// `size` is the size of the damaged files in bytes. Since no entry is smaller than [`SMALLEST`], it bounds the numbers that
/// unreadable entries at the end had, which are never reused.
///
/// # Errors
///
/// If `fresh` can't be written.
pub(crate) fn copy(damaged: Option<&Connection>, fresh: &mut Connection, size: u64) -> rusqlite::Result<u64> {
    let Some(damaged) = damaged else { return Ok(0) };
    for (table, columns) in [
        ("profile", "number, uuid"),
        ("meta", "name, value"),
        ("counter", "name, value"),
        ("seal", "number, proof"),
        ("secret", "profile, request, kind, at, expires, seal, sealed"),
        ("alive", "profile, at"),
        ("original", "seq, seal, sealed"),
        ("notice", "number, profile, at, sentence"),
        ("pending_work", "number, kind, profile, at, details, seal, sealed"),
    ] {
        copy_small(damaged, fresh, table, columns)?;
    }
    // Looks for the largest number from the end. If the end can't be read, there is no bound.
    let last: rusqlite::Result<Option<i64>> = damaged.query_row("SELECT max(seq) FROM entry", (), |row| row.get(0));
    let last = last.map(|last| last.unwrap_or(0)).ok().filter(|last| *last <= MAX_NUMBER);
    let copied = copy_entries(damaged, fresh, last.unwrap_or(MAX_NUMBER))?;
    let unknown = if last.is_some() { 0 } else { i64::try_from(size / SMALLEST).unwrap_or(MAX_NUMBER) };
    fresh.execute(
        "UPDATE counter SET value = max(min(value, ?1), ?2, (SELECT coalesce(max(seq), 0) FROM entry) + ?3)
         WHERE name = 'seq'",
        (MAX_NUMBER, last.unwrap_or(0), unknown),
    )?;
    // Rebuild the open activities from the entries that could be read.
    open_activity::rebuild(fresh)?;
    Ok(copied)
}

/// Copies the readable beginning of a small table. A table that the older format did not have counts as empty.
fn copy_small(damaged: &Connection, fresh: &mut Connection, table: &str, columns: &str) -> rusqlite::Result<()> {
    let places = vec!["?"; columns.split(',').count()].join(", ");
    let transaction = fresh.transaction()?;
    {
        let mut insert =
            transaction.prepare(&format!("INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})"))?;
        let width = insert.parameter_count();
        let Ok(mut select) = damaged.prepare(&format!("SELECT {columns} FROM {table}")) else { return Ok(()) };
        let Ok(mut rows) = select.query(()) else { return Ok(()) };
        while let Ok(Some(row)) = rows.next() {
            let Ok(values) = values(row, width) else { continue };
            unless_unfit(insert.execute(params_from_iter(values)))?;
        }
    }
    transaction.commit()
}

/// Copies the entries in ascending order, skipping unreadable ones.
fn copy_entries(damaged: &Connection, fresh: &mut Connection, last: i64) -> rusqlite::Result<u64> {
    let mut copied = 0_u64;
    let mut next = Some(i64::MIN);
    while let Some(from) = next {
        let transaction = fresh.transaction()?;
        let (count, to) = copy_range(damaged, &transaction, from, last)?;
        transaction.commit()?;
        copied = copied.saturating_add(count);
        next = match to {
            Stopped::End => None,
            Stopped::Full(at) => Some(at),
            Stopped::Unreadable(at) => first_readable(damaged, at, last),
        };
    }
    Ok(copied)
}

/// Why copying a range stopped.
enum Stopped {
    /// There are no more entries.
    End,
    /// There may be more from this number on.
    Full(i64),
    /// The entry with this number, or the first one after it, can't be read.
    Unreadable(i64),
}

fn copy_range(damaged: &Connection, fresh: &Connection, from: i64, last: i64) -> rusqlite::Result<(u64, Stopped)> {
    let mut copied = 0_u64;
    let mut at = from;
    let sql = "SELECT seq, profile, at, kind, id, payload FROM entry WHERE seq >= ?1 ORDER BY seq";
    let Ok(mut select) = damaged.prepare_cached(sql) else { return Ok((0, Stopped::End)) };
    let Ok(mut rows) = select.query([from]) else { return Ok((0, Stopped::Unreadable(at))) };
    let mut insert = fresh.prepare_cached(
        "INSERT OR IGNORE INTO entry (seq, profile, at, kind, id, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut remaining = TOGETHER;
    while remaining > 0 {
        match rows.next() {
            Ok(Some(row)) => {
                let (Ok(seq), Ok(values)) = (row.get::<_, i64>(0), values(row, 6)) else { continue };
                // Numbers ascend: any other comes from a page with changed bytes.
                if seq < at || seq > last {
                    continue;
                }
                let added = unless_unfit(insert.execute(params_from_iter(values)))?;
                copied = copied.saturating_add(u64::from(added > 0));
                let Some(after) = seq.checked_add(1) else { return Ok((copied, Stopped::End)) };
                at = after;
                remaining = remaining.saturating_sub(1);
            }
            Ok(None) => return Ok((copied, Stopped::End)),
            Err(_unreadable) => return Ok((copied, Stopped::Unreadable(at))),
        }
    }
    Ok((copied, Stopped::Full(at)))
}

/// The first readable number after `unreadable`: found with doubling strides, then by bisecting the last one.
fn first_readable(damaged: &Connection, unreadable: i64, last: i64) -> Option<i64> {
    let can_read = |from: i64| {
        damaged
            .prepare_cached("SELECT seq, payload FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT 1")
            .and_then(|mut select| select.query_row([from], |row| row.get_ref(1).map(|_payload| ())))
            .or_else(|error| if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(error) })
            .is_ok()
    };
    let (mut low, mut stride) = (unreadable.max(0), 1_i64);
    let mut high = loop {
        let high = low.checked_add(stride).filter(|high| *high <= last)?;
        if can_read(high) {
            break high;
        }
        low = high;
        stride = stride.checked_mul(2)?;
    };
    // Invariant: `low` can't be read, `high` can.
    while high.checked_sub(low)? > 1 {
        let middle = low.midpoint(high);
        if can_read(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// A row's values as stored, including text that is not UTF-8.
fn values<'row>(row: &'row Row<'_>, width: usize) -> rusqlite::Result<Vec<ToSqlOutput<'row>>> {
    (0..width).map(|column| row.get_ref(column).map(ToSqlOutput::Borrowed)).collect()
}

/// Ignores a row whose values do not fit their columns, because they were changed.
fn unless_unfit(inserted: rusqlite::Result<usize>) -> rusqlite::Result<usize> {
    match inserted {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => Ok(0),
        other => other,
    }
}
