//! What the engine asks of the journal, so that tests can put one in its place that fails on demand.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::activity::{ActivityKey, Entry, Moment, Seq};
use crate::credentials::{KeyringError, SealKey};
use crate::journal::{Journal, JournalError, Sealing, Secrets, Unsealed};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

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
    fn forget_expired_secrets(
        &self,
        profile: ProfileId,
        now: Moment,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<u64, String>>;
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

impl Ledger for Journal {
    fn append(
        &self,
        profile: ProfileId,
        entries: Vec<Entry>,
        secrets: Secrets,
    ) -> BoxFuture<'_, Result<Vec<Entry>, NotWritten>> {
        Box::pin(async move {
            Self::append_with(self, profile, entries, secrets).await.map_err(|refused| NotWritten {
                entries: refused.entries,
                secrets: refused.secrets,
                why: refused.source.to_string(),
            })
        })
    }

    fn seal_with(&self, key: Result<SealKey, KeyringError>) -> BoxFuture<'_, Result<Sealing, String>> {
        Box::pin(async move { Self::seal_with(self, key).await.map_err(sentence) })
    }

    fn secrets(&self, profile: ProfileId) -> BoxFuture<'_, Result<Unsealed, String>> {
        Box::pin(async move { Self::secrets(self, profile).await.map_err(sentence) })
    }

    fn forget_secret(&self, profile: ProfileId, request: RequestId) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { Self::forget_secret(self, profile, &request).await.map_err(sentence) })
    }

    fn forget_expired_secrets(
        &self,
        profile: ProfileId,
        now: Moment,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(async move { Self::forget_expired_secrets(self, profile, now, lifetime).await.map_err(sentence) })
    }

    fn restore(&self, profile: ProfileId, before: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(async move { Self::restore(self, profile, Some(before), limit).await.map_err(sentence) })
    }

    fn since(&self, profile: ProfileId, from: Seq, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(async move { Self::since(self, profile, from, limit).await.map_err(sentence) })
    }

    fn history(
        &self,
        profile: ProfileId,
        key: ActivityKey,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Vec<Entry>, String>> {
        Box::pin(async move { Self::history(self, profile, &key, from, to).await.map_err(sentence) })
    }

    fn forget_profile(&self, profile: ProfileId) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { Self::forget_profile(self, profile).await.map_err(sentence) })
    }

    fn alive(&self, profile: ProfileId, at: Moment) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { Self::alive(self, profile, at).await.map_err(sentence) })
    }

    fn last_alive(&self, profile: ProfileId) -> BoxFuture<'_, Result<Option<Moment>, String>> {
        Box::pin(async move { Self::last_alive(self, profile).await.map_err(sentence) })
    }

    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Self::close(self))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn sentence(error: JournalError) -> String {
    tracing::warn!(%error, "the journal failed");
    error.to_string()
}
