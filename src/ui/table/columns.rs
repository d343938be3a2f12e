//! The columns: which there are at a width, where they are, and how they are headed.

use egui::{Rangef, Rect};

use crate::activity::Column;
use crate::ui::theme;

/// Left padding inside a column, and the space kept free at its end.
pub(super) const PADDING: f32 = 12.0;
/// What is kept free between a cell's text and the next column.
const GAP: f32 = 4.0;

/// The columns' places in one frame, from the left edge of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Columns {
    pub updated: Rangef,
    pub kind: Rangef,
    pub id: Rangef,
    pub label: Rangef,
    pub status: Rangef,
    pub message: Rangef,
    /// Not there in the narrow window.
    pub took: Option<Rangef>,
    pub action: Rangef,
    /// Whether the narrow forms of times and kinds are meant.
    pub narrow: bool,
}

impl Columns {
    /// The columns for a table in this place.
    pub(super) fn new(table: Rect, narrow: bool) -> Self {
        let widths: [f32; 5] =
            if narrow { [76.0, 36.0, 84.0, 148.0, 132.0] } else { [108.0, 100.0, 112.0, 184.0, 148.0] };
        let (took, action) = if narrow { (0.0, 96.0) } else { (92.0, 124.0) };
        let mut x = table.left();
        let [updated, kind, id, label, status] = widths.map(|width| {
            let range = Rangef::new(x, x + width);
            x += width;
            range
        });
        // The columns on the right keep their width and the window's edge; the message takes what is left.
        let action_left = (table.right() - theme::EDGE - action).max(x + 60.0 + took);
        let message = Rangef::new(x, action_left - took);
        Self {
            updated,
            kind,
            id,
            label,
            status,
            message,
            took: (!narrow).then(|| Rangef::new(message.max, action_left)),
            action: Rangef::new(action_left, action_left + action),
            narrow,
        }
    }

    /// The headers that are shown, in order: their column where it can be sorted by, the words, the place, and whether
    /// they stand on the right.
    pub(super) fn headers(&self) -> Vec<Header> {
        let header = |column, words, place| Header { column, words, place, right: false };
        let mut headers = vec![header(Some(Column::Updated), "Last update", self.updated)];
        // The narrow kind column is an icon without a header, as in the design; it sorts from the wide window.
        if !self.narrow {
            headers.push(header(Some(Column::Kind), "Kind", self.kind));
        }
        headers.push(header(Some(Column::Id), "Id", self.id));
        headers.push(header(Some(Column::Label), "Label / context", self.label));
        headers.push(header(Some(Column::Status), "Status", self.status));
        headers.push(header(Some(Column::Message), "Message", self.message));
        if let Some(place) = self.took {
            headers.push(Header { column: Some(Column::Took), words: "Took", place, right: true });
        }
        headers.push(Header { column: None, words: "Action", place: self.action, right: false });
        headers
    }
}

/// One header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub column: Option<Column>,
    pub words: &'static str,
    pub place: Rangef,
    pub right: bool,
}

/// Where a cell's text begins and how wide it may be.
pub(super) fn text_room(place: Rangef) -> (f32, f32) {
    (place.min + PADDING, (place.span() - PADDING - GAP).max(1.0))
}
