//! The thread that reads: its own connection, which can't write.

use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection, Params};
use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Entry, Moment, Seq};
use crate::settings::ProfileId;

use super::database::{last_alive, number_of};
use super::row::{self, COLUMNS, StoredId};
use super::writer::Reply;
use super::{Generation, JournalError, Limits, retention, schema};

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Reading {
    /// Entries.
    Query {
        /// Which.
        query: Query,
        /// The answer.
        reply: Reply<Vec<Entry>>,
    },
    /// Entries of all profiles: the oldest from a number on.
    Scan {
        /// The number.
        from: Seq,
        /// How many at most.
        limit: usize,
        /// The answer.
        reply: Reply<Vec<(ProfileId, Entry)>>,
    },
    /// Whether there is something that the limits no longer allow.
    Due {
        /// The time of day.
        now: Moment,
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
        reply: Reply<Option<Moment>>,
    },
    /// To end. The answer is that the sender is dropped.
    Close(oneshot::Sender<()>),
}

/// Which entries, always in ascending order.
#[derive(Debug, Clone)]
pub(super) enum Query {
    /// The newest before a number.
    Before { profile: ProfileId, before: Option<Seq>, limit: usize },
    /// The oldest from a number on.
    Since { profile: ProfileId, from: Seq, limit: usize },
    /// Those of one activity, between two numbers.
    History { profile: ProfileId, key: ActivityKey, from: Seq, to: Seq },
}

/// The connection that reads.
pub(super) struct Reader {
    path: PathBuf,
    generation: Generation,
    /// The connection, and the generation that it is of; `None` where it failed, or the writer has another database.
    connection: Option<(u64, Connection)>,
}

impl Reader {
    pub(super) fn open(path: &Path, generation: Generation) -> Result<Self, JournalError> {
        let connection = Some((generation.get(), schema::open_for_reading(path)?));
        Ok(Self { path: path.to_owned(), generation, connection })
    }

    /// Answers until it is told to close or the last handle is gone. Whoever has gone needs no answer.
    pub(super) fn run(mut self, mut queries: mpsc::Receiver<Reading>) {
        while let Some(reading) = queries.blocking_recv() {
            match reading {
                Reading::Query { query, reply } => {
                    if !reply.is_closed() {
                        drop(reply.send(self.with(|connection| answer(connection, &query))));
                    }
                }
                Reading::Scan { from, limit, reply } => {
                    drop(reply.send(self.with(|connection| scan(connection, from, limit))));
                }
                Reading::Due { now, limits, reply } => {
                    drop(reply.send(self.with(|connection| retention::is_due(connection, now, &limits))));
                }
                Reading::LastAlive { profile, reply } => {
                    drop(reply.send(self.with(|connection| {
                        number_of(connection, profile)?.map_or(Ok(None), |number| last_alive(connection, number))
                    })));
                }
                Reading::Close(reply) => {
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
                schema::open_for_reading(&self.path)?
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
        Query::Since { profile, from, limit } => {
            let Some(profile) = number_of(connection, *profile)? else { return Ok(Vec::new()) };
            let mut statement = prepare(connection, "profile = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?;
            collect(&mut statement, (profile, to_sql(*from), limit_to_sql(*limit)))
        }
        Query::History { profile, key, from, to } => {
            let Some(profile) = number_of(connection, *profile)? else { return Ok(Vec::new()) };
            // The plus keeps SQLite from the index on profiles: reading the span itself is quicker.
            let condition = "seq BETWEEN ?2 AND ?3 AND id = ?5 AND kind % 10 = ?4 AND +profile = ?1 ORDER BY seq";
            let params = (profile, to_sql(*from), to_sql(*to), row::unit(key.kind()), StoredId::of(key.id()));
            collect(&mut prepare(connection, condition)?, params)
        }
    }
}

fn scan(connection: &Connection, from: Seq, limit: usize) -> rusqlite::Result<Vec<(ProfileId, Entry)>> {
    let profiles = retention::profiles(connection)?;
    let sql = format!("SELECT {COLUMNS}, profile FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((to_sql(from), limit_to_sql(limit)))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        // One that belongs to no profile is of changed bytes, and nobody's.
        if let Some(profile) = profiles.get(&row.get("profile")?) {
            entries.push((*profile, row::read(row)?));
        }
    }
    Ok(entries)
}

fn prepare<'a>(connection: &'a Connection, condition: &str) -> rusqlite::Result<CachedStatement<'a>> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))
}

fn collect(statement: &mut CachedStatement<'_>, params: impl Params) -> rusqlite::Result<Vec<Entry>> {
    statement.query_map(params, row::read)?.collect()
}

/// A number as SQLite has it.
pub(super) fn to_sql(Seq(seq): Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn limit_to_sql(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
