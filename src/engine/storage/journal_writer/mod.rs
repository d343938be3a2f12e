//! First durable, then visible: one scribe a profile commits batches in order and only then tells the window.
//!
//! Up to [`WAITING`] batches wait behind the one that is being committed; where that is full the session stops reading its
//! socket, so that TCP holds the server back. What the journal refuses stays here and is tried again until it is written:
//! an acknowledgement comes once. Only while it refuses is something visible that is not durable, and marked so: what
//! waits is shown as not kept, up to [`MOST_HELD`] entries or [`MOST_BYTES`]; beyond, the socket is left unread as well.

pub(crate) mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::activity::{ActivityKey, DownloadFailure, Entry, Fact, LocalEvent, Seq, Timestamp};
use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::event_queue::{EventSender, weight_of_entries};
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

use words::loss;

/// Batches that wait for the one before them.
const WAITING: usize = 4;
/// Entries in one transaction, from which on no further batch is joined to it: as many as may wait, since under load it is
/// the flushes of the disk that take the time, and there is one a transaction.
const TOGETHER: usize = 16_384;
/// Entries that are held while the journal refuses, from which on no further batch is taken.
const MOST_HELD: usize = 4096;
/// Bytes of entries that are held while the journal refuses, from which on no further batch is taken.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The first pause after the journal refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is handed over, in order.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    /// Entries that are written together.
    Entries(Held),
    /// News of the connection.
    Presence(ConnectionChange),
    /// The connection gave a sign of life then.
    Alive(Timestamp),
    /// To forget everything of the profile. Answered when it is gone, or why it is not.
    Forget(oneshot::Sender<Result<(), JournalError>>),
}

/// Entries on their way into the journal.
#[derive(Debug, Default)]
pub(crate) struct Held {
    entries: Vec<Entry>,
    /// What was masked in them.
    secrets: Secrets,
    /// Who waits until they are durable.
    committed: Vec<oneshot::Sender<()>>,
    /// How many of them the book has, and the window was offered, because the journal refused.
    noted: usize,
    /// How many of them the window shows as not kept: those from the first on.
    shown: usize,
    /// How often the activity had been forgotten when what they tell of began; `None` if that does not matter.
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

/// News of the connection, in order with what was heard over it.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionChange {
    /// It is joined since then.
    Joined {
        /// When.
        since: ClockSample,
        /// What it was joined with.
        session_credentials: Arc<SessionCredentials>,
    },
    /// It was joined and is gone.
    Lost {
        /// Its last sign of life.
        last: ClockSample,
        /// When that was found.
        now: ClockSample,
        /// Whether a message was lost with it.
        message: bool,
    },
    /// A message was lost before the connection was joined.
    MessageLost {
        /// When.
        now: ClockSample,
    },
}

/// Room for one batch.
pub(crate) type WritePermit = mpsc::OwnedPermit<WriterMessage>;

/// The profile is being closed, or its activity was forgotten: this is not written.
#[derive(Debug)]
pub(crate) struct Closed;

/// The way to a profile's scribe. The scribe ends when the last of these is dropped and everything is written.
#[derive(Debug, Clone)]
pub(crate) struct JournalWriter {
    batches: mpsc::Sender<WriterMessage>,
    /// How often the profile's activity was forgotten.
    forgotten: Arc<AtomicU64>,
    /// How often it had been when this handle was made, if it is one of [`Self::until_forgotten`].
    began: Option<u64>,
}

impl JournalWriter {
    /// Starts a scribe.
    pub(crate) fn start(
        profile: ProfileId,
        journal_store: JournalStore,
        event_sender: EventSender,
        (pending_commands, link_store): (PendingCommands, LinkStore),
        (past, left): (oneshot::Receiver<PreviousRun>, oneshot::Receiver<UnfinishedGap>),
        spawner: &TaskOwner,
    ) -> Self {
        // Full: the session stops reading its socket; deeds of the operator wait.
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

    /// A handle for work that begins now and is about activity that there is: what it records once that activity has been
    /// forgotten is not written, because it would bring a row back.
    pub(crate) fn until_forgotten(&self) -> Self {
        Self { began: Some(self.forgotten.load(Ordering::SeqCst)), ..self.clone() }
    }

    /// Waits for room for one batch.
    pub(crate) async fn room(&self) -> Result<WritePermit, Closed> {
        self.batches.clone().reserve_owned().await.map_err(|_closed| Closed)
    }

    /// Writes what was read in the room that was waited for.
    pub(crate) fn write(room: WritePermit, decoded_batch: DecodedBatch) {
        let (entries, secrets) = decoded_batch.into_parts();
        room.send(WriterMessage::Entries(Held { entries, secrets, ..Held::default() }));
    }

    /// Room for one batch, where there is some at once.
    pub(crate) fn room_now(&self) -> Option<WritePermit> {
        self.batches.clone().try_reserve_owned().ok()
    }

    /// Hands news of the connection over.
    pub(crate) fn tell(room: WritePermit, presence: ConnectionChange) {
        room.send(WriterMessage::Presence(presence));
    }

    /// Has a sign of life written down.
    pub(crate) fn prove(room: WritePermit, alive: Timestamp) {
        room.send(WriterMessage::Alive(alive));
    }

    /// Writes one entry and waits until it is durable.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Closed> {
        self.record_all(vec![entry]).await
    }

    /// Writes entries together and waits until they are durable.
    pub(crate) async fn record_all(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let (committed, done) = oneshot::channel();
        let held = Held { entries, committed: vec![committed], began: self.began, ..Held::default() };
        self.batches.send(WriterMessage::Entries(held)).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }

    /// Has entries written together, after those that were handed over before; waits for room only.
    pub(crate) async fn hand_over(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let held = Held { entries, began: self.began, ..Held::default() };
        self.batches.send(WriterMessage::Entries(held)).await.map_err(|_closed| Closed)
    }

    /// Forgets everything of the profile up to now, and waits until it is gone.
    pub(crate) async fn forget(&self) -> Result<Result<(), JournalError>, Closed> {
        let (reply, done) = oneshot::channel();
        self.batches.send(WriterMessage::Forget(reply)).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }
}

/// The scribe's side.
struct WriterTask {
    profile: ProfileId,
    journal_store: JournalStore,
    event_sender: EventSender,
    pending_commands: PendingCommands,
    link_store: LinkStore,
    gaps: Gaps,
    /// Tells, when history has been read, of the gaps that earlier runs left.
    left: Option<oneshot::Receiver<UnfinishedGap>>,
    waiting: mpsc::Receiver<WriterMessage>,
    /// A batch that was taken and can't be joined to the one before it.
    carried: Option<WriterMessage>,
    /// The number under which the window is shown the next entry that is not kept.
    next_unkept: Seq,
    /// How often the profile's activity was forgotten.
    forgotten: Arc<AtomicU64>,
    /// Tells when the profile is being closed.
    spawner: TaskOwner,
}

impl WriterTask {
    async fn run(mut self, past: oneshot::Receiver<PreviousRun>) {
        // Nobody tells it where the profile is closed again at once: then there is nothing to write.
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
                        // The operator is told of a journal that can't be written as soon as there is something to write.
                        tracing::warn!(%error, "a sign of life could not be written");
                    }
                }
                Some(WriterMessage::Forget(reply)) => {
                    if self.left.is_some() {
                        // History that is still being read must not come after it.
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
                            // A gap names what was open: what was heard before it has to be in the book.
                            Ok(other) => self.carried = Some(other),
                            Err(_none) => break,
                        }
                    }
                    self.commit(held).await;
                }
            }
        }
    }

    /// Whether the activity was forgotten since what these entries tell of began.
    fn is_forgotten(&self, held: &Held) -> bool {
        held.began.is_some_and(|began| began < self.forgotten.load(Ordering::SeqCst))
    }

    /// Writes entries until they are written, then tells everybody. Once the profile is being closed it tries only once more,
    /// and says what is lost.
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
                        // Of a profile that is removed nothing is to be kept.
                        if self.spawner.is_engine_stopping() {
                            self.tell(Severity::Error, loss(held.entries.len(), &source));
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
            let sentence = "The journal can be written again: everything that waited is in it.";
            self.tell(Severity::Info, sentence.to_owned());
        }
    }

    /// Waits before the next attempt; takes what comes meanwhile, as far as there is room, and shows it.
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

    /// Shows what is not kept, and enters it into the book. Where the window lags behind it sees it when it is written.
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

    /// History has been read: the gaps that earlier runs left have their ends.
    async fn end_left(&mut self, left: UnfinishedGap, now: Timestamp) {
        self.left = None;
        for gap in left {
            let entry = self.gaps.left(now, gap, self.pending_commands.open());
            self.commit(Held::of(entry)).await;
        }
    }

    /// Takes news of the connection; gives the entry of a gap that began or ended.
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

    /// Forgets everything of the profile. The connection and its gap go on.
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

    /// Takes the links out of the journal whose one GET came to an end: they open nothing any more.
    async fn forget_used(&self, entries: &[Entry]) {
        for entry in entries {
            if let (ActivityKey::Data(request), Fact::Done(deed)) = (&entry.key, &entry.fact)
                && is_end_of_link(deed)
                && self.link_store.is_spent(request)
                && let Err(error) = self.journal_store.forget_secret(self.profile, request.clone()).await
            {
                // It goes with its time; the row says that it is used.
                tracing::warn!(%error, "a used link is still in the journal, sealed");
            }
        }
    }

    fn tell(&self, severity: Severity, sentence: String) {
        self.event_sender.notice(Notice::new(severity, Some(self.profile), sentence));
    }
}

/// The gaps that earlier runs left; none if the journal could not be read.
async fn told(left: &mut Option<oneshot::Receiver<UnfinishedGap>>) -> UnfinishedGap {
    match left {
        Some(left) => left.await.unwrap_or_default(),
        None => UnfinishedGap::new(),
    }
}

/// Whether a deed ends a link: it was fetched, or is good for nothing.
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
