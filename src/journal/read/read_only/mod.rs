//! Reads the journal beside the process that writes it, for `export`, and for `watch` beside a window.
//!
//! Opened for reading only and without the data folder's lock. Reads from the disk in the caller's thread; never holds more than
//! one batch in memory.

#![expect(clippy::disallowed_methods, reason = "the sorter's database has no name: it is a scratch file")]

pub(crate) mod earlier_links;
pub(crate) mod keys;
pub(crate) mod look_up;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::{self, COLUMNS, to_sql};
use crate::journal::file::file_id::FileId;
use crate::journal::file::schema::{self, FILE};
use crate::journal::tables::clock::{self, StoredClock};
use crate::journal::tables::open_activity::OpenIndex;
use crate::settings::ProfileId;

use super::history::{self, HistoryQuery};

/// Maximum number of entries of one activity read in a search.
const MAX_PER_ACTIVITY: usize = 4_096;

/// SQLite steps between two checks for cancellation: well below a millisecond.
const STEPS: i32 = 1_000;

/// A journal opened for reading only.
#[derive(Debug)]
pub struct ReadOnlyJournal {
    path: PathBuf,
    /// The file's identity, if it can be determined.
    file: Option<FileId>,
    pub(crate) connection: Connection,
    /// Number of entries that [`Self::by_activity`] has passed on so far.
    passed_on: Arc<AtomicU64>,
}

impl ReadOnlyJournal {
    /// Opens the journal of a data folder; `None` if there is none yet. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// If there is one and it can't be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, JournalError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let file = FileId::at(&path);
        let connection = schema::open_for_reading(&path)?;
        let archive = Self { path, file, connection, passed_on: Arc::default() };
        // The writing process may have created the file but not its tables yet.
        let made = archive
            .connection
            .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'entry'", (), |_row| Ok(()))
            .optional()
            .map_err(|source| archive.failed(source))?;
        Ok(made.map(|()| archive))
    }

    /// Counts the entries that [`Self::by_activity`] passes on in `passed_on`, and stops any read with an error as soon as `cancelled`
    /// is true.
    ///
    /// # Errors
    ///
    /// If SQLite rejects the hook.
    pub fn observe(&mut self, given: Arc<AtomicU64>, cancelled: Arc<AtomicBool>) -> Result<(), JournalError> {
        self.passed_on = given;
        let hook = move || cancelled.load(Ordering::Relaxed);
        self.connection.progress_handler(STEPS, Some(hook)).map_err(|source| self.failed(source))
    }

    /// Number of entries of one profile (`None`: of all).
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn count(&self, profile: Option<ProfileId>) -> Result<u64, JournalError> {
        let sql =
            "SELECT count(*) FROM entry WHERE profile IN (SELECT number FROM profile WHERE ?1 IS NULL OR uuid = ?1)";
        self.connection
            .query_row(sql, [profile.map(|id| id.as_u128().to_be_bytes())], |row| row.get::<_, i64>(0))
            .map(|count| u64::try_from(count).unwrap_or(0))
            .map_err(|source| self.failed(source))
    }

    /// The last stored clock of the run that wrote it.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn clock(&self) -> Result<Option<StoredClock>, JournalError> {
        clock::load(&self.connection).map_err(|source| self.failed(source))
    }

    /// The time of its newest entry; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn newest_moment(&self) -> Result<Option<Timestamp>, JournalError> {
        let newest = self.connection.query_row("SELECT at FROM entry ORDER BY seq DESC LIMIT 1", (), |row| row.get(0));
        Ok(newest.optional().map_err(|source| self.failed(source))?.map(Timestamp))
    }

    /// A number that changes whenever another connection commits (`PRAGMA data_version`).
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn version(&self) -> Result<i64, JournalError> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(|source| self.failed(source))
    }

    /// Whether the journal has been moved, removed or replaced since it was opened: then reopen it.
    pub fn is_stale(&self) -> bool {
        self.file.is_some_and(|file| file.has_left(&self.path))
    }

    /// The number of the newest entry; 0 if there is none.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn newest(&self) -> Result<Seq, JournalError> {
        self.connection
            .query_row("SELECT coalesce(max(seq), 0) FROM entry", (), |row| row.get::<_, i64>(0))
            .map(|seq| Seq(u64::try_from(seq).unwrap_or(0)))
            .map_err(|source| self.failed(source))
    }

    /// The oldest `limit` entries of all profiles from a number on, in ascending order.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn entries_from(&self, from: Seq, limit: usize) -> Result<Vec<(ProfileId, Entry)>, JournalError> {
        self.read(|connection| {
            connection
                .prepare_cached(&entries_where("seq >= ?1 ORDER BY seq LIMIT ?2"))?
                .query_map((to_sql(from), i64::try_from(limit).unwrap_or(i64::MAX)), of_profile)?
                .collect::<rusqlite::Result<Vec<_>>>()
        })
    }

    /// Every entry of one activity from `from` to `to`, both included, in ascending order. The time grows with the range.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn history(
        &self,
        profile: ProfileId,
        key: &ActivityKey,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<Entry>, JournalError> {
        let wanted = HistoryQuery { profile, key: key.clone(), known: Some((from, to)) };
        // Open activities are found within the range as well.
        let history = history::read(&self.connection, &OpenIndex::default(), &wanted);
        history.map(|history| history.entries).map_err(|source| self.failed(source))
    }

    /// Reads every entry of one profile (`None`: of all), activity by activity in the order of their first entries, each activity's
    /// entries in ascending order. It is a snapshot of the start. SQLite sorts, in scratch files if there is much.
    ///
    /// # Errors
    ///
    /// If the journal can't be read, or with the error of `each`, which stops it.
    pub fn by_activity<E: From<JournalError>>(
        &self,
        profile: Option<ProfileId>,
        mut each: impl FnMut(ProfileId, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |source| E::from(self.failed(source));
        let snapshot = self.connection.unchecked_transaction().map_err(failed)?;
        // Only numbers are sorted; entries are looked up afterwards.
        let mut order = snapshot
            .prepare(
                "SELECT seq, min(seq) OVER (PARTITION BY profile, kind % 10, id) AS first FROM entry
                 WHERE profile IN (SELECT number FROM profile WHERE ?1 IS NULL OR uuid = ?1) ORDER BY first, seq",
            )
            .map_err(failed)?;
        let mut lookup = snapshot.prepare(&entries_where("seq = ?1")).map_err(failed)?;
        let mut places = order.query([profile.map(|id| id.as_u128().to_be_bytes())]).map_err(failed)?;
        while let Some(place) = places.next().map_err(failed)? {
            let seq: i64 = place.get(0).map_err(failed)?;
            let (profile, entry) = lookup.query_row([seq], of_profile).map_err(failed)?;
            each(profile, entry)?;
            self.passed_on.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Passes on all entries of each activity of a profile whose first entry is before a number, last seen activity first, its
    /// entries in ascending order (the newest, if there are very many). Continues while `each` returns true.
    ///
    /// # Errors
    ///
    /// If the journal can't be read, or if it was interrupted.
    pub fn older(
        &self,
        profile: ProfileId,
        before: Seq,
        mut each: impl FnMut(Vec<Entry>) -> bool,
    ) -> Result<(), JournalError> {
        self.read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut order = snapshot.prepare(
                "SELECT seq, first FROM (
                     SELECT seq, min(seq) OVER (PARTITION BY kind % 10, id) AS first FROM entry
                     WHERE profile = (SELECT number FROM profile WHERE uuid = ?1)
                 ) WHERE first < ?2 ORDER BY first DESC, seq",
            )?;
            let mut lookup = snapshot.prepare(&entries_where("seq = ?1"))?;
            let mut places = order.query((profile.as_u128().to_be_bytes(), to_sql(before)))?;
            let (mut current, mut entries) = (0_i64, Vec::new());
            while let Some(place) = places.next()? {
                let (seq, first): (i64, i64) = (place.get(0)?, place.get(1)?);
                if first != current && !entries.is_empty() && !each(std::mem::take(&mut entries)) {
                    return Ok(());
                }
                current = first;
                let (_, entry) = lookup.query_row([seq], of_profile)?;
                if entries.len() >= MAX_PER_ACTIVITY {
                    // Keep the first one, because it has the start time.
                    entries.drain(1..MAX_PER_ACTIVITY / 2);
                }
                entries.push(entry);
            }
            if !entries.is_empty() {
                each(entries);
            }
            Ok(())
        })
    }

    /// The first and the last entry of a profile; 0 and 0 if there is none.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn span(&self, profile: ProfileId) -> Result<(Seq, Seq), JournalError> {
        let sql = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM entry
                   WHERE profile = (SELECT number FROM profile WHERE uuid = ?1)";
        let seq = |number: i64| Seq(u64::try_from(number).unwrap_or(0));
        self.connection
            .query_row(sql, [profile.as_u128().to_be_bytes()], |row| Ok((seq(row.get(0)?), seq(row.get(1)?))))
            .map_err(|source| self.failed(source))
    }

    /// Returns a handle that stops a read from another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.connection.get_interrupt_handle())
    }

    /// Reads from the database.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        read(&self.connection).map_err(|source| self.failed(source))
    }

    pub(crate) fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::of(&self.path, source)
    }
}

/// Stops a read of a [`ReadOnlyJournal`].
pub struct Interrupter(rusqlite::InterruptHandle);

impl Interrupter {
    /// Stops the read under way, which returns an error.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// The query for entries with their profiles.
fn entries_where(condition: &str) -> String {
    // The cross join makes `entry` the outer loop, so that its order is the requested order.
    format!("SELECT {COLUMNS}, uuid FROM entry CROSS JOIN profile ON number = entry.profile WHERE {condition}")
}

/// Reads a row of [`entries_where`].
fn of_profile(found: &Row<'_>) -> rusqlite::Result<(ProfileId, Entry)> {
    let uuid: [u8; 16] = found.get(5)?;
    Ok((ProfileId::from_u128(u128::from_be_bytes(uuid)), entry_codec::read(found)?))
}

/// Sorts lines by entry number in a scratch file that is deleted when it is dropped. Fast if they are nearly in order.
#[derive(Debug)]
pub struct ExternalSort {
    connection: Connection,
}

impl ExternalSort {
    /// Creates an empty one.
    ///
    /// # Errors
    ///
    /// If no scratch file can be created.
    pub fn new() -> Result<Self, JournalError> {
        let begin = || {
            // An empty name means a private file that SQLite deletes.
            let connection = Connection::open("")?;
            connection.execute_batch("CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT NOT NULL); BEGIN;")?;
            Ok(connection)
        };
        begin().map(|connection| Self { connection }).map_err(scratch)
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// If the scratch file can't grow.
    pub fn push(&self, number: Seq, text: &str) -> Result<(), JournalError> {
        let add =
            || self.connection.prepare_cached("INSERT INTO line VALUES (?1, ?2)")?.execute((to_sql(number), text));
        add().map(|_one| ()).map_err(scratch)
    }

    /// Passes on every line, by ascending number.
    ///
    /// # Errors
    ///
    /// If the scratch file can't be read, or with the error of `each`, which stops it.
    pub fn each<E: From<JournalError>>(&self, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let failed = |source| E::from(scratch(source));
        let mut lines = self.connection.prepare("SELECT text FROM line ORDER BY number").map_err(failed)?;
        let mut rows = lines.query(()).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(row.get_ref(0).and_then(|text| Ok(text.as_str()?)).map_err(failed)?)?;
        }
        Ok(())
    }
}

/// Converts an error of a scratch file.
fn scratch(source: rusqlite::Error) -> JournalError {
    JournalError::of(Path::new("scratch file"), source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{ActivityKey, Fact, LocalEvent, Timestamp};
    use crate::journal::handle::Journal;

    fn labelled(id: &str, label: &str) -> Entry {
        Entry::local(
            Timestamp(1),
            ActivityKey::Command(id.into()),
            Fact::Local(LocalEvent::Labelled { label: label.to_owned() }),
        )
    }

    fn ids(found: &[(ProfileId, Entry)]) -> Vec<&str> {
        found.iter().map(|(_, entry)| entry.key.id()).collect()
    }

    #[tokio::test]
    async fn a_locked_journal_can_be_read_and_its_version_changes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ReadOnlyJournal::open(folder.path()).unwrap().is_none(), "a journal out of nothing");
        let journal = Journal::open(folder.path()).unwrap().journal;
        let archive = ReadOnlyJournal::open(folder.path()).unwrap().unwrap();
        assert_eq!(archive.newest().unwrap(), Seq(0));
        let before = archive.version().unwrap();
        let (one, two) = (ProfileId::random(), ProfileId::random());
        journal.append(one, vec![labelled("a", "1"), labelled("b", "1")]).await.unwrap();
        journal.append(two, vec![labelled("a", "1")]).await.unwrap();
        journal.append(one, vec![labelled("a", "2")]).await.unwrap();
        assert_ne!(archive.version().unwrap(), before, "it grew unnoticed");
        assert_eq!(archive.newest().unwrap(), Seq(4));
        let all = archive.entries_from(Seq(2), 10).unwrap();
        assert_eq!(ids(&all), ["b", "a", "a"]);
        assert_eq!(all.iter().map(|(profile, _)| *profile).collect::<Vec<_>>(), [one, two, one]);
        let mut ours = 0;
        archive.local_entries(|_, _| ours += 1).unwrap();
        assert_eq!(ours, 4);
    }

    #[tokio::test]
    async fn entries_come_activity_by_activity_in_order_of_arrival() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap().journal;
        let (one, two) = (ProfileId::random(), ProfileId::random());
        for (profile, id) in [(one, "z"), (two, "z"), (one, "a"), (one, "z"), (two, "z"), (one, "a")] {
            journal.append(profile, vec![labelled(id, "x")]).await.unwrap();
        }
        let archive = ReadOnlyJournal::open(folder.path()).unwrap().unwrap();
        let read = |profile| {
            let mut found = Vec::new();
            let keep = |_: ProfileId, entry: Entry| {
                found.push((entry.key.id().to_owned(), entry.seq.0));
                Ok::<_, JournalError>(())
            };
            archive.by_activity(profile, keep).unwrap();
            found
        };
        let expect =
            |wanted: &[(&str, u64)]| wanted.iter().map(|(id, seq)| ((*id).to_owned(), *seq)).collect::<Vec<_>>();
        assert_eq!(read(None), expect(&[("z", 1), ("z", 4), ("z", 2), ("z", 5), ("a", 3), ("a", 6)]));
        assert_eq!(read(Some(two)), expect(&[("z", 2), ("z", 5)]));
        assert_eq!(read(Some(ProfileId::random())), expect(&[]));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_replaced_journal_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap().journal.close().await;
        let archive = ReadOnlyJournal::open(folder.path()).unwrap().unwrap();
        assert!(!archive.is_stale(), "it is in its place");
        std::fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(archive.is_stale(), "it is gone");
    }

    #[test]
    fn lines_are_returned_in_order() {
        let sorter = ExternalSort::new().unwrap();
        for number in [3, 1, 2] {
            sorter.push(Seq(number), &format!("line {number}")).unwrap();
        }
        let mut out = Vec::new();
        sorter
            .each(|line| {
                out.push(line.to_owned());
                Ok::<_, JournalError>(())
            })
            .unwrap();
        assert_eq!(out, ["line 1", "line 2", "line 3"]);
    }
}
