//! Stored data: requests it, and changes a profile's download settings and allowed hosts.

use std::path::PathBuf;

use crate::activity::{ActivityKey, Entry, Fact, LocalEvent, Seq};
use crate::engine::download::data_requests::DataRequester;
use crate::engine::events::action::LinkPermission;
use crate::engine::events::problem::NeedsToken;
use crate::engine::supervisor::Supervisor;
use crate::protocol::{RequestId, StoredData};
use crate::settings::{Profile, ProfileId, SavingChange};

impl Supervisor {
    /// Reads one page of a profile's data tokens.
    pub(crate) fn list_data_tokens(&self, profile: ProfileId, page: u32) {
        if let Some(asking) = self.data_requester(profile) {
            let spawner = asking.context.spawner.clone();
            let task = Box::pin(asking.list(page));
            spawner.spawn("listing data tokens", task);
        }
    }

    pub(crate) fn request_data(&self, profile: ProfileId, data: Vec<StoredData>, folder: Option<PathBuf>) {
        if let Some(asking) = self.data_requester(profile) {
            let spawner = asking.context.spawner.clone();
            let task = Box::pin(asking.request(data, folder, None));
            spawner.spawn("requesting data", task);
        }
    }

    /// Repeats an earlier data request.
    pub(crate) fn request_again(&self, profile: ProfileId, request: RequestId, span: Option<(Seq, Seq)>) {
        if let Some(asking) = self.data_requester(profile) {
            let spawner = asking.context.spawner.clone();
            let task = Box::pin(asking.request_again(request, span));
            spawner.spawn("requesting data", task);
        }
    }

    fn data_requester(&self, profile: ProfileId) -> Option<DataRequester> {
        let profile_state = self.profile_states.get(&profile)?;
        let Some(held) = &profile_state.active_token else {
            self.report_no_token(profile, NeedsToken::DataRequest);
            return None;
        };
        Some(DataRequester {
            profile,
            session_credentials: held.session_credentials.clone(),
            journal_writer: profile_state.journal_writer.clone(),
            context: profile_state.context.clone(),
        })
    }

    /// Changes a profile's download settings.
    pub(crate) fn change_saving(&mut self, profile: ProfileId, change: &SavingChange) {
        self.edit_profile(profile, |profile| profile.saving.apply(change.clone()));
    }

    /// Allows a host that links point to.
    pub(crate) fn allow_host(&mut self, profile: ProfileId, host: &str, permission: LinkPermission) {
        self.edit_profile(profile, |profile| {
            let hosts = match permission {
                LinkPermission::Unencrypted => &mut profile.allow_unencrypted,
                LinkPermission::Private => &mut profile.saving.private_hosts,
                LinkPermission::Automatic => &mut profile.saving.automatic_hosts,
            };
            if !hosts.iter().any(|known| known == host) {
                hosts.push(host.to_owned());
            }
        });
    }

    /// Changes a profile in memory and in the settings.
    fn edit_profile(&mut self, profile: ProfileId, change: impl Fn(&mut Profile)) {
        if let Some(profile_state) = self.profile_states.get_mut(&profile) {
            change(&mut profile_state.profile);
        }
        self.report_arrivals_if_needed(profile);
        self.load_data_key(profile);
        if let Some(saved) = self.settings.profiles.iter_mut().find(|saved| saved.id == profile) {
            change(saved);
            self.save();
        }
    }

    /// Records that the operator dismissed the warning about a refused link.
    pub(crate) fn acknowledge_warning(&self, profile: ProfileId, request: RequestId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let entry =
            Entry::local((self.context.clock)(), ActivityKey::Data(request), Fact::Local(LocalEvent::WarningRead));
        profile_state.record(vec![entry]);
    }
}
