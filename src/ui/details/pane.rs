//! The frame of a pane in the details.

use egui::{Rect, Ui, pos2};

use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;

/// Draws a pane's head. Returns the space below it.
pub(crate) fn pane(ui: &Ui, rect: Rect, title: &str, count: Option<usize>) -> Rect {
    let palette = Palette::of(ui.style());
    let at = pos2(rect.left() + theme::EDGE, rect.top() + 15.0);
    let text = widgets::text(ui, at, title, TextRole::CaptionStrong, palette.muted, f32::INFINITY);
    if let Some(count) = count {
        let at = pos2(text.right() + 6.0, at.y);
        widgets::text(ui, at, &count.to_string(), TextRole::CaptionStrong, palette.secondary, f32::INFINITY);
    }
    widgets::label(ui, text, title, title);
    Rect::from_min_max(pos2(rect.left(), rect.top() + 25.0), pos2(rect.right() - 2.0, rect.bottom() - 2.0))
}
