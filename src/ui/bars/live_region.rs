//! New failures, said once to whoever listens instead of looking: a live region that never floods.
//!
//! What failed since the last sentence is gathered and told together, at most every few seconds.

use std::time::{Duration, Instant};

use egui::{Rect, Ui, accesskit, vec2};

use crate::ui::frame::FrameContext;
use crate::ui::platform::desktop_notifications::PendingNotifications;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::widgets;

/// The least time between two sentences.
const PAUSE: Duration = Duration::from_secs(5);

/// What there is to say.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    /// How many failed since the last sentence.
    waiting: usize,
    /// What the last of them is, in words.
    last: String,
    /// What is being said.
    said: String,
    /// When that was begun.
    since: Option<Instant>,
}

impl Announcer {
    /// Some failed; `last` is the last of them in words.
    pub(crate) fn failed(&mut self, count: usize, last: String) {
        self.waiting += count;
        self.last = last;
    }

    /// Draws the region, which is for ears only, and turns to what waits when it is time.
    pub(crate) fn show(&mut self, ui: &Ui, scene: &mut FrameContext) {
        if self.waiting > 0 {
            let passed = self.since.map_or(PAUSE, |since| scene.instant.saturating_duration_since(since));
            if passed >= PAUSE {
                self.said = match self.waiting {
                    1 => format!("Failed: {}", self.last),
                    count => format!("{count} failed, the last: {}", self.last),
                };
                self.since = Some(scene.instant);
                self.waiting = 0;
            } else {
                scene.changes_in(PAUSE.saturating_sub(passed));
            }
        }
        if self.said.is_empty() {
            return;
        }
        // Where nothing has a place, a screen reader finds nothing.
        let place = Rect::from_min_size(ui.max_rect().min, vec2(1.0, 1.0));
        let response = widgets::label(ui, place, "failures", &self.said);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_role(accesskit::Role::Status);
            node.set_label(self.said.as_str());
            node.set_live(accesskit::Live::Polite);
        });
    }
}

impl ProfileTab {
    /// What failed and what became ready since this was last asked.
    pub(crate) fn take_news(&mut self) -> PendingNotifications {
        std::mem::take(&mut self.news)
    }

    /// How many failed since this was last asked, and what the last of them is, in words.
    pub(crate) fn take_failures(&mut self) -> Option<(usize, String)> {
        self.failed.take()
    }
}
