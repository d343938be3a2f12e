//! Takes the engine's status and events, and passes each event to the profile tab or the part of the window it concerns.

use std::sync::Arc;

use egui::{Context, ThemePreference, ViewportCommand};

use crate::engine::{Event, SignInState};
use crate::settings::{Motion, Preferences, ProfileId, Settings, Theme};
use crate::ui::dialogs::Dialog;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::theme;
use crate::ui::view_state::sign_in_form::Form;

use super::{ActiveTab, App};

impl App {
    /// Takes the engine's current status if it has changed. Repeated calls have no further effect.
    pub(crate) fn take_status(&mut self, ctx: &Context) {
        let Some(status) = self.dependencies.backend.status() else { return };
        let before = std::mem::replace(&mut self.status, status);
        let done = self.status.preferences_change;
        if let Some(settings) = self.status.settings.clone()
            && (before.preferences_change != done
                || before.settings.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &settings)))
        {
            let settings = self.changes.apply_to(settings, done);
            self.take_settings(ctx, settings);
        }
        for (profile, now) in self.status.profiles.clone() {
            let old = before.profile(profile);
            if old.map(|old| &old.sign_in) != Some(&now.sign_in)
                && let Some(sign_in) = &now.sign_in
            {
                self.take_sign_in(profile, sign_in.state.clone());
            }
        }
        for profile_tab in self.profile_tabs.iter_mut().filter(|profile_tab| !profile_tab.is_all()) {
            if let Some(now) = self.status.profile(profile_tab.profile.id) {
                profile_tab.take_status(now);
            }
            profile_tab.take_queue(&self.status.queue);
        }
        self.update_all_tab_status();
        let problems =
            self.status.problems.iter().map(|problem| (problem.clone(), self.profile_label(problem.profile)));
        self.notices.update_problems(problems.collect());
    }

    pub(crate) fn take_event(&mut self, ctx: &Context, event: Event) {
        match event {
            Event::Notice(notice) => {
                let profile_name = self.profile_label(notice.profile);
                self.notices.push(notice, profile_name);
            }
            Event::Purged { oldest_left, before, gaps } => {
                for profile_tab in &mut self.profile_tabs {
                    profile_tab.completeness.set_journal_start(oldest_left);
                    let is_all = profile_tab.is_all();
                    let of_profile = gaps.iter().filter(|(profile, _)| is_all || *profile == profile_tab.profile.id);
                    profile_tab.activities.on_purge(before, of_profile.map(|(_, gap)| gap));
                }
            }
            Event::Stopped => self.on_stopped(),
            Event::Export(exporting) => self.export = exporting,
            Event::FullTexts { profile, texts } => {
                if let Some(copying) = &mut self.copying {
                    copying.take(profile, texts);
                    // The tab is copied in a frame.
                    ctx.request_repaint_after(std::time::Duration::from_millis(1));
                }
            }
            Event::DataTokens { profile, page, answer } => self.take_data_tokens(profile, page, answer),
            Event::Restored { profile, .. }
            | Event::Committed { profile, .. }
            | Event::Unpersisted { profile, .. }
            | Event::Persisted { profile, .. }
            | Event::HistoryCleared { profile }
            | Event::History { profile, .. }
            | Event::EarlierEntries { profile, .. }
            | Event::Older { profile, .. }
            | Event::OlderEntries { profile, .. }
            | Event::SearchResults { profile, .. }
            | Event::Revealed { profile, .. } => {
                if self.tab_of(profile).is_none() {
                    // The engine sends events only of profiles it has listed, but the list may be newer than the last status
                    // taken here.
                    self.take_status(ctx);
                }
                let Some(event) = self.queue_if_many(profile, event) else { return };
                let (is_active, instant) =
                    (self.active_tab == ActiveTab::Profile(profile), self.dependencies.clock.instant());
                let news = self.update_for_all(profile, &event);
                // Events of a removed profile can't be shown.
                if let Some(profile_tab) = self.tab_of(profile) {
                    profile_tab.take_event(event, is_active, instant);
                }
                self.update_all_tab(profile, news);
            }
        }
    }

    /// The name of the profile if there are several; otherwise `None`.
    fn profile_label(&self, profile: Option<ProfileId>) -> Option<String> {
        let profile_tab = self.profile_tabs.iter().find(|profile_tab| Some(profile_tab.profile.id) == profile)?;
        (self.profile_tabs.len() > 1).then(|| profile_tab.profile.name.clone())
    }

    fn take_sign_in(&mut self, profile: ProfileId, state: SignInState) {
        if let Some(form) = self.form.as_mut().filter(|form| form.profile_id() == profile) {
            if state == SignInState::Done {
                form.wipe_secrets();
                self.form = None;
                if self.tab_of(profile).is_some() {
                    self.active_tab = ActiveTab::Profile(profile);
                }
            } else {
                form.answer(state);
            }
        } else if let Some(profile_tab) = self.tab_of(profile) {
            profile_tab.take_sign_in(state);
        }
    }

    fn take_settings(&mut self, ctx: &Context, settings: Arc<Settings>) {
        let first = self.settings.is_none();
        self.take_preferences(ctx, &settings.preferences);
        let mut old = std::mem::take(&mut self.profile_tabs);
        let mut added = None;
        for profile in &settings.profiles {
            let known = old.iter().position(|profile_tab| profile_tab.profile.id == profile.id);
            let profile_tab = if let Some(at) = known {
                let mut profile_tab = old.swap_remove(at);
                profile_tab.set_profile(profile);
                profile_tab.set_preferences(&settings.preferences);
                profile_tab
            } else {
                added = Some(profile.id);
                ProfileTab::new(profile.clone(), &settings.preferences)
            };
            self.profile_tabs.push(profile_tab);
        }
        // The tab `All profiles` follows the others if there are several.
        if self.profile_tabs.len() > 1 {
            let known = old.iter().position(ProfileTab::is_all).map(|at| old.swap_remove(at));
            let mut all = known.unwrap_or_else(|| ProfileTab::all_profiles(&settings.preferences));
            all.set_preferences(&settings.preferences);
            if let Some(owners) = &mut all.owners {
                // A profile may be removed or renamed.
                owners.stale |= self.settings.as_ref().is_none_or(|before| before.profiles != settings.profiles);
            }
            self.profile_tabs.push(all);
        }
        self.settings = Some(settings);
        self.choose_front_tab(first, added);
    }

    /// Applies changed preferences at once.
    fn take_preferences(&mut self, ctx: &Context, new: &Preferences) {
        let old = self.applied.replace(new.clone());
        let differs = |is: fn(&Preferences, &Preferences) -> bool| old.as_ref().is_none_or(|old| is(old, new));
        if differs(|old, new| old.theme != new.theme) {
            ctx.set_theme(theme_preference(new.theme));
        }
        if differs(|old, new| old.scale != new.scale) {
            let zoom = f32::from(new.scale) / 100.0;
            ctx.set_zoom_factor(zoom);
            // The minimum size applies to the window, whatever the zoom of its content.
            ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(theme::MIN_SIZE / zoom));
        }
        if differs(|old, new| old.motion != new.motion) {
            theme::set_styles(ctx, self.dependencies.reduced_motion || new.motion == Motion::Reduced);
        }
        if let Some(Dialog::Settings(form)) = &mut self.dialog {
            form.refresh(new);
        }
    }

    /// Chooses the active tab after the profiles changed.
    fn choose_front_tab(&mut self, first: bool, added: Option<ProfileId>) {
        let wanted = self.dependencies.profile.as_ref();
        let named = first
            .then(|| self.profile_tabs.iter().find(|profile_tab| wanted == Some(&profile_tab.profile.name)))
            .flatten();
        let there = self.profile_tab().is_some();
        if let Some(profile_tab) = named.or_else(|| self.profile_tabs.first().filter(|_| first)) {
            self.active_tab = ActiveTab::Profile(profile_tab.profile.id);
        } else if let Some(added) = added {
            self.active_tab = ActiveTab::Profile(added);
            // The new profile replaces its form; a form for another profile stays open.
            if self.form.as_ref().is_some_and(|form| form.profile_id() == added || !form.is_requesting()) {
                self.form = None;
            }
        } else if !there && (self.active_tab != ActiveTab::NewProfile || self.form.is_none()) {
            self.active_tab = self
                .profile_tabs
                .first()
                .map_or(ActiveTab::NewProfile, |profile_tab| ActiveTab::Profile(profile_tab.profile.id));
        }
        if self.profile_tabs.is_empty() && self.form.is_none() {
            self.form = Some(Form::new(&self.dependencies.prefill));
            self.active_tab = ActiveTab::NewProfile;
        }
    }
}

/// Converts the theme of the settings to egui's.
fn theme_preference(theme: Theme) -> ThemePreference {
    match theme {
        Theme::System => ThemePreference::System,
        Theme::Light => ThemePreference::Light,
        Theme::Dark => ThemePreference::Dark,
    }
}
