//! The database: how it is opened, its tables, and how an older format is migrated.

#![expect(clippy::disallowed_methods, reason = "this is where the journal's database is opened")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::journal::error::JournalError;

use super::file_id::is_missing;
use super::private_file::private_file;

/// Marks a database as a journal of this program (`PRAGMA application_id`): `PvMo` in ASCII.
const APPLICATION: i64 = 0x5076_4d6f;

/// Each step migrates to the next format; the format is the number of steps taken (`PRAGMA user_version`).
///
/// Steps are only ever added.
const STEPS: [&str; 7] = [
    // `entry` has no index on `id`, because ids are random and the index would make appends ten times as slow. The index on
    // `profile` is cheap: within a profile it only grows at its end. `id` is a UUID's 16 bytes, or text.
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
    // `meta` names the journal. `seal` has a row for each key that was used; only that key opens its proof. `secret` is small
    // because links are used up or expire, so its random ids cost little. `alive` has one row for each profile.
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
    // Few entries have an original: those in which more opens data than the link of a request. `expires` is null if the message did
    // not give it.
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
    // Open activities. `first` is the number of the activity's first entry, `entries` the numbers of its entries, 8 bytes each.
    // There is no index on `id`, because ids are looked up by their hashes in memory. `open_to` is the build progress of the table.
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
    // Work that must be done even if the program ends first. `profile` is a UUID, zero for no profile; a token is sealed.
    "CREATE TABLE pending_work (
         number INTEGER PRIMARY KEY,
         kind INTEGER NOT NULL,
         profile BLOB NOT NULL,
         at INTEGER NOT NULL,
         details TEXT NOT NULL,
         seal INTEGER,
         sealed BLOB
     ) STRICT;",
    // A gap is the union of its entries. There are few gaps, so the index costs appends nothing. Its condition is the same text as
    // in the queries, because otherwise SQLite does not use it.
    // Finds download entries without reading the messages between them.
    "CREATE INDEX entry_of_gap ON entry (profile, id) WHERE kind % 10 = 4;
     CREATE INDEX entry_of_download ON entry (profile) WHERE kind = 42;",
];

/// Size in bytes at which the write-ahead log is moved into the database.
const MAX_LOG_SIZE: i64 = 16 * 1024 * 1024;
/// The size of a page in bytes. Appends write only ends of tables, so larger pages than SQLite's 4096 bytes cost fewer writes.
/// Journals of earlier versions keep theirs.
const PAGE_SIZE: i64 = 8192;
/// Maximum memory for the writer's page cache, in bytes.
const CACHE_SIZE: i64 = 8 * 1024 * 1024;

/// `PRAGMA auto_vacuum`: empty pages are returned to the disk a few at a time.
const INCREMENTAL: i64 = 2;

/// How long to wait for another program's lock before reporting it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The newest format that this version knows.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The write-ahead log of a database.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The index of the write-ahead log, which SQLite recreates if it is missing.
pub(crate) fn index_of(path: &Path) -> PathBuf {
    beside(path, "-shm")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens the database for writing, in the newest format; creates it if it is missing.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::of(path, source);
    // SQLite gives its log the mode of the database.
    private(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?;
    // Check with a read-only connection first, so that a foreign file stays as it is.
    let looked = match inspect(path) {
        // The journal has a log, but is now on a file system without shared memory.
        Err(error) if is_without_shared_memory(&error) && application_of(path) == Some(APPLICATION) => {
            leave_log(path).map_err(failed)?;
            inspect(path)
        }
        looked => looked,
    };
    let found = looked.map_err(|source| match JournalError::of(path, source) {
        JournalError::Damaged { path, .. } if !is_sqlite_or_zeros(&path) => JournalError::NotAJournal { path },
        other => other,
    })?;
    if found.application != APPLICATION && !(found.empty && found.application == 0 && found.format == 0) {
        return Err(JournalError::NotAJournal { path: path.to_owned() });
    }
    if found.format > newest() {
        return Err(JournalError::NewerFormat { path: path.to_owned(), found: found.format, known: newest() });
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

/// Creates the file for its owner only, if it is missing. An existing file is not opened, because closing it would release the
/// locks that SQLite has on it in this process.
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

/// The first value that every connection reads.
fn first_read(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
}

/// Whether an error means that the index of the log can't be shared with other connections, as on file systems that can't map files
/// into memory.
fn is_without_shared_memory(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let shared = [SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE];
    error.sqlite_error().is_some_and(|error| shared.contains(&error.extended_code))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Moves the log into the database and stops using one: readers and the writer then wait for each other.
fn leave_log(path: &Path) -> rusqlite::Result<()> {
    let connection = open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A connection that has exclusive access from its first read keeps the index of the log in its own memory.
    connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_row| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_row| Ok(()))
}

/// The application id in a database file, read without SQLite.
fn application_of(path: &Path) -> Option<i64> {
    let mut header = [0; 72];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header));
    read.ok()?;
    Some(i64::from(i32::from_be_bytes(*header.last_chunk()?)))
}

/// The result of [`inspect`].
struct Found {
    application: i64,
    format: i64,
    empty: bool,
}

fn inspect(path: &Path) -> rusqlite::Result<Found> {
    let looking = reading(path)?;
    let number = |pragma| looking.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables = first_read(&looking)?;
    Ok(Found { application: number("application_id")?, format: number("user_version")?, empty: tables == 0 })
}

/// Whether a file that SQLite can't read was once a database: it starts like one, or with zeros, which a crash of the machine may
/// leave.
fn is_sqlite_or_zeros(path: &Path) -> bool {
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && (start == *b"SQLite format 3\0" || start == [0; 16])
}

/// Configures the connection and runs the missing migration steps.
fn prepare(connection: &mut Connection, format: i64, has_log: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if format == 0 {
        // Both only apply to a database without tables, so set them before anything is written.
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    let mode = if has_log { "wal" } else { "delete" };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_row| Ok(()))?;
    // Only this read shows whether the log can be used.
    first_read(connection)?;
    // An acknowledgement arrives once, so flush the log at every commit, not only at checkpoints.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    // Overwrite removed data, so that clearing the history erases it.
    connection.pragma_update_and_check(None, "secure_delete", true, |_row| Ok(()))?;
    // Each checkpoint costs two more disk flushes, so run them rarely.
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", MAX_LOG_SIZE / page.max(1), |_row| Ok(()))?;
    // After a burst the log shrinks to this many bytes.
    connection.pragma_update_and_check(None, "journal_size_limit", MAX_LOG_SIZE, |_row| Ok(()))?;
    // Keep what undoes a single statement in memory, not in a temporary file.
    connection.pragma_update(None, "temp_store", "memory")?;
    // Keep even the largest transaction in memory until it is committed.
    connection.pragma_update(None, "cache_size", -CACHE_SIZE / 1024)?;
    for (step, to) in STEPS.into_iter().zip(1_i64..).filter(|(_, to)| *to > format) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    let vacuum: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if vacuum != INCREMENTAL {
        // Format 1: this needs a rewrite, which needs the same space again. Without it the file works but never shrinks.
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
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Moves the whole log into the database and truncates it.
///
/// # Errors
///
/// If that fails, including when a reader blocked it for too long.
pub(crate) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    if try_checkpoint(connection, BUSY_TIMEOUT)? {
        Ok(())
    } else {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        Err(rusqlite::Error::SqliteFailure(busy, Some("another reader has not finished".to_owned())))
    }
}

/// Moves the whole log into the database and truncates it, unless a reader blocks that for longer than `patience`. Returns whether
/// it did.
///
/// # Errors
///
/// If the disk fails. Where the disk refuses.
pub(crate) fn try_checkpoint(connection: &Connection, patience: Duration) -> rusqlite::Result<bool> {
    connection.busy_timeout(patience)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Drops a database connection without touching its files.
pub(crate) fn abandon(connection: Connection) {
    if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::debug!(%error, "the journal's log may be moved into it");
    }
    drop(connection);
}

/// The database's file name within the data folder.
pub(crate) const FILE: &str = "journal.sqlite";
