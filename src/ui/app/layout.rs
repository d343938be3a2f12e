//! How activities are looked at, across profiles and runs: columns, sort, filter, saved filters, how times are told.

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
    /// Keeps preferences: they hold at once, and the engine writes them down. Returns whether it has taken them.
    pub(crate) fn keep(&mut self, change: impl FnOnce(&mut Preferences)) -> bool {
        let Some(settings) = &self.settings else { return false };
        let mut preferences = settings.preferences.clone();
        change(&mut preferences);
        let changes = settings.preferences.changes_to(&preferences);
        if changes.is_empty() {
            return true;
        }
        let number = self.changes.next();
        let taken = self.parts.backend.send(Action::ChangePreferences { number, changes: changes.clone() });
        // It holds until the engine has it, whatever older state the engine tells of meanwhile.
        if taken && let Some(settings) = &mut self.settings {
            self.changes.sent(number, changes);
            Arc::make_mut(settings).preferences = preferences;
        }
        taken
    }

    /// Changes the preferences; says so where the engine is too busy to take them.
    pub(crate) fn prefer(&mut self, change: impl FnOnce(&mut Preferences)) {
        if !self.keep(change) {
            self.is_busy();
        }
    }

    /// How times are told.
    pub(crate) fn times(&self) -> Times {
        self.settings.as_ref().map(|settings| settings.preferences.times).unwrap_or_default()
    }

    /// Tells times so from now on.
    pub(crate) fn set_times(&mut self, times: Times) {
        self.prefer(|preferences| preferences.times = times);
    }

    /// How Insight is looked at.
    pub(crate) fn insight(&self) -> InsightLayout {
        self.settings.as_ref().map(|settings| settings.preferences.insight).unwrap_or_default()
    }

    /// Looks at Insight so from now on.
    pub(crate) fn set_insight(&mut self, look: InsightLayout) {
        self.prefer(|preferences| preferences.insight = look);
    }

    /// Shows Insight, or takes it away. Where there is room for only one of the two, the details give way to it.
    pub(crate) fn turn_insight(&mut self, narrow: bool) {
        let look = self.insight();
        let profile_tab = self.desk_mut().filter(|_| narrow);
        // Behind the details it is not seen: to the operator it is not open.
        let gives_way = profile_tab.is_some_and(|profile_tab| profile_tab.details.take().is_some());
        self.set_insight(InsightLayout { open: gives_way || !look.open, ..look });
    }

    /// Shows the commands that failed for a reason in the time that Insight looks at.
    pub(crate) fn show_failures(&mut self, reason: &str) {
        let filter = insight::words::filter(reason, self.insight().span);
        if let Some(profile_tab) = self.desk_mut() {
            profile_tab.view.set_chip(StatusFilter::All);
            profile_tab.set_filter(&filter);
        }
    }

    /// Opens the dialog of the columns in front.
    pub(crate) fn choose_columns(&mut self) {
        let times = self.times();
        if let Some(profile_tab) = self.profile_tab() {
            let chosen = ColumnDraft::new(profile_tab.profile.id, &profile_tab.look(), times);
            self.open(Dialog::Columns(chosen));
        }
    }

    /// Asks for a name for the filter in front.
    pub(crate) fn name_filter(&mut self) {
        if let Some(profile_tab) = self.profile_tab() {
            let saved = self.preferences().saved_filters.into_iter().map(|saved| saved.name).collect();
            let naming = SaveFilterForm::new(&profile_tab.look().filter, saved);
            self.open(Dialog::SaveFilter(naming));
        }
    }

    /// Shows these columns of a profile. They are remembered with the rest of its look.
    pub(crate) fn set_columns(&mut self, profile: ProfileId, columns: Vec<ColumnLayout>) {
        if let Some(profile_tab) = self.desk_of(profile) {
            profile_tab.columns = TableLayout { columns, ..TableLayout::default() };
        }
    }

    /// Looks at what a saved filter looks at.
    pub(crate) fn show_saved(&mut self, index: usize) {
        let saved = self.settings.as_ref().and_then(|settings| settings.preferences.saved_filters.get(index)).cloned();
        if let (Some(saved), Some(profile_tab)) = (saved, self.desk_mut()) {
            profile_tab.show_look(&saved.look);
        }
    }

    /// Saves how the profile in front is looked at, in place of one of the same name.
    pub(crate) fn save_filter(&mut self, name: String) {
        let Some(look) = self.profile_tab().map(ProfileTab::look) else { return };
        self.prefer(|preferences| {
            let saved = SavedFilter { name, look };
            match preferences.saved_filters.iter_mut().find(|other| other.name == saved.name) {
                Some(other) => *other = saved,
                None => preferences.saved_filters.push(saved),
            }
        });
    }

    /// Forgets a saved filter.
    pub(crate) fn forget_saved(&mut self, index: usize) {
        self.prefer(|preferences| {
            if index < preferences.saved_filters.len() {
                preferences.saved_filters.remove(index);
            }
        });
    }

    /// Remembers how the profile in front is looked at, once nothing is being typed or dragged. Where the engine is busy it is
    /// tried again in a later frame.
    pub(crate) fn remember_look(&mut self, ctx: &Context) {
        let ActiveTab::Desk(profile) = self.front else { return };
        if self.in_text || ctx.input(|input| input.pointer.any_down()) {
            return;
        }
        let Some((look, settings)) = self.profile_tab().map(ProfileTab::look).zip(self.settings.as_ref()) else {
            return;
        };
        if settings.preferences.looks.get(&profile).unwrap_or(&TableLayout::default()) != &look {
            let there: Vec<ProfileId> = settings.profiles.iter().map(|profile| profile.id).collect();
            self.keep(|preferences| {
                preferences.looks.insert(profile, look);
                // Those of profiles that are gone go with the next change.
                preferences.looks.retain(|id, _| there.contains(id));
            });
        }
    }
}
