//! One profile's place in the window: its connection, its activities, and how they are looked at.

pub(crate) mod all_profiles;
pub(crate) mod apply;
pub(crate) mod events;
pub(crate) mod layout;
pub(crate) mod rows;

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::activity::{Activities, FilterError, GapState, Refresh, RowId, TimeReference, Timestamp, View};
use crate::engine::{Action, ConnectionState, ProfileStatus, TokenStatus, WaitingDownload};
use crate::settings::{Preferences, Profile, TableLayout};
use crate::ui::platform::desktop_notifications::PendingNotifications;
use crate::ui::view_state::completeness::Completeness;
use crate::ui::view_state::details::Details;
use crate::ui::view_state::insight::InsightCache;
use crate::ui::view_state::older_search::OlderSearch;
use crate::ui::view_state::pending_entries::PendingEntries;
use crate::ui::view_state::pending_selection::PendingSelection;
use crate::ui::view_state::row_owners::RowOwners;
use crate::ui::view_state::sign_in_form::Form;
use crate::ui::view_state::table::Table;
use crate::ui::view_state::unpersisted::Unpersisted;

/// How many rows a search looks at between two looks at the clock; well under a millisecond's work.
const SEARCH_SLICE: usize = 5_000;

/// How many rows that came back are read from the journal together.
const ASKED_BACK: usize = 64;
/// How long an answer of the journal is awaited before it is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many rows that are too many are evicted between two looks at the clock; well under a millisecond's work.
const EVICTED_SLICE: usize = 1_000;

/// What came while another tab was in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UnreadCounts {
    /// How many activities.
    pub new: usize,
    /// How many failed, new ones or earlier ones.
    pub failed: usize,
}

/// One profile's place.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says a thing of its own, and no two of them exclude each other"
)]
#[derive(Debug)]
pub(crate) struct ProfileTab {
    /// The profile, as the settings have it.
    pub profile: Profile,
    /// What is true of it now, as the engine told it last.
    pub status: ProfileStatus,
    /// Whether more links of earlier runs can be used than the tab for all profiles knows.
    pub links_changed: bool,
    /// When its last message was applied here.
    pub heard: Option<Instant>,
    /// What is known to be complete.
    pub completeness: Completeness,
    /// Its activities.
    pub activities: Activities,
    /// Entries that are still to be applied.
    pub pending_entries: PendingEntries,
    /// Which of them are shown, in which order.
    pub view: View,
    /// How far a search is.
    pub search: Refresh,
    /// What stands in the filter's field.
    pub filter: String,
    /// What is wrong with it; the table keeps to the last filter that was right.
    pub filter_error: Option<FilterError>,
    /// In which times are shown, and a date in the filter is a day.
    zone: TimeZone,
    /// Its columns.
    pub columns: TableLayout,
    /// Where the table stands and what is selected in it.
    pub table: Table,
    /// The details of one activity, while they are open.
    pub details: Option<Details>,
    /// What its journal refuses.
    pub unkept: Unpersisted,
    /// What Insight shows, as it was last counted.
    pub insight: InsightCache,
    /// Downloads that wait for their turn, each with its place among those of all profiles, from 1.
    pub waiting: Vec<(usize, WaitingDownload)>,
    /// Whether the narrow window shows every download.
    pub downloads_open: bool,
    /// Whether older activities are still being read from the journal.
    pub restoring: bool,
    /// What came while another tab was in front.
    pub unseen: UnreadCounts,
    /// How many failed since this was last asked, and what the last of them is, in words.
    pub failed: Option<(usize, String)>,
    /// What failed and what became ready since this was last asked, for the desktop.
    pub news: PendingNotifications,
    /// The form to sign it in again.
    pub form: Form,
    /// Whether that form was asked for although there is a token.
    pub form_open: bool,
    /// Whose its rows are, where they are of several profiles.
    pub owners: Option<RowOwners>,
    /// The search for what is not in memory.
    pub older: OlderSearch,
    /// Since when earlier entries of rows that came back are awaited.
    asked_back: Option<Instant>,
    /// The next moment at which a link expires.
    next_expiry: Option<Timestamp>,
    /// Data that was requested from here: its row is selected when it comes.
    pub expected: PendingSelection,
}

impl ProfileTab {
    pub(crate) fn new(profile: Profile, preferences: &Preferences) -> Self {
        let lifetime = Duration::from_secs(u64::from(preferences.link_lifetime));
        let look = preferences.looks.get(&profile.id).cloned().unwrap_or_default();
        let mut activities = Activities::new(lifetime);
        activities.set_rows_in_memory(preferences.rows_in_memory());
        // What fails from here on is read when its tab is in front.
        activities.mark_read();
        let mut profile_tab = Self {
            form: Form::of(&profile),
            form_open: false,
            profile,
            status: ProfileStatus::default(),
            links_changed: false,
            heard: None,
            completeness: Completeness::default(),
            activities,
            pending_entries: PendingEntries::default(),
            view: View::new(),
            search: Refresh::Done,
            filter: String::new(),
            filter_error: None,
            zone: TimeZone::UTC,
            columns: TableLayout::default(),
            table: Table::default(),
            details: None,
            unkept: Unpersisted::default(),
            insight: InsightCache::default(),
            waiting: Vec::new(),
            downloads_open: false,
            restoring: true,
            unseen: UnreadCounts::default(),
            failed: None,
            news: PendingNotifications::default(),
            owners: None,
            older: OlderSearch::default(),
            asked_back: None,
            next_expiry: None,
            expected: PendingSelection::default(),
        };
        profile_tab.show_look(&look);
        profile_tab
    }

    /// Whether the engine said that this profile has no token.
    pub(crate) fn is_signed_out(&self) -> bool {
        self.status.connection == Some(ConnectionState::SignedOut)
    }

    /// Whether its place shows the sign-in form and not the table.
    pub(crate) fn shows_form(&self) -> bool {
        self.is_signed_out() || self.form_open
    }

    /// A gap as it stands, where a row is one.
    pub(crate) fn gap(&self, row: RowId) -> Option<GapState> {
        let suspected = match &self.owners {
            Some(owners) => owners.suspects(row),
            None => self.completeness.competing().is_some(),
        };
        Some(self.activities.gap(row)?.while_suspected(suspected))
    }

    /// Whether outcomes arrive.
    pub(crate) fn is_live(&self) -> bool {
        self.status.connection == Some(ConnectionState::Live)
    }

    /// When the last message came in this run.
    pub(crate) fn last_message(&self) -> Option<Instant> {
        self.heard.max(self.status.health.message)
    }

    /// When its token expires, if it has one and the server said so.
    pub(crate) fn token_expires(&self) -> Option<Timestamp> {
        match self.status.token {
            TokenStatus::Held { expires_at, .. } => expires_at,
            TokenStatus::Unknown | TokenStatus::Absent => None,
        }
    }

    /// Brings the view up to the activities, before it is drawn. A search goes on for as long as there is `time` left.
    /// Returns whether it is to go on in the next frame.
    pub(crate) fn refresh(&mut self, (now, reference): (Timestamp, TimeReference), time: impl Fn() -> bool) -> bool {
        self.activities.set_reference(reference);
        self.next_expiry = self.activities.expire(now);
        self.activities.hold(self.details.as_ref().map(Details::row));
        let mut evicting = true;
        while evicting {
            evicting = self.activities.tidy(EVICTED_SLICE);
            if !time() {
                break;
            }
        }
        self.completeness.refresh(&self.activities, self.restoring, now);
        loop {
            self.search = self.view.refresh(&mut self.activities, SEARCH_SLICE);
            if self.search == Refresh::Done || !time() {
                break;
            }
        }
        self.let_go();
        self.table.settle(&self.activities, &self.view);
        evicting || self.search != Refresh::Done
    }

    /// The question for the journal where rows came back of which earlier entries are not known, some at a time.
    pub(crate) fn question_back(&mut self, now: Instant) -> Option<Action> {
        if let Some(asked) = self.asked_back {
            if now.saturating_duration_since(asked) < PATIENCE {
                return None;
            }
            // A reading that failed has no answer.
            self.asked_back = None;
            self.activities.ask_again();
        }
        let rows = self.activities.take_incomplete(ASKED_BACK);
        if rows.is_empty() {
            return None;
        }
        self.asked_back = Some(now);
        Some(Action::ReadBack { profile: self.profile.id, rows })
    }

    /// The engine was busy: the question is asked again.
    pub(crate) fn not_asked_back(&mut self) {
        self.asked_back = None;
        self.activities.ask_again();
    }

    /// Rows were evicted: nothing here is of them any more.
    fn let_go(&mut self) {
        self.table.let_go(self.view.take_gone(), &self.activities);
        if self.details.as_ref().is_some_and(|details| self.activities.get(details.row()).is_none()) {
            self.details = None;
        }
    }

    /// The next moment at which a link expires.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.next_expiry
    }

    /// The next moment at which rows come or go by the time alone.
    pub(crate) fn next_turn(&self) -> Option<Timestamp> {
        self.view.next_turn()
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
}
