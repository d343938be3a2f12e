//! First durable, then visible: one scribe a profile commits batches in order and only then tells the window.
//!
//! Up to [`WAITING`] batches wait behind the one that is being committed; where that is full the session stops reading its
//! socket, so that TCP holds the server back. What the journal refuses stays here and is tried again until it is written:
//! an acknowledgement comes once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Deed, Entry, Fact, NotSaved};
use crate::journal::Secrets;
use crate::settings::ProfileId;

use super::book::Book;
use super::clocks::Life;
use super::event::{Event, Notice, Severity};
use super::gaps::{Gaps, Past};
use super::ledger::Ledger;
use super::mailbox::Outbox;
use super::reading::Harvest;
use super::session::Ticket;
use super::spawn::{Spawner, Task};
use super::vault::Vault;

/// Batches that wait for the one before them.
const WAITING: usize = 4;
/// Entries in one transaction, from which on no further batch is joined to it: as many as may wait, since under load it is
/// the flushes of the disk that take the time, and there is one a transaction.
const TOGETHER: usize = 16_384;
/// The first pause after the journal refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// News of the connection that may wait until the journal's past is known.
const EARLY: usize = 64;

/// What a session hands over: entries that are written together, or news of its connection.
#[derive(Debug)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// What was masked in them.
    secrets: Secrets,
    committed: Option<oneshot::Sender<()>>,
    presence: Option<Presence>,
}

/// News of the connection, in order with what was heard over it.
#[derive(Debug, Clone)]
pub(super) enum Presence {
    /// It is joined since then.
    Joined {
        /// When.
        since: Life,
        /// What it was joined with.
        ticket: Arc<Ticket>,
    },
    /// It was joined and is gone.
    Lost {
        /// Its last sign of life.
        last: Life,
        /// When that was found.
        now: Life,
    },
}

/// Room for one batch.
pub(super) type Room = mpsc::OwnedPermit<Batch>;

/// The profile is being closed: nothing more is written.
#[derive(Debug)]
pub(super) struct Closed;

/// The way to a profile's scribe. The scribe ends when the last of these is dropped and everything is written.
#[derive(Debug, Clone)]
pub(super) struct Scribe {
    batches: mpsc::Sender<Batch>,
}

impl Scribe {
    /// Starts a scribe.
    pub(super) fn start(
        profile: ProfileId,
        ledger: Arc<dyn Ledger>,
        outbox: Outbox,
        (book, vault): (Book, Vault),
        past: oneshot::Receiver<Past>,
        spawner: &Spawner,
    ) -> (Self, Task<()>) {
        // Full: the session stops reading its socket; deeds of the operator wait.
        let (batches, waiting) = mpsc::channel(WAITING);
        let (gaps, early) = (Gaps::default(), VecDeque::new());
        let desk = Desk { profile, ledger, outbox, book, vault, gaps, early, begun: false };
        let task = spawner.task("writing the journal", Some(profile), Box::pin(desk.run(waiting, past)));
        (Self { batches }, task)
    }

    /// Waits for room for one batch.
    pub(super) async fn room(&self) -> Result<Room, Closed> {
        self.batches.clone().reserve_owned().await.map_err(|_closed| Closed)
    }

    /// Writes what was read in the room that was waited for.
    pub(super) fn write(room: Room, harvest: Harvest) {
        let (entries, secrets) = harvest.into_parts();
        room.send(Batch { entries, secrets, committed: None, presence: None });
    }

    /// Room for one batch, where there is some at once.
    pub(super) fn room_now(&self) -> Option<Room> {
        self.batches.clone().try_reserve_owned().ok()
    }

    /// Hands news of the connection over.
    pub(super) fn tell(room: Room, presence: Presence) {
        let (entries, secrets) = (Vec::new(), Secrets::default());
        room.send(Batch { entries, secrets, committed: None, presence: Some(presence) });
    }

    /// Writes one entry and waits until it is durable.
    pub(super) async fn record(&self, entry: Entry) -> Result<(), Closed> {
        self.record_all(vec![entry]).await
    }

    /// Writes entries together and waits until they are durable.
    pub(super) async fn record_all(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let (committed, done) = oneshot::channel();
        let batch = Batch { entries, secrets: Secrets::default(), committed: Some(committed), presence: None };
        self.batches.send(batch).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }
}

/// The scribe's side.
struct Desk {
    profile: ProfileId,
    ledger: Arc<dyn Ledger>,
    outbox: Outbox,
    book: Book,
    vault: Vault,
    gaps: Gaps,
    /// News of the connection from before the past was known.
    early: VecDeque<Presence>,
    /// Whether the past is known.
    begun: bool,
}

impl Desk {
    async fn run(mut self, mut waiting: mpsc::Receiver<Batch>, mut past: oneshot::Receiver<Past>) {
        let mut carried = None;
        loop {
            let next = if carried.is_some() {
                carried.take()
            } else {
                tokio::select! {
                    biased;
                    past = &mut past, if !self.begun => {
                        // Nobody tells it where the journal could not be read: then nothing is known of it.
                        self.begin(past.unwrap_or_default()).await;
                        continue;
                    }
                    batch = waiting.recv() => batch,
                }
            };
            let Some(first) = next else { return };
            if let Some(presence) = first.presence {
                self.presence(presence).await;
                continue;
            }
            let (mut entries, mut secrets) = (first.entries, first.secrets);
            let mut committed: Vec<_> = first.committed.into_iter().collect();
            while entries.len() < TOGETHER
                && carried.is_none()
                && let Ok(batch) = waiting.try_recv()
            {
                if batch.presence.is_some() {
                    // A gap names what was open: what was heard before it has to be in the book.
                    carried = Some(batch);
                } else {
                    secrets.join(entries.len(), batch.secrets);
                    entries.extend(batch.entries);
                    committed.extend(batch.committed);
                }
            }
            self.commit(entries, secrets).await;
            for done in committed {
                if done.send(()).is_err() {
                    tracing::debug!("nobody waits for this entry any more");
                }
            }
        }
    }

    /// Writes entries, then tells everybody.
    async fn commit(&self, entries: Vec<Entry>, secrets: Secrets) {
        let entries = self.write(entries, secrets).await;
        self.forget_used(&entries).await;
        self.book.note(&entries);
        self.outbox.committed(self.profile, entries);
        self.outbox.post(Event::JournalSize(self.ledger.size()));
    }

    /// The past is known: the gap since then, and whatever happened meanwhile.
    async fn begin(&mut self, past: Past) {
        self.begun = true;
        let early = std::mem::take(&mut self.early);
        let opened = self.gaps.begin(past);
        if let Some(entry) = opened {
            self.commit(vec![entry], Secrets::default()).await;
        }
        for presence in early {
            self.gap(presence).await;
        }
    }

    async fn presence(&mut self, presence: Presence) {
        match &presence {
            Presence::Joined { ticket, .. } => self.book.join(ticket.clone()),
            Presence::Lost { .. } => self.book.lose(),
        }
        if self.begun {
            return self.gap(presence).await;
        }
        if self.early.len() >= EARLY {
            // Two that belong together: the gap before them then reaches over the time of being joined.
            self.early.drain(1..3);
        }
        self.early.push_back(presence);
    }

    async fn gap(&mut self, presence: Presence) {
        let entry = match presence {
            Presence::Lost { last, now } => Some(self.gaps.lost(last, now)),
            Presence::Joined { since, .. } => {
                let (open, requests) = self.book.open();
                self.gaps.joined(since, open.into_iter(), requests)
            }
        };
        if let Some(entry) = entry {
            self.commit(vec![entry], Secrets::default()).await;
        }
    }

    /// Takes the links out of the journal whose one GET came to an end: they open nothing any more.
    async fn forget_used(&self, entries: &[Entry]) {
        for entry in entries {
            if let (ActivityKey::Data(request), Fact::Done(deed)) = (&entry.key, &entry.fact)
                && is_end_of_link(deed)
                && self.vault.is_spent(request)
                && let Err(why) = self.ledger.forget_secret(self.profile, request.clone()).await
            {
                // It goes with its time; the row says that it is used.
                tracing::warn!(why, "a used link is still in the journal, sealed");
            }
        }
    }

    /// Writes until it is written.
    async fn write(&self, mut entries: Vec<Entry>, mut secrets: Secrets) -> Vec<Entry> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ledger.append(self.profile, entries, secrets).await {
                Ok(written) => {
                    if pause > FIRST_PAUSE {
                        self.tell(
                            Severity::Info,
                            "The journal can be written again: everything that waited is in it.".into(),
                        );
                    }
                    return written;
                }
                Err(refused) => {
                    if pause == FIRST_PAUSE {
                        self.tell(
                            Severity::Error,
                            format!(
                                "New messages can't be written to the journal and wait, unseen, until they can: {} \
                                 Nothing is lost as long as Privicore Monitor runs.",
                                refused.why
                            ),
                        );
                    }
                    (entries, secrets) = (refused.entries, refused.secrets);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn tell(&self, severity: Severity, sentence: String) {
        self.outbox.notice(Notice { severity, profile: Some(self.profile), sentence, remedy: None });
    }
}

/// Whether a deed ends a link: it was fetched, or is good for nothing.
fn is_end_of_link(deed: &Deed) -> bool {
    match deed {
        Deed::Saved { .. } => true,
        Deed::NotSaved { why, .. } => *why != NotSaved::NotStarted,
        Deed::Labelled { .. } | Deed::Tracked | Deed::Requested(_) | Deed::Fetching { .. } | Deed::WarningRead => false,
    }
}
