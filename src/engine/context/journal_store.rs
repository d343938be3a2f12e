//! The engine's access to the journal: an operation that fails because another journal has replaced the open one is tried
//! once more, and the operator is notified.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::activity::{ActivityKey, Entry, Seq, Timestamp};
use crate::credentials::{KeyringError, SealKey};
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::runtime::clock::Clock;
use crate::journal::handle::Journal;
use crate::journal::{
    Cleaned, History, JournalError, KeptClock, Limits, NotAppended, OpenActivity, PendingWork, PersistedNotice,
    PurgeStep, Sealing, Secrets, Unsealed, WorkId,
};
use crate::protocol::{RequestId, UnmaskedMessage};
use crate::settings::ProfileId;

/// How long to wait for deleted entries to leave the disk before that continues in the background.
const CLEAN_AT_ONCE: Duration = Duration::from_secs(1);

/// The engine's handle to the journal; clones share it. See [`Journal`] for what each method does.
#[derive(Clone)]
pub(crate) struct JournalStore {
    journal: Journal,
    event_sender: EventSender,
    clock: Clock,
    /// Notified when something was deleted that may still be on the disk.
    forgotten: Arc<Notify>,
    /// The minimum duration of each append.
    #[cfg(test)]
    append_takes: std::sync::Arc<std::sync::Mutex<Duration>>,
}

impl JournalStore {
    /// Wraps a journal. The clock gives the time of the notices.
    pub(crate) fn new(journal: Journal, event_sender: EventSender, clock: Clock) -> Self {
        Self {
            journal,
            event_sender,
            clock,
            forgotten: Arc::default(),
            #[cfg(test)]
            append_takes: std::sync::Arc::default(),
        }
    }

    /// Sets the minimum duration of appends, by tokio's clock.
    #[cfg(test)]
    pub(crate) fn append_takes(&self, time: Duration) {
        *self.append_takes.lock().unwrap() = time;
    }

    /// Commits entries and the secrets that were masked in them; returns the entries with their sequence numbers.
    pub(crate) async fn append(
        &self,
        profile: ProfileId,
        mut entries: Vec<Entry>,
        secrets: Secrets,
    ) -> Result<Vec<Entry>, NotAppended> {
        if !secrets.originals.is_empty() && !self.journal.sealing().is_on() {
            secrets.mark_unkept(&mut entries);
        }
        #[cfg(test)]
        {
            let takes = *self.append_takes.lock().unwrap();
            tokio::time::sleep(takes).await;
        }
        match self.journal.append_with(profile, entries, secrets).await {
            Err(NotAppended { entries, secrets, source }) if is_another(&source) => {
                self.notify(&source).await;
                self.journal.append_with(profile, entries, secrets).await
            }
            other => other,
        }
    }

    pub(crate) async fn seal_with(&self, key: Result<SealKey, KeyringError>) -> Result<Sealing, JournalError> {
        self.ask(|| self.journal.seal_with(key.clone())).await
    }

    pub(crate) async fn secrets(&self, profile: ProfileId) -> Result<Unsealed, JournalError> {
        self.ask(|| self.journal.secrets(profile)).await
    }

    pub(crate) async fn forget_secret(&self, profile: ProfileId, request: RequestId) -> Result<(), JournalError> {
        self.ask(|| self.journal.forget_secret(profile, &request)).await
    }

    pub(crate) async fn forget_expired_secrets(&self, now: Timestamp, lifetime: Duration) -> Result<u64, JournalError> {
        self.ask(|| self.journal.forget_expired_secrets(now, lifetime)).await
    }

    pub(crate) async fn restore(
        &self,
        profile: ProfileId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.ask(|| self.journal.restore(profile, Some(before), limit)).await
    }

    pub(crate) async fn downloads_before(
        &self,
        profile: ProfileId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, JournalError> {
        self.ask(|| self.journal.downloads_before(profile, before, limit)).await
    }

    pub(crate) async fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.ask(|| self.journal.since(profile, from, limit)).await
    }

    pub(crate) async fn history(
        &self,
        profile: ProfileId,
        key: &ActivityKey,
        known: Option<(Seq, Seq)>,
    ) -> Result<History, JournalError> {
        self.ask(|| self.journal.history(profile, key, known)).await
    }

    pub(crate) async fn open_activities(&self, profile: ProfileId) -> Result<Vec<OpenActivity>, JournalError> {
        self.ask(|| self.journal.open_activities(profile)).await
    }

    pub(crate) async fn original(&self, profile: ProfileId, seq: Seq) -> Result<Option<UnmaskedMessage>, JournalError> {
        self.ask(|| self.journal.original(profile, seq)).await
    }

    pub(crate) async fn is_purge_due(&self, now: Timestamp, limits: &Limits) -> Result<bool, JournalError> {
        self.ask(|| self.journal.is_purge_due(now, limits)).await
    }

    pub(crate) async fn purge_step(&self, now: Timestamp, limits: &Limits) -> Result<PurgeStep, JournalError> {
        self.ask(|| self.journal.purge_step(now, limits)).await
    }

    pub(crate) async fn keep_notice(&self, notice: PersistedNotice) -> Result<(), JournalError> {
        self.ask(|| self.journal.keep_notice(notice.clone())).await
    }

    pub(crate) async fn name_profile(&self, profile: ProfileId, name: String) -> Result<(), JournalError> {
        self.ask(|| self.journal.name_profile(profile, name.clone())).await
    }

    pub(crate) async fn notices(&self) -> Result<Vec<PersistedNotice>, JournalError> {
        self.ask(|| self.journal.notices()).await
    }

    pub(crate) async fn notice_read(&self, profile: Option<ProfileId>, sentence: String) -> Result<(), JournalError> {
        self.ask(|| self.journal.notice_read(profile, sentence.clone())).await
    }

    pub(crate) async fn forget_profile(&self, profile: ProfileId) -> Result<(), JournalError> {
        self.ask(|| self.journal.forget_profile(profile)).await
    }

    /// Removes deleted data from the disk. Small amounts are gone when this returns; the rest is removed in the background.
    pub(crate) async fn clean_at_once(&self) {
        let little = async { while self.clean_step().await.is_ok_and(|step| step.more) {} };
        if tokio::time::timeout(CLEAN_AT_ONCE, little).await.is_err() {
            tracing::debug!("the rest of what was forgotten leaves the disk later");
        }
        self.forgotten.notify_one();
    }

    /// Waits until something was deleted.
    pub(crate) async fn forgotten(&self) {
        self.forgotten.notified().await;
    }

    pub(crate) async fn clean_step(&self) -> Result<Cleaned, JournalError> {
        self.ask(|| self.journal.clean_step()).await
    }

    pub(crate) async fn begin_work(&self, works: Vec<PendingWork>, at: Timestamp) -> Result<Vec<WorkId>, JournalError> {
        self.ask(|| self.journal.begin_work(works.clone(), at)).await
    }

    pub(crate) async fn pending_work(&self) -> Result<Vec<(WorkId, PendingWork)>, JournalError> {
        self.ask(|| self.journal.pending_work()).await
    }

    pub(crate) async fn end_work(&self, work: WorkId) -> Result<(), JournalError> {
        self.ask(|| self.journal.end_work(work)).await
    }

    pub(crate) async fn signed_in(&self, profile: ProfileId) -> Result<(), JournalError> {
        self.ask(|| self.journal.signed_in(profile)).await
    }

    pub(crate) async fn keep_clock(&self, clock: KeptClock) -> Result<(), JournalError> {
        self.ask(|| self.journal.keep_clock(clock.clone())).await
    }

    pub(crate) async fn alive(&self, profile: ProfileId, at: Timestamp) -> Result<(), JournalError> {
        self.ask(|| self.journal.alive(profile, at)).await
    }

    pub(crate) async fn last_alive(&self, profile: ProfileId) -> Result<Option<Timestamp>, JournalError> {
        self.ask(|| self.journal.last_alive(profile)).await
    }

    /// The journal's size on disk in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.journal.size()
    }

    pub(crate) async fn close(&self) {
        self.journal.close().await;
    }

    /// Calls the journal, and once more if another journal has replaced it.
    async fn ask<T, F>(&self, ask: impl Fn() -> F) -> Result<T, JournalError>
    where
        F: Future<Output = Result<T, JournalError>>,
    {
        let outcome = match ask().await {
            Err(error) if is_another(&error) => {
                self.notify(&error).await;
                ask().await
            }
            other => other,
        };
        outcome.inspect_err(|error| tracing::warn!(%error, "the journal failed"))
    }

    /// Shows a notice that another journal is in use now; it stays until it is dismissed.
    async fn notify(&self, error: &JournalError) {
        let sentence = error.to_string();
        self.event_sender.notice(Notice::new(Severity::Warning, None, sentence.clone()));
        let kept = PersistedNotice { profile: None, at: (self.clock)(), sentence };
        if let Err(error) = self.journal.keep_notice(kept).await {
            tracing::warn!(%error, "a notice will not be told again at the next start");
        }
    }
}

/// Whether a second attempt can succeed, because another journal has replaced the one that failed.
fn is_another(error: &JournalError) -> bool {
    matches!(error, JournalError::Vanished { .. } | JournalError::Mended(_))
}
