//! Decides which events are applied within a frame and which between two frames.

use std::cell::Cell;

use crate::activity::{Activities, ActivityKey};
use crate::engine::Event;
use crate::settings::ProfileId;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::view_state::apply_entries::ApplySummary;
use crate::ui::view_state::pending_entries::Batch;

use super::all_profiles::TabUpdate;
use super::apply_thread::{ApplyJob, MANY, MOST, MOST_BYTES, PILE};
use super::{ActiveTab, App};

impl App {
    /// Queues an event that is applied between two frames. Returns the event if it has to be applied now.
    pub(crate) fn put_behind(&mut self, profile: ProfileId, event: Event) -> Option<Event> {
        let beside = self.parts.beside.is_some();
        let Some(profile_tab) = self.desk_of(profile) else { return Some(event) };
        match event {
            Event::Committed { entries, .. }
                if beside && (entries.len() >= MANY || !profile_tab.pending_entries.is_empty()) =>
            {
                profile_tab.pending_entries.push(Batch::Committed(entries));
                None
            }
            Event::Restored { entries, live_from, complete, .. }
                if beside && (entries.len() >= MANY || !profile_tab.pending_entries.is_empty()) =>
            {
                profile_tab.activities.set_live_from(live_from);
                profile_tab.pending_entries.push(Batch::Restored(entries, complete));
                None
            }
            // These have to be applied in order after all pending commits. For restored entries and links the order does not
            // matter.
            Event::NotKept { .. } | Event::Kept { .. } | Event::Forgotten { .. } => {
                self.catch_up(profile, &|_: &Self| false);
                Some(event)
            }
            other => Some(other),
        }
    }

    /// Whether any entries are pending.
    pub(crate) fn is_behind(&self) -> bool {
        self.profile_tabs.iter().any(|profile_tab| !profile_tab.pending_entries.is_empty())
    }

    /// Whether more entries may be queued; if not, new ones stay with the engine.
    pub(crate) fn has_room(&self) -> bool {
        let all = self
            .profile_tabs
            .iter()
            .map(|profile_tab| (profile_tab.pending_entries.len(), profile_tab.pending_entries.weight()));
        let (count, weight) = all.fold((0_usize, 0_usize), |sum, one| (sum.0 + one.0, sum.1.saturating_add(one.1)));
        count < MOST && weight < MOST_BYTES
    }

    /// Applies a profile's pending entries until `is_over` returns `true`.
    fn catch_up(&mut self, profile: ProfileId, is_over: &dyn Fn(&Self) -> bool) {
        let mut keys = self.all_follows().then(Vec::new);
        while let Some(profile_tab) =
            self.desk_of(profile).filter(|profile_tab| !profile_tab.pending_entries.is_empty())
        {
            let (once, model) = (Cell::new(true), (&mut profile_tab.activities, &mut profile_tab.completeness));
            let changed = profile_tab.pending_entries.apply(model, keys.as_mut(), || once.replace(false));
            self.changed(profile, changed, keys.as_mut().map(std::mem::take));
            if is_over(self) {
                self.parts.waker.wake();
                break;
            }
        }
    }

    /// Applies pending entries on this thread if there are too many, or if no frames are drawn and so nothing is handed over.
    pub(crate) fn clear_pile(&mut self, is_over: &dyn Fn(&Self) -> bool) {
        let hidden = self.undrawn > 0;
        self.undrawn = self.undrawn.saturating_add(1);
        let piled: Vec<_> = self
            .profile_tabs
            .iter()
            .filter(|profile_tab| {
                !profile_tab.pending_entries.is_empty()
                    && (hidden
                        || profile_tab.pending_entries.len() > PILE
                        || profile_tab.pending_entries.weight() > MOST_BYTES / 2)
            })
            .map(|profile_tab| profile_tab.profile.id)
            .collect();
        for profile in piled {
            if !is_over(self) {
                self.catch_up(profile, is_over);
            }
        }
    }

    /// Starts a search of the journal for activities that are not in memory.
    pub(crate) fn search_older(&mut self) {
        let Some(action) = self.desk_mut().and_then(ProfileTab::search_older) else { return };
        if !self.send(action)
            && let Some(profile_tab) = self.desk_mut()
        {
            _ = profile_tab.cancel_search();
        }
    }

    /// Cancels the search of the tab in front. Returns whether there was one.
    pub(crate) fn cancel_search(&mut self) -> bool {
        let action = self.desk_mut().and_then(ProfileTab::cancel_search);
        // If the engine is too busy to take the action, the search continues and its results are ignored.
        action.map(|action| self.parts.backend.send(action)).is_some()
    }

    /// Requests missing journal entries for rows that came back into memory.
    pub(crate) fn read_back(&mut self) {
        let now = self.parts.clock.instant();
        for profile_tab in self.profile_tabs.iter_mut().filter(|profile_tab| !profile_tab.is_all()) {
            if let Some(cancel) = profile_tab.follow_search() {
                _ = self.parts.backend.send(cancel);
            }
            if let Some(question) = profile_tab.question_back(now)
                && !self.parts.backend.send(question)
            {
                profile_tab.not_asked_back();
            }
        }
    }

    /// Hands pending entries to the apply thread after a frame is drawn.
    pub(crate) fn hand_over(&mut self) {
        self.undrawn = 0;
        let follows = self.all_follows();
        let Some(beside) = &self.parts.beside else { return };
        let work: Vec<_> = self
            .profile_tabs
            .iter_mut()
            .filter(|profile_tab| !profile_tab.pending_entries.is_empty())
            .map(|profile_tab| {
                let empty = Activities::new(profile_tab.activities.link_lifetime());
                ApplyJob {
                    profile: profile_tab.profile.id,
                    activities: std::mem::replace(&mut profile_tab.activities, empty),
                    completeness: std::mem::take(&mut profile_tab.completeness),
                    pending_entries: std::mem::take(&mut profile_tab.pending_entries),
                    changed: ApplySummary::default(),
                    keys: follows.then(Vec::new),
                }
            })
            .collect();
        if !work.is_empty() {
            beside.give(work);
        }
    }

    /// Takes the handed-over work back. Must run first in a frame: until then the profile tabs have no rows.
    pub(crate) fn take_back(&mut self) {
        let Some(beside) = &mut self.parts.beside else { return };
        for ApplyJob { profile, activities, completeness, pending_entries, changed, keys } in beside.take_back() {
            if let Some(profile_tab) = self.desk_of(profile) {
                (profile_tab.activities, profile_tab.completeness, profile_tab.pending_entries) =
                    (activities, completeness, pending_entries);
            }
            self.changed(profile, changed, keys);
        }
    }

    fn changed(&mut self, profile: ProfileId, changed: ApplySummary, keys: Option<Vec<ActivityKey>>) {
        let (in_front, instant) = (self.front == ActiveTab::Desk(profile), self.parts.clock.instant());
        let is_restored = changed.restored == Some(true);
        if let Some(profile_tab) = self.desk_of(profile) {
            profile_tab.changed(changed, in_front, instant);
        }
        if is_restored && self.all_follows() {
            self.tell_all(profile, TabUpdate::Anew);
            return;
        }
        if let Some(keys) = keys {
            self.tell_all(profile, TabUpdate::Changed(keys));
        }
    }
}
