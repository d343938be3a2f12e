//! The common elements of the parts of Insight: a heading, and the text for an empty chart.

use egui::{Rect, Ui, pos2};

use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

pub(crate) const HEAD: f32 = 28.0;

/// Up to this width a part's head is shortened.
pub(crate) const SHORT: f32 = 270.0;

/// Draws a part's head: its title and a summary. `note` is the visible summary, `said` the one for screen readers.
pub(crate) fn head(ui: &Ui, part: Rect, title: &str, note: &str, said: &str) {
    let palette = Palette::of(ui.style());
    let middle = part.top() + HEAD / 2.0;
    let at = pos2(part.left(), middle);
    let text = widgets::text(ui, at, title, TextRole::Strong, palette.text, part.width());
    widgets::heading(ui, text, title);
    let room = part.right() - text.right() - 12.0;
    let line = widgets::line(ui, note, TextRole::Small, palette.secondary, room);
    let at = pos2(part.right() - line.size().x, middle);
    // The heading has the accessible name `title` already.
    let rect = widgets::paint_line(ui, at, &line);
    widgets::label(ui, rect, &format!("{title}, in short"), said);
    if line.elided {
        widgets::show_whole(ui, rect, || said.to_owned());
    }
}

/// Draws the text in place of an empty chart.
pub(crate) fn empty(ui: &Ui, part: Rect, words: &str) {
    let palette = Palette::of(ui.style());
    let line = widgets::paragraph(ui, words, TextRole::Small, palette.muted, part.width());
    let place = Rect::from_min_size(pos2(part.left(), part.top() + HEAD + 4.0), line.size());
    ui.painter().galley(place.min, line, palette.muted);
    widgets::label(ui, place, words, words);
}
