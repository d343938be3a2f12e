//! The key of a profile's payloads: given by the operator, kept in the keyring if asked.

use crate::engine::event::Event;
use crate::engine::report::Report;
use crate::engine::sign_in;
use crate::protocol::DataKey;
use crate::settings::ProfileId;

use super::Hub;

impl Hub {
    /// Takes the key of a profile's payloads, or forgets it.
    pub(super) fn set_data_key(&mut self, profile: ProfileId, key: Option<DataKey>, keep: bool) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        desk.data_key.clone_from(&key);
        // The sandbox leaves the keyring untouched.
        if profile == super::sandbox::profile_id() {
            return self.data_key(profile, key, false);
        }
        let tools = self.tools.clone();
        let task = async move {
            let kept = match key.as_ref().filter(|_key| keep) {
                Some(key) => tools.keyring.store_data_key(profile, key).await.map(|()| true),
                None => tools.keyring.forget_data_key(profile).await.map(|()| false),
            };
            let kept = kept.unwrap_or_else(|error| {
                sign_in::warn(&tools, profile, error.to_string());
                false
            });
            sign_in::report(&tools, Report::DataKey { profile, key, kept }).await;
        };
        drop(self.tools.spawner.task("writing the keyring", Some(profile), task));
    }

    /// Asks the keyring for the key of a profile's payloads, where they are to be decrypted and it is not known.
    pub(super) fn recall_data_key(&self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        let wanted = desk.profile.saving.decrypt && desk.data_key.is_none();
        if !wanted || profile == super::sandbox::profile_id() {
            return;
        }
        let tools = self.tools.clone();
        let task = async move {
            match tools.keyring.data_key(profile).await {
                Ok(key) => {
                    let kept = key.is_some();
                    sign_in::report(&tools, Report::DataKey { profile, key, kept }).await;
                }
                Err(error) => sign_in::warn(&tools, profile, error.to_string()),
            }
        };
        drop(self.tools.spawner.task("reading the keyring", Some(profile), task));
    }

    /// The keyring has answered.
    pub(super) fn data_key(&mut self, profile: ProfileId, key: Option<DataKey>, kept: bool) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        // One that was given meanwhile counts more than what the keyring had.
        if desk.data_key.is_none() {
            desk.data_key = key;
        }
        let known = desk.data_key.is_some();
        self.tools.outbox.post(Event::DataKey { profile, known, kept });
    }
}
