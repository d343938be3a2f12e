//! Writes a profile's entries to the journal in order, with one task per profile, and publishes them only after the commit.
//!
//! Up to [`QUEUED_BATCHES`] batches wait behind the one that is being committed. If that queue is full the session stops reading
//! its socket, so that TCP slows the server down: what arrives meanwhile waits in the receive buffer and becomes one large
//! batch. Entries that the journal refuses stay in memory and are retried until they
//! are written, because a server sends an acknowledgement only once. While the journal refuses, up to [`MAX_HELD_ENTRIES`] entries
//! or [`MAX_HELD_BYTES`] are shown although they are not durable, and marked as not saved; beyond, the socket is not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::activity::{ActivityKey, DownloadFailure, Entry, Fact, LocalEvent, Seq, Timestamp};
use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::event_queue::{EventSender, weight_of_entries};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::runtime::clock::ClockSample;
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::state::gaps::{Gaps, PreviousRun, UnfinishedGaps};
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::journal::{JournalError, NotAppended, Secrets};
use crate::settings::ProfileId;

use super::decoded_batch::DecodedBatch;

/// The most batches that wait for the one that is being committed.
const QUEUED_BATCHES: usize = 4;
/// At this many unsaved entries, while the journal refuses, no further batch is taken.
const MAX_HELD_ENTRIES: usize = 4096;
/// At this many bytes of unsaved entries, while the journal refuses, no further batch is taken.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
/// The first pause after the journal refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause; pauses grow with each refusal.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// A message to the writer's task. Messages are handled in order.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    /// Entries to write in one transaction.
    Entries(PendingBatch),
    /// The connection was joined or lost.
    Connection(ConnectionChange),
    /// The time of the connection's latest sign of life.
    Touch(Timestamp),
    /// Clear the profile's history. The reply follows when it is deleted, or with the error.
    ClearHistory(oneshot::Sender<Result<(), JournalError>>),
}

/// Entries that are being written.
#[derive(Debug, Default)]
pub(crate) struct PendingBatch {
    entries: Vec<Entry>,
    /// The secrets that were masked in them.
    secrets: Secrets,
    /// Notified when they are durable.
    committed: Vec<oneshot::Sender<()>>,
    /// How many were recorded in `PendingCommands` and offered to the window because the journal refused.
    recorded: usize,
    /// How many, from the first on, the window shows as not saved.
    shown_unpersisted: usize,
    /// The number of clearings of the history when the work behind these entries began; `None` if clearing does not matter
    /// to them.
    clear_count: Option<u64>,
}

impl PendingBatch {
    fn of(entry: Entry) -> Self {
        Self { entries: vec![entry], ..Self::default() }
    }

    fn join(&mut self, later: Self) {
        self.secrets.merge(self.entries.len(), later.secrets);
        self.entries.extend(later.entries);
        self.committed.extend(later.committed);
    }

    fn is_full(&self) -> bool {
        let bytes = || weight_of_entries(&self.entries);
        self.entries.len() >= MAX_HELD_ENTRIES || bytes() >= MAX_HELD_BYTES
    }
}

/// A change of the connection, in order with the messages that it carried.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionChange {
    Joined {
        since: ClockSample,
        session_credentials: Arc<SessionCredentials>,
    },
    /// It was joined and is lost.
    Lost {
        /// Its last sign of life.
        last: ClockSample,
        /// When the loss was detected.
        now: ClockSample,
        /// Whether a message was lost with it.
        message: bool,
    },
    /// A message was lost before the connection was joined.
    MessageLost {
        now: ClockSample,
    },
}

/// A reserved place for one batch in the queue.
pub(crate) type WritePermit = mpsc::OwnedPermit<WriterMessage>;

/// Not written, because the profile is being closed or its history was cleared.
#[derive(Debug)]
pub(crate) struct Closed;

/// A handle to a profile's writer task. The task ends when the last handle is dropped and everything is written.
#[derive(Debug, Clone)]
pub(crate) struct JournalWriter {
    batches: mpsc::Sender<WriterMessage>,
    /// How often the profile's history was cleared.
    clear_count: Arc<AtomicU64>,
    /// The value of `clear_count` when this handle was made by [`Self::until_cleared`].
    clear_count_at_start: Option<u64>,
}

impl JournalWriter {
    pub(crate) fn start(
        profile: ProfileId,
        journal_store: JournalStore,
        event_sender: EventSender,
        (pending_commands, link_store): (PendingCommands, LinkStore),
        (previous_run, unfinished_gaps): (oneshot::Receiver<PreviousRun>, oneshot::Receiver<UnfinishedGaps>),
        spawner: &TaskOwner,
    ) -> Self {
        // If the channel is full, the session stops reading its socket and the operator's local events wait.
        let (batches, waiting) = mpsc::channel(QUEUED_BATCHES);
        let clear_count = Arc::<AtomicU64>::default();
        let task = WriterTask {
            profile,
            journal_store,
            event_sender,
            pending_commands,
            link_store,
            gaps: Gaps::default(),
            left_open: Some(unfinished_gaps),
            waiting,
            deferred: None,
            next_unpersisted: Seq::FIRST_UNPERSISTED,
            clear_count: clear_count.clone(),
            spawner: spawner.clone(),
        };
        spawner.spawn_to_completion("writing the journal", Box::pin(task.run(previous_run)));
        Self { batches, clear_count, clear_count_at_start: None }
    }

    /// A handle for work on existing activity that begins now. Entries that it records after the history was cleared are not
    /// written, because they would bring a row back.
    pub(crate) fn until_cleared(&self) -> Self {
        Self { clear_count_at_start: Some(self.clear_count.load(Ordering::SeqCst)), ..self.clone() }
    }

    /// Waits for a place in the queue.
    pub(crate) async fn reserve(&self) -> Result<WritePermit, Closed> {
        self.batches.clone().reserve_owned().await.map_err(|_closed| Closed)
    }

    /// Queues a decoded batch.
    pub(crate) fn write(permit: WritePermit, decoded_batch: DecodedBatch) {
        let (entries, secrets) = decoded_batch.into_parts();
        permit.send(WriterMessage::Entries(PendingBatch { entries, secrets, ..PendingBatch::default() }));
    }

    /// A place in the queue, if there is one now.
    pub(crate) fn try_reserve(&self) -> Option<WritePermit> {
        self.batches.clone().try_reserve_owned().ok()
    }

    /// Queues a change of the connection.
    pub(crate) fn report_change(permit: WritePermit, change: ConnectionChange) {
        permit.send(WriterMessage::Connection(change));
    }

    /// Queues a sign of life.
    pub(crate) fn touch(permit: WritePermit, alive: Timestamp) {
        permit.send(WriterMessage::Touch(alive));
    }

    /// Writes one entry and waits until it is durable.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Closed> {
        self.record_all(vec![entry]).await
    }

    /// Writes entries in one transaction and waits until they are durable.
    pub(crate) async fn record_all(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let (committed, done) = oneshot::channel();
        let batch = PendingBatch {
            entries,
            committed: vec![committed],
            clear_count: self.clear_count_at_start,
            ..PendingBatch::default()
        };
        self.batches.send(WriterMessage::Entries(batch)).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }

    /// Queues entries to write in one transaction; waits only for a place in the queue.
    pub(crate) async fn queue(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let batch = PendingBatch { entries, clear_count: self.clear_count_at_start, ..PendingBatch::default() };
        self.batches.send(WriterMessage::Entries(batch)).await.map_err(|_closed| Closed)
    }

    /// Clears the profile's history up to now and waits until it is deleted.
    pub(crate) async fn clear_history(&self) -> Result<Result<(), JournalError>, Closed> {
        let (reply, done) = oneshot::channel();
        self.batches.send(WriterMessage::ClearHistory(reply)).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }
}

struct WriterTask {
    profile: ProfileId,
    journal_store: JournalStore,
    event_sender: EventSender,
    pending_commands: PendingCommands,
    link_store: LinkStore,
    gaps: Gaps,
    /// Receives the gaps that earlier runs left open, once the history has been read.
    left_open: Option<oneshot::Receiver<UnfinishedGaps>>,
    waiting: mpsc::Receiver<WriterMessage>,
    /// A message that was received while the journal refused, and has to wait for the entries before it.
    deferred: Option<WriterMessage>,
    /// The number under which the next unsaved entry is shown.
    next_unpersisted: Seq,
    clear_count: Arc<AtomicU64>,
    /// Stops when the profile is being closed.
    spawner: TaskOwner,
}

impl WriterTask {
    async fn run(mut self, past: oneshot::Receiver<PreviousRun>) {
        // The sender is dropped if the profile is closed again at once: then there is nothing to write.
        let past = past.await.unwrap_or_default();
        if let Some(entry) = self.gaps.start_run(&past) {
            self.commit(PendingBatch::of(entry)).await;
        }
        loop {
            let next = if self.deferred.is_some() {
                self.deferred.take()
            } else {
                let Self { left_open, waiting, .. } = &mut self;
                tokio::select! {
                    biased;
                    left_open_gap = receive_left_open(left_open), if left_open.is_some() => {
                        self.close_left_open(left_open_gap, past.now).await;
                        continue;
                    }
                    message = waiting.recv() => message,
                }
            };
            match next {
                None => return,
                Some(WriterMessage::Connection(change)) => {
                    if let Some(entry) = self.on_connection_change(&change) {
                        self.commit(PendingBatch::of(entry)).await;
                    }
                }
                Some(WriterMessage::Touch(at)) => {
                    if let Err(error) = self.journal_store.touch(self.profile, at).await {
                        // Only a log line: the operator is notified that the journal can't be written when there are entries
                        // to write.
                        tracing::warn!(%error, "a sign of life could not be written");
                    }
                }
                Some(WriterMessage::ClearHistory(reply)) => {
                    if self.left_open.is_some() {
                        // History is still being read: end its gaps first, so that none is written after the clearing.
                        let left_open_gap = receive_left_open(&mut self.left_open).await;
                        self.close_left_open(left_open_gap, past.now).await;
                    }
                    let cleared = self.clear_history().await;
                    if reply.send(cleared).is_err() {
                        tracing::debug!("nobody waits for the end of this profile's activity");
                    }
                }
                Some(WriterMessage::Entries(batch)) if self.is_cleared(&batch) => {}
                Some(WriterMessage::Entries(batch)) => self.commit(batch).await,
            }
        }
    }

    /// Whether the history was cleared since the work behind these entries began.
    fn is_cleared(&self, batch: &PendingBatch) -> bool {
        batch.clear_count.is_some_and(|began| began < self.clear_count.load(Ordering::SeqCst))
    }

    /// Retries until the entries are written, then publishes them. Once the profile is being closed it tries only once more
    /// and reports what is lost.
    async fn commit(&mut self, mut batch: PendingBatch) {
        let mut pause = FIRST_PAUSE;
        let mut refused = false;
        loop {
            let is_last = self.spawner.is_stopping();
            match self.journal_store.append(self.profile, batch.entries, batch.secrets).await {
                Ok(written) => {
                    batch.entries = written;
                    break;
                }
                Err(NotAppended { entries, secrets, source }) => {
                    (batch.entries, batch.secrets) = (entries, secrets);
                    if is_last {
                        // Nothing of a removed profile is to be kept.
                        if self.spawner.is_engine_stopping() {
                            self.notify(
                                Severity::Error,
                                NoticeReason::LostAtShutdown { count: batch.entries.len(), why: source.into() },
                            );
                        }
                        return;
                    }
                    if !std::mem::replace(&mut refused, true) {
                        self.event_sender
                            .report_problem(Some(self.profile), ProblemReason::JournalWrite(source.into()));
                    }
                }
            }
            self.show_unpersisted(&mut batch);
            self.wait_for_retry(pause, &mut batch).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        let mut committed = batch.entries;
        self.delete_used_links(&committed).await;
        if let (true, Some(first)) = (batch.shown_unpersisted > 0, committed.first()) {
            let (to, count) = (first.seq, batch.shown_unpersisted as u64);
            let from = self.first_shown(batch.shown_unpersisted);
            self.event_sender.send(Event::Persisted { profile: self.profile, from, to, count });
        }
        self.pending_commands.add_entries(committed.get(batch.recorded..).unwrap_or_default());
        self.event_sender.send_committed(self.profile, committed.split_off(batch.shown_unpersisted));
        self.event_sender.set_journal_size(self.journal_store.size());
        for done in batch.committed {
            if done.send(()).is_err() {
                tracing::debug!("nobody waits for this entry any more");
            }
        }
        if refused {
            self.event_sender.resolve_problem(Some(self.profile), &ProblemKind::JournalWrite);
            self.notify(Severity::Info, NoticeReason::JournalWritable);
        }
    }

    /// Waits before the next attempt; meanwhile takes and shows further batches, as far as there is space.
    async fn wait_for_retry(&mut self, pause: Duration, batch: &mut PendingBatch) {
        let until = Instant::now() + pause;
        let mut more = true;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.spawner.stopping() => return,
                message = self.waiting.recv(), if more && self.deferred.is_none() && !batch.is_full() => match message {
                    None => more = false,
                    Some(WriterMessage::Entries(later)) if self.is_cleared(&later) => {}
                    Some(WriterMessage::Entries(later)) => batch.join(later),
                    Some(WriterMessage::Connection(change)) => {
                        if let Some(entry) = self.on_connection_change(&change) {
                            batch.join(PendingBatch::of(entry));
                        }
                    }
                    Some(WriterMessage::Touch(_)) => {}
                    Some(clear @ WriterMessage::ClearHistory(_)) => self.deferred = Some(clear),
                },
            }
            self.show_unpersisted(batch);
        }
    }

    /// Shows unsaved entries and updates the pending commands. If the window lags it gets them only after they are written.
    fn show_unpersisted(&mut self, batch: &mut PendingBatch) {
        let new = batch.entries.get(batch.recorded..).unwrap_or_default();
        if new.is_empty() {
            return;
        }
        self.pending_commands.add_entries(new);
        if batch.shown_unpersisted == batch.recorded {
            let mut shown = new.to_vec();
            for (entry, number) in shown.iter_mut().zip(self.next_unpersisted.0..) {
                entry.seq = Seq(number);
            }
            if self.event_sender.send_unpersisted(self.profile, shown) {
                self.next_unpersisted = Seq(self.next_unpersisted.0.saturating_add(new.len() as u64));
                batch.shown_unpersisted = batch.entries.len();
            }
        }
        batch.recorded = batch.entries.len();
    }

    /// The number under which the first of the newest `count` entries was shown.
    fn first_shown(&self, count: usize) -> Seq {
        Seq(self.next_unpersisted.0.saturating_sub(count as u64))
    }

    /// Writes the ends of the gaps that earlier runs left open, once the history has been read.
    async fn close_left_open(&mut self, unfinished_gaps: UnfinishedGaps, now: Timestamp) {
        self.left_open = None;
        for gap in unfinished_gaps {
            let entry = self.gaps.close_left_open(now, gap, self.pending_commands.open_ids());
            self.commit(PendingBatch::of(entry)).await;
        }
    }

    /// Applies a change of the connection; returns the entry of a gap that began or ended.
    fn on_connection_change(&mut self, change: &ConnectionChange) -> Option<Entry> {
        match change {
            ConnectionChange::Joined { session_credentials, .. } => {
                self.pending_commands.on_joined(session_credentials.clone());
            }
            ConnectionChange::Lost { .. } => self.pending_commands.on_lost(),
            ConnectionChange::MessageLost { .. } => {}
        }
        self.gap_entry(change)
    }

    fn gap_entry(&mut self, change: &ConnectionChange) -> Option<Entry> {
        match *change {
            ConnectionChange::Lost { last, now, message } => Some(self.gaps.on_lost(last, now, message)),
            ConnectionChange::MessageLost { now } => self.gaps.on_lost_message(now),
            ConnectionChange::Joined { since, .. } => self.gaps.on_joined(since, self.pending_commands.open_ids()),
        }
    }

    /// Clears the profile's history. The connection and its gap go on.
    async fn clear_history(&mut self) -> Result<(), JournalError> {
        self.journal_store.delete_profile(self.profile).await?;
        self.clear_count.fetch_add(1, Ordering::SeqCst);
        self.gaps.clear_open_ids();
        self.pending_commands.clear();
        self.link_store.clear();
        self.event_sender.drop_profile(self.profile);
        self.journal_store.clean_now().await;
        self.event_sender.update(self.profile, |status| status.restored_links = Arc::default());
        self.event_sender.send(Event::HistoryCleared { profile: self.profile });
        self.event_sender.set_journal_size(self.journal_store.size());
        Ok(())
    }

    /// Deletes links from the journal whose only GET has ended, because they can't be fetched again.
    async fn delete_used_links(&self, entries: &[Entry]) {
        for entry in entries {
            if let (ActivityKey::Data(request), Fact::Local(event)) = (&entry.key, &entry.fact)
                && ends_link(event)
                && self.link_store.is_claimed(request)
                && let Err(error) = self.journal_store.delete_secret(self.profile, request).await
            {
                // It is deleted when it expires; the row shows that it was used.
                tracing::warn!(%error, "a used link is still in the journal, sealed");
            }
        }
    }

    fn notify(&self, severity: Severity, reason: NoticeReason) {
        self.event_sender.send_notice(Notice::new(severity, Some(self.profile), reason));
    }
}

/// The gaps that earlier runs left open; none if the journal could not be read.
async fn receive_left_open(receiver: &mut Option<oneshot::Receiver<UnfinishedGaps>>) -> UnfinishedGaps {
    match receiver {
        Some(receiver) => receiver.await.unwrap_or_default(),
        None => UnfinishedGaps::new(),
    }
}

/// Whether a local event ends a link: it was fetched or is unusable.
fn ends_link(event: &LocalEvent) -> bool {
    match event {
        LocalEvent::Saved { .. } => true,
        LocalEvent::NotSaved { why, .. } => *why != DownloadFailure::NotStarted,
        LocalEvent::Labelled { .. }
        | LocalEvent::Tracked
        | LocalEvent::Requested(_)
        | LocalEvent::Fetching { .. }
        | LocalEvent::WarningRead => false,
    }
}
