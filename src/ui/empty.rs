//! What an empty place says: what will appear there, and what to do.

use egui::{Rect, Ui, pos2};

use super::icons::Icon;
use super::theme::{Palette, Type};
use super::widgets;

/// Draws an icon, a short statement and a sentence in the middle of a place. Returns where they end.
pub(crate) fn show(ui: &Ui, place: Rect, icon: Icon, statement: &str, sentence: &str) -> f32 {
    let palette = Palette::of(ui.style());
    let centre = pos2(place.center().x, place.center().y - 75.0);
    widgets::icon(ui, centre, icon, 24.0, palette.secondary);
    let head = widgets::line(ui, statement, Type::Subheading, palette.text, place.width() - 48.0);
    let at = pos2(centre.x - head.size().x / 2.0, centre.y + 40.0);
    widgets::label(ui, widgets::paint_line(ui, at, &head), "statement", statement);
    let body = widgets::paragraph(ui, sentence, Type::Body, palette.secondary, (place.width() - 48.0).min(560.0));
    let corner = pos2((centre.x - body.size().x / 2.0).round(), centre.y + 56.0);
    let bottom = corner.y + body.size().y;
    let rect = Rect::from_min_size(corner, body.size());
    ui.painter().galley(corner, body, palette.secondary);
    widgets::label(ui, rect, "sentence", sentence);
    bottom
}
