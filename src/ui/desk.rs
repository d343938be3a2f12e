//! One profile's place in the window: its connection, its activities, and how they are looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::{
    Activities, Activity, ActivityKey, Chip, Entry, Fact, Filter, FilterError, Moment, Refresh, RowId, View,
};
use crate::engine::{ConnectionState, Event, Progress, SignInState, Waiting};
use crate::protocol::RequestId;
use crate::settings::{Look, Preferences, Profile};

use super::completeness::Completeness;
use super::data_key::KnownKey;
use super::details::Details;
use super::expected::Expected;
use super::insight::Shown;
use super::merged::Owners;
use super::notify::News;
use super::rival::Rival;
use super::saving::suggested_name;
use super::sign_in::Form;
use super::table::{Table, columns};
use super::text::visible;
use super::unkept::Unkept;

/// How many rows a search looks at between two looks at the clock; well under a millisecond's work.
const SEARCH_SLICE: usize = 5_000;

/// What is known of a profile's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// When it ends, where the server said.
    pub expires_at: Option<Moment>,
    /// Whether the keyring holds it.
    pub kept: bool,
}

/// Signs of life of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pulse {
    /// When the last answer to a ping came.
    pub pong: Option<Instant>,
    /// When the last message came in this run.
    pub message: Option<Instant>,
    /// The pause between messages that is seldom exceeded.
    pub usual: Option<Duration>,
}

/// What came while another tab was in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Unseen {
    /// How many activities.
    pub new: usize,
    /// How many failed, new ones or earlier ones.
    pub failed: usize,
}

/// One profile's place.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The profile, as the settings have it.
    pub profile: Profile,
    /// The state of its connection; `None` until the engine has said one.
    pub connection: Option<ConnectionState>,
    /// The last round trip that was measured.
    pub round_trip: Option<Duration>,
    /// What its connection last told of itself, while it is live.
    pub pulse: Pulse,
    /// What settled unheard within the last hour, as the engine last told it.
    pub rival: Option<Rival>,
    /// What is known to be complete.
    pub completeness: Completeness,
    /// What is known of its token.
    pub token: Option<Token>,
    /// What is known of the key of its payloads.
    pub data_key: KnownKey,
    /// Its activities.
    pub activities: Activities,
    /// Which of them are shown, in which order.
    pub view: View,
    /// How far a search is.
    pub search: Refresh,
    /// What stands in the filter's field.
    pub filter: String,
    /// What is wrong with it; the table keeps to the last filter that was right.
    pub filter_error: Option<FilterError>,
    /// Its columns.
    pub columns: Look,
    /// Where the table stands and what is selected in it.
    pub table: Table,
    /// The details of one activity, while they are open.
    pub details: Option<Details>,
    /// What its journal refuses.
    pub unkept: Unkept,
    /// What Insight shows, as it was last counted.
    pub insight: Shown,
    /// Downloads under way.
    pub downloads: BTreeMap<RequestId, Progress>,
    /// Downloads that wait for their turn, each with its place among those of all profiles, from 1.
    pub waiting: Vec<(usize, Waiting)>,
    /// Whether the narrow window shows every download.
    pub downloads_open: bool,
    /// Whether older activities are still being read from the journal.
    pub restoring: bool,
    /// What came while another tab was in front.
    pub unseen: Unseen,
    /// How many failed since this was last asked, and what the last of them is, in words.
    pub failed: Option<(usize, String)>,
    /// What failed and what became ready since this was last asked, for the desktop.
    pub news: News,
    /// The form to sign it in again.
    pub form: Form,
    /// Whether that form was asked for although there is a token.
    pub form_open: bool,
    /// Whose its rows are, where they are of several profiles.
    pub owners: Option<Owners>,
    /// The next moment at which a link expires.
    next_expiry: Option<Moment>,
    /// Data that was requested from here: its row is selected when it comes.
    pub expected: Expected,
}

impl Desk {
    pub(crate) fn new(profile: Profile, preferences: &Preferences) -> Self {
        let lifetime = Duration::from_secs(u64::from(preferences.link_lifetime));
        let look = preferences.looks.get(&profile.id).cloned().unwrap_or_default();
        let mut desk = Self {
            form: Form::of(&profile),
            form_open: false,
            profile,
            connection: None,
            round_trip: None,
            pulse: Pulse::default(),
            rival: None,
            completeness: Completeness::default(),
            token: None,
            data_key: KnownKey::default(),
            activities: Activities::new(lifetime),
            view: View::new(),
            search: Refresh::Done,
            filter: String::new(),
            filter_error: None,
            columns: Look::default(),
            table: Table::default(),
            details: None,
            unkept: Unkept::default(),
            insight: Shown::default(),
            downloads: BTreeMap::new(),
            waiting: Vec::new(),
            downloads_open: false,
            restoring: true,
            unseen: Unseen::default(),
            failed: None,
            news: News::default(),
            owners: None,
            next_expiry: None,
            expected: Expected::default(),
        };
        desk.show_look(&look);
        desk
    }

    /// Whether the engine said that this profile has no token.
    pub(crate) fn is_signed_out(&self) -> bool {
        self.connection == Some(ConnectionState::SignedOut)
    }

    /// Whether its place shows the sign-in form and not the table.
    pub(crate) fn shows_form(&self) -> bool {
        self.is_signed_out() || self.form_open
    }

    /// Whether outcomes arrive.
    pub(crate) fn is_live(&self) -> bool {
        self.connection == Some(ConnectionState::Live)
    }

    /// A row, to read.
    pub(crate) fn activity(&self, row: RowId) -> Option<Activity<'_>> {
        self.activities.get(row)
    }

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
                for entry in &entries {
                    self.completeness.note(entry, &self.activities);
                }
                self.activities.apply_restored(&entries);
                self.restoring = !complete;
                self.completeness.restored();
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
            Event::History { key, mut entries, .. } => {
                entries.extend(self.unkept.of(&key));
                if let Some(details) = &mut self.details {
                    details.answer(&key, entries);
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
            | Event::Queue(_)
            | Event::Settings(_)
            | Event::JournalSize(_)
            | Event::Notice(_)
            | Event::Purged { .. }
            | Event::Stopped => {}
        }
    }

    /// Everything up to now is gone. How it is looked at stays.
    fn forget(&mut self) {
        self.activities = Activities::new(self.activities.link_lifetime());
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
        let counts = |activities: &Activities| {
            let counts = activities.counts();
            (activities.len(), counts.of(Chip::Failed), counts.of(Chip::Ready))
        };
        let (rows, failures, ready) = counts(&self.activities);
        for entry in entries {
            if matches!(entry.fact, Fact::Heard(_) | Fact::Unreadable { .. }) {
                self.pulse.message = Some(instant);
            }
            self.completeness.note(entry, &self.activities);
            self.activities.apply(entry);
            self.expected.note(entry, &self.activities, &mut self.table);
        }
        let (rows_now, failures_now, ready_now) = counts(&self.activities);
        let failed = failures_now.saturating_sub(failures);
        if !in_front {
            self.unseen.new += rows_now.saturating_sub(rows);
            self.unseen.failed += failed;
        }
        if failed > 0 {
            self.note_failures(failed, entries);
        }
        let ready = ready_now.saturating_sub(ready);
        if failed + ready > 0 {
            self.news.note(&self.activities, entries, failed, ready);
        }
    }

    /// Takes the downloads of all profiles that wait for their turn.
    pub(crate) fn take_queue(&mut self, waiting: &[Waiting]) {
        let ours = (1..).zip(waiting).filter(|(_, waiting)| waiting.profile == self.profile.id);
        self.waiting = ours.map(|(place, waiting)| (place, waiting.clone())).collect();
    }

    /// The rows whose links can be used and that nobody has asked to fetch yet, what expires first in front.
    pub(crate) fn links(&self) -> impl Iterator<Item = RowId> + '_ {
        self.activities.ready().filter(|row| self.is_not_waiting(*row))
    }

    /// The rows whose data can be had and that nobody has asked for yet: links first, then what came in messages.
    pub(crate) fn ready(&self) -> impl Iterator<Item = RowId> + '_ {
        self.links().chain(self.activities.inline().filter(|row| self.is_not_waiting(*row)))
    }

    fn is_not_waiting(&self, row: RowId) -> bool {
        self.waiting.is_empty() || self.turn_of(row).is_none()
    }

    /// The place of a row among the downloads that wait, from 1, and the download.
    pub(crate) fn turn_of(&self, row: RowId) -> Option<(usize, &Waiting)> {
        let activity = self.activity(row).filter(|_| !self.waiting.is_empty())?;
        let id = activity.id();
        self.waiting
            .iter()
            .find(|(_, waiting)| waiting.request.as_str() == id)
            .map(|(place, waiting)| (*place, waiting))
    }

    /// What a download that waits is called: the file that was chosen, or in a folder what would be suggested.
    pub(crate) fn name_of(&self, waiting: &Waiting) -> String {
        let row = self.activities.find(&ActivityKey::Data(waiting.request.clone())).and_then(|row| self.activity(row));
        let suggested = row.map(|activity| suggested_name(&activity)).unwrap_or_default();
        let chosen = waiting.to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if waiting.in_folder || chosen.is_empty() { suggested } else { chosen };
        visible(&name).into_owned()
    }

    /// Takes a profile's new settings.
    pub(crate) fn set_profile(&mut self, profile: &Profile) {
        if self.profile != *profile {
            self.profile = profile.clone();
        }
    }

    /// How its activities are looked at now. A filter that can't be read does not count.
    pub(crate) fn look(&self) -> Look {
        let filter = if self.filter_error.is_some() { self.view.filter().to_string() } else { self.filter.clone() };
        let sort = self.view.sort().map(columns::remembered);
        Look { columns: self.columns.columns.clone(), sort, filter: filter.trim().to_owned() }
    }

    /// Looks at its activities so.
    pub(crate) fn show_look(&mut self, look: &Look) {
        self.columns = Look { columns: look.columns.clone(), ..Look::default() };
        let sort = look.sort.and_then(|sort| Some((columns::sorts_by(sort.column)?, sort.descending)));
        self.view.set_sort(sort);
        self.set_filter(&look.filter);
    }

    /// Takes the preferences as they are now.
    pub(crate) fn set_preferences(&mut self, preferences: &Preferences) {
        self.activities.set_link_lifetime(Duration::from_secs(u64::from(preferences.link_lifetime)));
    }

    /// Takes another filter into the field, and into the view where it can be read.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.read_filter();
    }

    /// Reads what stands in the filter's field.
    pub(crate) fn read_filter(&mut self) {
        match Filter::parse(&self.filter) {
            Ok(filter) => {
                self.filter_error = None;
                self.view.set_filter(filter);
            }
            Err(error) => self.filter_error = Some(error),
        }
    }

    /// Brings the view up to the activities, before it is drawn. A search goes on for as long as there is `time` left.
    /// Returns whether it is to go on in the next frame.
    pub(crate) fn refresh(&mut self, now: Moment, time: impl Fn() -> bool) -> bool {
        self.next_expiry = self.activities.expire(now);
        self.completeness.refresh(&self.activities, self.restoring);
        loop {
            self.search = self.view.refresh(&mut self.activities, SEARCH_SLICE);
            if self.search == Refresh::Done || !time() {
                break;
            }
        }
        self.table.settle(&self.activities, &self.view);
        self.search != Refresh::Done
    }

    /// The next moment at which a link expires.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        self.next_expiry
    }

    /// The next moment at which rows come or go by the time alone.
    pub(crate) fn next_turn(&self) -> Option<Moment> {
        self.view.next_turn()
    }

    /// How many rows are shown.
    pub(crate) fn shown(&self) -> usize {
        self.view.len(&self.activities)
    }

    /// A row by arrival, whatever is shown: 0 is the newest.
    pub(crate) fn newest(&self, index: usize) -> Option<RowId> {
        self.activities.newest(index)
    }

    /// The rows that a command is for, in the order of the table: those that are selected and shown where there are several,
    /// else the one that the keyboard is at. At most `limit`.
    pub(crate) fn chosen(&self, limit: usize) -> Vec<RowId> {
        if self.table.selected_count() > 1 {
            self.table.selection(&self.activities, &self.view, limit)
        } else {
            self.table.cursor().into_iter().collect()
        }
    }

    /// Some of the rows that a command is for, in any order: enough to say whether it can be run.
    pub(crate) fn some_chosen(&self) -> Vec<RowId> {
        const ENOUGH: usize = 1_000;
        if self.table.selected_count() > 1 {
            self.table.any_selected().take(ENOUGH).collect()
        } else {
            self.table.cursor().into_iter().collect()
        }
    }

    /// The row at an index of the table.
    pub(crate) fn row_at(&self, index: usize) -> Option<RowId> {
        self.view.row(&self.activities, index)
    }

    /// Opens the details of a row, or turns them to it.
    pub(crate) fn open_details(&mut self, row: RowId) {
        let Some(key) = self.activities.get(row).map(|activity| activity.key()) else { return };
        if self.details.as_ref().is_none_or(|details| details.row() != row) {
            if self.details.is_none() {
                // The details take room from the table, perhaps just where the row is.
                self.table.keep_in_sight();
            }
            self.details = Some(Details::new(row, key));
        }
    }

    /// Selects a row, shows it where it is among those shown, and opens its details.
    pub(crate) fn reveal(&mut self, row: RowId) {
        let Self { table, activities, view, .. } = self;
        table.select(row);
        table.reveal(row, activities, view);
        self.open_details(row);
    }

    /// The file name of a download under way.
    pub(crate) fn download_of(&self, activity: &Activity<'_>) -> Option<(RequestId, &Progress)> {
        let request = match activity.key() {
            crate::activity::ActivityKey::Data(request) => request,
            crate::activity::ActivityKey::Command(_)
            | crate::activity::ActivityKey::Message(_)
            | crate::activity::ActivityKey::Gap(_) => return None,
        };
        let progress = self.downloads.get(&request)?;
        Some((request, progress))
    }
}

/// The settings as the window knows them.
pub(crate) type SharedSettings = Arc<crate::settings::Settings>;
