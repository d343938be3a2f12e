//! The journal: every entry of every profile, on the disk before anyone hears of it.
//!
//! SQLite in WAL mode with `synchronous=FULL`. One thread owns the connection that writes, another the one that reads; a
//! [`Journal`] is a handle to both. [`Holder`] makes sure that one process at a time writes. May use `protocol` (it reads
//! messages back with the same parser), `activity` and `settings`; never holds a secret: what comes in is masked already.

mod archive;
mod error;
mod holder;
mod reader;
mod row;
mod schema;
mod wait;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Entry, Seq};
use crate::settings::ProfileId;

pub use archive::{Archive, Sorter};
pub use error::{JournalError, NotAppended};
pub use holder::Holder;
use reader::{Query, Reading};
use wait::answer;
use writer::Order;

/// The database's name within the data folder.
const FILE: &str = "journal.sqlite";

/// Orders that wait for the writer. Where as many wait, the next caller waits for a place: its session then leaves the
/// socket unread, and TCP slows the server down.
const ORDERS: usize = 16;

/// Queries that wait for the reader. Where as many wait, the next caller waits for a place.
const QUERIES: usize = 32;

/// A handle to the journal; clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    path: Arc<PathBuf>,
    orders: mpsc::Sender<Order>,
    queries: mpsc::Sender<Reading>,
}

/// A journal that has been opened.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub journal: Journal,
    /// The first number that this run will give: entries from it on are this run's.
    pub live_from: Seq,
}

impl Journal {
    /// Opens the journal of a data folder, making it where there is none. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Where it can't be opened. One that a newer version wrote is left untouched.
    pub fn open(folder: &Path) -> Result<Opened, JournalError> {
        let path = folder.join(FILE);
        let (writer, live_from) = writer::Writer::open(&path)?;
        let reader = reader::Reader::open(&path)?;
        let (orders, received) = mpsc::channel(ORDERS);
        thread("journal-writer", &path, move || writer.run(received))?;
        let (queries, received) = mpsc::channel(QUERIES);
        thread("journal-reader", &path, move || reader.run(received))?;
        Ok(Opened { journal: Self { path: Arc::new(path), orders, queries }, live_from })
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
        if entries.is_empty() {
            return Ok(entries);
        }
        // The writer gets a share, not the entries: whatever becomes of it, they are still here.
        let entries = Arc::new(entries);
        let (reply, first) = oneshot::channel();
        let order = Order::Append { profile, entries: Arc::clone(&entries), reply };
        let first = match self.orders.send(order).await {
            Ok(()) => answer(first).await.unwrap_or(Err(JournalError::Closed)),
            Err(_closed) => Err(JournalError::Closed),
        };
        let mut entries = Arc::unwrap_or_clone(entries);
        match first {
            Ok(Seq(first)) => {
                for (entry, seq) in entries.iter_mut().zip(first..) {
                    entry.seq = Seq(seq);
                }
                Ok(entries)
            }
            Err(source) => Err(NotAppended { entries, source }),
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
        self.read(Query::Before { profile, before, limit }).await
    }

    /// The oldest `limit` entries of a profile from `from` on, in ascending order.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.read(Query::Since { profile, from, limit }).await
    }

    /// Every entry of one activity from `from` to `to`, both included, in ascending order. Its time grows with the span,
    /// since ids are not indexed: give the first and the last entry that are known of.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read.
    pub async fn history(
        &self,
        profile: ProfileId,
        key: &ActivityKey,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<Entry>, JournalError> {
        self.read(Query::History { profile, key: key.clone(), from, to }).await
    }

    /// Takes everything of a profile out, and off the disk.
    ///
    /// # Errors
    ///
    /// Where that failed; then nothing was taken out.
    pub async fn forget_profile(&self, profile: ProfileId) -> Result<(), JournalError> {
        let (reply, done) = oneshot::channel();
        self.orders.send(Order::Forget { profile, reply }).await.map_err(|_closed| JournalError::Closed)?;
        answer(done).await.unwrap_or(Err(JournalError::Closed))
    }

    /// The size on the disk in bytes: the database and its write-ahead log.
    #[must_use]
    pub fn size(&self) -> u64 {
        [self.path.as_path(), &schema::log_of(&self.path)]
            .into_iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Commits everything that was handed over, moves the log into the database, and ends both threads. Whoever appends
    /// afterwards gets the entries back.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queries.send(Reading::Close(reply)).await.is_ok() {
            answer(closed).await;
        }
        let (reply, closed) = oneshot::channel();
        if self.orders.send(Order::Close(reply)).await.is_ok() {
            answer(closed).await;
        }
    }

    async fn read(&self, query: Query) -> Result<Vec<Entry>, JournalError> {
        let (reply, entries) = oneshot::channel();
        self.queries.send(Reading::Query { query, reply }).await.map_err(|_closed| JournalError::Closed)?;
        answer(entries).await.unwrap_or(Err(JournalError::Closed))
    }
}

/// Starts one of the two threads.
fn thread(name: &str, path: &Path, body: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(|_detached| ())
        .map_err(|source| JournalError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
