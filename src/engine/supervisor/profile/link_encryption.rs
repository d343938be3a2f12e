//! Links that outlive a run: the key that seals them comes from the keyring, and what was sealed comes back.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::state::link_store::LinkStore;
use crate::engine::storage::persistent_notices;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::state::link_encryption::SealState;
use crate::journal;
use crate::journal::{JournalError, Sealing, Secrets};
use crate::settings::ProfileId;

impl Supervisor {
    /// Asks the keyring for the key under which the journal seals links, unless it has it or is being asked.
    pub(crate) fn ask_for_seal(&mut self) {
        if self.seal != SealState::NoKey {
            return;
        }
        self.seal = SealState::Asked;
        let (tools, journal) = (self.tools.clone(), self.journal);
        let task = async move {
            let key = tools.keyring.seal_key(journal).await;
            let sealing = tools.ledger.seal_with(key).await;
            tools.report(InternalEvent::Sealing(sealing)).await;
        };
        self.tools.spawner.spawn("reading the keyring", task);
    }

    /// The journal seals from now on, or does not.
    pub(crate) fn sealing(&mut self, sealing: Result<Sealing, JournalError>) {
        let unsealed = match sealing {
            Ok(Sealing::On) => None,
            Ok(Sealing::KeyGone { requests }) => {
                self.told_of_seal = true;
                // What is lost stays told until it is read.
                let (tools, sentence) = (self.tools.clone(), journal::key_gone(requests));
                let warn = async move { persistent_notices::warn(&tools, None, sentence).await };
                self.tools.spawner.finish("writing the journal", warn);
                None
            }
            Ok(Sealing::MemoryOnly(why)) => Some(ProblemReason::MemoryOnly(why)),
            Err(error) => Some(ProblemReason::SealingFailed(error.into())),
        };
        self.take_up_revocations(unsealed.as_ref());
        self.take_up_unkept(unsealed.is_none());
        if let Some(reason) = unsealed {
            if !std::mem::replace(&mut self.told_of_seal, true) {
                self.tools.outbox.report_problem(None, reason);
            }
            self.seal = SealState::NoKey;
            return;
        }
        self.tools.outbox.resolve_problem(None, &ProblemKind::Sealing);
        self.seal = SealState::On;
        let open: Vec<ProfileId> = self.desks.keys().copied().collect();
        for profile in open {
            self.recall(profile);
        }
    }

    /// Brings the links of earlier runs back, once a profile and run; and has those sealed that came before the key did.
    pub(crate) fn recall(&mut self, profile: ProfileId) {
        let lifetime = self.settings.preferences.link_lifetime();
        let Some(desk) = self.desks.get_mut(&profile).filter(|desk| self.seal == SealState::On && !desk.recalled)
        else {
            return;
        };
        desk.recalled = true;
        let task = recall(desk.tools.clone(), profile, desk.vault.clone(), lifetime);
        desk.tools.spawner.spawn("reading the journal", Box::pin(task));
    }
}

async fn recall(tools: EngineContext, profile: ProfileId, vault: LinkStore, lifetime: Duration) {
    let failed = |error: JournalError| format!("Links of earlier runs can't be read: {error} Request that data again.");
    if let Some(now) = tools.clocks.certain()
        && let Err(error) = tools.ledger.forget_expired_secrets(now, lifetime).await
    {
        return tools.warn(profile, failed(error));
    }
    let unsealed = match tools.ledger.secrets(profile).await {
        Ok(unsealed) => unsealed,
        Err(error) => return tools.warn(profile, failed(error)),
    };
    if let Some(sentence) = unsealed.sentence() {
        persistent_notices::warn(&tools, Some(profile), sentence).await;
    }
    let ours = Secrets::from(vault.held());
    let requests = vault.restore(unsealed.secrets);
    if !requests.is_empty() {
        tools.outbox.update(profile, |status| Arc::make_mut(&mut status.kept_links).extend(requests));
    }
    if let Err(error) = tools.ledger.append(profile, Vec::new(), ours).await {
        // The scribe tells the operator of a journal that can't be written.
        tracing::warn!(%error, "links that came before the key are in memory only");
    }
}
