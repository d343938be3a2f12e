//! Takes the engine's events for a profile.

use std::time::{Duration, Instant};

use crate::activity::{Activities, Entry, View};
use crate::engine::{Event, ProfileStatus, SignInState, WaitingDownload};
use crate::settings::{Preferences, Profile};
use crate::ui::view_state::apply_entries::ApplySummary;
use crate::ui::view_state::completeness::Completeness;
use crate::ui::view_state::insight::InsightCache;
use crate::ui::view_state::table::Table;
use crate::ui::view_state::unpersisted::Unpersisted;

use super::{ProfileTab, UnreadCounts};

impl ProfileTab {
    /// Takes an event of this profile that arrived at `instant`. `in_front` is whether this tab is shown.
    pub(crate) fn take_event(&mut self, event: Event, in_front: bool, instant: Instant) {
        match event {
            Event::Restored { entries, live_from, complete, .. } => {
                self.activities.set_live_from(live_from);
                crate::ui::view_state::apply_entries::apply_restored(
                    &mut self.activities,
                    &mut self.completeness,
                    &entries,
                );
                self.on_applied(ApplySummary::restored(complete), in_front, instant);
            }
            Event::Committed { entries, .. } => self.commit(&entries, in_front, instant),
            Event::Unpersisted { entries, .. } => {
                self.unpersisted.add(&entries);
                if let Some(details) = &mut self.details {
                    details.add(&entries);
                }
                self.commit(&entries, in_front, instant);
            }
            Event::Persisted { from, to, count, .. } => {
                self.unpersisted.remove_persisted(from, count);
                self.activities.remap(from, to, count);
            }
            Event::HistoryCleared { .. } => self.clear_history(),
            Event::History { key, mut entries, is_cut, .. } => {
                entries.extend(self.unpersisted.of(&key));
                if let Some(details) = &mut self.details {
                    details.answer(&key, entries, is_cut);
                }
            }
            Event::Older { rows, .. } => self.activities.set_older(rows),
            Event::OlderEntries { entries, complete, .. } => self.activities.index_older(&entries, complete),
            Event::SearchResults { search, rows, percent, end, .. } => self.add_found(search, &rows, percent, end),
            Event::EarlierEntries { rows, .. } => {
                self.entries_requested = None;
                for (key, entries) in &rows {
                    self.activities.complete(key, entries);
                }
                self.completeness.on_restored();
            }
            Event::Revealed { key, messages, .. } => {
                if let Some(details) = &mut self.details {
                    details.reveal(&key, messages);
                }
            }
            // The window handles these itself.
            _ => {}
        }
    }

    /// Takes the profile's current status.
    pub(crate) fn take_status(&mut self, now: &ProfileStatus) {
        if self.status == *now {
            return;
        }
        if self.status.restored_links != now.restored_links {
            let links: Vec<_> = now.restored_links.iter().cloned().collect();
            self.activities.restore_links(&links);
            self.links_changed = true;
        }
        self.status = now.clone();
    }

    /// Takes the progress of a sign-in.
    pub(crate) fn take_sign_in(&mut self, state: SignInState) {
        let done = state == SignInState::Done;
        self.form.answer(state);
        if done {
            self.form_open = false;
            self.form.wipe_secrets();
        }
    }

    /// Takes the download queue of all profiles.
    pub(crate) fn take_queue(&mut self, waiting: &[WaitingDownload]) {
        let ours = (1..).zip(waiting).filter(|(_, waiting)| waiting.profile == self.profile.id);
        self.waiting = ours.map(|(place, waiting)| (place, waiting.clone())).collect();
    }

    /// Clears the history after the journal was cleared. The layout stays.
    fn clear_history(&mut self) {
        let limit = self.activities.rows_in_memory();
        self.activities = Activities::new(self.activities.link_lifetime());
        self.activities.set_rows_in_memory(limit);
        self.activities.mark_read();
        self.completeness = Completeness::default();
        let mut view = View::new();
        view.set_status_filter(self.view.status_filter());
        view.set_filter(self.view.filter().clone());
        view.set_sort(self.view.sort());
        self.view = view;
        self.table = Table::default();
        self.details = None;
        self.unpersisted = Unpersisted::default();
        self.insight = InsightCache::default();
        self.restoring = false;
        self.unread = UnreadCounts::default();
    }

    fn commit(&mut self, entries: &[Entry], in_front: bool, instant: Instant) {
        let changed =
            crate::ui::view_state::apply_entries::apply(&mut self.activities, &mut self.completeness, entries);
        self.on_applied(changed, in_front, instant);
    }

    /// Takes the profile's new settings.
    pub(crate) fn set_profile(&mut self, profile: &Profile) {
        if self.profile != *profile {
            self.profile = profile.clone();
        }
    }

    /// Takes the current preferences.
    pub(crate) fn set_preferences(&mut self, preferences: &Preferences) {
        self.activities.set_link_lifetime(Duration::from_secs(u64::from(preferences.link_lifetime)));
        self.activities.set_rows_in_memory(preferences.rows_in_memory());
    }
}
