//! What every view gets while a frame is drawn: the time, the space, and the queue for its requests.

pub(crate) mod commands;
pub(crate) mod dialog_frame;
pub(crate) mod export_form;
pub(crate) mod filter_field;
pub(crate) mod folder_purpose;
pub(crate) mod help_page;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::activity::{CompetingConsumer, RowId, TimeReference, Timestamp};
use crate::engine::Action;
use crate::protocol::{RequestId, StoredData, UnmaskedMessage};
use crate::settings::{ColumnLayout, InsightLayout, PreferenceChange, ProfileId, Times};

use super::text::Zone;
use super::theme;

use commands::UiCommand;
use export_form::ExportForm;
use folder_purpose::FolderPurpose;
use help_page::HelpPage;

/// Below this width, in points, the window is compact.
const COMPACT: f32 = 780.0;

/// The context of one frame. Views draw and add requests, which are executed in one place after the frame.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the frame")]
pub(crate) struct FrameContext {
    /// The current time of the clock that stamps entries.
    pub now: Timestamp,
    /// How that clock relates to the computer's and to the server's.
    pub reference: TimeReference,
    /// The current time of the monotonic clock.
    pub instant: Instant,
    /// The zone in which times of day are shown.
    pub zone: Zone,
    /// How times are displayed.
    pub times: Times,
    /// The layout of Insight.
    pub insight: InsightLayout,
    /// Whether the window is too narrow for tool labels and all columns.
    pub narrow: bool,
    /// Whether the window is too narrow even for short labels and second columns.
    pub compact: bool,
    /// Whether changes are shown without animations and fading colours.
    pub reduced_motion: bool,
    /// Whether a dialog is open, so that the engine's actions are disabled.
    pub modal: bool,
    /// Executed after the frame, in order.
    pub requests: Vec<UiRequest>,
    wake: Option<Duration>,
}

/// What a view requests.
#[derive(Debug)]
pub(crate) enum UiRequest {
    /// Send this action to the engine.
    Send(Action),
    /// Change preferences.
    ChangePreferences(Vec<PreferenceChange>),
    /// Run a command, as its shortcut would.
    Run(UiCommand),
    /// Save a row's data: by the one GET of its link, or from the message that holds it.
    Save {
        row: RowId,
        /// Whether to save the data in the message.
        inline: bool,
    },
    /// Copy a message with its secrets.
    CopySecret(UnmaskedMessage),
    /// Ask for the file of an export, and start it.
    Export(ExportForm),
    /// Request stored data, and close the dialog that lists it.
    RequestData {
        profile: ProfileId,
        data: Vec<StoredData>,
        /// The folder in which it is saved as soon as it is ready, if any.
        folder: Option<PathBuf>,
    },
    /// Ask for another path for a download that waits for disk space.
    MoveDownload {
        profile: ProfileId,
        request: RequestId,
        /// The suggested file name.
        file: String,
    },
    /// Ask for a folder.
    ChooseFolder(FolderPurpose),
    /// Request the data of a request again.
    RequestAgain {
        /// The profile that made the request.
        profile: ProfileId,
        request: RequestId,
    },
    /// Check a row's status on the server.
    Check(RowId),
    /// Show a profile's tab.
    Show(ProfileId),
    /// Open the form for a new profile.
    AddProfile,
    /// Close the form for a new profile.
    CloseForm,
    /// Submit the open form.
    SignIn,
    /// Show the sign-in form of a profile whose token was refused.
    SignInAgain(ProfileId),
    /// Select a row, scroll to it if it is shown, and open its details.
    Reveal(RowId),
    /// Show a page of the help.
    ShowHelp(HelpPage),
    /// Explain what another client on the same queue means.
    ExplainCompetingConsumer(CompetingConsumer),
    /// Close the open dialog.
    CloseDialog,
    /// Set a profile's columns.
    SetColumns(ProfileId, Vec<ColumnLayout>),
    /// Set how times are displayed.
    SetTimes(Times),
    /// Set the layout of Insight.
    SetInsight(InsightLayout),
    /// Show the commands that failed for this reason within Insight's time range; an empty reason stands for those without one.
    ShowFailures(String),
    /// Apply a saved filter.
    ApplySavedFilter(usize),
    /// Save the active tab's filter under this name.
    SaveFilter(String),
    /// Delete a saved filter.
    DeleteSavedFilter(usize),
    /// Search the journal for activities that are not in memory.
    SearchOlder,
    /// Cancel the search of the journal.
    CancelSearch,
    /// Dismiss a notice.
    Dismiss(u64),
    /// Close the window, whatever is in progress.
    CloseWindow,
}

impl FrameContext {
    /// Creates the context for a window of this width.
    pub(crate) fn new(now: Timestamp, reference: TimeReference, instant: Instant, zone: TimeZone, width: f32) -> Self {
        Self {
            now,
            reference,
            instant,
            zone: Zone { zone, reference },
            times: Times::default(),
            insight: InsightLayout::default(),
            narrow: width < theme::NARROW,
            compact: width < COMPACT,
            reduced_motion: false,
            modal: false,
            requests: Vec::new(),
            wake: None,
        }
    }

    /// Adds a request that is executed after the frame.
    pub(crate) fn request(&mut self, request: UiRequest) {
        self.requests.push(request);
    }

    /// Something visible changes after this time, so the next frame is drawn no later.
    pub(crate) fn redraw_in(&mut self, time: Duration) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// Something visible counts down to `end`. Returns the remaining time.
    pub(crate) fn counts_down_to(&mut self, end: Timestamp) -> Duration {
        let remaining = end.since(self.now);
        self.counts(remaining);
        remaining
    }

    /// Something visible counts up from `start`.
    pub(crate) fn counts_up_from(&mut self, start: Timestamp) {
        self.counts(self.now.since(start).max(Duration::from_millis(1)));
    }

    /// Something visible counts. All counters advance together at the full second of the wall clock, so that many of them need
    /// one frame instead of one each. Beyond an hour, which is displayed in minutes, they advance at the full minute.
    pub(crate) fn counts(&mut self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let unit = if time < Duration::from_hours(1) { Duration::from_secs(1) } else { Duration::from_mins(1) };
        let unit_micros = i64::try_from(unit.as_micros()).unwrap_or(1_000_000);
        let into = u64::try_from(self.now.0.rem_euclid(unit_micros)).unwrap_or(0);
        // Slightly late rather than early, because an early frame would show the old number for another second.
        self.redraw_in(unit.saturating_sub(Duration::from_micros(into)) + Duration::from_millis(1));
    }

    /// When the next frame is due if nothing else happens.
    pub(crate) fn wake(&self) -> Option<Duration> {
        self.wake
    }
}
