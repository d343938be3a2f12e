//! Applies received entries. Many of them are applied over several frames, so that each frame stays short.

use std::cell::Cell;

use crate::activity::ActivityKey;
use crate::engine::Event;
use crate::settings::ProfileId;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::view_state::apply_entries::ApplySummary;
use crate::ui::view_state::pending_entries::Batch;

use super::all_profiles::TabUpdate;
use super::{ActiveTab, App};

/// This many entries or more are queued before they are applied.
const QUEUE_FROM: usize = 256;
/// Maximum number of pending entries. Beyond it the window stops draining the engine, and the entries are read from the journal
/// later.
const MAX_PENDING: usize = 65_536;
/// Maximum size of the pending entries, in bytes.
const MAX_PENDING_BYTES: usize = 64 * 1_024 * 1_024;

impl App {
    /// Queues entries if there are many, or if earlier ones are pending. Returns the event if it has to be applied now.
    pub(crate) fn queue_if_many(&mut self, profile: ProfileId, event: Event) -> Option<Event> {
        let Some(profile_tab) = self.tab_of(profile) else { return Some(event) };
        match event {
            Event::Committed { entries, .. }
                if entries.len() >= QUEUE_FROM || !profile_tab.pending_entries.is_empty() =>
            {
                profile_tab.pending_entries.push(Batch::Committed(entries));
                None
            }
            Event::Restored { entries, live_from, complete, .. }
                if entries.len() >= QUEUE_FROM || !profile_tab.pending_entries.is_empty() =>
            {
                profile_tab.activities.set_live_from(live_from);
                profile_tab.pending_entries.push(Batch::Restored(entries, complete));
                None
            }
            // These have to be applied in order after all pending commits. For restored entries and links the order does not
            // matter.
            Event::Unpersisted { .. } | Event::Persisted { .. } | Event::HistoryCleared { .. } => {
                self.apply_pending_of(profile, &|_: &Self| false);
                Some(event)
            }
            other => Some(other),
        }
    }

    /// Whether more entries may be queued; if not, new ones stay with the engine.
    pub(crate) fn has_room(&self) -> bool {
        let all = self
            .profile_tabs
            .iter()
            .map(|profile_tab| (profile_tab.pending_entries.len(), profile_tab.pending_entries.weight()));
        let (count, weight) = all.fold((0_usize, 0_usize), |sum, one| (sum.0 + one.0, sum.1.saturating_add(one.1)));
        count < MAX_PENDING && weight < MAX_PENDING_BYTES
    }

    /// Applies a profile's pending entries until `is_over` returns `true`.
    fn apply_pending_of(&mut self, profile: ProfileId, is_over: &dyn Fn(&Self) -> bool) {
        let mut keys = self.updates_all_tab().then(Vec::new);
        while let Some(profile_tab) = self.tab_of(profile).filter(|profile_tab| !profile_tab.pending_entries.is_empty())
        {
            let (once, activities) = (Cell::new(true), &mut profile_tab.activities);
            let (completeness, go_on) = (&mut profile_tab.completeness, || once.replace(false));
            let changed = profile_tab.pending_entries.apply(activities, completeness, keys.as_mut(), go_on);
            self.on_applied(profile, changed, keys.as_mut().map(std::mem::take));
            if is_over(self) {
                self.dependencies.waker.wake();
                break;
            }
        }
    }

    /// Applies pending entries of all profiles until `is_over` returns `true`, but at least some of each. The next frame goes on.
    pub(crate) fn apply_pending(&mut self, is_over: &dyn Fn(&Self) -> bool) {
        let pending = self.profile_tabs.iter().filter(|profile_tab| !profile_tab.pending_entries.is_empty());
        for profile in pending.map(|profile_tab| profile_tab.profile.id).collect::<Vec<_>>() {
            self.apply_pending_of(profile, is_over);
        }
    }

    /// Starts a search of the journal for activities that are not in memory.
    pub(crate) fn search_older(&mut self) {
        let Some(action) = self.profile_tab_mut().and_then(ProfileTab::search_older) else { return };
        if !self.send(action)
            && let Some(profile_tab) = self.profile_tab_mut()
        {
            _ = profile_tab.cancel_search();
        }
    }

    /// Cancels the search of the active tab. Returns whether there was one.
    pub(crate) fn cancel_search(&mut self) -> bool {
        let action = self.profile_tab_mut().and_then(ProfileTab::cancel_search);
        // If the engine is too busy to take the action, the search continues and its results are ignored.
        action.map(|action| self.dependencies.backend.send(action)).is_some()
    }

    /// Requests missing journal entries for rows that came back into memory.
    pub(crate) fn request_missing_entries(&mut self) {
        let now = self.dependencies.clock.instant();
        for profile_tab in self.profile_tabs.iter_mut().filter(|profile_tab| !profile_tab.is_all()) {
            if let Some(cancel) = profile_tab.update_search() {
                _ = self.dependencies.backend.send(cancel);
            }
            if let Some(question) = profile_tab.missing_entries_request(now)
                && !self.dependencies.backend.send(question)
            {
                profile_tab.retry_missing_entries();
            }
        }
    }

    fn on_applied(&mut self, profile: ProfileId, summary: ApplySummary, keys: Option<Vec<ActivityKey>>) {
        let (is_active, instant) = (self.active_tab == ActiveTab::Profile(profile), self.dependencies.clock.instant());
        let is_restored = summary.restored == Some(true);
        if let Some(profile_tab) = self.tab_of(profile) {
            profile_tab.on_applied(summary, is_active, instant);
        }
        if is_restored && self.updates_all_tab() {
            self.update_all_tab(profile, TabUpdate::Rebuild);
            return;
        }
        if let Some(keys) = keys {
            self.update_all_tab(profile, TabUpdate::Changed(keys));
        }
    }
}
