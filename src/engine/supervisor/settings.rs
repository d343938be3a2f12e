//! Changes settings and applies the changes. It waits for neither the settings file nor certificate files.

use tokio::sync::oneshot;

use crate::engine::client::network_config::NetworkConfig;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::error::EngineError;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::supervisor::profile::sandbox;
use crate::settings::{PreferenceChange, Preferences};

use super::Supervisor;

impl Supervisor {
    /// Changes preferences and applies them.
    pub(crate) fn change_preferences(&mut self, number: u64, changes: Vec<PreferenceChange>) {
        let mut preferences = self.settings.preferences.clone();
        for change in changes {
            preferences.apply(change);
        }
        self.preferences_change = self.preferences_change.max(number);
        preferences.clamp_numbers();
        self.context.downloader.idle.set(preferences.idle_limit);
        let limit = preferences.message_limit;
        let limits = |of: &Preferences| (of.retention_days, of.retention_bytes, of.link_lifetime);
        self.limits.send_if_modified(|now| {
            let differs = limits(now) != limits(&preferences);
            *now = preferences.clone();
            differs
        });
        let before = std::mem::replace(&mut self.settings.preferences, preferences);
        for profile_state in self.profile_states.values() {
            profile_state.desired_state.send_if_modified(|desired_state| {
                let differs = desired_state.message_limit != limit;
                desired_state.message_limit = limit;
                differs
            });
        }
        if NetworkConfig::has_changed(&before, &self.settings.preferences) {
            self.load_network();
        }
        self.save();
        // The limit of parallel downloads may have been raised.
        self.start_next();
    }

    /// Starts to use the network. New connections wait for certificate files that the operator named.
    pub(crate) fn start_network(&mut self) {
        if self.network_config_handle.has_files(&self.settings.preferences) {
            self.load_network();
        }
    }

    /// Applies the network preferences. New connections wait until the configuration is loaded.
    fn load_network(&mut self) {
        self.network_choices += 1;
        let (number, context) = (self.network_choices, self.context.clone());
        let mut loading = self.network_config_handle.load(&self.settings.preferences);
        let task = async move {
            let mut came = false;
            // A configuration is loaded again if some certificates arrive late.
            while let Some(loaded) = loading.next(&context.spawner).await {
                came = true;
                context.report(InternalEvent::NetworkLoaded { number, loaded: Some(Box::new(loaded)) }).await;
            }
            if !came {
                // The notice of the failed task has reported it.
                context.report(InternalEvent::NetworkLoaded { number, loaded: None }).await;
            }
        };
        self.context.spawner.spawn("reading certificates", task);
    }

    /// Handles a network configuration that was loaded, or could not be.
    pub(crate) fn on_network_loaded(&mut self, number: u64, loaded: Option<Box<Result<NetworkConfig, EngineError>>>) {
        if number != self.network_choices {
            // A newer one was chosen meanwhile, and is being loaded.
            return;
        }
        match loaded.map(|loaded| *loaded) {
            Some(Ok(loaded)) => {
                let shortfall = loaded.tls.shortfall.clone();
                self.network_config_handle.replace(loaded);
                for profile_state in self.profile_states.values() {
                    profile_state.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
                }
                match shortfall {
                    Some(shortfall) => {
                        self.context.event_sender.report_problem(None, ProblemReason::Certificates(shortfall));
                    }
                    None => self.context.event_sender.resolve_problem(None, &ProblemKind::NetworkSetup),
                }
            }
            Some(Err(error)) => {
                self.network_config_handle.keep_current();
                self.context.event_sender.report_problem(None, ProblemReason::NetworkSetup(error.into()));
            }
            None => self.network_config_handle.keep_current(),
        }
    }

    pub(crate) fn publish_settings(&self) {
        self.context.event_sender.set_settings(&self.settings, self.preferences_change);
    }

    /// Publishes and writes the settings. The sandbox's profile is left out, because its addresses end with it; so are ephemeral profiles.
    pub(crate) fn save(&self) {
        self.write_settings(None);
    }

    /// The same, and signals `saved` once they are written.
    pub(crate) fn save_and_signal(&self, saved: oneshot::Sender<()>) {
        self.write_settings(Some(saved));
    }

    fn write_settings(&self, saved: Option<oneshot::Sender<()>>) {
        self.publish_settings();
        let mut settings = self.settings.clone();
        settings
            .profiles
            .retain(|profile| profile.id != sandbox::profile_id() && !self.ephemeral_profiles.contains(&profile.id));
        self.writer.save(settings, saved, &self.context);
    }
}
