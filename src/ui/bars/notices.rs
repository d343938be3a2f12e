//! Notices: sentences for the operator, each with at most one remedy.
//!
//! They are drawn below the table, so that a new notice moves no row. Information disappears by itself; other notices stay
//! until they are dismissed.

use std::time::{Duration, Instant};

use egui::{Id, Rect, Role, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2, vec2};

use crate::engine::{Action, Notice, NoticeReason, Problem, Severity};
use crate::protocol::sanitize;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// How long information stays.
const INFO_DURATION: Duration = Duration::from_secs(8);
/// The maximum number of notices shown at once; older ones appear when these are dismissed.
const MAX_SHOWN: usize = 3;
/// The maximum number of notices kept; the oldest are dropped, so that a burst of failures can't fill the memory.
const MAX_NOTICES: usize = 50;

/// The notices that are not dismissed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    all: Vec<StoredNotice>,
    last: u64,
    /// The number of the newest problem seen. Earlier problems that the operator has dismissed stay away.
    problem: u64,
    /// The number of the notice that says that the engine is busy.
    busy: Option<u64>,
}

#[derive(Debug)]
struct StoredNotice {
    number: u64,
    notice: Notice,
    /// The profile's name, if it is shown.
    profile_name: Option<String>,
    /// When the notice was first drawn: a hidden notice does not time out.
    since: Option<Instant>,
    /// How often the same notice has arrived.
    times: u32,
    /// The number of the problem behind the notice, if there is one: the notice goes when the problem ends.
    problem: Option<u64>,
}

impl Notices {
    /// Follows the current problems: removes notices of problems that have ended, adds new ones, and updates the wording of
    /// those still shown, because a profile may have been renamed. Each problem has its profile's name, if that is shown.
    pub(crate) fn update_problems(&mut self, problems: Vec<(Problem, Option<String>)>) {
        let lasts = |held: &StoredNotice| {
            held.problem.is_none_or(|number| problems.iter().any(|(one, _)| one.number == number))
        };
        self.all.retain(lasts);
        let known = self.problem;
        for (problem, profile_name) in problems {
            let (number, times) = (problem.number, problem.times);
            if number > known {
                self.problem = number;
                self.add(problem.notice(), profile_name, times, Some(number));
            } else if let Some(held) = self.all.iter_mut().find(|held| held.problem == Some(number)) {
                (held.notice, held.profile_name, held.times) = (problem.notice(), profile_name, times);
            }
        }
    }

    /// Adds a notice, with its profile's name if that is shown. A repeated notice is counted instead of listed again. Returns
    /// the notice's number.
    pub(crate) fn push(&mut self, notice: Notice, profile_name: Option<String>) -> u64 {
        let same = |held: &&mut StoredNotice| {
            let same = (held.notice.profile, &held.notice.reason) == (notice.profile, &notice.reason);
            held.problem.is_none() && same
        };
        if let Some(same) = self.all.iter_mut().find(same) {
            same.times += 1;
            same.since = None;
            (same.notice, same.profile_name) = (notice, profile_name);
            return same.number;
        }
        self.add(notice, profile_name, 1, None);
        self.last
    }

    fn add(&mut self, notice: Notice, profile_name: Option<String>, times: u32, problem: Option<u64>) {
        if self.all.len() >= MAX_NOTICES
            && let Some(oldest) = self.all.iter().position(|held| !held.stays_until_dismissed())
        {
            self.all.remove(oldest);
        }
        self.last += 1;
        self.all.push(StoredNotice { number: self.last, notice, profile_name, since: None, times, problem });
    }

    /// Adds a notice of the window itself.
    pub(crate) fn add_text(&mut self, severity: Severity, sentence: impl Into<String>) {
        self.push(Notice::new(severity, None, NoticeReason::Window(sentence.into())), None);
    }

    /// Shows that the engine is busy, until [`Self::hide_busy`].
    pub(crate) fn show_busy(&mut self, sentence: &str) {
        self.busy =
            Some(self.push(Notice::new(Severity::Warning, None, NoticeReason::Window(sentence.to_owned())), None));
    }

    /// Removes the notice that the engine is busy.
    pub(crate) fn hide_busy(&mut self) {
        if let Some(number) = self.busy.take() {
            self.all.retain(|held| held.number != number);
        }
    }

    /// Removes a notice and returns it.
    pub(crate) fn dismiss(&mut self, number: u64) -> Option<Notice> {
        let at = self.all.iter().position(|held| held.number == number)?;
        Some(self.all.remove(at).notice)
    }

    /// The number of the newest notice that does not need acknowledgement.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.all.iter().rfind(|held| !held.stays_until_dismissed()).map(|held| held.number)
    }

    /// Removes notices that have been visible long enough.
    pub(crate) fn expire(&mut self, frame: &mut FrameContext) {
        let now = frame.instant;
        self.all.retain(|held| {
            held.notice.severity != Severity::Info
                || held.since.is_none_or(|since| now.saturating_duration_since(since) < INFO_DURATION)
        });
        let hidden = self.all.len().saturating_sub(MAX_SHOWN);
        for held in self.all.iter_mut().skip(hidden) {
            let since = *held.since.get_or_insert(now);
            if held.notice.severity == Severity::Info {
                frame.redraw_in(INFO_DURATION.saturating_sub(now.saturating_duration_since(since)));
            }
        }
    }

    /// The total height of the visible notices in a window of this width; 0 if there are none.
    pub(crate) fn height(&self, ui: &Ui, width: f32) -> f32 {
        let hidden = self.all.len().saturating_sub(MAX_SHOWN);
        self.all.iter().skip(hidden).map(|held| held.height(ui, width)).sum()
    }

    /// Draws the notices in the whole of `ui`.
    pub(crate) fn show(&self, ui: &mut Ui, frame: &mut FrameContext) {
        widgets::name_group(ui, "Notices");
        let place = ui.max_rect();
        let hidden = self.all.len().saturating_sub(MAX_SHOWN);
        let mut top = place.top();
        for held in self.all.iter().skip(hidden) {
            let height = held.height(ui, place.width());
            let rect = Rect::from_min_size(pos2(place.left(), top), vec2(place.width(), height));
            held.show(ui, rect, frame);
            top += height;
        }
    }
}

impl StoredNotice {
    /// Whether the notice stays until the operator acknowledges it.
    fn stays_until_dismissed(&self) -> bool {
        matches!(self.notice.remedy, Some((_, Action::AcknowledgeWarning { .. })))
    }

    fn sentence(&self) -> String {
        let profile_name = self.profile_name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let times = if self.times > 1 { format!(" ({} times)", self.times) } else { String::new() };
        format!("{}{times}", sanitize(&format!("{profile_name}{}", self.notice.reason)))
    }

    /// The button of a remedy, in a window of this width. It may name a long host.
    fn press<'a>(&self, words: &'a str, width: f32) -> Button<'a> {
        let salt = Id::unique(("remedy", self.number));
        Button::new(words).style(ButtonStyle::Outlined).salt(salt).widest(width * 0.45)
    }

    /// The width of the notice's buttons.
    fn buttons(&self, ui: &Ui, width: f32) -> f32 {
        let remedy = self.notice.remedy.as_ref().map_or(0.0, |(words, _)| self.press(words, width).width(ui) + 8.0);
        remedy + 24.0 + 16.0
    }

    fn height(&self, ui: &Ui, width: f32) -> f32 {
        let space = width - 36.0 - self.buttons(ui, width) - 24.0;
        let galley = widgets::paragraph(ui, &self.sentence(), TextRole::Body, egui::Color32::PLACEHOLDER, space);
        (galley.size().y + 16.0).max(theme::BAR)
    }

    fn show(&self, ui: &mut Ui, rect: Rect, frame: &mut FrameContext) {
        let palette = Palette::of(ui.style());
        let (icon, hue) = icons::severity(self.notice.severity, palette);
        let fill = if self.notice.severity == Severity::Info { palette.popup } else { palette.gap_fill };
        ui.painter().rect_filled(rect, 0.0, fill);
        ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
        let mut edge = rect;
        edge.set_width(2.0);
        ui.painter().rect_filled(edge, 0.0, hue);
        let middle = rect.center().y;
        widgets::icon(ui, pos2(rect.left() + theme::EDGE + 8.0, middle), icon, 16.0, hue);
        let sentence = self.sentence();
        let space = rect.width() - 36.0 - self.buttons(ui, rect.width()) - 24.0;
        let galley = widgets::paragraph(ui, &sentence, TextRole::Body, palette.text, space);
        let text =
            Rect::from_min_size(pos2(rect.left() + 36.0, (middle - galley.size().y / 2.0).round()), galley.size());
        ui.painter().galley(text.min, galley, palette.text);
        let response = ui.interact(text, Id::unique(("notice", self.number)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &sentence));
        let live =
            if self.notice.severity == Severity::Error { accesskit::Live::Assertive } else { accesskit::Live::Polite };
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(live));
        let dismiss = Button::icon_only(icons::CLOSE, "Dismiss").salt(Id::unique(("dismiss", self.number)));
        let dismiss_left = rect.right() - 8.0 - dismiss.width(ui);
        if let Some((words, action)) = &self.notice.remedy {
            let press = self.press(words, rect.width());
            let left = dismiss_left - press.width(ui) - 8.0;
            if press.at(ui, pos2(left, middle)).clicked() {
                frame.request(UiRequest::Send(action.clone()));
                frame.request(UiRequest::Dismiss(self.number));
            }
        }
        if !self.stays_until_dismissed() && dismiss.at(ui, pos2(dismiss_left, middle)).clicked() {
            frame.request(UiRequest::Dismiss(self.number));
        }
    }
}
