//! The key that decrypts a profile's payloads: set by the operator, and stored in the keyring if requested.
//!
//! The keyring may be slow. Its answer counts only if the operator has changed nothing since the request, and of two changes
//! the later one is written last.

use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::events::status::DataKeyStatus;
use crate::engine::supervisor::Supervisor;
use crate::protocol::DataKey;
use crate::settings::ProfileId;

impl Supervisor {
    /// Sets the key of a profile's payloads, or removes it.
    pub(crate) fn set_data_key(&mut self, profile: ProfileId, key: Option<DataKey>, keep: bool) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let changes = profile_state.data_key.changes.clone();
        let change = changes.next();
        profile_state.data_key.key.clone_from(&key);
        // The sandbox never uses the keyring.
        if profile == super::sandbox::profile_id() {
            return self.on_data_key(profile, change, key, false);
        }
        let context = self.context.clone();
        let task = async move {
            let turn = changes.turn.lock().await;
            if changes.newest() != change {
                // A later change was faster, or waits: its result in the keyring is the one that counts.
                return;
            }
            let stored = match key.as_ref().filter(|_key| keep) {
                Some(key) => context.keyring.store_data_key(profile, key).await.map(|()| true),
                None => context.keyring.delete_data_key(profile).await.map(|()| false),
            };
            drop(turn);
            let stored = stored.map_err(ProblemReason::DataKeyKeyring);
            let persisted = context.update_problem(profile, &ProblemKind::DataKeyKeyring, stored).unwrap_or(false);
            context.report(InternalEvent::DataKey { profile, change, key, persisted }).await;
        };
        let spawner = self.context.spawner.clone();
        self.context.spawner.spawn_to_completion("writing the keyring", async move {
            spawner.until_cut_short(task).await;
        });
    }

    /// Loads the key of a profile's payloads from the keyring, if decryption is on and the operator has neither set nor removed a
    /// key in this run.
    pub(crate) fn load_data_key(&self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let change = profile_state.data_key.changes.newest();
        let wanted = profile_state.profile.saving.decrypt && profile_state.data_key.key.is_none() && change == 0;
        if !wanted || profile == super::sandbox::profile_id() {
            return;
        }
        let context = self.context.clone();
        let task = async move {
            let key = context.keyring.data_key(profile).await.map_err(ProblemReason::DataKeyKeyring);
            if let Some(key) = context.update_problem(profile, &ProblemKind::DataKeyKeyring, key) {
                let persisted = key.is_some();
                context.report(InternalEvent::DataKey { profile, change, key, persisted }).await;
            }
        };
        self.context_of(profile).spawner.spawn("reading the keyring", task);
    }

    /// Handles the keyring's answer to the request made when `change` was the newest change.
    pub(crate) fn on_data_key(&mut self, profile: ProfileId, change: u64, key: Option<DataKey>, persisted: bool) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        // If the operator has changed it since, that change has an answer of its own.
        if profile_state.data_key.changes.newest() != change {
            return;
        }
        profile_state.data_key.key = key;
        let known = profile_state.data_key.key.is_some();
        self.context.event_sender.update(profile, |status| status.data_key = DataKeyStatus { known, persisted });
    }
}
