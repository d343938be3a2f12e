//! The thread that reads: its own connection, which can't write.

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

/// What the thread is asked.
#[derive(Debug)]
pub(crate) enum ReadRequest {
    /// Entries.
    Query {
        /// Which.
        query: Query,
        /// The answer.
        reply: Reply<Vec<Entry>>,
    },
    /// Entries of one activity.
    History {
        /// Which.
        wanted: history::HistoryQuery,
        /// The answer.
        reply: Reply<History>,
    },
    /// Whether there is something that the limits no longer allow.
    Due {
        /// The time of day.
        now: Timestamp,
        /// The limits.
        limits: Limits,
        /// The answer.
        reply: Reply<bool>,
    },
    /// The last moment at which a profile is known to have been alive.
    LastAlive {
        /// Whose.
        profile: ProfileId,
        /// The answer.
        reply: Reply<Option<Timestamp>>,
    },
    /// To end. The answer is that the sender is dropped.
    Close(oneshot::Sender<()>),
}

/// Which entries, always in ascending order.
#[derive(Debug, Clone)]
pub(crate) enum Query {
    /// The newest before a number.
    Before { profile: ProfileId, before: Option<Seq>, limit: usize },
    /// The newest before a number that say what was done with data.
    DownloadsBefore { profile: ProfileId, before: Seq, limit: usize },
    /// The oldest from a number on.
    Since { profile: ProfileId, from: Seq, limit: usize },
}

/// The connection that reads.
pub(crate) struct Reader {
    path: PathBuf,
    generation: Generation,
    open: OpenIndex,
    /// The connection, and the generation that it is of; `None` where it failed, or the writer has another database.
    connection: Option<(u64, Connection)>,
}

impl Reader {
    pub(crate) fn open(path: &Path, generation: Generation, open: OpenIndex) -> Result<Self, JournalError> {
        let connection = Some((generation.get(), connect(path, &open)?));
        Ok(Self { path: path.to_owned(), generation, open, connection })
    }

    /// Answers until it is told to close or the last handle is gone. Whoever has gone needs no answer.
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

    /// Reads from the database that the writer has now.
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

/// Counts what SQLite does, for tests.
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
