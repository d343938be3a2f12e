//! The reader thread: its own connection, which can't write.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::activity::{Entry, Seq};
use crate::journal::error::JournalError;
use crate::journal::file::entry_codec::{self, COLUMNS, to_sql};
use crate::journal::file::generation::Generation;
use crate::journal::file::schema;
use crate::journal::tables::open_activity::OpenIndex;
use crate::journal::write::append::Reply;
use crate::journal::write::database::number_of;
use crate::settings::ProfileId;

/// A request to the reader thread.
pub(crate) enum ReadRequest {
    /// Reads something, and replies with it.
    Run(Box<dyn FnOnce(&mut Reader) + Send>),
    /// Stops the thread. Replies by dropping the sender.
    Close(oneshot::Sender<()>),
}

impl ReadRequest {
    /// A request that replies with what `read` finds. If the caller is gone, nothing is read.
    pub(crate) fn run<T: Send + 'static>(
        read: impl FnOnce(&Connection, &OpenIndex) -> rusqlite::Result<T> + Send + 'static,
        reply: Reply<T>,
    ) -> Self {
        Self::Run(Box::new(|reader| {
            if !reply.is_closed() {
                let open = reader.open.clone();
                drop(reply.send(reader.with(|connection| read(connection, &open))));
            }
        }))
    }
}

/// The reading connection.
pub(crate) struct Reader {
    path: PathBuf,
    generation: Generation,
    open: OpenIndex,
    /// The connection and its generation; `None` if it failed, or the writer has another database.
    connection: Option<(u64, Connection)>,
}

impl Reader {
    pub(crate) fn open(path: &Path, generation: Generation, open: OpenIndex) -> Result<Self, JournalError> {
        let connection = Some((generation.get(), connect(path, &open)?));
        Ok(Self { path: path.to_owned(), generation, open, connection })
    }

    /// Serves requests until a close request arrives or the last handle is dropped.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<ReadRequest>) {
        while let Some(request) = requests.blocking_recv() {
            match request {
                ReadRequest::Run(read) => read(&mut self),
                ReadRequest::Close(reply) => {
                    drop(self);
                    drop(reply);
                    return;
                }
            }
        }
    }

    /// Reads from the writer's current database.
    fn with<T>(&mut self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let generation = self.generation.get();
        let connection = match self.connection.take() {
            Some((of, connection)) if of == generation => connection,
            old => {
                if let Some((_, old)) = old {
                    schema::abandon(old);
                }
                connect(&self.path, &self.open)?
            }
        };
        let outcome = read(&connection).map_err(|source| JournalError::of(&self.path, source));
        match outcome {
            Ok(_) => self.connection = Some((generation, connection)),
            Err(_) => schema::abandon(connection),
        }
        outcome
    }
}

#[cfg(not(test))]
fn connect(path: &Path, _open: &OpenIndex) -> Result<Connection, JournalError> {
    schema::open_for_reading(path)
}

/// Counts SQLite's instructions, for tests.
#[cfg(test)]
fn connect(path: &Path, open: &OpenIndex) -> Result<Connection, JournalError> {
    let mut connection = schema::open_for_reading(path)?;
    let steps = open.steps();
    let count = move || {
        steps.fetch_add(10, std::sync::atomic::Ordering::Relaxed);
        false
    };
    connection.progress_handler(10, Some(count)).map_err(|source| JournalError::of(path, source))?;
    Ok(connection)
}

/// The newest `limit` entries of a profile before `before`, in ascending order.
pub(crate) fn newest_before(
    connection: &Connection,
    profile: ProfileId,
    before: Option<Seq>,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let before = before.map_or(i64::MAX, to_sql);
    let mut entries = select(connection, profile, "seq < ?2 ORDER BY seq DESC LIMIT ?3", before, limit)?;
    entries.reverse();
    Ok(entries)
}

/// The newest `limit` download entries of a profile before `before`, in ascending order.
pub(crate) fn downloads_before(
    connection: &Connection,
    profile: ProfileId,
    before: Seq,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    // The first condition is that of the index `entry_of_download`.
    let condition = "kind = 42 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    let mut entries = select(connection, profile, condition, to_sql(before), limit)?;
    entries.reverse();
    Ok(entries)
}

/// The oldest `limit` entries of a profile from `from` on, in ascending order.
pub(crate) fn oldest_from(
    connection: &Connection,
    profile: ProfileId,
    from: Seq,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    select(connection, profile, "seq >= ?2 ORDER BY seq LIMIT ?3", to_sql(from), limit)
}

/// The entries of a profile that fulfil a condition on ?2, the number, and ?3, the limit.
fn select(
    connection: &Connection,
    profile: ProfileId,
    condition: &str,
    seq: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let Some(profile) = number_of(connection, profile)? else { return Ok(Vec::new()) };
    let query = format!("SELECT {COLUMNS} FROM entry WHERE profile = ?1 AND {condition}");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(&query)?.query_map((profile, seq, limit), entry_codec::read)?.collect()
}
