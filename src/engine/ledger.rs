//! What the engine asks of the journal, so that tests can put one in its place that fails on demand.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::activity::{ActivityKey, Entry, Moment, Seq};
use crate::credentials::{KeyringError, SealKey};
use crate::journal::{Journal, JournalError, KeptNotice, Limits, NotAppended, Purged, Sealing, Secrets, Unsealed};
use crate::protocol::{Original, RequestId};
use crate::settings::ProfileId;

use super::event::{Notice, Severity};
use super::mailbox::Outbox;
use super::options::Clock;

/// Entries that could not be written: all of them, so that nothing is lost.
#[derive(Debug)]
pub(super) struct NotWritten {
    /// The entries, as they were given.
    pub entries: Vec<Entry>,
    /// What was masked in them.
    pub secrets: Secrets,
    /// Why, in a sentence.
    pub why: String,
}

/// A place where entries are durable.
pub(super) trait Ledger: Send + Sync + 'static {
    /// Writes entries; returns them with their places once they are durable. What was masked in them is kept sealed with
    /// them, where there is a key.
    fn append(
        &self,
        profile: ProfileId,
        entries: Vec<Entry>,
        secrets: Secrets,
    ) -> BoxFuture<'_, Result<Vec<Entry>, NotWritten>>;
    /// Seals from now on under a key, or not at all.
    fn seal_with(&self, key: Result<SealKey, KeyringError>) -> BoxFuture<'_, Result<Sealing, String>>;
    /// What opens data and came in earlier runs.
    fn secrets(&self, profile: ProfileId) -> BoxFuture<'_, Result<Unsealed, String>>;
    /// Forgets what opens the data of a request: it is used up.
    fn forget_secret(&self, profile: ProfileId, request: RequestId) -> BoxFuture<'_, Result<(), String>>;
    /// Forgets what opens data and whose time is over: as its message said, else if links live for `lifetime`.
    fn forget_expired_secrets(&self, now: Moment, lifetime: Duration) -> BoxFuture<'_, Result<u64, String>>;
    /// Entries of all profiles: the first `limit` from a place on, ascending.
    fn scan(&self, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<(ProfileId, Entry)>, String>>;
    /// Whether something may have to go, by these limits.
    fn is_purge_due(&self, now: Moment, limits: Limits) -> BoxFuture<'_, Result<bool, String>>;
    /// Takes a little of it out.
    fn purge_step(&self, now: Moment, limits: Limits) -> BoxFuture<'_, Result<Purged, String>>;
    /// Keeps a notice until it is read.
    fn keep_notice(&self, notice: KeptNotice) -> BoxFuture<'_, Result<(), String>>;
    /// The notices that were not read.
    fn notices(&self) -> BoxFuture<'_, Result<Vec<KeptNotice>, String>>;
    /// One was read.
    fn notice_read(&self, profile: Option<ProfileId>, sentence: String) -> BoxFuture<'_, Result<(), String>>;
    /// The newest `limit` entries before a place, ascending.
    fn restore(&self, profile: ProfileId, before: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>>;
    /// The first `limit` entries from a place on, ascending.
    fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>>;
    /// Every entry of an activity between two places, ascending.
    fn history(
        &self,
        profile: ProfileId,
        key: ActivityKey,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Vec<Entry>, String>>;
    /// The message that an entry was made of, where it is kept sealed.
    fn original(&self, profile: ProfileId, seq: Seq) -> BoxFuture<'_, Result<Option<Original>, String>>;
    /// Notes that a profile was alive at a moment.
    fn alive(&self, profile: ProfileId, at: Moment) -> BoxFuture<'_, Result<(), String>>;
    /// The last proof that a profile was alive.
    fn last_alive(&self, profile: ProfileId) -> BoxFuture<'_, Result<Option<Moment>, String>>;
    /// Forgets every entry of a profile.
    fn forget_profile(&self, profile: ProfileId) -> BoxFuture<'_, Result<(), String>>;
    /// The size on disk in bytes.
    fn size(&self) -> u64;
    /// Closes it; everything that was written is in its files.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The journal, watched over: where it was replaced or mended under way that is told, and what was asked is asked again.
pub(super) struct Watched {
    /// The journal.
    pub(super) journal: Journal,
    /// Tells the operator.
    pub(super) outbox: Outbox,
    /// The time of day.
    pub(super) clock: Clock,
}

impl Watched {
    /// Asks, and once more where there is another journal now.
    async fn ask<T, F>(&self, ask: impl Fn() -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, JournalError>>,
    {
        let again = match ask().await {
            Err(error) if is_another(&error) => {
                self.tell(&error).await;
                ask().await
            }
            other => other,
        };
        again.map_err(|error| {
            tracing::warn!(%error, "the journal failed");
            error.to_string()
        })
    }

    /// Tells that there is another journal now, until that is read.
    async fn tell(&self, error: &JournalError) {
        let sentence = error.to_string();
        let notice = Notice::new(Severity::Warning, None, sentence.clone());
        self.outbox.notice(notice);
        let kept = KeptNotice { profile: None, at: (self.clock)(), sentence };
        if let Err(error) = self.journal.keep_notice(kept).await {
            tracing::warn!(%error, "a notice will not be told again at the next start");
        }
    }
}

/// Whether asking again works, because another journal is in the place of the one that was asked.
fn is_another(error: &JournalError) -> bool {
    matches!(error, JournalError::Vanished { .. } | JournalError::Mended(_))
}

impl Ledger for Watched {
    fn append(
        &self,
        profile: ProfileId,
        entries: Vec<Entry>,
        secrets: Secrets,
    ) -> BoxFuture<'_, Result<Vec<Entry>, NotWritten>> {
        Box::pin(async move {
            let mut outcome = self.journal.append_with(profile, entries, secrets).await;
            if let Err(refused) = &outcome
                && is_another(&refused.source)
            {
                self.tell(&refused.source).await;
                if let Err(NotAppended { entries, secrets, .. }) = outcome {
                    outcome = self.journal.append_with(profile, entries, secrets).await;
                }
            }
            outcome.map_err(|NotAppended { entries, secrets, source }| NotWritten {
                entries,
                secrets,
                why: source.to_string(),
            })
        })
    }

    fn seal_with(&self, key: Result<SealKey, KeyringError>) -> BoxFuture<'_, Result<Sealing, String>> {
        Box::pin(async move { self.ask(|| self.journal.seal_with(key.clone())).await })
    }

    fn secrets(&self, profile: ProfileId) -> BoxFuture<'_, Result<Unsealed, String>> {
        Box::pin(self.ask(move || self.journal.secrets(profile)))
    }

    fn forget_secret(&self, profile: ProfileId, request: RequestId) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.ask(|| self.journal.forget_secret(profile, &request)).await })
    }

    fn forget_expired_secrets(&self, now: Moment, lifetime: Duration) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(self.ask(move || self.journal.forget_expired_secrets(now, lifetime)))
    }

    fn restore(&self, profile: ProfileId, before: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(self.ask(move || self.journal.restore(profile, Some(before), limit)))
    }

    fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(self.ask(move || self.journal.since(profile, from, limit)))
    }

    fn history(
        &self,
        profile: ProfileId,
        key: ActivityKey,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(async move { self.ask(|| self.journal.history(profile, &key, from, to)).await })
    }

    fn original(&self, profile: ProfileId, seq: Seq) -> BoxFuture<'_, Result<Option<Original>, String>> {
        Box::pin(self.ask(move || self.journal.original(profile, seq)))
    }

    fn scan(&self, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<(ProfileId, Entry)>, String>> {
        Box::pin(self.ask(move || self.journal.scan(from, limit)))
    }

    fn is_purge_due(&self, now: Moment, limits: Limits) -> BoxFuture<'_, Result<bool, String>> {
        Box::pin(async move { self.ask(|| self.journal.is_purge_due(now, &limits)).await })
    }

    fn purge_step(&self, now: Moment, limits: Limits) -> BoxFuture<'_, Result<Purged, String>> {
        Box::pin(async move { self.ask(|| self.journal.purge_step(now, &limits)).await })
    }

    fn keep_notice(&self, notice: KeptNotice) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.ask(|| self.journal.keep_notice(notice.clone())).await })
    }

    fn notices(&self) -> BoxFuture<'_, Result<Vec<KeptNotice>, String>> {
        Box::pin(self.ask(|| self.journal.notices()))
    }

    fn notice_read(&self, profile: Option<ProfileId>, sentence: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.ask(|| self.journal.notice_read(profile, sentence.clone())).await })
    }

    fn forget_profile(&self, profile: ProfileId) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.ask(move || self.journal.forget_profile(profile)))
    }

    fn alive(&self, profile: ProfileId, at: Moment) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.ask(move || self.journal.alive(profile, at)))
    }

    fn last_alive(&self, profile: ProfileId) -> BoxFuture<'_, Result<Option<Moment>, String>> {
        Box::pin(self.ask(move || self.journal.last_alive(profile)))
    }

    fn size(&self) -> u64 {
        self.journal.size()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.journal.close())
    }
}
