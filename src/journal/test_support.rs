//! A real journal that refuses entries, for tests of its users.

use std::path::Path;

use crate::journal::file::schema::FILE;

/// Another program that changes the database behind the journal's back.
#[expect(clippy::disallowed_methods, reason = "a test stands in for another program")]
pub(crate) fn behind_its_back(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join(FILE)).unwrap().execute_batch(sql).unwrap();
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
