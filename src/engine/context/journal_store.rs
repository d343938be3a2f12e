//! The engine's access to the journal: a request that fails because another journal has replaced the open one is made once
//! more, and the operator is notified.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::activity::{Entry, Timestamp};
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::events::notice_reason::PersistentReason;
use crate::engine::runtime::clock::Clock;
use crate::journal::handle::{Journal, OnRecovery};
use crate::journal::{NotAppended, PersistedNotice, Secrets};
use crate::settings::ProfileId;

/// How long to wait for deleted entries to leave the disk before that continues in the background.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(1);

/// The engine's journal; clones share it.
#[derive(Clone)]
pub(crate) struct JournalStore {
    journal: Journal,
    /// Notified when something was deleted that may still be on the disk.
    deleted: Arc<Notify>,
    /// The minimum duration of each append.
    #[cfg(test)]
    append_time: std::sync::Arc<std::sync::Mutex<Duration>>,
}

impl Deref for JournalStore {
    type Target = Journal;

    fn deref(&self) -> &Journal {
        &self.journal
    }
}

impl JournalStore {
    /// Wraps a journal. The clock gives the time of the notices.
    pub(crate) fn new(journal: Journal, event_sender: EventSender, clock: Clock) -> Self {
        let notices = journal.clone();
        let on_recovery: OnRecovery = Arc::new(move |error| {
            Box::pin(notify(notices.clone(), event_sender.clone(), PersistentReason::of_recovery(error), (clock)()))
        });
        Self {
            journal: journal.retrying(on_recovery),
            deleted: Arc::default(),
            #[cfg(test)]
            append_time: std::sync::Arc::default(),
        }
    }

    /// Sets the minimum duration of appends, by tokio's clock.
    #[cfg(test)]
    pub(crate) fn set_append_time(&self, time: Duration) {
        *self.append_time.lock().unwrap() = time;
    }

    /// Commits entries and the secrets that were masked in them; returns the entries with their sequence numbers.
    pub(crate) async fn append(
        &self,
        profile: ProfileId,
        mut entries: Vec<Entry>,
        secrets: Secrets,
    ) -> Result<Vec<Entry>, NotAppended> {
        if !secrets.originals.is_empty() && !self.sealing().is_on() {
            secrets.mark_unstored(&mut entries);
        }
        #[cfg(test)]
        {
            let takes = *self.append_time.lock().unwrap();
            tokio::time::sleep(takes).await;
        }
        self.append_with(profile, entries, secrets).await
    }

    /// Removes deleted data from the disk. Small amounts are gone when this returns; the rest is removed in the background.
    pub(crate) async fn clean_now(&self) {
        let little = async { while self.clean_step().await.is_ok_and(|step| step.more) {} };
        if tokio::time::timeout(CLEAN_TIMEOUT, little).await.is_err() {
            tracing::debug!("the rest of what was forgotten leaves the disk later");
        }
        self.deleted.notify_one();
    }

    /// Waits until something was deleted.
    pub(crate) async fn wait_for_deletion(&self) {
        self.deleted.notified().await;
    }
}

/// Shows a notice that another journal is in use now; it stays until it is dismissed.
async fn notify(journal: Journal, event_sender: EventSender, reason: PersistentReason, at: Timestamp) {
    let sentence = reason.to_string();
    event_sender.send_notice(Notice::new(Severity::Warning, None, reason));
    if let Err(error) = journal.save_notice(PersistedNotice { profile: None, at, sentence }).await {
        tracing::warn!(%error, "a notice will not be shown again at the next start");
    }
}
