//! Deletes cleared history from the disk in small steps.
//!
//! Clearing a profile's history deletes the profile's number from the table `profile`, in one small transaction: from then on its
//! entries can't be read. They are deleted in steps of at most [`ROWS`] entries or [`BYTES`] bytes. The number stays in the pending
//! work until they are gone, so a crash at any moment leaves nothing behind permanently.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::journal::file::schema;
use crate::journal::tables::pending_work::{self, WorkId};

use super::free_pages::{release, store_last_number};
use super::retention::{BYTES, PAGES, ROWS, SPARE_PAGES, number};

/// The result of a cleanup step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Number of deleted entries.
    pub entries: u64,
    /// Whether there is more to do: request another step soon.
    pub more: bool,
    /// Whether a reader keeps deleted data in the log: request another step later.
    pub log_in_use: bool,
}

/// Runs one step. `next` is the number of the next entry.
pub(crate) fn step(connection: &mut Connection, next: i64) -> rusqlite::Result<Cleaned> {
    if let Some(forgotten) = pending_work::next_cleared(connection)? {
        let entries = delete_entries(connection, forgotten, next)?;
        return Ok(Cleaned { entries, more: true, log_in_use: false });
    }
    // Rows that retention or the building of the open-activity table added meanwhile.
    for table in ["alive", "open_activity"] {
        let sql = format!("DELETE FROM {table} WHERE profile NOT IN (SELECT number FROM profile)");
        connection.execute(&sql, ())?;
    }
    let empty = number(connection, "PRAGMA freelist_count")?;
    if empty > SPARE_PAGES {
        release(connection, PAGES)?;
        // A file that can't shrink keeps its empty pages.
        if number(connection, "PRAGMA freelist_count")? < empty {
            return Ok(Cleaned { more: true, ..Cleaned::default() });
        }
    }
    let log_in_use = !schema::try_checkpoint(connection, Duration::ZERO)?;
    Ok(Cleaned { log_in_use, ..Cleaned::default() })
}

/// Deletes the oldest entries of a cleared profile; returns their number.
fn delete_entries(connection: &mut Connection, (work, profile): (WorkId, i64), next: i64) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    store_last_number(&transaction, next)?;
    let mut doomed: Vec<i64> = Vec::new();
    {
        let mut select = transaction
            .prepare_cached("SELECT seq, octet_length(payload) FROM entry WHERE profile = ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = select.query((profile, ROWS))?;
        let mut bytes = 0_u64;
        while let Some(row) = rows.next()? {
            doomed.push(row.get(0)?);
            bytes = bytes.saturating_add(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0));
            if bytes >= BYTES {
                break;
            }
        }
        let mut delete = transaction.prepare_cached("DELETE FROM entry WHERE seq = ?1")?;
        let mut delete_original = transaction.prepare_cached("DELETE FROM original WHERE seq = ?1")?;
        for seq in &doomed {
            delete.execute([seq])?;
            delete_original.execute([seq])?;
        }
    }
    if doomed.is_empty() {
        pending_work::delete(&transaction, work)?;
    }
    transaction.commit()?;
    Ok(doomed.len() as u64)
}
