//! Why commands failed: one line per reason, the most frequent first. A click filters the table to its commands.

use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::activity::Insight;
use crate::protocol::{counted, plural, sanitize};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::text::{cut, grouped};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;

use super::labels;
use super::panel::{SHORT, empty, head};

/// The height of a line.
pub(crate) const LINE: f32 = 24.0;
/// The minimum and the maximum number of lines beside the table.
const LINES: (f32, f32) = (3.0, 12.0);

/// The number of lines that fit in this height, but at least the minimum.
pub(crate) fn lines(insight: &Insight, space: f32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "bounded by the most lines")]
    let wanted = insight.reasons.len().clamp(1, 12) as f32;
    wanted.min((space / LINE).floor().clamp(LINES.0, LINES.1))
}

/// Draws the lines.
pub(crate) fn show(ui: &mut Ui, panel: Rect, insight: &Insight, frame: &mut FrameContext) {
    let (failed, settled) = (insight.failed, insight.settled);
    if failed == 0 {
        head(ui, panel, "Failure reasons", "", "No failures");
        let within = labels::within(frame.insight.span);
        let words = if settled == 0 {
            format!("No command ended {within}.")
        } else {
            format!("None of {} failed {within}.", counted(settled, "command"))
        };
        empty(ui, panel, &words);
        return;
    }
    let share = labels::share(failed, settled);
    let note = if panel.width() > SHORT {
        format!("{} of {} {} · {share}", group(failed), group(settled), plural(settled, "command"))
    } else {
        share.clone()
    };
    let description = format!("{failed} of {} failed, {share}", counted(settled, "command"));
    head(ui, panel, "Failure reasons", &note, &description);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few lines")]
    let space = ((panel.height() - super::panel::HEAD) / LINE).floor().max(1.0) as usize;
    // If not all reasons fit, the last line counts the rest.
    let count = if insight.reasons.len() > space { space - 1 } else { insight.reasons.len() };
    let most = insight.reasons.first().map_or(1, |(_, count)| *count);
    let mut top = panel.top() + super::panel::HEAD;
    for (reason, count) in insight.reasons.iter().take(count) {
        let line = Rect::from_min_size(pos2(panel.left(), top), vec2(panel.width(), LINE));
        one(ui, line, reason, *count, most, frame);
        top += LINE;
    }
    let rest = insight.reasons.get(count..).unwrap_or_default();
    if !rest.is_empty() {
        let palette = Palette::of(ui.style());
        let noun = plural(rest.len() as u64, "reason");
        let sum: u64 = rest.iter().map(|(_, count)| count).sum();
        let at = pos2(panel.left(), top + LINE / 2.0);
        let shown = format!("{} other {noun}", group(rest.len() as u64));
        let text = widgets::text(ui, at, &shown, TextRole::Small, palette.muted, panel.width() - 48.0);
        widgets::text_right(ui, pos2(panel.right(), at.y), &group(sum), TextRole::Small, palette.muted);
        widgets::label(ui, text, "other reasons", &format!("{} other {noun} ({sum})", rest.len()));
    }
}

/// Draws one reason: its text, a bar relative to the most frequent reason, and its count.
fn one(ui: &Ui, line: Rect, reason: &str, count: u64, most: u64, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let shown = sanitize(reason);
    let name = if reason.is_empty() {
        format!("Show failed without a reason ({count})")
    } else {
        format!("Show failed with {shown} ({count})")
    };
    let press = ui.interact(line.expand2(vec2(6.0, 0.0)), Id::unique(("failure reason", reason)), Sense::click());
    press.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    if press.hovered() || press.is_pointer_button_down_on() {
        ui.painter().rect_filled(press.rect, theme::RADIUS_IN_ROW, palette.button_hover);
    }
    if press.has_focus() {
        widgets::focus_ring(ui, press.rect.shrink(2.0), theme::RADIUS_IN_ROW, false);
    }
    if press.gained_focus() {
        press.scroll_to_me(None);
    }
    let middle = line.center().y;
    let words_width = (line.width() * 0.535).floor();
    let at = pos2(line.left(), middle);
    if reason.is_empty() {
        widgets::text(ui, at, "no reason given", TextRole::Body, palette.secondary, words_width - 8.0);
    } else {
        let is_key = reason.contains('.') && !reason.contains(char::is_whitespace);
        let face = if is_key { TextRole::Mono } else { TextRole::Small };
        widgets::text(ui, at, &cut(&shown, 80), face, palette.text, words_width - 8.0);
    }
    let count_width = 32.0;
    widgets::text_right(ui, pos2(line.right(), middle), &group(count), TextRole::Small, palette.text);
    let space = line.width() - words_width - count_width;
    #[expect(clippy::cast_precision_loss, reason = "the length of a bar")]
    let length = (count as f32 / most.max(1) as f32 * space).max(2.0).round();
    let bar = Rect::from_min_size(pos2(line.left() + words_width, (middle - 3.0).round()), vec2(length, 6.0));
    ui.painter().rect_filled(bar, 0.0, palette.failed);
    if press.clicked() {
        frame.request(UiRequest::ShowFailures(reason.to_owned()));
    }
    press.on_hover_text(if reason.is_empty() { "No reason came with these failures." } else { &*shown });
}

/// A count with grouped digits.
pub(crate) fn group(count: u64) -> String {
    grouped(usize::try_from(count).unwrap_or(usize::MAX))
}
