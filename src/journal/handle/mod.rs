//! The journal as the rest of the program uses it: requests to its writer and its reader.

pub(crate) mod cleanup;
pub(crate) mod clock;
pub(crate) mod pending_work;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::credentials::{JournalId, KeyringError, SealKey};
use crate::journal::file::generation::Generation;
use crate::journal::file::schema::FILE;
use crate::journal::read::history::History;
use crate::journal::read::reader::{Query, ReadRequest};
use crate::journal::tables::clock::KeptClock;
use crate::journal::tables::notices::PersistedNotice;
use crate::journal::tables::open_activity::{OpenActivity, OpenIndex};
use crate::journal::tables::secrets::{MemoryOnly, Sealing, Secrets, Unsealed};
use crate::journal::write::database::Batch;
use crate::journal::write::retention::{Limits, PurgeStep};
use crate::journal::write::write_request::{Append, Reply, WriteRequest};
use crate::protocol::{RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

use super::error::{JournalError, NotAppended, RepairReport};
use super::reply::answer;

/// A handle to the journal; clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) orders: mpsc::Sender<WriteRequest>,
    pub(crate) queries: mpsc::Sender<ReadRequest>,
    pub(crate) generation: Generation,
    #[cfg(test)]
    pub(crate) open: OpenIndex,
    /// One value, the newest.
    pub(crate) sealing: watch::Receiver<Sealing>,
}

impl Journal {
    /// Opens the journal of a data folder, making it where there is none. Waits for the disk. Secrets are not kept before
    /// [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// Where it can't be opened. One that a newer version wrote is left untouched.
    pub fn open(folder: &Path) -> Result<Opened, JournalError> {
        let path = folder.join(FILE);
        let (generation, open) = (Generation::default(), OpenIndex::default());
        let (sealing, seen) = watch::channel(Sealing::MemoryOnly(MemoryOnly::NotAsked));
        let (writer, opening) =
            crate::journal::write::writer::Writer::open(&path, generation.clone(), sealing, open.clone())?;
        let reader = crate::journal::read::reader::Reader::open(&path, generation.clone(), open.clone())?;
        let (orders, received) = mpsc::channel(ORDERS);
        thread("journal-writer", &path, move || writer.run(received))?;
        let (queries, received) = mpsc::channel(QUERIES);
        thread("journal-reader", &path, move || reader.run(received))?;
        let journal = Self {
            path: Arc::new(path),
            orders,
            queries,
            generation,
            #[cfg(test)]
            open,
            sealing: seen,
        };
        Ok(Opened {
            journal,
            live_from: opening.next,
            id: opening.id,
            recovered: opening.recovered,
            clock: opening.clock,
        })
    }

    /// Adds entries of one profile at the end and returns them with their numbers, after the commit: they are then on the
    /// disk. Either all of them are, or none.
    ///
    /// Dropping the future does not take the entries back.
    ///
    /// # Errors
    ///
    /// Where they could not be committed; the error gives all of them back, unchanged.
    pub async fn append(&self, profile: ProfileId, entries: Vec<Entry>) -> Result<Vec<Entry>, NotAppended> {
        self.append_with(profile, entries, Secrets::default()).await
    }

    /// [`Self::append`], with the secrets that came in these entries: they are sealed in the same transaction. While
    /// [`Self::sealing`] is not on, the secrets are not written, and it is the caller who has them.
    ///
    /// # Errors
    ///
    /// Where they could not be committed; the error gives all of them back, unchanged.
    pub async fn append_with(
        &self,
        profile: ProfileId,
        entries: Vec<Entry>,
        secrets: Secrets,
    ) -> Result<Vec<Entry>, NotAppended> {
        if entries.is_empty() && secrets.is_empty() {
            return Ok(entries);
        }
        // The writer gets a share, not the batch: whatever becomes of it, it is still here.
        let batch = Arc::new(Batch { entries, secrets });
        let shared = Arc::clone(&batch);
        let first = self.order(|reply| WriteRequest::Append(Append { profile, batch: shared, reply })).await;
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

    /// The newest `limit` entries of a profile before `before` (of all, where that is `None`), in ascending order.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn restore(
        &self,
        profile: ProfileId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.entries(Query::Before { profile, before, limit }).await
    }

    /// The newest `limit` entries of a profile before one that say what was done with data, in ascending order. Its time does
    /// not grow with the messages between.
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
        self.entries(Query::DownloadsBefore { profile, before, limit }).await
    }

    /// The oldest `limit` entries of a profile from `from` on, in ascending order.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.entries(Query::Since { profile, from, limit }).await
    }

    /// The entries of one activity, in ascending order; the newest, if there are very many. `known` is the first and the
    /// last entry that the caller knows of: the time grows with the entries between them, because ids are not indexed. An
    /// activity that is open needs none, and is found at once.
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
        let wanted = crate::journal::read::history::HistoryQuery { profile, key: key.clone(), known };
        self.read(|reply| ReadRequest::History { wanted: wanted.clone(), reply }).await
    }

    /// What is open of a profile. After an update of this program it waits until all entries have been looked at once.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub async fn open_activities(&self, profile: ProfileId) -> Result<Vec<OpenActivity>, JournalError> {
        self.order(|reply| WriteRequest::Open { profile, reply }).await
    }

    /// Forgets everything of a profile: nothing reads it from here on. It leaves the disk with [`Self::clean_step`].
    ///
    /// # Errors
    ///
    /// If that failed; then nothing was forgotten.
    pub async fn forget_profile(&self, profile: ProfileId) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::Forget { profile, reply }).await
    }

    /// Seals secrets from now on under the key that the keyring gave for [`Opened::id`], or keeps none where it gave an
    /// error. Can be called again, such as after the keyring was unlocked.
    ///
    /// # Errors
    ///
    /// Where the journal can't be written.
    pub async fn seal_with(&self, key: Result<SealKey, KeyringError>) -> Result<Sealing, JournalError> {
        self.order(|reply| WriteRequest::Seal { key, reply }).await
    }

    /// Whether secrets that are handed over are kept.
    #[must_use]
    pub fn sealing(&self) -> Sealing {
        self.sealing.borrow().clone()
    }

    /// Opens the secrets of a profile that are kept: for the start, after [`Self::seal_with`].
    ///
    /// # Errors
    ///
    /// Where the journal can't be read. A secret that can't be opened is counted instead.
    pub async fn secrets(&self, profile: ProfileId) -> Result<Unsealed, JournalError> {
        self.order(|reply| WriteRequest::Secrets { profile, reply }).await
    }

    /// The message that an entry was made of, as it came but for credentials; `None` where nothing but the entry's own link
    /// was masked in it, or where it can't be opened.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn original(&self, profile: ProfileId, seq: Seq) -> Result<Option<UnmaskedMessage>, JournalError> {
        self.order(|reply| WriteRequest::Original { profile, seq, reply }).await
    }

    /// Takes the secrets of a request out, once they have been used or are no longer good.
    ///
    /// # Errors
    ///
    /// Where they are still there.
    pub async fn forget_secret(&self, profile: ProfileId, request: &RequestId) -> Result<(), JournalError> {
        let request = request.clone();
        self.order(|reply| WriteRequest::ForgetSecret { profile, request, reply }).await.map(|_count| ())
    }

    /// Takes the secrets out whose time is over, opened or shut, and says how many: as their messages said, else if links
    /// live for `lifetime`.
    ///
    /// # Errors
    ///
    /// Where they are still there.
    pub async fn forget_expired_secrets(&self, now: Timestamp, lifetime: Duration) -> Result<u64, JournalError> {
        let lifetime = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
        let came_before = Timestamp(now.0.saturating_sub(lifetime));
        self.order(|reply| WriteRequest::ForgetExpired { now, came_before, reply }).await
    }

    /// Keeps a notice until it is read; the same one is kept once.
    ///
    /// # Errors
    ///
    /// Where the journal can't be written.
    pub async fn keep_notice(&self, notice: PersistedNotice) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::KeepNotice { notice, reply }).await
    }

    /// The notices that were kept and not read, the oldest first.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn notices(&self) -> Result<Vec<PersistedNotice>, JournalError> {
        self.order(WriteRequest::Notices).await
    }

    /// Keeps the name of a profile for exports, until its history is deleted.
    ///
    /// # Errors
    ///
    /// If the journal can't be written.
    pub async fn name_profile(&self, profile: ProfileId, name: String) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::NameProfile { profile, name, reply }).await
    }

    /// A notice was read: it is kept no longer.
    ///
    /// # Errors
    ///
    /// Where it is still there.
    pub async fn notice_read(&self, profile: Option<ProfileId>, sentence: String) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::NoticeRead { profile, sentence, reply }).await
    }

    /// Notes that a profile was live at a moment: once a minute while it is, so that it is known later since when it was
    /// not.
    ///
    /// # Errors
    ///
    /// Where the journal can't be written.
    pub async fn alive(&self, profile: ProfileId, at: Timestamp) -> Result<(), JournalError> {
        self.order(|reply| WriteRequest::Alive { profile, at, reply }).await
    }

    /// The last proof that a profile was watched over: the later of the last [`Self::alive`], its newest message and its newest
    /// gap. To be asked before this run writes an entry. An entry that the operator or an enquiry caused proves that this program
    /// ran, not that messages could arrive.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn last_alive(&self, profile: ProfileId) -> Result<Option<Timestamp>, JournalError> {
        self.read(|reply| ReadRequest::LastAlive { profile, reply }).await
    }

    /// Whether something may have to go, by these limits; what is open counts as well.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn is_purge_due(&self, now: Timestamp, limits: &Limits) -> Result<bool, JournalError> {
        self.read(|reply| ReadRequest::Due { now, limits: limits.clone(), reply }).await
    }

    /// Takes a little of what the limits no longer allow out. Appends that wait come in between two steps: go on while
    /// [`PurgeStep::more`] says so. What is open stays.
    ///
    /// # Errors
    ///
    /// Where the journal can't be written; then nothing was taken out.
    pub async fn purge_step(&self, now: Timestamp, limits: &Limits) -> Result<PurgeStep, JournalError> {
        let limits = limits.clone();
        self.order(|reply| WriteRequest::Purge { now, limits, reply }).await
    }

    /// The size on the disk in bytes: the database and its write-ahead log.
    #[must_use]
    pub fn size(&self) -> u64 {
        [self.path.as_path(), &crate::journal::file::schema::log_of(&self.path)]
            .into_iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Commits everything that was handed over, moves the log into the database, and ends both threads. Whoever appends
    /// afterwards gets the entries back.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queries.send(ReadRequest::Close(reply)).await.is_ok() {
            answer(closed).await;
        }
        let (reply, closed) = oneshot::channel();
        if self.orders.send(WriteRequest::Close(reply)).await.is_ok() {
            answer(closed).await;
        }
    }

    /// About how many instructions SQLite has executed for the reader: several for each row that it looked at.
    #[cfg(test)]
    pub(crate) fn reader_steps(&self) -> u64 {
        self.open.steps().load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) async fn entries(&self, query: Query) -> Result<Vec<Entry>, JournalError> {
        self.read(|reply| ReadRequest::Query { query: query.clone(), reply }).await
    }

    /// Asks the writer.
    pub(crate) async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> WriteRequest) -> Result<T, JournalError> {
        let (reply, done) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_closed| JournalError::Closed)?;
        answer(done).await.unwrap_or(Err(JournalError::Closed))
    }

    /// Asks the reader. Where it finds the database damaged, the writer mends it; the error then tells that.
    pub(crate) async fn read<T>(&self, reading: impl Fn(Reply<T>) -> ReadRequest) -> Result<T, JournalError> {
        let damaged = self.generation.get();
        match self.read_once(&reading).await {
            Err(JournalError::Damaged { .. }) => {
                self.order(|reply| WriteRequest::Mend { damaged, reply }).await?;
                // It has been mended since: whoever caused that was told.
                self.read_once(&reading).await
            }
            other => other,
        }
    }

    pub(crate) async fn read_once<T>(&self, reading: impl Fn(Reply<T>) -> ReadRequest) -> Result<T, JournalError> {
        let (reply, done) = oneshot::channel();
        self.queries.send(reading(reply)).await.map_err(|_closed| JournalError::Closed)?;
        answer(done).await.unwrap_or(Err(JournalError::Closed))
    }
}

/// A journal that has been opened.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub journal: Journal,
    /// The first number that this run will give: entries from it on are this run's.
    pub live_from: Seq,
    /// The journal's name, under which the key of its seal is kept.
    pub id: JournalId,
    /// What became of a journal that was damaged; its text is for the operator.
    pub recovered: Option<RepairReport>,
    /// The clock of the last run.
    pub clock: Option<KeptClock>,
}

/// Starts one of the two threads.
pub(crate) fn thread(name: &str, path: &Path, body: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(|_detached| ())
        .map_err(|source| JournalError::File { path: path.to_owned(), source })
}

/// Orders that wait for the writer. Where as many wait, the next caller waits for a place: its session then leaves the
/// socket unread, and TCP slows the server down.
pub(crate) const ORDERS: usize = 16;

/// Queries that wait for the reader. Where as many wait, the next caller waits for a place.
pub(crate) const QUERIES: usize = 32;
