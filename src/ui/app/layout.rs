//! How activities are displayed, across profiles and runs: columns, sort order, filter, saved filters, and time format.

use std::sync::Arc;

use egui::Context;

use crate::activity::StatusFilter;
use crate::engine::Action;
use crate::settings::{ColumnLayout, InsightLayout, Preferences, ProfileId, SavedFilter, TableLayout, Times};
use crate::ui::bars::saved_filters::SaveFilterForm;
use crate::ui::dialogs::Dialog;
use crate::ui::dialogs::columns::ColumnDraft;
use crate::ui::insight;
use crate::ui::profile_tab::ProfileTab;

use super::{ActiveTab, App};

impl App {
    /// Changes the preferences: they apply at once, and the engine stores them. Returns whether the engine took the change.
    pub(crate) fn change_preferences(&mut self, change: impl FnOnce(&mut Preferences)) -> bool {
        let Some(settings) = &self.settings else { return false };
        let mut preferences = settings.preferences.clone();
        change(&mut preferences);
        let changes = settings.preferences.changes_to(&preferences);
        if changes.is_empty() {
            return true;
        }
        let number = self.changes.next();
        let taken = self.dependencies.backend.send(Action::ChangePreferences { number, changes: changes.clone() });
        // The change applies until the engine has stored it, even if the engine reports an older state in between.
        if taken && let Some(settings) = &mut self.settings {
            self.changes.add(number, changes);
            Arc::make_mut(settings).preferences = preferences;
        }
        taken
    }

    /// Changes the preferences, and shows a notice if the engine is too busy.
    pub(crate) fn change_preferences_or_notify(&mut self, change: impl FnOnce(&mut Preferences)) {
        if !self.change_preferences(change) {
            self.notify_busy();
        }
    }

    /// How times are displayed.
    pub(crate) fn times(&self) -> Times {
        self.settings.as_ref().map(|settings| settings.preferences.times).unwrap_or_default()
    }

    pub(crate) fn set_times(&mut self, times: Times) {
        self.change_preferences_or_notify(|preferences| preferences.times = times);
    }

    /// The layout of Insight.
    pub(crate) fn insight(&self) -> InsightLayout {
        self.settings.as_ref().map(|settings| settings.preferences.insight).unwrap_or_default()
    }

    pub(crate) fn set_insight(&mut self, layout: InsightLayout) {
        self.change_preferences_or_notify(|preferences| preferences.insight = layout);
    }

    /// Opens or closes Insight. If there is only space for one of the two, the details are closed.
    pub(crate) fn toggle_insight(&mut self, narrow: bool) {
        let layout = self.insight();
        let profile_tab = self.profile_tab_mut().filter(|_| narrow);
        // Insight can't be seen behind the details, so for the operator it is closed.
        let gives_way = profile_tab.is_some_and(|profile_tab| profile_tab.details.take().is_some());
        self.set_insight(InsightLayout { open: gives_way || !layout.open, ..layout });
    }

    /// Filters for the commands that failed for this reason within Insight's time range.
    pub(crate) fn show_failures(&mut self, reason: &str) {
        let filter = insight::labels::filter(reason, self.insight().span);
        if let Some(profile_tab) = self.profile_tab_mut() {
            profile_tab.view.set_status_filter(StatusFilter::All);
            profile_tab.set_filter(&filter);
        }
    }

    /// Opens the columns dialog for the active tab.
    pub(crate) fn open_columns(&mut self) {
        let times = self.times();
        if let Some(profile_tab) = self.profile_tab() {
            let chosen = ColumnDraft::new(profile_tab.profile.id, &profile_tab.layout(), times);
            self.open(Dialog::Columns(chosen));
        }
    }

    /// Opens the dialog that saves the active tab's filter under a name.
    pub(crate) fn open_save_filter(&mut self) {
        if let Some(profile_tab) = self.profile_tab() {
            let saved = self.preferences().saved_filters.into_iter().map(|saved| saved.name).collect();
            let naming = SaveFilterForm::new(&profile_tab.layout().filter, saved);
            self.open(Dialog::SaveFilter(naming));
        }
    }

    /// Sets a profile's columns. They are stored with the rest of its layout.
    pub(crate) fn set_columns(&mut self, profile: ProfileId, columns: Vec<ColumnLayout>) {
        if let Some(profile_tab) = self.tab_of(profile) {
            profile_tab.columns = TableLayout { columns, ..TableLayout::default() };
        }
    }

    /// Applies a saved filter.
    pub(crate) fn apply_saved_filter(&mut self, index: usize) {
        let saved = self.settings.as_ref().and_then(|settings| settings.preferences.saved_filters.get(index)).cloned();
        if let (Some(saved), Some(profile_tab)) = (saved, self.profile_tab_mut()) {
            profile_tab.apply_layout(&saved.layout);
        }
    }

    /// Saves the layout of the active profile, replacing a saved filter of the same name.
    pub(crate) fn save_filter(&mut self, name: String) {
        let Some(layout) = self.profile_tab().map(ProfileTab::layout) else { return };
        self.change_preferences_or_notify(|preferences| {
            let saved = SavedFilter { name, layout };
            match preferences.saved_filters.iter_mut().find(|other| other.name == saved.name) {
                Some(other) => *other = saved,
                None => preferences.saved_filters.push(saved),
            }
        });
    }

    /// Deletes a saved filter.
    pub(crate) fn delete_saved_filter(&mut self, index: usize) {
        self.change_preferences_or_notify(|preferences| {
            if index < preferences.saved_filters.len() {
                preferences.saved_filters.remove(index);
            }
        });
    }

    /// Stores the layout of the active profile once nothing is being typed or dragged. If the engine is busy, a later frame
    /// tries again.
    pub(crate) fn store_layout(&mut self, ctx: &Context) {
        let ActiveTab::Profile(profile) = self.active_tab else { return };
        if self.in_text || ctx.input(|input| input.pointer.any_down()) {
            return;
        }
        let Some((layout, settings)) = self.profile_tab().map(ProfileTab::layout).zip(self.settings.as_ref()) else {
            return;
        };
        if settings.preferences.looks.get(&profile).unwrap_or(&TableLayout::default()) != &layout {
            let there: Vec<ProfileId> = settings.profiles.iter().map(|profile| profile.id).collect();
            self.change_preferences(|preferences| {
                preferences.looks.insert(profile, layout);
                // Layouts of removed profiles are deleted with the next change.
                preferences.looks.retain(|id, _| there.contains(id));
            });
        }
    }
}
