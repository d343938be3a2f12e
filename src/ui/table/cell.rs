//! What the cells of a row share: the row to draw, marked text, and the colour of the status word.

use egui::{Color32, Rect, Ui};

use crate::activity::{Activity, Field, RowId, Status};
use crate::protocol::sanitize;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::cut;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::columns::Columns;
use crate::ui::widgets;

/// A row to draw.
pub(crate) struct RowContext<'a> {
    pub profile_tab: &'a ProfileTab,
    pub id: RowId,
    pub activity: Activity<'a>,
    pub index: usize,
    pub rect: Rect,
    pub columns: &'a Columns,
    pub focused: bool,
}

/// The most characters of a text that a cell lays out; fewer fit.
const MAX_LENGTH: usize = 200;

/// Draws a text and marks the filter's matches in it. If it is shortened, the pointer shows all of it. Returns its rectangle.
pub(crate) fn marked(
    ui: &Ui,
    line: &RowContext<'_>,
    at: egui::Pos2,
    (field, text): (Field, &str),
    face: TextRole,
    ink: Color32,
    width: f32,
) -> Rect {
    let filter = line.profile_tab.view.filter();
    let shown = sanitize(&cut(text, MAX_LENGTH)).into_owned();
    let marks = if filter.has_marks() { filter.marks(Some(field), &shown) } else { Vec::new() };
    let galley = widgets::marked_line(ui, &shown, &marks, face, ink, width);
    let rect = widgets::paint_line(ui, at, &galley);
    if galley.elided {
        widgets::show_whole(ui, rect, || sanitize(text).into_owned());
    }
    rect
}

/// The colour of a status word: settled ones are muted, open and actionable ones stand out, and only failures are coloured.
pub(crate) fn status_color(status: Status, palette: &Palette) -> Color32 {
    match status {
        Status::Failed => palette.failed,
        Status::Pending | Status::Preparing | Status::Ready | Status::Downloading | Status::Inline => palette.text,
        _ => palette.secondary,
    }
}
