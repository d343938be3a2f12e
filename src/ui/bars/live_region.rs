//! Announces new failures to screen readers through a live region, without flooding it.
//!
//! Failures since the last announcement are merged into one sentence, at most one every [`PAUSE`].

use std::time::{Duration, Instant};

use egui::{Rect, Ui, accesskit, vec2};

use crate::ui::frame::FrameContext;
use crate::ui::platform::desktop_notifications::PendingNotifications;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::widgets;

/// The minimum time between two announcements.
const PAUSE: Duration = Duration::from_secs(5);

/// The failures to announce.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    /// The number of failures since the last announcement.
    waiting: usize,
    /// The description of the latest failure.
    last: String,
    /// The current announcement.
    current: String,
    /// When the current announcement began.
    since: Option<Instant>,
}

impl Announcer {
    /// Adds `count` failures; `last` describes the latest.
    pub(crate) fn add_failures(&mut self, count: usize, last: String) {
        self.waiting += count;
        self.last = last;
    }

    /// Draws the invisible region, and replaces its text when the next announcement is due.
    pub(crate) fn show(&mut self, ui: &Ui, frame: &mut FrameContext) {
        if self.waiting > 0 {
            let passed = self.since.map_or(PAUSE, |since| frame.instant.saturating_duration_since(since));
            if passed >= PAUSE {
                self.current = match self.waiting {
                    1 => format!("Failed: {}", self.last),
                    count => format!("{count} failed, the last: {}", self.last),
                };
                self.since = Some(frame.instant);
                self.waiting = 0;
            } else {
                frame.redraw_in(PAUSE.saturating_sub(passed));
            }
        }
        if self.current.is_empty() {
            return;
        }
        // Screen readers ignore a node without a rectangle.
        let place = Rect::from_min_size(ui.max_rect().min, vec2(1.0, 1.0));
        let response = widgets::label(ui, place, "failures", &self.current);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_role(accesskit::Role::Status);
            node.set_label(self.current.as_str());
            node.set_live(accesskit::Live::Polite);
        });
    }
}

impl ProfileTab {
    /// Takes what failed and what became ready since the last call.
    pub(crate) fn take_pending_notifications(&mut self) -> PendingNotifications {
        std::mem::take(&mut self.pending_notifications)
    }

    /// Takes the number of failures since the last call, and the description of the latest.
    pub(crate) fn take_failures(&mut self) -> Option<(usize, String)> {
        self.failed.take()
    }
}
