//! A line of the settings.

use egui::{Ui, pos2, vec2};

use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

/// Draws a line's label. Returns where its controls begin, in the middle of the line.
pub(crate) fn begin(ui: &mut Ui, words: &str) -> egui::Pos2 {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
    let at = pos2(rect.left(), rect.center().y);
    let controls = if rect.width() < WIDE { NARROW_CONTROLS } else { CONTROLS };
    widgets::text(ui, at, words, TextRole::Body, palette.secondary, controls - 8.0);
    pos2(rect.left() + controls, rect.center().y)
}

/// The height of a line.
pub(crate) const LINE: f32 = 34.0;

/// The left edge of the controls, relative to the left edge of their labels.
pub(crate) const CONTROLS: f32 = 200.0;
/// The same in a dialog that is not [`WIDE`]: the longest line still fits.
const NARROW_CONTROLS: f32 = 168.0;
const WIDE: f32 = 520.0;
