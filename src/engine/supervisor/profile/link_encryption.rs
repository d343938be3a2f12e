//! Keeps links for the next run: loads the encryption key from the keyring, and restores encrypted links.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::notice_reason::{NoticeReason, PersistentReason};
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::state::link_store::LinkStore;
use crate::engine::storage::persistent_notices;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::state::link_encryption::SealState;
use crate::journal::{JournalError, Sealing, Secrets};
use crate::settings::ProfileId;

impl Supervisor {
    /// Loads the key that encrypts links in the journal, unless it is loaded or being loaded.
    pub(crate) fn load_seal_key(&mut self) {
        if self.seal != SealState::NoKey {
            return;
        }
        self.seal = SealState::Loading;
        let (context, journal) = (self.context.clone(), self.journal);
        let task = async move {
            let key = context.keyring.seal_key(journal).await;
            let sealing = context.journal_store.seal_with(key).await;
            context.report(InternalEvent::Sealing(sealing)).await;
        };
        self.context.spawner.spawn("reading the keyring", task);
    }

    /// Handles whether the journal can encrypt links from now on.
    pub(crate) fn on_sealing(&mut self, sealing: Result<Sealing, JournalError>) {
        let unsealed = match sealing {
            Ok(Sealing::On) => None,
            Ok(Sealing::KeyMissing { requests }) => {
                self.sealing_warned = true;
                // The notice about lost links comes back until it is dismissed.
                let (context, reason) = (self.context.clone(), PersistentReason::LinkKeyMissing(requests));
                let warn = async move { persistent_notices::warn(&context, None, reason).await };
                self.context.spawner.spawn_to_completion("writing the journal", warn);
                None
            }
            Ok(Sealing::MemoryOnly(why)) => Some(ProblemReason::MemoryOnly(why)),
            Err(error) => Some(ProblemReason::SealingFailed(error.into())),
        };
        self.resume_revocations(unsealed.as_ref());
        self.load_unpersisted_tokens(unsealed.is_none());
        if let Some(reason) = unsealed {
            if !std::mem::replace(&mut self.sealing_warned, true) {
                self.context.event_sender.report_problem(None, reason);
            }
            self.seal = SealState::NoKey;
            return;
        }
        self.context.event_sender.resolve_problem(None, &ProblemKind::Sealing);
        self.seal = SealState::On;
        let open: Vec<ProfileId> = self.profile_states.keys().copied().collect();
        for profile in open {
            self.restore_links(profile);
        }
    }

    /// Restores the links of earlier runs, once per profile and run, and encrypts those that arrived before the key.
    pub(crate) fn restore_links(&mut self, profile: ProfileId) {
        let lifetime = self.settings.preferences.link_lifetime();
        let Some(profile_state) = self
            .profile_states
            .get_mut(&profile)
            .filter(|profile_state| self.seal == SealState::On && !profile_state.links_restored)
        else {
            return;
        };
        profile_state.links_restored = true;
        let task = restore_links(profile_state.context.clone(), profile, profile_state.link_store.clone(), lifetime);
        profile_state.context.spawner.spawn("reading the journal", Box::pin(task));
    }
}

async fn restore_links(context: EngineContext, profile: ProfileId, link_store: LinkStore, lifetime: Duration) {
    let failed = |error: JournalError| NoticeReason::LinksUnreadable(error.into());
    if let Some(now) = context.clocks.lower_bound()
        && let Err(error) = context.journal_store.delete_expired_secrets(now, lifetime).await
    {
        return context.warn(profile, failed(error));
    }
    let unsealed = match context.journal_store.secrets(profile).await {
        Ok(unsealed) => unsealed,
        Err(error) => return context.warn(profile, failed(error)),
    };
    if unsealed.tampered > 0 {
        persistent_notices::warn(&context, Some(profile), PersistentReason::LinksTampered(unsealed.tampered)).await;
    }
    let ours = Secrets::from(link_store.unused_secrets());
    let requests = link_store.restore(unsealed.secrets);
    if !requests.is_empty() {
        context.event_sender.update(profile, |status| Arc::make_mut(&mut status.restored_links).extend(requests));
    }
    if let Err(error) = context.journal_store.append(profile, Vec::new(), ours).await {
        // The journal writer reports a journal that can't be written.
        tracing::warn!(%error, "links that came before the key are in memory only");
    }
}
