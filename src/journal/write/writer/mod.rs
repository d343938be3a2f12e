//! The writer thread: owns the only connection that can write.
//!
//! Errors are reported, and repaired if possible: a database that was lost to an I/O error, or left its path, is reopened at the
//! next request; a damaged one is moved aside at once. So the same handle recovers by itself.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::activity::{Seq, Timestamp};
use crate::credentials::{JournalId, KeyringError, SealKey};
use crate::journal::error::{JournalError, RepairReport};
use crate::journal::file::file_id::{FileId, is_missing};
use crate::journal::file::generation::Generation;
use crate::journal::file::lock::{self, DataDirLock};
use crate::journal::tables::clock::{self, StoredClock};
use crate::journal::tables::earlier_links;
use crate::journal::tables::open_activity::{self, OpenActivity, OpenIndex};
use crate::journal::tables::pending_work::{PendingWork, WorkId};
use crate::journal::tables::secrets::{MemoryOnly, Sealing};
use crate::settings::{ProfileId, atomic};

use super::append::{Append, Reply};
use super::cleanup::Cleaned;
use super::database::{Database, FileState};
use super::repair;
use super::retention::{self, Limits, Pass, PurgeStep};

/// Maximum number of entries of waiting appends merged into one transaction. A larger append gets its own transaction.
const MERGED: usize = 16_384;

/// The result of opening the journal.
pub(crate) struct OpenedDatabase {
    pub(crate) id: JournalId,
    /// The number of the next entry.
    pub(crate) next: Seq,
    pub(crate) recovered: Option<RepairReport>,
    /// The clock of the last run.
    pub(crate) clock: Option<StoredClock>,
}

/// A request to the writer thread.
pub(crate) enum WriteRequest {
    /// Commits a batch. Replies with the number of the first entry; the others follow it.
    Append(Append),
    /// Reads the open activities of a profile. Replies when the open-activity table is complete.
    Open { profile: ProfileId, reply: Reply<Vec<OpenActivity>> },
    /// Runs any other operation, which also replies.
    Run(Box<dyn FnOnce(&mut Writer) + Send>),
    /// Stops the thread, after everything sent before. Replies by dropping the sender.
    Close(oneshot::Sender<()>),
}

impl WriteRequest {
    /// A request that runs `operation` and replies with its result. If the caller is gone, nobody needs the reply.
    pub(crate) fn run<T: Send + 'static>(
        operation: impl FnOnce(&mut Writer) -> Result<T, JournalError> + Send + 'static,
        reply: Reply<T>,
    ) -> Self {
        Self::Run(Box::new(|writer| drop(reply.send(operation(writer)))))
    }
}

/// The writing connection, and what is needed to reopen it.
pub(crate) struct Writer {
    path: PathBuf,
    /// `None` if it was lost: the next request reopens it.
    database: Option<Database>,
    /// The number of the next entry. A failed transaction's numbers are reused, because nobody has seen them.
    next: i64,
    pass: Pass,
    generation: Generation,
    sealing: watch::Sender<Sealing>,
    /// The open activities.
    open: OpenIndex,
    /// Requests that wait until all open activities are known.
    waiting: Vec<(ProfileId, Reply<Vec<OpenActivity>>)>,
    /// The journal's name; a journal that replaces this one gets the same name.
    id: Option<JournalId>,
    /// The sealing key, for reopening the database.
    key: Option<SealKey>,
    /// The data folder's lock at the start: its owner owns the content of the folder.
    lock: Option<FileId>,
    /// The lock of a folder that was recreated.
    holder: Option<DataDirLock>,
}

impl Writer {
    /// Opens the database, and repairs it if it is damaged.
    pub(crate) fn open(
        path: &Path,
        generation: Generation,
        sealing: watch::Sender<Sealing>,
        open: OpenIndex,
    ) -> Result<(Self, OpenedDatabase), JournalError> {
        repair::finish(path)?;
        let mut writer = Self {
            path: path.to_owned(),
            database: None,
            next: 1,
            pass: Pass::default(),
            generation,
            sealing,
            open,
            waiting: Vec::new(),
            id: None,
            key: None,
            lock: path.parent().and_then(|folder| FileId::at(&lock::lock_in(folder))),
            holder: None,
        };
        let (database, recovered) = match writer.database() {
            Err(JournalError::Damaged { .. }) => {
                let recovery = repair::repair(path)?;
                (writer.database()?, Some(recovery))
            }
            other => (other?, None),
        };
        let next = Seq(u64::try_from(writer.next).unwrap_or(1));
        let clock = clock::load(&database.connection).map_err(|source| JournalError::of(path, source))?;
        if let Err(error) = earlier_links::begin_run(&database.connection, writer.next) {
            // A full disk must not prevent the window from opening.
            tracing::warn!(%error, "it could not be noted where this run begins");
        }
        let opening = OpenedDatabase { id: database.id, next, recovered, clock };
        writer.database = Some(database);
        Ok((writer, opening))
    }

    /// Runs until a close request arrives or the last handle is dropped.
    pub(crate) fn run(mut self, mut orders: mpsc::Receiver<WriteRequest>) {
        let mut closing = Vec::new();
        // A request of another kind that arrived while appends were being collected.
        let mut put_off = None;
        while let Some(order) = put_off.take().or_else(|| self.next(&mut orders)) {
            match order {
                WriteRequest::Append(first) => {
                    let mut size = first.batch.entries.len();
                    let mut appends = vec![first];
                    while size < MERGED && put_off.is_none() {
                        match orders.try_recv() {
                            Ok(WriteRequest::Append(append)) => {
                                size = size.saturating_add(append.batch.entries.len());
                                appends.push(append);
                            }
                            Ok(other) => put_off = Some(other),
                            Err(_none) => break,
                        }
                    }
                    self.append(appends);
                }
                WriteRequest::Close(reply) => {
                    // Commit what is already queued; later callers are refused and keep their entries.
                    orders.close();
                    closing.push(reply);
                }
                WriteRequest::Open { profile, reply } => self.waiting.push((profile, reply)),
                WriteRequest::Run(operation) => operation(&mut self),
            }
            self.build_a_little();
        }
        if let Some(database) = self.database {
            database.close();
        }
        drop(closing);
    }

    /// The next request. While none waits, it builds the open-activity table.
    fn next(&mut self, orders: &mut mpsc::Receiver<WriteRequest>) -> Option<WriteRequest> {
        while !self.open.is_complete() {
            match orders.try_recv() {
                Ok(order) => return Some(order),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.build_a_little() => {}
                // Retried after the next request.
                Err(TryRecvError::Empty) => break,
            }
        }
        orders.blocking_recv()
    }

    /// Runs a build step of the open-activity table, if it is not complete. Returns whether that worked.
    fn build_a_little(&mut self) -> bool {
        if !self.open.is_complete() {
            let step = self.with(|database| open_activity::build_step(&mut database.connection, &database.open));
            if let Err(error) = step {
                tracing::warn!(%error, "what is open in the journal could not be found out yet");
                return false;
            }
        }
        if self.open.is_complete() {
            for (profile, reply) in std::mem::take(&mut self.waiting) {
                drop(reply.send(self.with(|database| database.open_activities(profile))));
            }
        }
        true
    }

    /// Clears a profile's history.
    pub(crate) fn delete_profile(&mut self, profile: ProfileId) -> Result<(), JournalError> {
        let next = self.next;
        self.with(|database| database.delete_profile(profile, next))
    }

    /// Runs a step of deleting cleared history from the disk.
    pub(crate) fn clean_step(&mut self) -> Result<Cleaned, JournalError> {
        let next = self.next;
        self.with(|database| database.clean_step(next))
    }

    /// Records pending work.
    pub(crate) fn record_work(&mut self, works: &[PendingWork], at: Timestamp) -> Result<Vec<WorkId>, JournalError> {
        let next = self.next;
        self.with(|database| database.record_work((works, at), next))
    }

    /// Runs a step of retention.
    pub(crate) fn purge_step(&mut self, now: Timestamp, limits: &Limits) -> Result<PurgeStep, JournalError> {
        let (next, mut pass) = (self.next, std::mem::take(&mut self.pass));
        let step = self
            .with(|database| retention::step(&mut database.connection, &database.open, &mut pass, (now, limits), next));
        self.pass = pass;
        step
    }

    /// Repairs a database of this generation that the reader found damaged. No error if it has been repaired since.
    pub(crate) fn repair_if_still_open(&mut self, damaged: u64) -> Result<(), JournalError> {
        if self.generation.get() == damaged { Err(self.repair()) } else { Ok(()) }
    }

    /// Commits appends in one transaction. If that fails, retries each in its own, because a single one may be the cause.
    fn append(&mut self, appends: Vec<Append>) {
        let next = self.next;
        let committed =
            self.with(|database| database.append(appends.iter().map(|append| (append.profile, &*append.batch)), next));
        match committed {
            Ok((firsts, next)) => {
                self.next = next;
                for (append, first) in appends.into_iter().zip(firsts) {
                    append.answer(Ok(first));
                }
            }
            Err(error @ (JournalError::Replaced { .. } | JournalError::Repaired(_))) => {
                // There is another journal now. One caller reports that; the others need not fail.
                let mut appends = appends.into_iter();
                if let Some(first) = appends.next() {
                    first.answer(Err(error));
                }
                if appends.len() > 0 {
                    self.append(appends.collect());
                }
            }
            Err(_whose) if appends.len() > 1 => {
                for append in appends {
                    self.append(vec![append]);
                }
            }
            Err(error) => {
                if let Some(append) = appends.into_iter().next() {
                    append.answer(Err(error));
                }
            }
        }
    }

    /// Starts sealing with a key, or stops sealing.
    pub(crate) fn seal(&mut self, key: Result<SealKey, KeyringError>) -> Result<Sealing, JournalError> {
        let sealing = match key {
            Ok(key) => {
                let sealing = self.with(|database| database.seal(key.clone()))?;
                self.key = Some(key);
                sealing
            }
            Err(error) => {
                self.key = None;
                if let Some(database) = &mut self.database {
                    database.unseal();
                }
                Sealing::MemoryOnly(error.into())
            }
        };
        self.sealing.send_replace(sealing.clone());
        Ok(sealing)
    }

    /// Runs an operation on the database. It only succeeds if the files are still at their path afterwards.
    pub(crate) fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Database) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let mut database = match self.database.take() {
            Some(database) => database,
            None => self.open_again()?,
        };
        let outcome = act(&mut database).map_err(|source| JournalError::of(&self.path, source));
        match (outcome, database.file_state()) {
            (_, FileState::Missing) => {
                database.abandon();
                self.database = Some(self.open_again()?);
                Err(JournalError::Replaced { path: self.path.clone() })
            }
            (Err(JournalError::Damaged { .. }), _) => {
                database.abandon();
                Err(self.repair())
            }
            (Err(error @ (JournalError::Disk { .. } | JournalError::ReadOnly { .. })), _) => {
                database.abandon();
                Err(error)
            }
            (Ok(done), FileState::WithoutLog) => {
                let rescued = database.rescue().map_err(|source| JournalError::of(&self.path, source));
                database.abandon();
                rescued.map(|()| done)
            }
            (outcome, FileState::InPlace | FileState::WithoutLog) => {
                self.database = Some(database);
                outcome
            }
        }
    }

    /// Moves a damaged database aside and opens the fresh one. Returns the error for the operator.
    fn repair(&mut self) -> JournalError {
        if let Some(database) = self.database.take() {
            database.abandon();
        }
        let mended = repair::repair(&self.path).and_then(|recovery| {
            self.database = Some(self.database()?);
            Ok(recovery)
        });
        match mended {
            Ok(recovery) => JournalError::Repaired(recovery),
            Err(error) => error,
        }
    }

    /// Reopens a lost database. If it is missing, creates a new one and reports that as an error.
    fn open_again(&mut self) -> Result<Database, JournalError> {
        let anew = is_missing(&self.path);
        if let Some(folder) = self.path.parent().map(Path::to_owned) {
            atomic::make_folder(&folder).map_err(|source| JournalError::File { path: folder.clone(), source })?;
            self.hold(&folder)?;
        }
        repair::finish(&self.path)?;
        match self.database() {
            Ok(database) if anew => {
                self.database = Some(database);
                Err(JournalError::Replaced { path: self.path.clone() })
            }
            Err(JournalError::Damaged { .. }) => Err(self.repair()),
            other => other,
        }
    }

    /// Opens the database at the path and continues this run in it.
    fn database(&mut self) -> Result<Database, JournalError> {
        let mut database = Database::open(&self.path, self.open.clone())?;
        let failed = |source| JournalError::of(&self.path, source);
        let id = *self.id.get_or_insert(database.id);
        database.adopt(id).map_err(failed)?;
        if let Some(key) = &self.key {
            let sealing = if database.id == id {
                database.seal(key.clone()).map_err(failed)?
            } else {
                Sealing::MemoryOnly(MemoryOnly::Replaced)
            };
            self.sealing.send_replace(sealing);
        }
        self.next = self.next.max(database.last()?.saturating_add(1));
        self.generation.increment();
        Ok(database)
    }

    /// Locks a folder that was recreated: the lock taken at the start left with the old folder.
    fn hold(&mut self, folder: &Path) -> Result<(), JournalError> {
        let lock = lock::lock_in(folder);
        let now = FileId::at(&lock);
        if now.is_none() || now != self.lock {
            self.holder = Some(DataDirLock::take(folder)?);
            self.lock = FileId::at(&lock);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
