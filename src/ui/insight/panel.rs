//! The common elements of the panels of Insight: a heading, and the text for an empty chart.

use egui::{Rect, Ui, pos2};

use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

pub(crate) const HEAD: f32 = 28.0;

/// Up to this width a panel's head is shortened.
pub(crate) const SHORT: f32 = 270.0;

/// Draws a panel's head: its title and a summary. `note` is the visible summary, `description` the one for screen readers.
pub(crate) fn head(ui: &Ui, panel: Rect, title: &str, note: &str, description: &str) {
    let palette = Palette::of(ui.style());
    let middle = panel.top() + HEAD / 2.0;
    let at = pos2(panel.left(), middle);
    let text = widgets::text(ui, at, title, TextRole::Strong, palette.text, panel.width());
    widgets::heading(ui, text, title);
    let space = panel.right() - text.right() - 12.0;
    let line = widgets::line(ui, note, TextRole::Small, palette.secondary, space);
    let at = pos2(panel.right() - line.size().x, middle);
    // The heading has the accessible name `title` already.
    let rect = widgets::paint_line(ui, at, &line);
    widgets::label(ui, rect, &format!("{title}, in short"), description);
    if line.elided {
        widgets::show_whole(ui, rect, || description.to_owned());
    }
}

/// Draws the text in place of an empty chart.
pub(crate) fn empty(ui: &Ui, panel: Rect, words: &str) {
    let palette = Palette::of(ui.style());
    let line = widgets::paragraph(ui, words, TextRole::Small, palette.muted, panel.width());
    let place = Rect::from_min_size(pos2(panel.left(), panel.top() + HEAD + 4.0), line.size());
    ui.painter().galley(place.min, line, palette.muted);
    widgets::label(ui, place, words, words);
}
