//! The thread that writes: it owns the only connection that can.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::activity::{Entry, Seq};
use crate::settings::ProfileId;

use super::reader::number_of;
use super::row::{self, StoredId};
use super::{JournalError, schema};

/// How many entries of waiting appends are put into one transaction. One append with more of them is a transaction alone.
const MERGED: usize = 16_384;

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// Entries to commit. The answer is the number of the first; the others follow it.
    Append { profile: ProfileId, entries: Arc<Vec<Entry>>, reply: oneshot::Sender<Result<Seq, JournalError>> },
    /// A profile to take out.
    Forget { profile: ProfileId, reply: oneshot::Sender<Result<(), JournalError>> },
    /// To end, after everything that came before. The answer is that the sender is dropped.
    Close(oneshot::Sender<()>),
}

/// An append that waits for the commit.
struct Append {
    profile: ProfileId,
    entries: Arc<Vec<Entry>>,
    reply: oneshot::Sender<Result<Seq, JournalError>>,
}

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    /// The number of the next entry. Numbers of a transaction that failed are given again: nobody has seen them.
    next: i64,
    /// Profiles that are known to be in the table `profile`, with their numbers there.
    profiles: HashMap<ProfileId, i64>,
}

impl Writer {
    /// Opens the database; with it comes the number that the next entry will have.
    pub(super) fn open(path: &Path) -> Result<(Self, Seq), JournalError> {
        let connection = schema::open_for_writing(path)?;
        // The counter remembers numbers whose entries have been taken out, so that none is given twice.
        let last: i64 = connection
            .query_row(
                "SELECT max(value, coalesce((SELECT max(seq) FROM entry), 0)) FROM counter WHERE name = 'seq'",
                (),
                |row| row.get(0),
            )
            .map_err(|source| JournalError::of(path, source))?;
        let next = last.saturating_add(1);
        let writer = Self { path: path.to_owned(), connection, next, profiles: HashMap::new() };
        Ok((writer, Seq(u64::try_from(next).unwrap_or(1))))
    }

    /// Works until it is told to close or the last handle is gone.
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut closing = Vec::new();
        // An order that came while appends were being gathered, and is none.
        let mut put_off = None;
        while let Some(order) = put_off.take().or_else(|| orders.blocking_recv()) {
            match order {
                Order::Append { profile, entries, reply } => {
                    let mut size = entries.len();
                    let mut appends = vec![Append { profile, entries, reply }];
                    while size < MERGED && put_off.is_none() {
                        match orders.try_recv() {
                            Ok(Order::Append { profile, entries, reply }) => {
                                size = size.saturating_add(entries.len());
                                appends.push(Append { profile, entries, reply });
                            }
                            Ok(other) => put_off = Some(other),
                            Err(_none) => break,
                        }
                    }
                    self.append(appends);
                }
                Order::Forget { profile, reply } => {
                    let outcome = self.forget(profile).map_err(|source| JournalError::of(&self.path, source));
                    drop(reply.send(outcome));
                }
                Order::Close(reply) => {
                    // What waits already is still committed; whoever comes later is refused and keeps the entries.
                    orders.close();
                    closing.push(reply);
                }
            }
        }
        self.shut();
        drop(closing);
    }

    /// Commits appends in one transaction. Where that fails, each gets one of its own: one may be at fault for all.
    fn append(&mut self, appends: Vec<Append>) {
        match self.commit(&appends) {
            Ok(firsts) => {
                for (append, first) in appends.into_iter().zip(firsts) {
                    append.answer(Ok(first));
                }
            }
            Err(_whose) if appends.len() > 1 => {
                for append in appends {
                    self.append(vec![append]);
                }
            }
            Err(source) => {
                if let Some(append) = appends.into_iter().next() {
                    append.answer(Err(JournalError::of(&self.path, source)));
                }
            }
        }
    }

    /// One transaction: all of it or nothing. The number of each append's first entry.
    fn commit(&mut self, appends: &[Append]) -> rusqlite::Result<Vec<Seq>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut next = self.next;
        let mut firsts = Vec::with_capacity(appends.len());
        let mut new_profiles = Vec::new();
        for append in appends {
            let profile = match self.profiles.get(&append.profile) {
                Some(number) => *number,
                None => enter_profile(&transaction, append.profile)?,
            };
            new_profiles.push((append.profile, profile));
            firsts.push(Seq(u64::try_from(next).unwrap_or_default()));
            next = insert(&transaction, profile, &append.entries, next)?;
        }
        transaction.commit()?;
        self.next = next;
        self.profiles.extend(new_profiles);
        Ok(firsts)
    }

    /// Takes a profile out and shrinks the log, so that nothing of it is left there either.
    fn forget(&mut self, profile: ProfileId) -> rusqlite::Result<()> {
        self.profiles.remove(&profile);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(number) = number_of(&transaction, profile)? else { return Ok(()) };
        transaction.execute("UPDATE counter SET value = ?1 WHERE name = 'seq'", [self.next.saturating_sub(1)])?;
        transaction.execute("DELETE FROM entry WHERE profile = ?1", [number])?;
        transaction.execute("DELETE FROM profile WHERE number = ?1", [number])?;
        transaction.commit()?;
        checkpoint(&self.connection)
    }

    /// Moves the log into the database and lets go of both.
    fn shut(self) {
        if let Err(error) = checkpoint(&self.connection) {
            // Nothing is lost by it: the log is read at the next start.
            tracing::warn!(%error, "the journal's log could not be moved into it");
        }
        if let Err((_connection, error)) = self.connection.close() {
            tracing::warn!(%error, "the journal could not be closed");
        }
    }
}

impl Append {
    /// Lets go of the share first, so that the caller's is the only one and need not be copied.
    fn answer(self, outcome: Result<Seq, JournalError>) {
        drop(self.entries);
        // A caller that has gone does not take its entries back.
        drop(self.reply.send(outcome));
    }
}

/// A profile's number, which it gets where it has none.
fn enter_profile(transaction: &Transaction<'_>, profile: ProfileId) -> rusqlite::Result<i64> {
    if let Some(number) = number_of(transaction, profile)? {
        return Ok(number);
    }
    transaction.execute("INSERT INTO profile (uuid) VALUES (?1)", [profile.as_u128().to_be_bytes()])?;
    Ok(transaction.last_insert_rowid())
}

/// Inserts entries under the numbers from `next` on; returns the number after them.
fn insert(transaction: &Transaction<'_>, profile: i64, entries: &[Entry], next: i64) -> rusqlite::Result<i64> {
    let mut statement = transaction
        .prepare_cached("INSERT INTO entry (seq, profile, at, kind, id, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut seq = next;
    for entry in entries {
        let payload = row::payload(entry).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        statement.execute((seq, profile, entry.at.0, row::kind(entry), StoredId::of(entry.key.id()), payload))?;
        seq = seq.saturating_add(1);
    }
    Ok(seq)
}

/// Moves the whole log into the database and cuts it to nothing.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_row| Ok(()))
}
