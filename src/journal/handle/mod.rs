//! The handle through which the rest of the program sends requests to the journal's writer and reader.

pub(crate) mod cleanup;
pub(crate) mod clock;
pub(crate) mod pending_work;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::credentials::{JournalId, KeyringError, SealKey};
use crate::journal::file::generation::Generation;
use crate::journal::file::schema::FILE;
use crate::journal::read::history::{self, History};
use crate::journal::read::reader::{self, ReadRequest, Reader};
use crate::journal::tables::clock::StoredClock;
use crate::journal::tables::notices::{self, PersistedNotice};
use crate::journal::tables::open_activity::{self, OpenActivity, OpenIndex};
use crate::journal::tables::profile_names;
use crate::journal::tables::secrets::{self, MemoryOnly, Sealing, Secrets, Unsealed};
use crate::journal::write::append::{Append, Reply};
use crate::journal::write::database::{Batch, Database, last_seen, number_of};
use crate::journal::write::retention::{self, Limits, PurgeStep};
use crate::journal::write::writer::{WriteRequest, Writer};
use crate::protocol::{RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::error::{JournalError, NotAppended, RepairReport};
use super::reply::recv;

/// A handle to the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) requests: mpsc::Sender<WriteRequest>,
    pub(crate) read_requests: mpsc::Sender<ReadRequest>,
    pub(crate) generation: Generation,
    #[cfg(test)]
    pub(crate) open: OpenIndex,
    /// The current value.
    pub(crate) sealing: watch::Receiver<Sealing>,
    /// If set, a request that another journal can answer is made once more.
    pub(crate) on_recovery: Option<OnRecovery>,
}

/// Called with the error of a request that another journal has replaced the open one, before the request is made once more.
pub(crate) type OnRecovery = Arc<dyn Fn(&JournalError) -> BoxFuture<'static, ()> + Send + Sync>;

impl Journal {
    /// Opens the journal of a data folder, creating it if it is missing. Blocks on the disk. Secrets are not stored before
    /// [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// If it can't be opened. A journal of a newer version is left untouched.
    pub fn open(folder: &Path) -> Result<Opened, JournalError> {
        let path = folder.join(FILE);
        let (generation, open) = (Generation::default(), OpenIndex::default());
        let (sealing, seen) = watch::channel(Sealing::MemoryOnly(MemoryOnly::NoKeyYet));
        let (writer, opening) = Writer::open(&path, generation.clone(), sealing, open.clone())?;
        let reader = Reader::open(&path, generation.clone(), open.clone())?;
        let (requests, received) = mpsc::channel(REQUESTS);
        thread("journal-writer", &path, move || writer.run(received))?;
        let (read_requests, received) = mpsc::channel(READ_REQUESTS);
        thread("journal-reader", &path, move || reader.run(received))?;
        let journal = Self {
            path: Arc::new(path),
            requests,
            read_requests,
            generation,
            #[cfg(test)]
            open,
            sealing: seen,
            on_recovery: None,
        };
        Ok(Opened {
            journal,
            live_from: opening.next,
            id: opening.id,
            recovered: opening.recovered,
            clock: opening.clock,
        })
    }

    /// Appends entries of one profile and returns them with their numbers after the commit: they are then on the disk. All or
    /// nothing.
    ///
    /// Dropping the future does not undo the append.
    ///
    /// # Errors
    ///
    /// If they could not be committed; the error returns all of them unchanged.
    pub async fn append(&self, profile: ProfileId, entries: Vec<Entry>) -> Result<Vec<Entry>, NotAppended> {
        self.append_with(profile, entries, Secrets::default()).await
    }

    /// [`Self::append`], with the secrets that arrived in these entries: they are sealed in the same transaction. While
    /// [`Self::sealing`] is not on, the secrets are not written, and only the caller has them.
    ///
    /// # Errors
    ///
    /// If they could not be committed; the error returns all of them unchanged.
    pub async fn append_with(
        &self,
        profile: ProfileId,
        entries: Vec<Entry>,
        secrets: Secrets,
    ) -> Result<Vec<Entry>, NotAppended> {
        if entries.is_empty() && secrets.is_empty() {
            return Ok(entries);
        }
        // The writer shares the batch, so the caller keeps it whatever happens.
        let batch = Arc::new(Batch { entries, secrets });
        let append = |reply| WriteRequest::Append(Append { profile, batch: Arc::clone(&batch), reply });
        let first = self.retried(|| self.requested_once(append)).await;
        let Batch { mut entries, secrets } = Arc::unwrap_or_clone(batch);
        match first {
            Ok(Seq(first)) => {
                for (entry, seq) in entries.iter_mut().zip(first..) {
                    entry.seq = Seq(seq);
                }
                Ok(entries)
            }
            Err(source) => Err(NotAppended { entries, secrets, source }),
        }
    }

    /// The newest `limit` entries of a profile before `before` (`None`: the newest of all), in ascending order.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn restore(
        &self,
        profile: ProfileId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.read(move |connection, _| reader::newest_before(connection, profile, before, limit)).await
    }

    /// The newest `limit` download entries of a profile before `before`, in ascending order. The time it takes does not grow with
    /// the number of messages between them.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn downloads_before(
        &self,
        profile: ProfileId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.read(move |connection, _| reader::downloads_before(connection, profile, before, limit)).await
    }

    /// The oldest `limit` entries of a profile from `from` on, in ascending order.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn entries_from(&self, profile: ProfileId, from: Seq, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.read(move |connection, _| reader::oldest_from(connection, profile, from, limit)).await
    }

    /// The entries of one activity, in ascending order; the newest, if there are very many. `known` is the first and the last entry
    /// that the caller knows of: the time grows with the entries between them, because ids are not indexed. An open activity needs
    /// neither and is found at once.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn history(
        &self,
        profile: ProfileId,
        key: &ActivityKey,
        known: Option<(Seq, Seq)>,
    ) -> Result<History, JournalError> {
        let wanted = history::HistoryQuery { profile, key: key.clone(), known };
        self.read(move |connection, open| history::read(connection, open, &wanted)).await
    }

    /// The open activities of a profile. After an update of this program it waits until all entries have been read once.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn open_activities(&self, profile: ProfileId) -> Result<Vec<OpenActivity>, JournalError> {
        self.requested(|reply| WriteRequest::Open { profile, reply }).await
    }

    /// Clears a profile's history: it can't be read from here on. [`Self::clean_step`] deletes it from the disk.
    ///
    /// # Errors
    ///
    /// If that failed; then nothing was cleared.
    pub async fn delete_profile(&self, profile: ProfileId) -> Result<(), JournalError> {
        self.run(move |writer| writer.delete_profile(profile)).await
    }

    /// Starts sealing secrets with the key that the keyring returned for [`Opened::id`], or stops storing secrets if it returned an
    /// error. Can be called again, for example after the keyring was unlocked.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn seal_with(&self, key: Result<SealKey, KeyringError>) -> Result<Sealing, JournalError> {
        self.run(move |writer| writer.seal(key)).await
    }

    /// Whether secrets that are passed in are stored.
    pub fn sealing(&self) -> Sealing {
        self.sealing.borrow().clone()
    }

    /// Opens the stored secrets of a profile: for the start, after [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// If the journal can't be read. A secret that can't be opened is counted instead.
    pub async fn secrets(&self, profile: ProfileId) -> Result<Unsealed, JournalError> {
        self.write(move |database| database.secrets(profile)).await
    }

    /// The message behind an entry, as received except for credentials; `None` if only the entry's own link was masked in it, or if
    /// it can't be opened.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn original(&self, profile: ProfileId, seq: Seq) -> Result<Option<UnmaskedMessage>, JournalError> {
        let seq = i64::try_from(seq.0).unwrap_or(i64::MAX);
        self.write(move |database| database.original(profile, seq)).await
    }

    /// Deletes the secrets of a request, once they have been used or are no longer valid.
    ///
    /// # Errors
    ///
    /// If they could not be deleted.
    pub async fn delete_secret(&self, profile: ProfileId, request: &RequestId) -> Result<(), JournalError> {
        let request = request.clone();
        self.write(move |database| database.delete_secret(profile, &request)).await.map(|_count| ())
    }

    /// Deletes expired secrets, locked ones included, and returns their number: expired as their messages said, else after
    /// `lifetime`.
    ///
    /// # Errors
    ///
    /// If they could not be deleted.
    pub async fn delete_expired_secrets(&self, now: Timestamp, lifetime: Duration) -> Result<u64, JournalError> {
        let lifetime = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
        let came_before = Timestamp(now.0.saturating_sub(lifetime));
        self.write(move |database| {
            open_activity::expiry::settle_expired(&mut database.connection, &database.open, now, came_before)?;
            secrets::delete_expired(&database.connection, now, came_before)
        })
        .await
    }

    /// Stores a notice until it is dismissed; the same notice is stored once.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn save_notice(&self, notice: PersistedNotice) -> Result<(), JournalError> {
        self.write(move |database| notices::save(&mut database.connection, &notice)).await
    }

    /// The stored notices, oldest first.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn notices(&self) -> Result<Vec<PersistedNotice>, JournalError> {
        self.write(|database| notices::all(&database.connection)).await
    }

    /// Stores the name of a profile for exports, until its history is cleared.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn name_profile(&self, profile: ProfileId, name: String) -> Result<(), JournalError> {
        self.write(move |database| profile_names::save(&database.connection, profile, &name)).await
    }

    /// Deletes a dismissed notice.
    ///
    /// # Errors
    ///
    /// If it could not be deleted.
    pub async fn delete_notice(&self, profile: Option<ProfileId>, sentence: String) -> Result<(), JournalError> {
        self.write(move |database| notices::delete(&database.connection, profile, &sentence)).await
    }

    /// Notes that a profile is live: once a minute while it is, so that later runs know since when it was not.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn touch(&self, profile: ProfileId, at: Timestamp) -> Result<(), JournalError> {
        self.write(move |database| database.touch(profile, at)).await
    }

    /// The last proof that a profile was live: the latest of the last [`Self::touch`], its newest message and its newest gap. Call
    /// it before this run writes an entry. An entry that the operator or a status check caused proves that this program ran, not
    /// that messages could arrive.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn last_seen(&self, profile: ProfileId) -> Result<Option<Timestamp>, JournalError> {
        self.read(move |connection, _| {
            number_of(connection, profile)?.map_or(Ok(None), |number| last_seen(connection, number))
        })
        .await
    }

    /// Whether these limits may require a purge; open items count as well.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn is_purge_due(&self, now: Timestamp, limits: &Limits) -> Result<bool, JournalError> {
        let limits = limits.clone();
        self.read(move |connection, _| retention::is_due(connection, now, &limits)).await
    }

    /// Removes a little of what exceeds the limits. Waiting appends are served between two steps: continue while
    /// [`PurgeStep::more`] is set. Open items stay.
    ///
    /// # Errors
    ///
    /// If the journal can't be written; then nothing was removed.
    pub async fn purge_step(&self, now: Timestamp, limits: &Limits) -> Result<PurgeStep, JournalError> {
        let limits = limits.clone();
        self.run(move |writer| writer.purge_step(now, &limits)).await
    }

    /// The size on the disk in bytes: the database and its write-ahead log.
    pub fn size(&self) -> u64 {
        [self.path.as_path(), &crate::journal::file::schema::log_of(&self.path)]
            .into_iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Commits everything that was passed in, moves the log into the database, and stops both threads. Later appends fail and
    /// return their entries.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.read_requests.send(ReadRequest::Close(reply)).await.is_ok() {
            recv(closed).await;
        }
        let (reply, closed) = oneshot::channel();
        if self.requests.send(WriteRequest::Close(reply)).await.is_ok() {
            recv(closed).await;
        }
    }

    /// Approximate number of instructions that SQLite has executed for the reader: several for each row that it looked at.
    #[cfg(test)]
    pub(crate) fn reader_steps(&self) -> u64 {
        self.open.steps().load(std::sync::atomic::Ordering::Relaxed)
    }

    /// A handle to the same journal that makes a request once more if another journal can answer it.
    pub(crate) fn retrying(self, on_recovery: OnRecovery) -> Self {
        Self { on_recovery: Some(on_recovery), ..self }
    }

    async fn retried<T, F>(&self, ask: impl Fn() -> F) -> Result<T, JournalError>
    where
        F: Future<Output = Result<T, JournalError>>,
    {
        match (ask().await, &self.on_recovery) {
            (Err(error @ (JournalError::Replaced { .. } | JournalError::Repaired(_))), Some(on_recovery)) => {
                on_recovery(&error).await;
                ask().await
            }
            (other, _) => other,
        }
    }

    /// Runs an operation of the database on the writer's thread. It is cloned because it may have to run once more on another
    /// journal.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Database) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T, JournalError> {
        self.run(|writer| writer.with(operation)).await
    }

    /// Runs an operation of the writer on its thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Writer) -> Result<T, JournalError> + Clone + Send + 'static,
    ) -> Result<T, JournalError> {
        self.requested(|reply| WriteRequest::run(operation.clone(), reply)).await
    }

    /// Sends a request to the writer.
    pub(crate) async fn requested<T>(&self, request: impl Fn(Reply<T>) -> WriteRequest) -> Result<T, JournalError> {
        self.retried(|| self.requested_once(&request)).await.inspect_err(log)
    }

    async fn requested_once<T>(&self, request: impl FnOnce(Reply<T>) -> WriteRequest) -> Result<T, JournalError> {
        let (reply, done) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_closed| JournalError::Closed)?;
        recv(done).await.unwrap_or(Err(JournalError::Closed))
    }

    /// Reads on the reader's thread. If it finds the database damaged, the writer repairs it, and the error reports that.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &OpenIndex) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T, JournalError> {
        let read_once = || async {
            let (reply, done) = oneshot::channel();
            let request = ReadRequest::run(read.clone(), reply);
            self.read_requests.send(request).await.map_err(|_closed| JournalError::Closed)?;
            recv(done).await.unwrap_or(Err(JournalError::Closed))
        };
        let read_repaired = || async {
            let damaged = self.generation.get();
            match read_once().await {
                Err(JournalError::Damaged { .. }) => {
                    let mend = |reply| WriteRequest::run(move |writer| writer.repair_if_still_open(damaged), reply);
                    self.requested_once(mend).await?;
                    // It has been repaired since, and the caller that triggered the repair got the report.
                    read_once().await
                }
                other => other,
            }
        };
        self.retried(read_repaired).await.inspect_err(log)
    }
}

/// An opened journal.
pub struct Opened {
    /// The handle.
    pub journal: Journal,
    /// The first entry number of this run: entries from it on are this run's.
    pub live_from: Seq,
    /// The journal's name, under which the keyring stores the sealing key.
    pub id: JournalId,
    /// The report of a repair; its text is for the operator.
    pub recovered: Option<RepairReport>,
    /// The clock of the last run.
    pub clock: Option<StoredClock>,
}

fn log(error: &JournalError) {
    tracing::warn!(%error, "the journal failed");
}

/// Starts one of the two threads.
pub(crate) fn thread(name: &str, path: &Path, body: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(|_detached| ())
        .map_err(|source| JournalError::File { path: path.to_owned(), source })
}

/// Capacity of the writer's request queue. When it is full, callers wait: a session then stops reading its socket, and TCP slows
/// the server down.
pub(crate) const REQUESTS: usize = 16;

/// Capacity of the reader's request queue. When it is full, callers wait.
pub(crate) const READ_REQUESTS: usize = 32;
