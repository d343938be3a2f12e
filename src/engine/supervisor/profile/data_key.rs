//! The key of a profile's payloads: given by the operator, kept in the keyring if asked.
//!
//! The keyring may take its time. What it answers counts only where the operator has changed nothing since it was asked, and
//! of two changes the later one is the last that it is told.

use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::events::status::DataKeyStatus;
use crate::engine::supervisor::Supervisor;
use crate::protocol::DataKey;
use crate::settings::ProfileId;

impl Supervisor {
    /// Takes the key of a profile's payloads, or forgets it.
    pub(crate) fn set_data_key(&mut self, profile: ProfileId, key: Option<DataKey>, keep: bool) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let changes = profile_state.data_key.changes.clone();
        let change = changes.next();
        profile_state.data_key.key.clone_from(&key);
        // The sandbox leaves the keyring untouched.
        if profile == super::sandbox::profile_id() {
            return self.data_key(profile, change, key, false);
        }
        let context = self.context.clone();
        let task = async move {
            let turn = changes.turn.lock().await;
            if changes.newest() != change {
                // A later change was quicker, or waits: what it leaves in the keyring is what counts.
                return;
            }
            let kept = match key.as_ref().filter(|_key| keep) {
                Some(key) => context.keyring.store_data_key(profile, key).await.map(|()| true),
                None => context.keyring.forget_data_key(profile).await.map(|()| false),
            };
            drop(turn);
            let kept = match kept {
                Ok(kept) => {
                    context.resolve(profile, &ProblemKind::DataKeyKeyring);
                    kept
                }
                Err(error) => {
                    context.problem(profile, ProblemReason::DataKeyKeyring(error));
                    false
                }
            };
            context.report(InternalEvent::DataKey { profile, change, key, kept }).await;
        };
        let spawner = self.context.spawner.clone();
        self.context.spawner.finish("writing the keyring", async move {
            spawner.until_cut_short(task).await;
        });
    }

    /// Asks the keyring for the key of a profile's payloads, where they are to be decrypted and the operator has neither given
    /// nor taken one in this run.
    pub(crate) fn recall_data_key(&self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let change = profile_state.data_key.changes.newest();
        let wanted = profile_state.profile.saving.decrypt && profile_state.data_key.key.is_none() && change == 0;
        if !wanted || profile == super::sandbox::profile_id() {
            return;
        }
        let context = self.context.clone();
        let task = async move {
            match context.keyring.data_key(profile).await {
                Ok(key) => {
                    context.resolve(profile, &ProblemKind::DataKeyKeyring);
                    let kept = key.is_some();
                    context.report(InternalEvent::DataKey { profile, change, key, kept }).await;
                }
                Err(error) => context.problem(profile, ProblemReason::DataKeyKeyring(error)),
            }
        };
        self.tools_of(profile).spawner.spawn("reading the keyring", task);
    }

    /// The keyring has answered what it was asked when there had been so many changes.
    pub(crate) fn data_key(&mut self, profile: ProfileId, change: u64, key: Option<DataKey>, kept: bool) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        // Where the operator has changed it since, that change has an answer of its own.
        if profile_state.data_key.changes.newest() != change {
            return;
        }
        profile_state.data_key.key = key;
        let known = profile_state.data_key.key.is_some();
        self.context.event_sender.update(profile, |status| status.data_key = DataKeyStatus { known, kept });
    }
}
