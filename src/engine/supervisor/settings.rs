//! The settings: what changes them, and what follows from a change. Neither their file nor certificates are waited for.

use tokio::sync::oneshot;

use crate::engine::client::network_config::NetworkConfig;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::error::EngineError;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::supervisor::profile::sandbox;
use crate::settings::{DOWNLOADS_AT_ONCE, PreferenceChange, Preferences, SCALES};

use super::Supervisor;

/// The message limits that make sense, in bytes: below, hardly a message could be read; above, one could exhaust the memory.
const MESSAGE_LIMITS: std::ops::RangeInclusive<usize> = 16 * 1024..=1024 * 1024 * 1024;

impl Supervisor {
    /// Changes preferences, and does what follows from it.
    pub(crate) fn change_preferences(&mut self, number: u64, changes: Vec<PreferenceChange>) {
        let mut preferences = self.settings.preferences.clone();
        for change in changes {
            preferences.apply(change);
        }
        self.preferences_change = self.preferences_change.max(number);
        preferences.message_limit = preferences.message_limit.clamp(*MESSAGE_LIMITS.start(), *MESSAGE_LIMITS.end());
        let most = DOWNLOADS_AT_ONCE;
        preferences.downloads_at_once = preferences.downloads_at_once.clamp(*most.start(), *most.end());
        preferences.idle_limit = self.context.downloader.idle.set(preferences.idle_limit);
        preferences.scale = preferences.scale.clamp(*SCALES.start(), *SCALES.end());
        let limit = preferences.message_limit;
        let kept = |of: &Preferences| (of.retention_days, of.retention_bytes, of.link_lifetime);
        self.limits.send_if_modified(|now| {
            let differs = kept(now) != kept(&preferences);
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
        if NetworkConfig::differs(&before, &self.settings.preferences) {
            self.load_network();
        }
        self.save();
        // More may run at once now.
        self.start_next();
    }

    /// Begins to reach the network. What connects waits for certificate files that the operator named.
    pub(crate) fn begin_network(&mut self) {
        if self.network_config_handle.has_files(&self.settings.preferences) {
            self.load_network();
        }
    }

    /// Reaches the network as the preferences say now. What connects from here on waits until that is loaded.
    fn load_network(&mut self) {
        self.network_choices += 1;
        let (number, context) = (self.network_choices, self.context.clone());
        let mut loading = self.network_config_handle.load(&self.settings.preferences);
        let task = async move {
            let mut came = false;
            // It comes again if certificates do that were late.
            while let Some(loaded) = loading.next(&context.spawner).await {
                came = true;
                context.report(InternalEvent::NetworkLoaded { number, loaded: Some(Box::new(loaded)) }).await;
            }
            if !came {
                // The notice of the task that failed has said it.
                context.report(InternalEvent::NetworkLoaded { number, loaded: None }).await;
            }
        };
        self.context.spawner.spawn("reading certificates", task);
    }

    /// The way to the network was loaded, or could not be.
    pub(crate) fn network_loaded(&mut self, number: u64, loaded: Option<Box<Result<NetworkConfig, EngineError>>>) {
        if number != self.network_choices {
            // Another was chosen meanwhile, and is being loaded.
            return;
        }
        match loaded.map(|loaded| *loaded) {
            Some(Ok(loaded)) => {
                let shortfall = loaded.trust.shortfall.clone();
                self.network_config_handle.lead(loaded);
                for profile_state in self.profile_states.values() {
                    profile_state.desired_state.send_modify(|desired_state| desired_state.retry += 1);
                }
                match shortfall {
                    Some(shortfall) => {
                        self.context.event_sender.report_problem(None, ProblemReason::Certificates(shortfall));
                    }
                    None => self.context.event_sender.resolve_problem(None, &ProblemKind::NetworkSetup),
                }
            }
            Some(Err(error)) => {
                self.network_config_handle.stay();
                self.context.event_sender.report_problem(None, ProblemReason::NetworkSetup(error.into()));
            }
            None => self.network_config_handle.stay(),
        }
    }

    pub(crate) fn tell_settings(&self) {
        self.context.event_sender.settings(&self.settings, self.preferences_change);
    }

    /// Tells the settings and has them written. A sandbox's profile is not kept: its addresses die with it. Nor is a guest's.
    pub(crate) fn save(&self) {
        self.have_saved(None);
    }

    /// The same, and tells when they are written.
    pub(crate) fn save_and_tell(&self, saved: oneshot::Sender<()>) {
        self.have_saved(Some(saved));
    }

    fn have_saved(&self, saved: Option<oneshot::Sender<()>>) {
        self.tell_settings();
        let mut kept = self.settings.clone();
        kept.profiles
            .retain(|profile| profile.id != sandbox::profile_id() && !self.ephemeral_profiles.contains(&profile.id));
        self.writer.save(kept, saved, &self.context);
    }
}
