//! An empty area's message: what will appear there, and what to do.

use egui::text::LayoutJob;
use egui::{Align, Rect, Ui, pos2};

use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

use super::icons::Icon;

/// Whether an area is high enough for the icon; in a lower one only the text is shown.
pub(crate) fn room_for_icon(place: Rect) -> bool {
    place.height() >= 190.0
}

/// Draws an icon, a short statement and a sentence in the middle of an area. Returns the lower end of the text.
pub(crate) fn show(ui: &Ui, place: Rect, icon: Icon, statement: &str, sentence: &str) -> f32 {
    let palette = Palette::of(ui.style());
    let low = !room_for_icon(place);
    let centre = pos2(place.center().x, if low { place.top() - 12.0 } else { place.center().y - 75.0 });
    if !low {
        widgets::icon(ui, centre, icon, 24.0, palette.secondary);
    }
    let head = widgets::line(ui, statement, TextRole::Subheading, palette.text, place.width() - 48.0);
    let at = pos2(centre.x - head.size().x / 2.0, centre.y + 40.0);
    widgets::label(ui, widgets::paint_line(ui, at, &head), "statement", statement);
    let mut job = LayoutJob::single_section(sentence.to_owned(), widgets::format(TextRole::Body, palette.secondary));
    job.wrap.max_width = (place.width() - 48.0).min(560.0);
    job.halign = Align::Center;
    let body = ui.painter().layout_job(job);
    // The lines are centred on the position of the text.
    let middle = pos2(centre.x.round(), centre.y + 56.0);
    let rect = body.rect.translate(middle.to_vec2());
    ui.painter().galley(middle, body, palette.secondary);
    widgets::label(ui, rect, "sentence", sentence);
    rect.bottom()
}
