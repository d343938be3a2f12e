//! Headings and lines of the dialogs about ready data.

use egui::{Ui, pos2, vec2};

use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

/// Draws a section's heading.
pub(crate) fn head(ui: &mut Ui, words: &str) {
    let palette = Palette::of(ui.style());
    let (at, right) = line(ui);
    let text = widgets::text(ui, at, words, TextRole::Strong, palette.text, right - at.x);
    widgets::label(ui, text, words, words);
}

/// Allocates a line. Returns the middle of its left edge, and its right edge.
pub(crate) fn line(ui: &mut Ui) -> (egui::Pos2, f32) {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
    (pos2(rect.left(), rect.center().y), rect.right())
}

/// The height of a line.
pub(crate) const LINE: f32 = 28.0;
