//! What every view is handed while one frame is drawn: the time, the room there is, and where its wishes go.

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

use commands::Command;
use export_form::ExportForm;
use folder_purpose::FolderPurpose;
use help_page::HelpPage;

/// The window is compact below this width, in points.
const COMPACT: f32 = 780.0;

/// One frame. Views draw and wish; what they wish is done after the frame, in one place.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the frame")]
pub(crate) struct FrameContext {
    /// The time, by the clock that stamps entries.
    pub now: Timestamp,
    /// How that clock relates to the computer's and to the server's.
    pub reference: TimeReference,
    /// The monotonic clock.
    pub instant: Instant,
    /// How times of day are shown.
    pub zone: Zone,
    /// How times are told.
    pub times: Times,
    /// How Insight is looked at.
    pub insight: InsightLayout,
    /// Whether the window is too narrow for words on tools and all columns.
    pub narrow: bool,
    /// Whether it is so narrow that even short words and second columns have no room.
    pub compact: bool,
    /// Whether changes are shown without motion or passing tints.
    pub reduced_motion: bool,
    /// Whether an act of the engine would be refused for now, since a dialog is open.
    pub modal: bool,
    /// Done after the frame, in order.
    pub requests: Vec<UiRequest>,
    wake: Option<Duration>,
}

/// What a view wants done.
#[derive(Debug)]
pub(crate) enum UiRequest {
    /// Send this to the engine.
    Send(Action),
    /// Change preferences.
    Prefer(Vec<PreferenceChange>),
    /// Run a command, as its key would.
    Run(Command),
    /// Save a row's data: the one GET of its link, or what came in its message.
    Save {
        /// The row.
        row: RowId,
        /// Whether what came in the message is meant.
        inline: bool,
    },
    /// Copy a message with its secrets.
    CopySecret(UnmaskedMessage),
    /// Ask where to export to, and have it done.
    Export(ExportForm),
    /// Request stored data, and close the dialog that listed it.
    RequestData {
        /// Whose.
        profile: ProfileId,
        /// What.
        data: Vec<StoredData>,
        /// Where it is saved to as soon as it is ready, where it is.
        folder: Option<PathBuf>,
    },
    /// Ask where else a download that waits for room is to be saved.
    MoveDownload {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
        /// The name that is suggested.
        file: String,
    },
    /// Ask for a folder.
    AskFolder(FolderPurpose),
    /// Request the data of a request once more.
    RequestAgain {
        /// Whose.
        profile: ProfileId,
        /// Which.
        request: RequestId,
    },
    /// Ask the server for a row's state.
    Check(RowId),
    /// Bring a profile's tab to the front.
    Show(ProfileId),
    /// Open the form for a further profile.
    AddProfile,
    /// Leave the form for a further profile.
    CloseForm,
    /// Submit the form that is in front.
    SignIn,
    /// Show the form of a profile whose token was refused.
    SignInAgain(ProfileId),
    /// Select a row, show it where it is shown, and open its details.
    Reveal(RowId),
    /// Show a page of the help.
    ShowHelp(HelpPage),
    /// Explain what another client on the same queue means.
    ExplainCompetingConsumer(CompetingConsumer),
    /// Close the dialog.
    CloseDialog,
    /// Show these columns of a profile.
    SetColumns(ProfileId, Vec<ColumnLayout>),
    /// Tell times so.
    SetTimes(Times),
    /// Look at Insight so.
    SetInsight(InsightLayout),
    /// Show the commands that failed for this reason in the time that Insight looks at; empty for those without one.
    ShowFailures(String),
    /// Look at what a saved filter looks at.
    ShowSaved(usize),
    /// Save the filter in front under a name.
    SaveFilter(String),
    /// Forget a saved filter.
    ForgetSaved(usize),
    /// Search the journal for what is not in memory.
    SearchOlder,
    /// Stop searching it.
    CancelSearch,
    /// Take a notice away.
    Dismiss(u64),
    /// Close the window, whatever is under way.
    Leave,
}

impl FrameContext {
    /// The frame for a window of this width.
    pub(crate) fn new(
        (now, reference): (Timestamp, TimeReference),
        instant: Instant,
        zone: TimeZone,
        width: f32,
    ) -> Self {
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

    /// Asks for something to be done after the frame.
    pub(crate) fn request(&mut self, request: UiRequest) {
        self.requests.push(request);
    }

    /// Something visible changes by itself after this time: the next frame comes no later.
    pub(crate) fn changes_in(&mut self, time: Duration) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// Something that counts down to `end` is visible. Returns what is left of it.
    pub(crate) fn counts_down_to(&mut self, end: Timestamp) -> Duration {
        let left = end.since(self.now);
        self.counts(left);
        left
    }

    /// Something that counts up from `start` is visible.
    pub(crate) fn counts_up_from(&mut self, start: Timestamp) {
        self.counts(self.now.since(start).max(Duration::from_millis(1)));
    }

    /// Something that counts is visible. All counters move on together, at the full second of the wall clock (beyond an
    /// hour, which is told in minutes, at the full minute), so that many of them cost one frame and not one each.
    pub(crate) fn counts(&mut self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let unit = if time < Duration::from_hours(1) { Duration::from_secs(1) } else { Duration::from_mins(1) };
        let unit_micros = i64::try_from(unit.as_micros()).unwrap_or(1_000_000);
        let into = u64::try_from(self.now.0.rem_euclid(unit_micros)).unwrap_or(0);
        // A little late rather than a little early: early would show the old number for another second.
        self.changes_in(unit.saturating_sub(Duration::from_micros(into)) + Duration::from_millis(1));
    }

    /// When the next frame is due, if nothing else happens.
    pub(crate) fn wake(&self) -> Option<Duration> {
        self.wake
    }
}
