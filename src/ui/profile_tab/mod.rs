//! The state of one profile's tab: connection, activities, and how they are displayed.

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

/// How many rows a search visits before it checks the time; well under a millisecond of work.
const SEARCH_SLICE: usize = 5_000;

/// How many rows that came back into memory are read from the journal in one request.
const MAX_REQUESTED: usize = 64;
/// How long to wait for the journal's response before the request is repeated.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many surplus rows are evicted before the time is checked; well under a millisecond of work.
const EVICTED_SLICE: usize = 1_000;

/// What arrived while another tab was active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UnreadCounts {
    /// Number of new activities.
    pub new: usize,
    /// Number of failed activities, new and earlier ones.
    pub failed: usize,
}

/// One profile's tab.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says a thing of its own, and no two of them exclude each other"
)]
#[derive(Debug)]
pub(crate) struct ProfileTab {
    /// The profile from the settings.
    pub profile: Profile,
    /// The latest status from the engine.
    pub status: ProfileStatus,
    /// Whether more links of earlier runs are usable than the tab `All profiles` has taken.
    pub links_changed: bool,
    /// When the last message was applied in this tab.
    pub last_received: Option<Instant>,
    /// Which outcomes may be missing.
    pub completeness: Completeness,
    pub activities: Activities,
    /// Entries that are not applied yet.
    pub pending_entries: PendingEntries,
    /// Which activities are shown, and in which order.
    pub view: View,
    /// The progress of a search.
    pub search: Refresh,
    /// The text of the filter field.
    pub filter: String,
    /// The filter's syntax error, if any; the table keeps the last valid filter.
    pub filter_error: Option<FilterError>,
    /// The zone in which times are shown and the filter interprets dates.
    zone: TimeZone,
    pub columns: TableLayout,
    /// The table's scroll position and selection.
    pub table: Table,
    /// The details of one activity, while they are open.
    pub details: Option<Details>,
    /// Messages that the journal refuses to store.
    pub unpersisted: Unpersisted,
    /// The summary that Insight shows, as last computed.
    pub insight: InsightCache,
    /// Queued downloads, each with its position in the queue of all profiles, from 1.
    pub waiting: Vec<(usize, WaitingDownload)>,
    /// Whether the narrow window shows every download.
    pub downloads_open: bool,
    /// Whether older activities are still being read from the journal.
    pub restoring: bool,
    /// What arrived while another tab was active.
    pub unread: UnreadCounts,
    /// How many activities failed since this was last read, and the last of them in words.
    pub failed: Option<(usize, String)>,
    /// Failures and ready data since this was last read, for desktop notifications.
    pub pending_notifications: PendingNotifications,
    /// The form that signs the profile in again.
    pub form: Form,
    /// Whether the form was opened although the profile has a token.
    pub form_open: bool,
    /// The owners of the rows, if this is the tab `All profiles`.
    pub owners: Option<RowOwners>,
    /// The search for activities that are not in memory.
    pub older: OlderSearch,
    /// Since when a response with the earlier entries of rows that came back is awaited.
    entries_requested: Option<Instant>,
    /// The next time at which a link expires.
    next_expiry: Option<Timestamp>,
    /// Data that was requested here and whose row is selected when it arrives.
    pub pending_selection: PendingSelection,
}

impl ProfileTab {
    pub(crate) fn new(profile: Profile, preferences: &Preferences) -> Self {
        let lifetime = Duration::from_secs(u64::from(preferences.link_lifetime));
        let layout = preferences.looks.get(&profile.id).cloned().unwrap_or_default();
        let mut activities = Activities::new(lifetime);
        activities.set_rows_in_memory(preferences.rows_in_memory());
        // Failures from here on count as read once the tab is active.
        activities.mark_read();
        let mut profile_tab = Self {
            form: Form::of(&profile),
            form_open: false,
            profile,
            status: ProfileStatus::default(),
            links_changed: false,
            last_received: None,
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
            unpersisted: Unpersisted::default(),
            insight: InsightCache::default(),
            waiting: Vec::new(),
            downloads_open: false,
            restoring: true,
            unread: UnreadCounts::default(),
            failed: None,
            pending_notifications: PendingNotifications::default(),
            owners: None,
            older: OlderSearch::default(),
            entries_requested: None,
            next_expiry: None,
            pending_selection: PendingSelection::default(),
        };
        profile_tab.apply_layout(&layout);
        profile_tab
    }

    /// Whether the engine reported that this profile has no token.
    pub(crate) fn is_signed_out(&self) -> bool {
        self.status.connection == Some(ConnectionState::SignedOut)
    }

    /// Whether the tab shows the sign-in form instead of the table.
    pub(crate) fn shows_form(&self) -> bool {
        self.is_signed_out() || self.form_open
    }

    /// The state of a gap, if the row is one.
    pub(crate) fn gap(&self, row: RowId) -> Option<GapState> {
        let suspected = match &self.owners {
            Some(owners) => owners.suspects(row),
            None => self.completeness.competing().is_some(),
        };
        Some(self.activities.gap(row)?.while_suspected(suspected))
    }

    /// Whether the connection is live, so that outcomes arrive.
    pub(crate) fn is_live(&self) -> bool {
        self.status.connection == Some(ConnectionState::Live)
    }

    /// When the last message arrived in this run.
    pub(crate) fn last_message(&self) -> Option<Instant> {
        self.last_received.max(self.status.health.message)
    }

    /// When the token expires, if there is one and the server gave its expiry.
    pub(crate) fn token_expires(&self) -> Option<Timestamp> {
        match self.status.token {
            TokenStatus::Held { expires_at, .. } => expires_at,
            TokenStatus::Unknown | TokenStatus::Absent => None,
        }
    }

    /// Updates the view from the activities before it is drawn. A search continues while `time` returns `true`. Returns whether
    /// it has to continue in the next frame.
    pub(crate) fn refresh(&mut self, now: Timestamp, reference: TimeReference, time: impl Fn() -> bool) -> bool {
        self.activities.set_reference(reference);
        self.next_expiry = self.activities.expire(now);
        self.activities.keep_open_row(self.details.as_ref().map(Details::row));
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
        self.drop_evicted();
        self.table.adjust_offset(&self.activities, &self.view);
        evicting || self.search != Refresh::Done
    }

    /// The request to the journal for the missing earlier entries of rows that came back, some at a time.
    pub(crate) fn missing_entries_request(&mut self, now: Instant) -> Option<Action> {
        if let Some(asked) = self.entries_requested {
            if now.saturating_duration_since(asked) < RESPONSE_TIMEOUT {
                return None;
            }
            // A failed read sends no response.
            self.entries_requested = None;
            self.activities.retry_incomplete();
        }
        let rows = self.activities.take_incomplete(MAX_REQUESTED);
        if rows.is_empty() {
            return None;
        }
        self.entries_requested = Some(now);
        Some(Action::ReadEarlierEntries { profile: self.profile.id, rows })
    }

    /// The engine was busy, so the request is repeated.
    pub(crate) fn retry_missing_entries(&mut self) {
        self.entries_requested = None;
        self.activities.retry_incomplete();
    }

    /// Drops all state of evicted rows.
    fn drop_evicted(&mut self) {
        self.table.drop_evicted(self.view.take_evicted(), &self.activities);
        if self.details.as_ref().is_some_and(|details| self.activities.get(details.row()).is_none()) {
            self.details = None;
        }
    }

    /// The next time at which a link expires.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.next_expiry
    }

    /// The next time at which rows appear or disappear without a new message.
    pub(crate) fn next_change(&self) -> Option<Timestamp> {
        self.view.next_change()
    }

    /// Opens the details of a row, or switches them to it.
    pub(crate) fn open_details(&mut self, row: RowId) {
        let Some(key) = self.activities.get(row).map(|activity| activity.key()) else { return };
        if self.details.as_ref().is_none_or(|details| details.row() != row) {
            if self.details.is_none() {
                // The details take space from the table, perhaps where the row is.
                self.table.keep_in_sight();
            }
            self.details = Some(Details::new(row, key));
        }
    }

    /// Selects a row, scrolls to it if it is shown, and opens its details.
    pub(crate) fn reveal(&mut self, row: RowId) {
        let Self { table, activities, view, .. } = self;
        table.select(row);
        table.reveal(row, activities, view);
        self.open_details(row);
    }
}
