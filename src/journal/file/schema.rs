//! The database: how it is opened, its tables, and how an older one becomes a newer one.

#![expect(clippy::disallowed_methods, reason = "this is where the journal's database is opened")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::journal::error::JournalError;

use super::file_id::is_missing;
use super::private_file::private_file;

/// Marks a database as ours (`PRAGMA application_id`): `PvMo` in ASCII.
const APPLICATION: i64 = 0x5076_4d6f;

/// Each step makes the next format out of the one before; the format is how many were taken (`PRAGMA user_version`).
///
/// Steps are only ever added.
const STEPS: [&str; 7] = [
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
    // `meta` names the journal. `seal` has a row for each key that was in use; its proof opens with that key alone.
    // `secret` is small: links are used up or expire, so that its random ids cost little. `alive` is one row a profile.
    "CREATE TABLE meta (
         name TEXT PRIMARY KEY,
         value ANY NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO meta VALUES ('journal', randomblob(16));
     CREATE TABLE seal (
         number INTEGER PRIMARY KEY,
         proof BLOB NOT NULL
     ) STRICT;
     CREATE TABLE secret (
         profile INTEGER NOT NULL,
         request ANY NOT NULL,
         kind INTEGER NOT NULL,
         at INTEGER NOT NULL,
         seal INTEGER NOT NULL,
         sealed BLOB NOT NULL,
         PRIMARY KEY (profile, request, kind)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE alive (
         profile INTEGER PRIMARY KEY,
         at INTEGER NOT NULL
     ) STRICT;",
    // Few entries have an original: those of which more opens data than the link of a request. `expires` is null where the
    // message did not say it.
    "ALTER TABLE secret ADD COLUMN expires INTEGER;
     CREATE TABLE original (
         seq INTEGER PRIMARY KEY,
         seal INTEGER NOT NULL,
         sealed BLOB NOT NULL
     ) STRICT;",
    // `profile` is a UUID, zero for no profile.
    "CREATE TABLE notice (
         number INTEGER PRIMARY KEY,
         profile BLOB NOT NULL,
         at INTEGER NOT NULL,
         sentence TEXT NOT NULL,
         UNIQUE (profile, sentence)
     ) STRICT;",
    // What is open. `first` is the number of the activity's first entry, `entries` the numbers of its entries, 8 bytes each.
    // There is no index on `id`: ids are looked up by their hashes in memory. `open_to` says how far the table is built.
    "CREATE TABLE open_activity (
         first INTEGER PRIMARY KEY,
         profile INTEGER NOT NULL,
         kind INTEGER NOT NULL,
         id ANY NOT NULL,
         state INTEGER NOT NULL,
         at INTEGER NOT NULL,
         expires INTEGER,
         entries BLOB NOT NULL
     ) STRICT;
     INSERT INTO meta VALUES ('open_to', 0);",
    // What must be done even if the program ends first. `profile` is a UUID, zero for no profile; a token is sealed.
    "CREATE TABLE pending_work (
         number INTEGER PRIMARY KEY,
         kind INTEGER NOT NULL,
         profile BLOB NOT NULL,
         at INTEGER NOT NULL,
         details TEXT NOT NULL,
         seal INTEGER,
         sealed BLOB
     ) STRICT;",
    // A gap is only known from all of its entries. There are few, so the index costs appends nothing. The condition is the
    // one of the queries, letter by letter: otherwise SQLite does not use it.
    // What was done with data is found without reading the messages between.
    "CREATE INDEX entry_of_gap ON entry (profile, id) WHERE kind % 10 = 4;
     CREATE INDEX entry_of_download ON entry (profile) WHERE kind = 42;",
];

/// How large the log grows before it goes into the database, in bytes.
const LOG: i64 = 16 * 1024 * 1024;
/// The size of a page, SQLite's own default, in bytes.
const PAGE: i64 = 4096;
/// How much of the database the writer holds in memory at most, in bytes.
const CACHE: i64 = 8 * 1024 * 1024;

/// `PRAGMA auto_vacuum`: pages that hold nothing are given back to the disk a few at a time.
const INCREMENTAL: i64 = 2;

/// How long to wait for another program's lock before saying so.
const BUSY: Duration = Duration::from_secs(5);

/// The newest format that this version knows.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The write-ahead log that belongs to a database.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The index of the write-ahead log, which SQLite makes anew where it is missing.
pub(crate) fn index_of(path: &Path) -> PathBuf {
    beside(path, "-shm")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens the database for writing, in the newest format; makes it where there is none.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::of(path, source);
    // SQLite gives its log the mode of the database.
    private(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?;
    // A connection that can't write looks first, so that what is not ours stays as it is.
    let looked = match look(path) {
        // Of a journal with a log, and now on a file system that shares no memory.
        Err(error) if is_without_shared_memory(&error) && application_of(path) == Some(APPLICATION) => {
            leave_log(path).map_err(failed)?;
            look(path)
        }
        looked => looked,
    };
    let found = looked.map_err(|source| match JournalError::of(path, source) {
        JournalError::Damaged { path, .. } if !is_sqlite_or_zeros(&path) => JournalError::Foreign { path },
        other => other,
    })?;
    if found.application != APPLICATION && !(found.empty && found.application == 0 && found.format == 0) {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    if found.format > newest() {
        return Err(JournalError::Newer { path: path.to_owned(), found: found.format, known: newest() });
    }
    let mut connection = open(path).map_err(failed)?;
    match prepare(&mut connection, found.format, true) {
        Err(error) if is_without_shared_memory(&error) => {
            tracing::warn!(%error, "the file system shares no memory: the journal does without its log");
            drop(connection);
            leave_log(path).map_err(failed)?;
            connection = open(path).map_err(failed)?;
            prepare(&mut connection, found.format, false).map_err(failed)?;
        }
        prepared => prepared.map_err(failed)?,
    }
    Ok(connection)
}

/// Makes the file for its owner only, where there is none; one that is there is not opened: closing it would take the locks
/// away that SQLite has on it in this process.
fn private(path: &Path) -> std::io::Result<()> {
    if is_missing(path) {
        return private_file(path).map(drop);
    }
    #[cfg(unix)]
    super::private_file::permitted(std::fs::set_permissions(
        path,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    ))?;
    Ok(())
}

/// Reads what every connection reads first.
fn first_read(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
}

/// Whether an error says that the index of the log can't be shared with other connections, as on file systems that map no files
/// into memory.
fn is_without_shared_memory(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let shared = [SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE];
    error.sqlite_error().is_some_and(|error| shared.contains(&error.extended_code))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Moves the log into the database and does without one from now on: readers and the writer then wait for each other.
fn leave_log(path: &Path) -> rusqlite::Result<()> {
    let connection = open(path)?;
    connection.busy_timeout(BUSY)?;
    // Alone from its first read on, a connection has the index of the log in its own memory.
    connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_row| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_row| Ok(()))
}

/// The number by which a database names its application, without SQLite.
fn application_of(path: &Path) -> Option<i64> {
    let mut header = [0; 72];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header));
    read.ok()?;
    Some(i64::from(i32::from_be_bytes(*header.last_chunk()?)))
}

/// What there is in a file.
struct Found {
    application: i64,
    format: i64,
    empty: bool,
}

fn look(path: &Path) -> rusqlite::Result<Found> {
    let looking = reading(path)?;
    let number = |pragma| looking.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables = first_read(&looking)?;
    Ok(Found { application: number("application_id")?, format: number("user_version")?, empty: tables == 0 })
}

/// Whether a file that SQLite can't read was once a database: it begins like one, or with the zeros that a crash of the
/// machine leaves of a file.
fn is_sqlite_or_zeros(path: &Path) -> bool {
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && (start == *b"SQLite format 3\0" || start == [0; 16])
}

/// Sets the connection up and takes the steps that are missing.
fn prepare(connection: &mut Connection, format: i64, has_log: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    if format == 0 {
        // Counts for a database without tables only, before anything is written.
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    let mode = if has_log { "wal" } else { "delete" };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_row| Ok(()))?;
    // Only this tells whether the log can be used.
    first_read(connection)?;
    // An acknowledgement comes once: the log is flushed at every commit, not only at checkpoints.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    // What is taken out is overwritten: `forget_profile` means it.
    connection.pragma_update_and_check(None, "secure_delete", true, |_row| Ok(()))?;
    // Each time that the log goes into the database costs two flushes of the disk more: seldom is better.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG / PAGE, |_row| Ok(()))?;
    // After a burst the log goes back to this many bytes.
    connection.pragma_update_and_check(None, "journal_size_limit", LOG, |_row| Ok(()))?;
    // A transaction as large as they get is held in memory until it is committed.
    connection.pragma_update(None, "cache_size", -CACHE / 1024)?;
    for (step, to) in STEPS.into_iter().zip(1_i64..).filter(|(_, to)| *to > format) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    let vacuum: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if vacuum != INCREMENTAL {
        // Of format 1. It takes a rewrite, which needs as much room again; without it the file works but never shrinks.
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        if let Err(error) = connection.execute_batch("VACUUM") {
            tracing::warn!(%error, "the journal could not be rewritten so that it can shrink");
        }
    }
    Ok(())
}

/// Opens the database for reading only.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, JournalError> {
    reading(path).map_err(|source| JournalError::of(path, source))
}

fn reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Moves the whole log into the database and cuts it to nothing.
///
/// # Errors
///
/// Where it can't be, also where a reader held it up for too long.
pub(crate) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    if try_checkpoint(connection, BUSY)? {
        Ok(())
    } else {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        Err(rusqlite::Error::SqliteFailure(busy, Some("another reader has not finished".to_owned())))
    }
}

/// Moves the whole log into the database and cuts it to nothing, unless a reader is in the way for longer than `patience`.
/// Whether it did.
///
/// # Errors
///
/// Where the disk refuses.
pub(crate) fn try_checkpoint(connection: &Connection, patience: Duration) -> rusqlite::Result<bool> {
    connection.busy_timeout(patience)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY)?;
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets go of a database without touching its files any more.
pub(crate) fn abandon(connection: Connection) {
    if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::debug!(%error, "the journal's log may be moved into it");
    }
    drop(connection);
}

/// The database's name within the data folder.
pub(crate) const FILE: &str = "journal.sqlite";
