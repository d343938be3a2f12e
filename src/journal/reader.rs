//! The thread that reads: its own connection, which can't write.

use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params};
use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Entry, Seq};
use crate::settings::ProfileId;

use super::row::{self, COLUMNS, StoredId};
use super::{JournalError, schema};

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Reading {
    /// Entries.
    Query {
        /// Which.
        query: Query,
        /// The answer.
        reply: oneshot::Sender<Result<Vec<Entry>, JournalError>>,
    },
    /// To end. The answer is that the sender is dropped.
    Close(oneshot::Sender<()>),
}

/// Which entries, always in ascending order.
#[derive(Debug)]
pub(super) enum Query {
    /// The newest before a number.
    Before { profile: ProfileId, before: Option<Seq>, limit: usize },
    /// The oldest from a number on.
    Since { profile: ProfileId, from: Seq, limit: usize },
    /// Those of one activity, between two numbers.
    History { profile: ProfileId, key: ActivityKey, from: Seq, to: Seq },
}

/// The connection that reads.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self { path: path.to_owned(), connection: schema::open_for_reading(path)? })
    }

    /// Answers until it is told to close or the last handle is gone.
    pub(super) fn run(self, mut queries: mpsc::Receiver<Reading>) {
        while let Some(reading) = queries.blocking_recv() {
            match reading {
                Reading::Query { query, reply } => {
                    // Whoever has gone needs no answer.
                    if !reply.is_closed() {
                        let answer = self.answer(&query).map_err(|source| JournalError::of(&self.path, source));
                        drop(reply.send(answer));
                    }
                }
                Reading::Close(reply) => {
                    drop(self);
                    drop(reply);
                    return;
                }
            }
        }
    }

    fn answer(&self, query: &Query) -> rusqlite::Result<Vec<Entry>> {
        match query {
            Query::Before { profile, before, limit } => {
                let Some(profile) = number_of(&self.connection, *profile)? else { return Ok(Vec::new()) };
                let before = before.map_or(i64::MAX, to_sql);
                let mut statement = self.prepare("profile = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3")?;
                let mut entries = collect(&mut statement, (profile, before, limit_to_sql(*limit)))?;
                entries.reverse();
                Ok(entries)
            }
            Query::Since { profile, from, limit } => {
                let Some(profile) = number_of(&self.connection, *profile)? else { return Ok(Vec::new()) };
                let mut statement = self.prepare("profile = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?;
                collect(&mut statement, (profile, to_sql(*from), limit_to_sql(*limit)))
            }
            Query::History { profile, key, from, to } => {
                let Some(profile) = number_of(&self.connection, *profile)? else { return Ok(Vec::new()) };
                // The plus keeps SQLite from the index on profiles: reading the span itself is quicker.
                let mut statement = self
                    .prepare("seq BETWEEN ?2 AND ?3 AND id = ?5 AND kind % 10 = ?4 AND +profile = ?1 ORDER BY seq")?;
                let params = (profile, to_sql(*from), to_sql(*to), row::unit(key.kind()), StoredId::of(key.id()));
                collect(&mut statement, params)
            }
        }
    }

    fn prepare(&self, condition: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))
    }
}

/// A profile's number within this journal; `None` where it has no entries yet.
pub(super) fn number_of(connection: &Connection, profile: ProfileId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT number FROM profile WHERE uuid = ?1")?
        .query_row([profile.as_u128().to_be_bytes()], |row| row.get(0))
        .optional()
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
