//! Rows that are gone: their space goes back to the disk in small steps.

use rusqlite::{Connection, Transaction};

/// Gives up to so many empty pages back to the disk.
pub(crate) fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    // It gives one page back at each step.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query(())?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Remembers the numbers before `next`, so that they are not given again once their entries are out.
pub(crate) fn remember(transaction: &Transaction<'_>, next: i64) -> rusqlite::Result<usize> {
    transaction.execute("UPDATE counter SET value = max(value, ?1) WHERE name = 'seq'", [next.saturating_sub(1)])
}
