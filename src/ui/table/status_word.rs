//! The word of a status in its cell. An unrecognised status is told apart only by its number, so in a narrow cell the word is
//! shortened instead.

use std::borrow::Cow;

use egui::{Id, Pos2, Rect, Ui, UiBuilder};

use crate::activity::{Field, Status};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;

use super::cell::{RowContext, marked, status_color};

/// How far the word may reach into the padding of the next column; the rest stays free.
const INTO_NEXT: f32 = 6.0;

/// Draws the word with its left end and its middle at `at`, in a cell that ends at `end`. Returns its rectangle.
pub(crate) fn show(ui: &mut Ui, line: &RowContext<'_>, row_id: Id, at: Pos2, end: f32) -> Rect {
    let status = line.activity.status();
    let ink = status_color(status, Palette::of(ui.style()));
    let most = end + INTO_NEXT - at.x;
    let whole = status.word();
    let shown = match status {
        Status::UnrecognisedNumber(number) if widgets::width(ui, &whole, TextRole::Body) > most => {
            Cow::Owned(format!("Unrecog. {number}"))
        }
        _ => Cow::Borrowed(&*whole),
    };
    let place = marked(ui, line, at, (Field::Status, &shown), TextRole::Body, ink, most);
    if shown != whole {
        let cell = ui.new_child(UiBuilder::new().max_rect(place).accessibility_parent(row_id));
        widgets::label(&cell, place, &format!("status {row_id:?}"), &whole).on_hover_text(&*whole);
    }
    place
}
