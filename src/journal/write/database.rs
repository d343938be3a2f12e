//! The writer's open database and the operations on it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::activity::{Entry, Seq, Timestamp};
use crate::credentials::{JournalId, SealKey};
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::{self, StoredId};
use crate::journal::file::file_id::{FileId, is_missing};
use crate::journal::file::schema;
use crate::journal::tables::open_activity::{self, OpenActivity, OpenIndex};
use crate::journal::tables::pending_work::{self, PendingWork, WorkId};
use crate::journal::tables::seal::Sealer;
use crate::journal::tables::secrets::{self, Sealing, Secrets, Unsealed};
use crate::journal::tables::{notices, profile_names};
use crate::protocol::{RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::cleanup;
use super::free_pages::store_last_number;

/// Entries and secrets of one profile that are committed together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) secrets: Secrets,
}

pub(crate) struct Database {
    path: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) id: JournalId,
    /// The identity of the open file; data written to a file that has left the path is lost with the process.
    file: FileId,
    /// Whether it has a write-ahead log, which file systems without shared memory do not support.
    has_log: bool,
    /// The identity of its log. Unknown before the first commit.
    log: Option<FileId>,
    /// Profiles known to be in the table `profile`, with their numbers.
    profiles: HashMap<ProfileId, i64>,
    /// Profiles that are being removed: nothing more is written for them.
    removed: HashSet<ProfileId>,
    sealer: Option<Sealer>,
    pub(crate) open: OpenIndex,
}

/// Whether the open files are the ones at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// Both the database and its log are.
    InPlace,
    /// The database is at its path, its log is not.
    WithoutLog,
    /// The database is not at its path.
    Missing,
}

impl Database {
    /// Opens the database, creating it if it is missing, and loads its open activities into `open`.
    pub(crate) fn open(path: &Path, open: OpenIndex) -> Result<Self, JournalError> {
        let failed = |source| JournalError::of(path, source);
        let mut connection = schema::open_for_writing(path)?;
        open.load(&connection).map_err(failed)?;
        if !open.is_complete() {
            // One step completes the table of a new or small journal.
            open_activity::build_step(&mut connection, &open).map_err(failed)?;
        }
        let id: [u8; 16] = connection
            .query_row("SELECT value FROM meta WHERE name = 'journal'", (), |row| row.get(0))
            .map_err(failed)?;
        let removed = pending_work::removed(&connection).map_err(failed)?.into_iter().collect();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
        let has_log = mode == "wal";
        let file = FileId::at(path).ok_or_else(|| JournalError::Replaced { path: path.to_owned() })?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            id: JournalId::from_random_bytes(id),
            file,
            has_log,
            log: None,
            profiles: HashMap::new(),
            removed,
            sealer: None,
            open,
        })
    }

    /// The largest entry number ever used, including removed entries.
    pub(crate) fn last(&self) -> Result<i64, JournalError> {
        let sql = "SELECT max(value, coalesce((SELECT max(seq) FROM entry), 0)) FROM counter WHERE name = 'seq'";
        self.connection.query_row(sql, (), |row| row.get(0)).map_err(|source| JournalError::of(&self.path, source))
    }

    /// Whether its files are still at their paths, after a write.
    pub(crate) fn file_state(&mut self) -> FileState {
        if self.file.has_left(&self.path) {
            return FileState::Missing;
        }
        if !self.has_log {
            return FileState::InPlace;
        }
        let log = schema::log_of(&self.path);
        if self.log.is_none() {
            self.log = FileId::at(&log);
        }
        match self.log {
            Some(file) if file.has_left(&log) => FileState::WithoutLog,
            None if is_missing(&log) => FileState::WithoutLog,
            Some(_) | None => FileState::InPlace,
        }
    }

    /// Commits batches in one transaction, all or nothing. Returns the number of each batch's first entry, and the number after the
    /// last.
    pub(crate) fn append<'a>(
        &mut self,
        batches: impl Iterator<Item = (ProfileId, &'a Batch)>,
        mut next: i64,
    ) -> rusqlite::Result<(Vec<Seq>, i64)> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut firsts = Vec::new();
        let mut entered = Vec::new();
        let mut changes = self.open.changes();
        for (profile, batch) in batches {
            if self.removed.contains(&profile) {
                firsts.push(Seq(u64::try_from(next).unwrap_or_default()));
                next = next.saturating_add(i64::try_from(batch.entries.len()).unwrap_or_default());
                continue;
            }
            let number = match self.profiles.get(&profile) {
                Some(number) => *number,
                None => profile_number(&transaction, profile)?,
            };
            entered.push((profile, number));
            firsts.push(Seq(u64::try_from(next).unwrap_or_default()));
            let first = next;
            next = insert(&transaction, number, &batch.entries, first)?;
            changes.add_entries(number, &batch.entries, first);
            if let Some(sealer) = self.sealer.as_ref().filter(|_sealer| !batch.secrets.is_empty()) {
                let Secrets { requests, originals } = &batch.secrets;
                secrets::insert(&transaction, sealer, profile, number, requests)?;
                secrets::insert_originals(&transaction, sealer, profile, &batch.entries, first, originals)?;
            }
        }
        let flushed = changes.flush(&transaction)?;
        transaction.commit()?;
        self.open.apply(flushed);
        self.profiles.extend(entered);
        Ok((firsts, next))
    }

    /// Clears a profile's history in one small transaction: it can't be read from here on. [`Self::clean_step`] deletes it from the
    /// disk.
    pub(crate) fn delete_profile(&mut self, profile: ProfileId, next: i64) -> rusqlite::Result<()> {
        self.profiles.remove(&profile);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        delete_profile(&transaction, profile, next)?;
        transaction.commit()?;
        self.open.load(&self.connection)
    }

    /// Deletes a little of the cleared history from the disk.
    pub(crate) fn clean_step(&mut self, next: i64) -> rusqlite::Result<cleanup::Cleaned> {
        cleanup::step(&mut self.connection, next)
    }

    /// Records work that must be done even if the program ends first. A profile that is to be removed loses its history in the same
    /// transaction.
    pub(crate) fn record_work(
        &mut self,
        (works, at): (&[PendingWork], Timestamp),
        next: i64,
    ) -> rusqlite::Result<Vec<WorkId>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let numbers = pending_work::insert(&transaction, self.sealer.as_ref(), works, at)?;
        let removed = works.iter().filter_map(|work| match work {
            PendingWork::RemoveProfile(profile) => Some(*profile),
            _ => None,
        });
        for profile in removed.clone() {
            delete_profile(&transaction, profile, next)?;
        }
        transaction.commit()?;
        for profile in removed {
            self.profiles.remove(&profile);
            self.removed.insert(profile);
        }
        self.open.load(&self.connection)?;
        Ok(numbers)
    }

    pub(crate) fn pending_work(&self) -> rusqlite::Result<Vec<(WorkId, PendingWork)>> {
        pending_work::all(&self.connection, self.sealer.as_ref())
    }

    pub(crate) fn complete_work(&mut self, work: WorkId) -> rusqlite::Result<()> {
        pending_work::delete(&self.connection, work)?;
        self.removed = pending_work::removed(&self.connection)?.into_iter().collect();
        Ok(())
    }

    /// Notes that a profile was live at a time.
    pub(crate) fn touch(&mut self, profile: ProfileId, at: Timestamp) -> rusqlite::Result<()> {
        if self.removed.contains(&profile) {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = profile_number(&transaction, profile)?;
        transaction.execute("INSERT OR REPLACE INTO alive (profile, at) VALUES (?1, ?2)", (number, at.0))?;
        transaction.commit()?;
        self.profiles.insert(profile, number);
        Ok(())
    }

    /// Starts sealing with this key.
    pub(crate) fn seal(&mut self, key: SealKey) -> rusqlite::Result<Sealing> {
        let sealer = Sealer::register(&self.connection, self.id, key)?;
        let requests = secrets::locked(&self.connection, &sealer)?;
        if let Err(error) = sealer.note_run(&self.connection) {
            // Only other processes that read the journal meanwhile need it.
            tracing::warn!(%error, "it could not be noted which key opens links");
        }
        self.sealer = Some(sealer);
        Ok(if requests == 0 { Sealing::On } else { Sealing::KeyMissing { requests } })
    }

    pub(crate) fn unseal(&mut self) {
        self.sealer = None;
    }

    /// The secrets of a profile that can be opened.
    pub(crate) fn secrets(&mut self, profile: ProfileId) -> rusqlite::Result<Unsealed> {
        let Some(number) = number_of(&self.connection, profile)? else { return Ok(Unsealed::default()) };
        secrets::unseal(&mut self.connection, self.sealer.as_ref(), profile, number)
    }

    /// The original of a profile's entry, if there is one that can be opened.
    pub(crate) fn original(&self, profile: ProfileId, seq: i64) -> rusqlite::Result<Option<UnmaskedMessage>> {
        let Some(number) = number_of(&self.connection, profile)? else { return Ok(None) };
        secrets::original(&self.connection, self.sealer.as_ref(), profile, number, seq)
    }

    /// The open activities of a profile.
    pub(crate) fn open_activities(&self, profile: ProfileId) -> rusqlite::Result<Vec<OpenActivity>> {
        let Some(number) = number_of(&self.connection, profile)? else { return Ok(Vec::new()) };
        open_activity::all_of(&self.connection, number)
    }

    /// Deletes the secrets of a request.
    pub(crate) fn delete_secret(&mut self, profile: ProfileId, request: &RequestId) -> rusqlite::Result<u64> {
        let Some(number) = number_of(&self.connection, profile)? else { return Ok(0) };
        secrets::delete(&self.connection, number, request)
    }

    /// Makes a commit durable whose log has left its path, by moving it into the database.
    pub(crate) fn rescue(&self) -> rusqlite::Result<()> {
        schema::checkpoint(&self.connection)
    }

    /// Takes over another journal's name, if no key was ever used under its own, because then nothing depends on it.
    pub(crate) fn adopt(&mut self, id: JournalId) -> rusqlite::Result<()> {
        let sql = "UPDATE meta SET value = ?1 WHERE name = 'journal' AND NOT EXISTS (SELECT 1 FROM seal)";
        if id != self.id && self.connection.execute(sql, [id.as_bytes()])? > 0 {
            self.id = id;
        }
        Ok(())
    }

    /// Drops it without touching its files.
    pub(crate) fn abandon(self) {
        schema::abandon(self.connection);
    }

    /// Moves the log into the database and closes both.
    pub(crate) fn close(self) {
        // Skipping it loses nothing, because the log is read at the next start. So do not wait for readers.
        match schema::try_checkpoint(&self.connection, Duration::ZERO) {
            Ok(true) => {}
            Ok(false) => tracing::debug!("the journal's log stays, since somebody reads it"),
            Err(error) => tracing::warn!(%error, "the journal's log could not be moved into it"),
        }
        if let Err((_connection, error)) = self.connection.close() {
            tracing::warn!(%error, "the journal could not be closed");
        }
    }
}

/// A profile's number, assigned if it has none.
fn profile_number(transaction: &Transaction<'_>, profile: ProfileId) -> rusqlite::Result<i64> {
    if let Some(number) = number_of(transaction, profile)? {
        return Ok(number);
    }
    // Never reuse the number of a deleted profile: other tables may still refer to it.
    transaction.execute(
        "INSERT INTO profile (number, uuid) VALUES (1 + max(
             (SELECT coalesce(max(number), 0) FROM profile),
             (SELECT coalesce(max(profile), 0) FROM entry),
             (SELECT coalesce(max(value), 0) FROM counter WHERE name = 'profile')
         ), ?1)",
        [profile.as_u128().to_be_bytes()],
    )?;
    Ok(transaction.last_insert_rowid())
}

/// Deletes a profile: its number refers to no profile from here on.
fn delete_profile(transaction: &Transaction<'_>, profile: ProfileId, next: i64) -> rusqlite::Result<()> {
    notices::delete_all_of(transaction, profile)?;
    profile_names::delete(transaction, profile)?;
    let Some(number) = number_of(transaction, profile)? else { return Ok(()) };
    store_last_number(transaction, next)?;
    for table in ["secret", "alive", "open_activity"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE profile = ?1"), [number])?;
    }
    transaction.execute("DELETE FROM profile WHERE number = ?1", [number])?;
    transaction.execute(
        "INSERT INTO counter VALUES ('profile', ?1) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
        [number],
    )?;
    pending_work::insert_cleared(transaction, profile, number)
}

/// Number of entries that one statement inserts if there are enough: running a statement costs as much as a row.
const ROWS_PER_STATEMENT: usize = 16;

/// Inserts entries under the numbers from `next` on; returns the number after them.
fn insert(transaction: &Transaction<'_>, profile: i64, entries: &[Entry], next: i64) -> rusqlite::Result<i64> {
    let mut seq = next;
    let chunks = entries.chunks_exact(ROWS_PER_STATEMENT);
    let rest = chunks.remainder();
    if entries.len() >= ROWS_PER_STATEMENT {
        let mut many = transaction.prepare_cached(&insertion(ROWS_PER_STATEMENT))?;
        for chunk in chunks {
            seq = insert_with(&mut many, profile, chunk, seq)?;
        }
    }
    if !rest.is_empty() {
        let mut one = transaction.prepare_cached(&insertion(1))?;
        for chunk in rest.chunks(1) {
            seq = insert_with(&mut one, profile, chunk, seq)?;
        }
    }
    Ok(seq)
}

/// The statement that inserts this many entries. With `OR FAIL`, SQLite does not copy each page that a statement changes so that it
/// can undo the statement alone: the caller undoes the whole transaction.
fn insertion(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?)";
    format!("INSERT OR FAIL INTO entry (seq, profile, at, kind, id, payload) VALUES {}", vec![row; rows].join(", "))
}

/// Runs an [`insertion`] with one row for each entry.
fn insert_with(
    statement: &mut CachedStatement<'_>,
    profile: i64,
    entries: &[Entry],
    next: i64,
) -> rusqlite::Result<i64> {
    let mut seq = next;
    let mut place = 1;
    for entry in entries {
        let payload =
            entry_codec::payload(entry).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        statement.raw_bind_parameter(place, seq)?;
        statement.raw_bind_parameter(place + 1, profile)?;
        statement.raw_bind_parameter(place + 2, entry.at.0)?;
        statement.raw_bind_parameter(place + 3, entry_codec::kind(entry))?;
        statement.raw_bind_parameter(place + 4, StoredId::of(entry.key.id()))?;
        statement.raw_bind_parameter(place + 5, payload)?;
        place += 6;
        seq = seq.saturating_add(1);
    }
    statement.raw_execute()?;
    Ok(seq)
}

/// The last time at which a profile is known to have been live. A local event does not prove that messages could arrive; only an
/// entry from the server does, and a gap, which covers the time from there on or ended with a join.
pub(crate) fn last_seen(connection: &Connection, profile: i64) -> rusqlite::Result<Option<Timestamp>> {
    let number = |sql| connection.query_row(sql, [profile], |row| row.get::<_, i64>(0)).optional();
    let beat = number("SELECT at FROM alive WHERE profile = ?1")?;
    let entry =
        number("SELECT at FROM entry WHERE profile = ?1 AND kind NOT BETWEEN 30 AND 49 ORDER BY seq DESC LIMIT 1")?;
    Ok(beat.max(entry).map(Timestamp))
}

/// A profile's number within this journal; `None` if it has no entries yet.
pub(crate) fn number_of(connection: &Connection, profile: ProfileId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT number FROM profile WHERE uuid = ?1")?
        .query_row([profile.as_u128().to_be_bytes()], |row| row.get(0))
        .optional()
}
