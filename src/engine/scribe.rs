//! First durable, then visible: one scribe a profile commits batches in order and only then tells the window.
//!
//! Up to [`WAITING`] batches wait behind the one that is being committed; where that is full the session stops reading its
//! socket, so that TCP holds the server back. What the journal refuses stays here and is tried again until it is written:
//! an acknowledgement comes once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::activity::Entry;
use crate::settings::ProfileId;

use super::event::{Event, Notice, Severity};
use super::ledger::Ledger;
use super::mailbox::Outbox;
use super::spawn::{Spawner, Task};

/// Batches that wait for the one before them.
const WAITING: usize = 4;
/// Entries in one transaction, from which on no further batch is joined to it.
const TOGETHER: usize = 4096;
/// The first pause after the journal refused.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Entries that are written together.
#[derive(Debug)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    committed: Option<oneshot::Sender<()>>,
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
        spawner: &Spawner,
    ) -> (Self, Task<()>) {
        // Full: the session stops reading its socket; deeds of the operator wait.
        let (batches, waiting) = mpsc::channel(WAITING);
        let desk = Desk { profile, ledger, outbox };
        let task = spawner.task("writing the journal", Some(profile), desk.run(waiting));
        (Self { batches }, task)
    }

    /// Waits for room for one batch.
    pub(super) async fn room(&self) -> Result<Room, Closed> {
        self.batches.clone().reserve_owned().await.map_err(|_closed| Closed)
    }

    /// Writes entries in the room that was waited for.
    pub(super) fn write(room: Room, entries: Vec<Entry>) {
        room.send(Batch { entries, committed: None });
    }

    /// Writes one entry and waits until it is durable.
    pub(super) async fn record(&self, entry: Entry) -> Result<(), Closed> {
        self.record_all(vec![entry]).await
    }

    /// Writes entries together and waits until they are durable.
    pub(super) async fn record_all(&self, entries: Vec<Entry>) -> Result<(), Closed> {
        let (committed, done) = oneshot::channel();
        let batch = Batch { entries, committed: Some(committed) };
        self.batches.send(batch).await.map_err(|_closed| Closed)?;
        done.await.map_err(|_closed| Closed)
    }
}

/// The scribe's side.
struct Desk {
    profile: ProfileId,
    ledger: Arc<dyn Ledger>,
    outbox: Outbox,
}

impl Desk {
    async fn run(self, mut waiting: mpsc::Receiver<Batch>) {
        while let Some(first) = waiting.recv().await {
            let mut entries = first.entries;
            let mut committed: Vec<_> = first.committed.into_iter().collect();
            while entries.len() < TOGETHER
                && let Ok(batch) = waiting.try_recv()
            {
                entries.extend(batch.entries);
                committed.extend(batch.committed);
            }
            let entries = self.write(entries).await;
            self.outbox.committed(self.profile, entries);
            self.outbox.post(Event::JournalSize(self.ledger.size()));
            for done in committed {
                if done.send(()).is_err() {
                    tracing::debug!("nobody waits for this entry any more");
                }
            }
        }
    }

    /// Writes until it is written.
    async fn write(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ledger.append(self.profile, entries).await {
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
                    entries = refused.entries;
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
