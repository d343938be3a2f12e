//! The reader thread: its own connection, which can't write.

use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection, Params};
use tokio::sync::{mpsc, oneshot};

use crate::activity::{Entry, Seq, Timestamp};
use crate::journal::error::JournalError;
use crate::journal::file::generation::Generation;
use crate::journal::file::row::{self, COLUMNS, to_sql};
use crate::journal::file::schema;
use crate::journal::tables::open_activity::OpenIndex;
use crate::journal::write::database::{last_alive, number_of};
use crate::journal::write::retention::{self, Limits};
use crate::journal::write::write_request::Reply;
use crate::settings::ProfileId;

use super::history::{self, History};

/// Requests to the reader thread.
#[derive(Debug)]
pub(crate) enum ReadRequest {
    /// Reads entries.
    Query {
        /// Selects the entries.
        query: Query,
        reply: Reply<Vec<Entry>>,
    },
    /// Reads the entries of one activity.
    History {
        /// Selects the activity.
        wanted: history::HistoryQuery,
        reply: Reply<History>,
    },
    /// Checks whether anything exceeds the limits.
    Due {
        /// The current time.
        now: Timestamp,
        limits: Limits,
        reply: Reply<bool>,
    },
    /// Reads the last time at which a profile is known to have been live.
    LastAlive {
        /// The profile to look up.
        profile: ProfileId,
        reply: Reply<Option<Timestamp>>,
    },
    /// Stops the thread. Replies by dropping the sender.
    Close(oneshot::Sender<()>),
}

/// Selects entries, always in ascending order.
#[derive(Debug, Clone)]
pub(crate) enum Query {
    /// The newest before a number.
    Before { profile: ProfileId, before: Option<Seq>, limit: usize },
    /// The newest download entries before a number.
    DownloadsBefore { profile: ProfileId, before: Seq, limit: usize },
    /// The oldest from a number on.
    Since { profile: ProfileId, from: Seq, limit: usize },
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

    /// Serves queries until a close request arrives or the last handle is dropped. A caller that is gone needs no reply.
    pub(crate) fn run(mut self, mut queries: mpsc::Receiver<ReadRequest>) {
        while let Some(reading) = queries.blocking_recv() {
            match reading {
                ReadRequest::Query { query, reply } => {
                    if !reply.is_closed() {
                        drop(reply.send(self.with(|connection| answer(connection, &query))));
                    }
                }
                ReadRequest::History { wanted, reply } => {
                    if !reply.is_closed() {
                        let open = self.open.clone();
                        drop(reply.send(self.with(|connection| history::read(connection, &open, &wanted))));
                    }
                }
                ReadRequest::Due { now, limits, reply } => {
                    drop(reply.send(self.with(|connection| retention::is_due(connection, now, &limits))));
                }
                ReadRequest::LastAlive { profile, reply } => {
                    drop(reply.send(self.with(|connection| {
                        number_of(connection, profile)?.map_or(Ok(None), |number| last_alive(connection, number))
                    })));
                }
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

fn answer(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Entry>> {
    match query {
        Query::Before { profile, before, limit } => {
            let Some(profile) = number_of(connection, *profile)? else { return Ok(Vec::new()) };
            let before = before.map_or(i64::MAX, to_sql);
            let mut statement = prepare(connection, "profile = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3")?;
            let mut entries = collect(&mut statement, (profile, before, limit_to_sql(*limit)))?;
            entries.reverse();
            Ok(entries)
        }
        Query::DownloadsBefore { profile, before, limit } => {
            let Some(profile) = number_of(connection, *profile)? else { return Ok(Vec::new()) };
            // The first condition is that of the index `entry_of_download`.
            let condition = "kind = 42 AND profile = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
            let mut statement = prepare(connection, condition)?;
            let mut entries = collect(&mut statement, (profile, to_sql(*before), limit_to_sql(*limit)))?;
            entries.reverse();
            Ok(entries)
        }
        Query::Since { profile, from, limit } => {
            let Some(profile) = number_of(connection, *profile)? else { return Ok(Vec::new()) };
            let mut statement = prepare(connection, "profile = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?;
            collect(&mut statement, (profile, to_sql(*from), limit_to_sql(*limit)))
        }
    }
}

fn prepare<'a>(connection: &'a Connection, condition: &str) -> rusqlite::Result<CachedStatement<'a>> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))
}

fn collect(statement: &mut CachedStatement<'_>, params: impl Params) -> rusqlite::Result<Vec<Entry>> {
    statement.query_map(params, row::read)?.collect()
}

fn limit_to_sql(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
