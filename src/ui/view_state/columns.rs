//! The table's columns: which fit a width, their positions, headers and sort keys.

use egui::{Rangef, Rect};

use crate::activity::Column;
use crate::settings::{ColumnLayout, SortLayout, TableColumn, TableLayout};
use crate::ui::theme;

/// Left padding of a column, and the free space at its right end.
pub(crate) const PADDING: f32 = 12.0;
/// Free space between a cell's text and the next column.
const GAP: f32 = 4.0;
/// Minimum width of the flexible column.
const MIN_FLEXIBLE: f32 = 60.0;
/// Minimum width of the message in a narrow table, as long as the label is wider than its own minimum.
const MIN_MESSAGE: f32 = 132.0;
const MIN_LABEL: f32 = 76.0;
/// Minimum width of a table that shows times to the millisecond and buttons with full labels.
const MIN_WIDE: f32 = 820.0;
/// The range of widths the operator can set, in points.
pub(crate) const WIDTHS: std::ops::RangeInclusive<u16> = 28..=1_200;

/// The columns' positions in one frame, from the left edge of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    pub places: Vec<Place>,
    /// Whether times and buttons use their short forms.
    pub narrow: bool,
    /// Whether kinds have labels and a header.
    pub wide: bool,
    /// The right edge of the table.
    right: f32,
}

/// How much space a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The full width of a wide window.
    Wide,
    /// Beside Insight: kinds are icons, and the duration is hidden.
    Beside,
    /// A narrow window, or the space beside Insight in a window that is not wide.
    Narrow,
}

impl Room {
    /// The space of a table of this width, in a narrow window or not.
    pub(crate) fn of(width: f32, narrow: bool) -> Self {
        if narrow || width < MIN_WIDE {
            Self::Narrow
        } else if width < theme::NARROW {
            Self::Beside
        } else {
            Self::Wide
        }
    }
}

/// A column and its horizontal position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub column: TableColumn,
    pub range: Rangef,
}

impl Columns {
    /// Lays out the columns of a table in this area.
    pub(crate) fn new(table: Rect, look: &TableLayout, space: Room) -> Self {
        let (narrow, wide) = (space == Room::Narrow, space == Room::Wide);
        let shown: Vec<ColumnLayout> =
            look.shown().into_iter().filter(|look| wide || fits_narrow(look.column)).collect();
        let flexible = flexible(&shown);
        let room = table.width() - theme::EDGE;
        let widths: Vec<f32> = shown.iter().map(|look| width(*look, space)).collect();
        let fixed: f32 =
            widths.iter().enumerate().filter(|(index, _)| Some(*index) != flexible).map(|(_, width)| width).sum();
        // If the columns do not fit, all shrink by the same factor.
        let share = if fixed > 0.0 { ((room - MIN_FLEXIBLE) / fixed).clamp(0.1, 1.0) } else { 1.0 };
        let left_over = (room - fixed * share).max(MIN_FLEXIBLE);
        // The label shrinks before the message is reduced to a few letters, or is the narrower of the two. A width that the
        // operator has set stays.
        let label = shown.iter().find(|look| look.column == TableColumn::Label);
        let given = match label.map(|label| (label.width, width(*label, space) * share)) {
            Some(_) if narrow => (MIN_MESSAGE - left_over).clamp(0.0, narrow_width(TableColumn::Label) - MIN_LABEL),
            Some((None, width)) => ((width - left_over) / 2.0).clamp(0.0, (width - MIN_LABEL).max(0.0)).ceil(),
            Some((Some(_), _)) | None => 0.0,
        };
        let mut x = table.left();
        let places = shown
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(index, (look, width))| {
                let width = if Some(index) == flexible {
                    left_over + given
                } else if look.column == TableColumn::Label {
                    (width * share - given).round()
                } else {
                    (width * share).round()
                };
                let range = Rangef::new(x, x + width);
                x += width;
                Place { column: look.column, range }
            })
            .collect();
        Self { places, narrow, wide, right: table.right() - theme::EDGE }
    }

    /// The position of the buttons in a row without cells.
    pub(crate) fn action(&self) -> Rangef {
        let place = self.places.iter().find(|place| place.column == TableColumn::Action);
        place.map_or(Rangef::new(self.right - default_width(TableColumn::Action), self.right), |place| place.range)
    }
}

/// The column that takes the remaining width: the message, or otherwise the last text column.
fn flexible(shown: &[ColumnLayout]) -> Option<usize> {
    let at = |wanted| shown.iter().position(|look| look.column == wanted);
    at(TableColumn::Message)
        .or_else(|| shown.iter().rposition(|look| look.column != TableColumn::Action))
        .or_else(|| shown.len().checked_sub(1))
}

/// Whether a column takes the remaining width.
pub(crate) fn is_flexible(look: &TableLayout, column: TableColumn) -> bool {
    let shown = look.shown();
    flexible(&shown).and_then(|index| shown.get(index)).is_some_and(|look| look.column == column)
}

fn width(look: ColumnLayout, space: Room) -> f32 {
    match (look.width, space) {
        (_, Room::Narrow) => narrow_width(look.column),
        // An icon without a label needs no other width.
        (_, Room::Beside) if look.column == TableColumn::Kind => narrow_width(look.column),
        (Some(width), Room::Wide | Room::Beside) => f32::from(width.clamp(*WIDTHS.start(), *WIDTHS.end())),
        (None, Room::Wide) => default_width(look.column),
        (None, Room::Beside) => beside_width(look.column),
    }
}

/// A column's default width beside Insight, in points.
fn beside_width(column: TableColumn) -> f32 {
    match column {
        TableColumn::Label => 176.0,
        TableColumn::Status => 136.0,
        TableColumn::Action => 112.0,
        _ => default_width(column),
    }
}

/// A column's default width, in points.
pub(crate) fn default_width(column: TableColumn) -> f32 {
    match column {
        TableColumn::Updated | TableColumn::FirstSeen => 108.0,
        TableColumn::Age | TableColumn::Source => 84.0,
        TableColumn::Kind => 100.0,
        TableColumn::Id => 112.0,
        TableColumn::Label => 184.0,
        TableColumn::Status => 148.0,
        TableColumn::Message => 240.0,
        TableColumn::Took => 92.0,
        TableColumn::Action => 124.0,
    }
}

fn narrow_width(column: TableColumn) -> f32 {
    match column {
        TableColumn::Kind => 36.0,
        TableColumn::Id => 84.0,
        TableColumn::Label => 148.0,
        TableColumn::Status => 132.0,
        TableColumn::Action => 96.0,
        _ => 76.0,
    }
}

/// Whether a column fits into a table that is not wide.
fn fits_narrow(column: TableColumn) -> bool {
    !matches!(column, TableColumn::Took | TableColumn::Source | TableColumn::FirstSeen)
}

/// A column's name in its header and in the columns dialog.
pub(crate) fn heading(column: TableColumn) -> &'static str {
    match column {
        TableColumn::Updated => "Last update",
        TableColumn::Age => "Age",
        TableColumn::FirstSeen => "First seen",
        TableColumn::Kind => "Kind",
        TableColumn::Id => "Id",
        TableColumn::Label => "Label / context",
        TableColumn::Status => "Status",
        TableColumn::Message => "Message",
        TableColumn::Took => "Took",
        TableColumn::Source => "Source",
        TableColumn::Action => "Action",
    }
}

/// The column of the view that this column sorts by.
pub(crate) fn sorts_by(column: TableColumn) -> Option<Column> {
    Some(match column {
        TableColumn::Updated | TableColumn::Age => Column::Updated,
        TableColumn::FirstSeen => Column::FirstSeen,
        TableColumn::Kind => Column::Kind,
        TableColumn::Id => Column::Id,
        TableColumn::Label => Column::Label,
        TableColumn::Status => Column::Status,
        TableColumn::Message => Column::Message,
        TableColumn::Took => Column::Took,
        TableColumn::Source => Column::Source,
        TableColumn::Action => return None,
    })
}

/// A sort order as stored in the settings.
pub(crate) fn stored_sort((column, descending): (Column, bool)) -> SortLayout {
    let column = TableColumn::ALL.into_iter().find(|shown| sorts_by(*shown) == Some(column));
    SortLayout { column: column.unwrap_or(TableColumn::Updated), descending }
}

/// Where a cell's text starts, and its maximum width.
pub(crate) fn text_room(place: Rangef) -> (f32, f32) {
    (place.min + PADDING, (place.span() - PADDING - GAP).max(1.0))
}

/// Sets a column's width; `None` resets it to the default.
pub(crate) fn set_width(look: &mut TableLayout, column: TableColumn, width: Option<f32>) {
    look.columns = look.shown();
    if let Some(shown) = look.columns.iter_mut().find(|shown| shown.column == column) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the widths that there are"
        )]
        let points = |width: f32| width.round().clamp(f32::from(*WIDTHS.start()), f32::from(*WIDTHS.end())) as u16;
        shown.width = width.map(points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(look: &TableLayout, width: f32, column: TableColumn) -> Option<(f32, f32)> {
        let table = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, 600.0));
        let columns = Columns::new(table, look, Room::of(width, false));
        let place = columns.places.iter().find(|place| place.column == column)?;
        Some((place.range.min, place.range.max))
    }

    #[test]
    fn the_message_takes_the_remaining_width_and_the_others_keep_theirs() {
        let mut look = TableLayout::default();
        assert_eq!(place(&look, 1280.0, TableColumn::Action), Some((1144.0, 1268.0)), "not at the window's edge");
        assert_eq!(place(&look, 1280.0, TableColumn::Message), Some((652.0, 1052.0)));
        look.columns = look.shown();
        if let Some(id) = look.columns.iter_mut().find(|shown| shown.column == TableColumn::Id) {
            id.width = Some(300);
        }
        assert_eq!(place(&look, 1280.0, TableColumn::Id), Some((208.0, 508.0)));
        assert_eq!(place(&look, 1280.0, TableColumn::Action), Some((1144.0, 1268.0)));
    }

    #[test]
    fn beside_insight_the_message_keeps_its_width_and_kinds_are_icons() {
        let look = TableLayout::default();
        assert_eq!(place(&look, 880.0, TableColumn::Kind), Some((108.0, 144.0)));
        assert_eq!(place(&look, 880.0, TableColumn::Message), Some((568.0, 756.0)));
        assert_eq!(place(&look, 880.0, TableColumn::Action), Some((756.0, 868.0)));
        assert_eq!(place(&look, 880.0, TableColumn::Took), None);
        assert_eq!(place(&look, 700.0, TableColumn::Updated), Some((0.0, 76.0)), "as in a narrow window");
    }

    #[test]
    fn every_column_but_the_buttons_sorts_and_its_sort_is_stored() {
        for column in TableColumn::ALL {
            let Some(sort) = sorts_by(column) else {
                assert_eq!(column, TableColumn::Action);
                continue;
            };
            let SortLayout { column: stored, descending } = stored_sort((sort, true));
            assert!(descending);
            assert_eq!(sorts_by(stored), Some(sort), "{column:?} comes back as {stored:?}");
            assert!(stored == column || column == TableColumn::Age, "{column:?} is remembered as {stored:?}");
        }
    }

    #[test]
    fn columns_that_do_not_fit_shrink_and_none_is_lost() {
        let wide = |column| ColumnLayout { column, width: Some(900) };
        let look = TableLayout { columns: TableColumn::ALL.map(wide).to_vec(), ..TableLayout::default() };
        let table = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 600.0));
        let columns = Columns::new(table, &look, Room::Wide);
        assert_eq!(columns.places.len(), TableColumn::ALL.len());
        assert!(
            columns.places.iter().all(|place| place.range.span() > 20.0 && place.range.max < 1281.0),
            "{columns:?}"
        );
    }
}
