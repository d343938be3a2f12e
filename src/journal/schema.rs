//! The database: how it is opened, its tables, and how an older one becomes a newer one.

#![expect(clippy::disallowed_methods, reason = "this is where the journal's database is opened")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::JournalError;
use super::holder::private_file;

/// Marks a database as ours (`PRAGMA application_id`): `PvMo` in ASCII.
const APPLICATION: i64 = 0x5076_4d6f;

/// Each step makes the next format out of the one before; the format is how many were taken (`PRAGMA user_version`).
///
/// Steps are only ever added.
const STEPS: [&str; 1] = [
    // `entry` has no index on `id`: with one, appends are ten times as slow, since ids are random. The index on
    // `profile` is cheap: within a profile it grows at its end only. `id` is a UUID's 16 bytes, or text.
    "CREATE TABLE profile (
         number INTEGER PRIMARY KEY,
         uuid BLOB NOT NULL UNIQUE
     ) STRICT;
     CREATE TABLE entry (
         seq INTEGER PRIMARY KEY,
         profile INTEGER NOT NULL,
         at INTEGER NOT NULL,
         kind INTEGER NOT NULL,
         id ANY NOT NULL,
         payload TEXT NOT NULL
     ) STRICT;
     CREATE INDEX entry_of_profile ON entry (profile);
     CREATE TABLE counter (
         name TEXT PRIMARY KEY,
         value INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO counter VALUES ('seq', 0);",
];

/// How long to wait for another program's lock before saying so.
const BUSY: Duration = Duration::from_secs(5);

/// The newest format that this version knows.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The write-ahead log that belongs to a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log)
}

/// Opens the database for writing, in the newest format.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::of(path, source);
    // SQLite gives its log the mode of the database.
    drop(private_file(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?);
    // A connection that can't write looks first, so that what is not ours stays as it is.
    let (application, format, empty) = {
        let looking = open_for_reading(path)?;
        let number = |pragma| looking.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let tables: i64 =
            looking.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(failed)?;
        (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?, tables == 0)
    };
    if application != APPLICATION && !(empty && application == 0 && format == 0) {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    if format > newest() {
        return Err(JournalError::Newer { path: path.to_owned(), found: format, known: newest() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&mut connection, format).map_err(failed)?;
    Ok(connection)
}

/// Sets the connection up and takes the steps that are missing.
fn prepare(connection: &mut Connection, format: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_row| Ok(()))?;
    // An acknowledgement comes once: the log is flushed at every commit, not only at checkpoints.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    // What is taken out is overwritten: `forget_profile` means it.
    connection.pragma_update_and_check(None, "secure_delete", true, |_row| Ok(()))?;
    // After a burst the log goes back to this many bytes.
    connection.pragma_update_and_check(None, "journal_size_limit", 16 * 1024 * 1024, |_row| Ok(()))?;
    for (step, to) in STEPS.into_iter().zip(1_i64..).filter(|(_, to)| *to > format) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Opens the database for reading only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    Ok(connection)
}
