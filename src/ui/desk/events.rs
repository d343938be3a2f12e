//! Takes what the engine says of a profile.

use std::time::{Duration, Instant};

use crate::activity::{Activities, Entry, View};
use crate::engine::{ConnectionState, Event, SignInState, Waiting};
use crate::settings::{Preferences, Profile};
use crate::ui::completeness::Completeness;
use crate::ui::data_key::KnownKey;
use crate::ui::insight::Shown;
use crate::ui::rival::Rival;
use crate::ui::table::Table;
use crate::ui::unkept::Unkept;

use super::commit::{self, Changed};
use super::{Desk, Pulse, Token, Unseen};

impl Desk {
    /// Takes an event of this profile at an `instant`. `in_front` is whether its tab is the one that is looked at.
    pub(crate) fn take(&mut self, event: Event, in_front: bool, instant: Instant) {
        match event {
            Event::Connection { state, .. } => {
                if state != ConnectionState::Live {
                    self.round_trip = None;
                    self.pulse.pong = None;
                }
                if state == ConnectionState::SignedOut {
                    self.token = None;
                }
                self.connection = Some(state);
            }
            Event::Pulse { round_trip, pong, message, usual, .. } => {
                self.round_trip = round_trip;
                self.pulse = Pulse { pong, message: self.pulse.message.max(message), usual };
            }
            Event::Rival { unheard, of, .. } => self.rival = Some(Rival { unheard, of }),
            Event::Token { expires_at, kept, .. } => self.token = Some(Token { expires_at, kept }),
            Event::Restored { entries, live_from, complete, .. } => {
                self.activities.set_live_from(live_from);
                commit::apply_restored(&mut self.activities, &mut self.completeness, &entries);
                self.changed(Changed::restored(complete), in_front, instant);
            }
            Event::LinksKept { requests, .. } => self.activities.keep_links(&requests),
            Event::Committed { entries, .. } => self.commit(&entries, in_front, instant),
            Event::NotKept { entries, .. } => {
                self.unkept.take(&entries);
                if let Some(details) = &mut self.details {
                    details.add(&entries);
                }
                self.commit(&entries, in_front, instant);
            }
            Event::Kept { from, to, count, .. } => {
                self.unkept.kept(from, count);
                self.activities.keep(from, to, count);
            }
            Event::Forgotten { .. } => self.forget(),
            Event::Download { request, progress, .. } => match progress {
                Some(progress) => {
                    self.downloads.insert(request, progress);
                }
                None => {
                    self.downloads.remove(&request);
                }
            },
            Event::History { key, mut entries, is_cut, .. } => {
                entries.extend(self.unkept.of(&key));
                if let Some(details) = &mut self.details {
                    details.answer(&key, entries, is_cut);
                }
            }
            Event::Revealed { key, messages, .. } => {
                if let Some(details) = &mut self.details {
                    details.reveal(&key, messages);
                }
            }
            Event::SignIn { state, .. } => {
                let done = state == SignInState::Done;
                self.form.answer(state);
                if done {
                    self.form_open = false;
                    self.form.forget_secrets();
                }
            }
            Event::DataKey { known, kept, .. } => self.data_key = KnownKey { known, kept },
            // Not a desk's.
            Event::DataTokens { .. }
            | Event::Export(_)
            | Event::Queue(_)
            | Event::Settings(_)
            | Event::JournalSize(_)
            | Event::Notice(_)
            | Event::Purged { .. }
            | Event::Stopped => {}
        }
    }

    /// Takes the downloads of all profiles that wait for their turn.
    pub(crate) fn take_queue(&mut self, waiting: &[Waiting]) {
        let ours = (1..).zip(waiting).filter(|(_, waiting)| waiting.profile == self.profile.id);
        self.waiting = ours.map(|(place, waiting)| (place, waiting.clone())).collect();
    }

    /// Everything up to now is gone. How it is looked at stays.
    fn forget(&mut self) {
        let limit = self.activities.rows_in_memory();
        self.activities = Activities::new(self.activities.link_lifetime());
        self.activities.set_rows_in_memory(limit);
        self.activities.mark_read();
        self.completeness = Completeness::default();
        let mut view = View::new();
        view.set_chip(self.view.chip());
        view.set_filter(self.view.filter().clone());
        view.set_sort(self.view.sort());
        self.view = view;
        self.table = Table::default();
        self.details = None;
        self.unkept = Unkept::default();
        self.insight = Shown::default();
        self.restoring = false;
        self.unseen = Unseen::default();
    }

    fn commit(&mut self, entries: &[Entry], in_front: bool, instant: Instant) {
        let changed = commit::apply(&mut self.activities, &mut self.completeness, entries);
        self.changed(changed, in_front, instant);
    }

    /// Takes a profile's new settings.
    pub(crate) fn set_profile(&mut self, profile: &Profile) {
        if self.profile != *profile {
            self.profile = profile.clone();
        }
    }

    /// Takes the preferences as they are now.
    pub(crate) fn set_preferences(&mut self, preferences: &Preferences) {
        self.activities.set_link_lifetime(Duration::from_secs(u64::from(preferences.link_lifetime)));
        self.activities.set_rows_in_memory(preferences.rows_in_memory());
    }
}
