//! A real journal that refuses entries, for tests of its users.

use std::path::Path;

use crate::journal::file::schema::FILE;

/// Another program that changes the database behind the journal's back.
#[expect(clippy::disallowed_methods, reason = "a test stands in for another program")]
pub(crate) fn behind_its_back(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join(FILE)).unwrap().execute_batch(sql).unwrap();
}

/// The number of rows in a table of a data folder's journal.
#[expect(clippy::disallowed_methods, reason = "a test reads what the journal has no query for")]
pub(crate) fn count_of(folder: &Path, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
}

/// Sets whether a data folder's journal refuses entries from now on; its error then contains "The disk is full.". Everything else
/// keeps working.
pub(crate) fn refuse_entries(folder: &Path, refuses: bool) {
    behind_its_back(folder, "DROP TRIGGER IF EXISTS refuse_entries");
    if refuses {
        let trigger = "CREATE TRIGGER refuse_entries BEFORE INSERT ON entry
                       BEGIN SELECT RAISE(ABORT, 'The disk is full.'); END";
        behind_its_back(folder, trigger);
    }
}
