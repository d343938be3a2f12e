//! Builds the tab `All profiles` and keeps it up to date with each profile's events.

use std::time::Duration;

use crate::activity::{ActivityKey, Entry, Seq, Status};
use crate::engine::{ConnectionState, Event};
use crate::protocol::UnmaskedMessage;
use crate::settings::ProfileId;
use crate::ui::frame::FrameContext;
use crate::ui::profile_tab::{ProfileTab, UnreadCounts};

use super::{ActiveTab, App};

/// How long rows are copied in one frame; the rest is copied in the next frames.
const COPY_TIME: Duration = Duration::from_millis(4);

/// What an event changes in the tab.
pub(crate) enum TabUpdate {
    None,
    /// The tab has to be rebuilt.
    Rebuild,
    /// These activities changed.
    Changed(Vec<ActivityKey>),
    /// The entries of one activity, and whether the journal has more.
    History(ActivityKey, Vec<Entry>, bool),
    /// Messages of one activity with their secrets.
    Revealed(ActivityKey, Vec<(Seq, UnmaskedMessage)>),
}

impl App {
    /// Whether the tab exists and follows the profiles' changes. `false` while it waits to be rebuilt.
    pub(crate) fn updates_all_tab(&self) -> bool {
        self.profile_tabs.last().and_then(|profile_tab| profile_tab.owners.as_ref()).is_some_and(|owners| !owners.stale)
    }

    /// What an event of a profile changes in the tab. Call it before the profile takes the event.
    pub(crate) fn update_for_all(&self, profile: ProfileId, event: &Event) -> TabUpdate {
        if profile == crate::ui::view_state::row_owners::id() || !self.updates_all_tab() {
            return TabUpdate::None;
        }
        match event {
            Event::Committed { entries, .. } | Event::Unpersisted { entries, .. } => {
                TabUpdate::Changed(entries.iter().map(|entry| entry.key.clone()).collect())
            }
            Event::EarlierEntries { rows, .. } => TabUpdate::Changed(rows.iter().map(|(key, _)| key.clone()).collect()),
            Event::Restored { complete: true, .. } | Event::Persisted { .. } | Event::HistoryCleared { .. } => {
                TabUpdate::Rebuild
            }
            Event::History { key, entries, is_cut, .. } => {
                let refused = self
                    .profile_tabs
                    .iter()
                    .find(|profile_tab| profile_tab.profile.id == profile)
                    .map(|profile_tab| profile_tab.unpersisted.of(key));
                let entries = entries.iter().cloned().chain(refused.into_iter().flatten()).collect();
                TabUpdate::History(key.clone(), entries, *is_cut)
            }
            Event::Revealed { key, messages, .. } => TabUpdate::Revealed(key.clone(), messages.clone()),
            _ => TabUpdate::None,
        }
    }

    /// Updates the tab after the profile has taken the event.
    pub(crate) fn update_all_tab(&mut self, profile: ProfileId, update: TabUpdate) {
        let Some((all, parts)) = self.profile_tabs.split_last_mut().filter(|(all, _)| all.is_all()) else { return };
        match update {
            TabUpdate::None => {}
            TabUpdate::Rebuild => {
                if let Some(owners) = &mut all.owners {
                    owners.stale = true;
                }
            }
            TabUpdate::Changed(keys) => {
                if let Some(part) = parts.iter().find(|part| part.profile.id == profile) {
                    all.merge_changes(part, &keys);
                    all.activities.merge_rest(parts.iter().map(|part| &part.activities));
                }
            }
            TabUpdate::History(key, entries, is_cut) => {
                if let Some(details) = all.details_of(profile) {
                    details.answer(&key, entries, is_cut);
                }
            }
            TabUpdate::Revealed(key, messages) => {
                if let Some(details) = all.details_of(profile) {
                    details.reveal(&key, messages);
                }
            }
        }
    }

    /// Updates the tab from the states of its profiles.
    pub(crate) fn update_all_tab_status(&mut self) {
        let Some((all, parts)) = self.profile_tabs.split_last_mut().filter(|(all, _)| all.is_all()) else { return };
        all.status.connection = parts.iter().any(ProfileTab::is_live).then_some(ConnectionState::Live);
        let downloads = parts.iter().flat_map(|part| &part.status.downloads);
        all.status.downloads = downloads.map(|(request, progress)| (request.clone(), progress.clone())).collect();
        let mut links_changed = false;
        for part in parts {
            links_changed |= std::mem::take(&mut part.links_changed);
        }
        if let Some(owners) = all.owners.as_mut().filter(|_| links_changed) {
            owners.stale = true;
        }
    }

    /// Rebuilds the tab if it is active and out of date.
    pub(crate) fn rebuild_all_tab(&mut self, frame: &mut FrameContext) {
        let preferences = self.preferences();
        let (clock, began) = (&self.dependencies.clock, self.dependencies.clock.instant());
        let time = || clock.instant().saturating_duration_since(began) < COPY_TIME;
        if self.active_tab == ActiveTab::Profile(crate::ui::view_state::row_owners::id())
            && let Some((all, parts)) = self.profile_tabs.split_last_mut()
        {
            all.rebuild(parts, &preferences);
            if all.copy_rows(parts, time) {
                frame.redraw_in(Duration::ZERO);
            }
            for part in parts {
                // The tab `All profiles` is active, so these rows count as seen.
                part.unread = UnreadCounts::default();
                part.activities.mark_read();
            }
        }
    }

    /// How many downloads and how many saves of inline payloads are under way. Closing the window would use up the links of the
    /// downloads; the saves can be repeated.
    pub(crate) fn downloads(&self) -> (usize, usize) {
        let (mut links, mut saves) = (0, 0);
        for profile_tab in self.profile_tabs.iter().filter(|profile_tab| !profile_tab.is_all()) {
            for request in profile_tab.status.downloads.keys() {
                let row = profile_tab
                    .activities
                    .find(&ActivityKey::Data(request.clone()))
                    .and_then(|id| profile_tab.activities.get(id));
                if row.is_some_and(|row| row.status() == Status::Inline) {
                    saves += 1;
                } else {
                    links += 1;
                }
            }
        }
        (links, saves)
    }

    /// How many messages the journal refuses to store.
    pub(crate) fn unpersisted_count(&self) -> usize {
        self.profile_tabs.iter().map(|profile_tab| profile_tab.unpersisted.len()).sum()
    }

    pub(crate) fn profiles(&self) -> usize {
        self.profile_tabs.iter().filter(|profile_tab| !profile_tab.is_all()).count()
    }
}
