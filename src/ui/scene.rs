//! What every view is handed while one frame is drawn: the time, the room there is, and where its wishes go.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::activity::{Moment, RowId};
use crate::engine::Action;
use crate::settings::ProfileId;

use super::commands::Command;
use super::theme;

/// One frame. Views draw and wish; what they wish is done after the frame, in one place.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The wall clock.
    pub now: Moment,
    /// The monotonic clock.
    pub instant: Instant,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// Whether the window is too narrow for words on tools and all columns.
    pub narrow: bool,
    /// Whether changes are shown without motion or passing tints.
    pub reduced_motion: bool,
    /// Whether an act of the engine would be refused for now, since a dialog is open.
    pub modal: bool,
    /// Done after the frame, in order.
    pub wishes: Vec<Wish>,
    wake: Option<Duration>,
}

/// What a view wants done.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Send this to the engine.
    Send(Action),
    /// Run a command, as its key would.
    Run(Command),
    /// Save a row's data: the one GET of its link, or what came in its message.
    Save {
        /// The row.
        row: RowId,
        /// Whether what came in the message is meant.
        inline: bool,
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
    /// Close the dialog.
    CloseDialog,
    /// Take a notice away.
    Dismiss(u64),
    /// Close the window, whatever is under way.
    Leave,
}

impl Scene {
    /// The frame for a window of this width.
    pub(crate) fn new(now: Moment, instant: Instant, zone: TimeZone, width: f32) -> Self {
        Self {
            now,
            instant,
            zone,
            narrow: width < theme::NARROW,
            reduced_motion: false,
            modal: false,
            wishes: Vec::new(),
            wake: None,
        }
    }

    /// Asks for something to be done after the frame.
    pub(crate) fn wish(&mut self, wish: Wish) {
        self.wishes.push(wish);
    }

    /// Something visible changes by itself after this time: the next frame comes no later.
    pub(crate) fn changes_in(&mut self, time: Duration) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// Something that counts whole seconds down to `end` is visible. Returns what is left of it.
    pub(crate) fn counts_down_to(&mut self, end: Moment) -> Duration {
        let left = end.since(self.now);
        if !left.is_zero() {
            self.changes_in(to_next_second(left));
        }
        left
    }

    /// Something that counts whole seconds up from `start` is visible.
    pub(crate) fn counts_up_from(&mut self, start: Moment) {
        let into = Duration::from_nanos(u64::from(self.now.since(start).subsec_nanos()));
        self.changes_in(Duration::from_secs(1).saturating_sub(into).max(Duration::from_millis(1)));
    }

    /// When the next frame is due, if nothing else happens.
    pub(crate) fn wake(&self) -> Option<Duration> {
        self.wake
    }
}

/// After how long the whole seconds, begun ones counted, of what is left become one less.
pub(crate) fn to_next_second(left: Duration) -> Duration {
    let over = Duration::from_nanos(u64::from(left.subsec_nanos()));
    if over.is_zero() { Duration::from_secs(1) } else { over }
}
