//! Returns the space of deleted rows to the disk in small steps.

use rusqlite::{Connection, Transaction};

/// Returns up to `pages` empty pages to the disk.
pub(crate) fn release(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    // Each step of the statement returns one page.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query(())?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Stores the largest used number, so that the numbers before `next` are not reused after their entries are deleted.
pub(crate) fn store_last_number(transaction: &Transaction<'_>, next: i64) -> rusqlite::Result<usize> {
    transaction.execute("UPDATE counter SET value = max(value, ?1) WHERE name = 'seq'", [next.saturating_sub(1)])
}
