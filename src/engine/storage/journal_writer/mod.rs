//! Writes a profile's entries to the journal in order, with one task per profile, and publishes them only after the commit.
//!
//! Up to [`WAITING`] batches wait behind the one that is being committed. If that queue is full the session stops reading
//! its socket, so that TCP slows the server down. Entries that the journal refuses stay in memory and are retried until they
//! are written, because a server sends an acknowledgement only once. While the journal refuses, up to [`MOST_HELD`] entries
//! or [`MOST_BYTES`] are shown although they are not durable, and marked as not saved; beyond, the socket is not read.

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
use crate::engine::state::gaps::{Gaps, PreviousRun, UnfinishedGap};
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::journal::{JournalError, NotAppended, Secrets};
use crate::settings::ProfileId;

use super::decoded_batch::DecodedBatch;

/// The most batches that wait for the one that is being committed.
const WAITING: usize = 4;
/// At this many entries no further batch is merged into a transaction: as many as may wait. Large, because fsync dominates
/// under load and each transaction costs one.
const TOGETHER: usize = 16_384;
/// At this many held entries, while the journal refuses, no further batch is taken.
const MOST_HELD: usize = 4096;
/// At this many bytes of held entries, while the journal refuses, no further batch is taken.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The first pause after the journal refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause; pauses grow with each refusal.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A message to the writer's task. Messages are handled in order.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    /// Entries to write in one transaction.
    Entries(Held),
    /// The connection was joined or lost.
    Presence(ConnectionChange),
    /// The time of the connection's latest sign of life.
    Alive(Timestamp),
    /// Clear the profile's history. The reply follows when it is deleted, or with the error.
    Forget(oneshot::Sender<Result<(), JournalError>>),
}

/// Entries that are being written.
#[derive(Debug, Default)]
pub(crate) struct Held {
    entries: Vec<Entry>,
    /// The secrets that were masked in them.
    secrets: Secrets,
    /// Notified when they are durable.
    committed: Vec<oneshot::Sender<()>>,
    /// How many were recorded in `PendingCommands` and offered to the window because the journal refused.
    noted: usize,
    /// How many, from the first on, the window shows as not saved.
    shown: usize,
    /// The number of clearings of the history when the work behind these entries began; `None` if clearing does not matter
    /// to them.
    began: Option<u64>,
}

impl Held {
    fn of(entry: Entry) -> Self {
        Self { entries: vec![entry], ..Self::default() }
    }

    fn join(&mut self, later: Self) {
        self.secrets.join(self.entries.len(), later.secrets);
        self.entries.extend(later.entries);
        self.committed.extend(later.committed);
    }

    fn is_full(&self) -> bool {
        let bytes = || weight_of_entries(&self.entries);
        self.entries.len() >= MOST_HELD || bytes() >= MOST_BYTES
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
    forgotten: Arc<AtomicU64>,
    /// The value of `forgotten` when this handle was made by [`Self::until_forgotten`].
    began: Option<u64>,
}

impl JournalWriter {
    pub(crate) fn start(
        profile: ProfileId,
        journal_store: JournalStore,
        event_sender: EventSender,
        (pending_commands, link_store): (PendingCommands, LinkStore),
        (past, left): (oneshot::Receiver<PreviousRun>, oneshot::Receiver<UnfinishedGap>),
        spawner: &TaskOwner,
    ) -> Self {
        // If the channel is full, the session stops reading its socket and the operator's local events wait.
        let (batches, waiting) = mpsc::channel(WAITING);
        let forgotten = Arc::<AtomicU64>::default();
        let profile_state = WriterTask {
            profile,
            journal_store,
            event_sender,
            pending_commands,
            link_store,
            gaps: Gaps::default(),
            left: Some(left),
            waiting,
            carried: None,
            next_unkept: Seq::FIRST_UNKEPT,
            forgotten: forgotten.clone(),
            spawner: spawner.clone(),
        };
        spawner.finish("writing the journal", Box::pin(profile_state.run(past)));
        Self { batches, forgotten, began: None }
    }

    /// A handle for work on existing activity that begins now. Entries that it records after the history was cleared are not
    /// written, because they would bring a row back.
    pub(crate) fn until_forgotten(&self) -> Self {
        Self { began: Some(self.forgotten.load(Ordering::SeqCst)), ..self.clone() }
    }

    /// Waits for a place in the queue.
    pub(crate) async fn room(&self) -> Result<WritePermit, Closed> {
        self.batches.clone().reserve_owned().await.map_err(|_closed| Closed)
    }

    /// Queues a decoded batch.
    pub(crate) fn write(room: WritePermit, decoded_batch: DecodedBatch) {
        let (entries, secrets) = decoded_batch.into_parts();
        room.send(WriterMessage::Entries(Held { entries, secrets, ..Held::default() }));
    }

    /// A place in the queue, if there is one now.
    pub(crate) fn room_now(&self) -> Option<WritePermit> {
        self.batches.clone().try_reserve_owned().ok()
    }

    /// Queues a change of the connection.
    pub(crate) fn tell(room: WritePermit, presence: ConnectionChange) {
        room.send(WriterMessage::Presence(presence));
    }

    /// Queues a sign of life.
    pub(crate) fn prove(room: WritePermit, alive: Timestamp) {
        room.send(WriterMessage::Alive(alive));
    }

    /// Writes one entry and waits until it is durable.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Closed> {
        self.record_all(vec![entry]).await
    }

    /// Writes entries in one transaction and waits until they are durable.
    pub(crate) async fn record_all(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let (committed, done) = oneshot::channel();
        let held = Held { entries, committed: vec![committed], began: self.began, ..Held::default() };
        self.batches.send(WriterMessage::Entries(held)).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }

    /// Queues entries to write in one transaction; waits only for a place in the queue.
    pub(crate) async fn hand_over(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let held = Held { entries, began: self.began, ..Held::default() };
        self.batches.send(WriterMessage::Entries(held)).await.map_err(|_closed| Closed)
    }

    /// Clears the profile's history up to now and waits until it is deleted.
    pub(crate) async fn forget(&self) -> Result<Result<(), JournalError>, Closed> {
        let (reply, done) = oneshot::channel();
        self.batches.send(WriterMessage::Forget(reply)).await.map_err(|_closed| Closed)?;
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
    left: Option<oneshot::Receiver<UnfinishedGap>>,
    waiting: mpsc::Receiver<WriterMessage>,
    /// A batch that was received and can't be merged into the one before it.
    carried: Option<WriterMessage>,
    /// The number under which the next unsaved entry is shown.
    next_unkept: Seq,
    forgotten: Arc<AtomicU64>,
    /// Stops when the profile is being closed.
    spawner: TaskOwner,
}

impl WriterTask {
    async fn run(mut self, past: oneshot::Receiver<PreviousRun>) {
        // The sender is dropped if the profile is closed again at once: then there is nothing to write.
        let past = past.await.unwrap_or_default();
        if let Some(entry) = self.gaps.begin(&past) {
            self.commit(Held::of(entry)).await;
        }
        loop {
            let next = if self.carried.is_some() {
                self.carried.take()
            } else {
                let Self { left, waiting, .. } = &mut self;
                tokio::select! {
                    biased;
                    told = told(left), if left.is_some() => {
                        self.end_left(told, past.now).await;
                        continue;
                    }
                    batch = waiting.recv() => batch,
                }
            };
            match next {
                None => return,
                Some(WriterMessage::Presence(presence)) => {
                    if let Some(entry) = self.presence(&presence) {
                        self.commit(Held::of(entry)).await;
                    }
                }
                Some(WriterMessage::Alive(at)) => {
                    if let Err(error) = self.journal_store.alive(self.profile, at).await {
                        // Only a log line: the operator is notified that the journal can't be written when there are entries
                        // to write.
                        tracing::warn!(%error, "a sign of life could not be written");
                    }
                }
                Some(WriterMessage::Forget(reply)) => {
                    if self.left.is_some() {
                        // History is still being read: end its gaps first, so that none is written after the clearing.
                        let told = told(&mut self.left).await;
                        self.end_left(told, past.now).await;
                    }
                    let forgotten = self.forget().await;
                    if reply.send(forgotten).is_err() {
                        tracing::debug!("nobody waits for the end of this profile's activity");
                    }
                }
                Some(WriterMessage::Entries(held)) if self.is_forgotten(&held) => {}
                Some(WriterMessage::Entries(mut held)) => {
                    while held.entries.len() < TOGETHER && self.carried.is_none() {
                        match self.waiting.try_recv() {
                            Ok(WriterMessage::Entries(later)) if self.is_forgotten(&later) => {}
                            Ok(WriterMessage::Entries(later)) => held.join(later),
                            // A gap names what is open, so write earlier messages first: they change what is pending.
                            Ok(other) => self.carried = Some(other),
                            Err(_none) => break,
                        }
                    }
                    self.commit(held).await;
                }
            }
        }
    }

    /// Whether the history was cleared since the work behind these entries began.
    fn is_forgotten(&self, held: &Held) -> bool {
        held.began.is_some_and(|began| began < self.forgotten.load(Ordering::SeqCst))
    }

    /// Retries until the entries are written, then publishes them. Once the profile is being closed it tries only once more
    /// and reports what is lost.
    async fn commit(&mut self, mut held: Held) {
        let mut pause = FIRST_PAUSE;
        let mut refused = false;
        loop {
            let is_last = self.spawner.is_stopping();
            match self.journal_store.append(self.profile, held.entries, held.secrets).await {
                Ok(written) => {
                    held.entries = written;
                    break;
                }
                Err(NotAppended { entries, secrets, source }) => {
                    (held.entries, held.secrets) = (entries, secrets);
                    if is_last {
                        // Nothing of a removed profile is to be kept.
                        if self.spawner.is_engine_stopping() {
                            self.tell(
                                Severity::Error,
                                NoticeReason::LostAtEnd { count: held.entries.len(), why: source.into() },
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
            self.show(&mut held);
            self.hold(pause, &mut held).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let mut kept = held.entries;
        self.forget_used(&kept).await;
        if let (true, Some(first)) = (held.shown > 0, kept.first()) {
            let (to, count) = (first.seq, held.shown as u64);
            self.event_sender.post(Event::Kept {
                profile: self.profile,
                from: self.first_shown(held.shown),
                to,
                count,
            });
        }
        self.pending_commands.note(kept.get(held.noted..).unwrap_or_default());
        self.event_sender.committed(self.profile, kept.split_off(held.shown));
        self.event_sender.journal_size(self.journal_store.size());
        for done in held.committed {
            if done.send(()).is_err() {
                tracing::debug!("nobody waits for this entry any more");
            }
        }
        if refused {
            self.event_sender.resolve_problem(Some(self.profile), &ProblemKind::JournalWrite);
            self.tell(Severity::Info, NoticeReason::JournalWritable);
        }
    }

    /// Waits before the next attempt; meanwhile takes and shows further batches, as far as there is space.
    async fn hold(&mut self, pause: Duration, held: &mut Held) {
        let until = Instant::now() + pause;
        let mut more = true;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.spawner.stopping() => return,
                batch = self.waiting.recv(), if more && self.carried.is_none() && !held.is_full() => match batch {
                    None => more = false,
                    Some(WriterMessage::Entries(later)) if self.is_forgotten(&later) => {}
                    Some(WriterMessage::Entries(later)) => held.join(later),
                    Some(WriterMessage::Presence(presence)) => {
                        if let Some(entry) = self.presence(&presence) {
                            held.join(Held::of(entry));
                        }
                    }
                    Some(WriterMessage::Alive(_)) => {}
                    Some(forget @ WriterMessage::Forget(_)) => self.carried = Some(forget),
                },
            }
            self.show(held);
        }
    }

    /// Shows unsaved entries and updates the pending commands. If the window lags it gets them only after they are written.
    fn show(&mut self, held: &mut Held) {
        let new = held.entries.get(held.noted..).unwrap_or_default();
        if new.is_empty() {
            return;
        }
        self.pending_commands.note(new);
        if held.shown == held.noted {
            let mut shown = new.to_vec();
            for (entry, number) in shown.iter_mut().zip(self.next_unkept.0..) {
                entry.seq = Seq(number);
            }
            if self.event_sender.not_kept(self.profile, shown) {
                self.next_unkept = Seq(self.next_unkept.0.saturating_add(new.len() as u64));
                held.shown = held.entries.len();
            }
        }
        held.noted = held.entries.len();
    }

    /// The number under which the first of the newest `count` entries was shown.
    fn first_shown(&self, count: usize) -> Seq {
        Seq(self.next_unkept.0.saturating_sub(count as u64))
    }

    /// Writes the ends of the gaps that earlier runs left open, once the history has been read.
    async fn end_left(&mut self, left: UnfinishedGap, now: Timestamp) {
        self.left = None;
        for gap in left {
            let entry = self.gaps.left(now, gap, self.pending_commands.open());
            self.commit(Held::of(entry)).await;
        }
    }

    /// Applies a change of the connection; returns the entry of a gap that began or ended.
    fn presence(&mut self, presence: &ConnectionChange) -> Option<Entry> {
        match presence {
            ConnectionChange::Joined { session_credentials, .. } => {
                self.pending_commands.join(session_credentials.clone());
            }
            ConnectionChange::Lost { .. } => self.pending_commands.lose(),
            ConnectionChange::MessageLost { .. } => {}
        }
        self.gap(presence)
    }

    fn gap(&mut self, presence: &ConnectionChange) -> Option<Entry> {
        match *presence {
            ConnectionChange::Lost { last, now, message } => Some(self.gaps.lost(last, now, message)),
            ConnectionChange::MessageLost { now } => self.gaps.lost_message(now),
            ConnectionChange::Joined { since, .. } => self.gaps.joined(since, self.pending_commands.open()),
        }
    }

    /// Clears the profile's history. The connection and its gap go on.
    async fn forget(&mut self) -> Result<(), JournalError> {
        self.journal_store.forget_profile(self.profile).await?;
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.gaps.forget();
        self.pending_commands.forget();
        self.link_store.forget();
        self.event_sender.forget(self.profile);
        self.journal_store.clean_at_once().await;
        self.event_sender.update(self.profile, |status| status.kept_links = Arc::default());
        self.event_sender.post(Event::Forgotten { profile: self.profile });
        self.event_sender.journal_size(self.journal_store.size());
        Ok(())
    }

    /// Deletes links from the journal whose only GET has ended, because they can't be fetched again.
    async fn forget_used(&self, entries: &[Entry]) {
        for entry in entries {
            if let (ActivityKey::Data(request), Fact::Done(deed)) = (&entry.key, &entry.fact)
                && is_end_of_link(deed)
                && self.link_store.is_spent(request)
                && let Err(error) = self.journal_store.forget_secret(self.profile, request).await
            {
                // It is deleted when it expires; the row shows that it was used.
                tracing::warn!(%error, "a used link is still in the journal, sealed");
            }
        }
    }

    fn tell(&self, severity: Severity, reason: NoticeReason) {
        self.event_sender.notice(Notice::new(severity, Some(self.profile), reason));
    }
}

/// The gaps that earlier runs left open; none if the journal could not be read.
async fn told(left: &mut Option<oneshot::Receiver<UnfinishedGap>>) -> UnfinishedGap {
    match left {
        Some(left) => left.await.unwrap_or_default(),
        None => UnfinishedGap::new(),
    }
}

/// Whether a local event ends a link: it was fetched or is unusable.
fn is_end_of_link(deed: &LocalEvent) -> bool {
    match deed {
        LocalEvent::Saved { .. } => true,
        LocalEvent::NotSaved { why, .. } => *why != DownloadFailure::NotStarted,
        LocalEvent::Labelled { .. }
        | LocalEvent::Tracked
        | LocalEvent::Requested(_)
        | LocalEvent::Fetching { .. }
        | LocalEvent::WarningRead => false,
    }
}
