//! The table's columns: which fit a width, their positions, headers and sort keys.

use egui::{Rangef, Rect};

use crate::activity::SortKey;
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
    pub positions: Vec<ColumnPosition>,
    /// Whether times and buttons use their short forms.
    pub narrow: bool,
    /// Whether kinds have labels and a header.
    pub wide: bool,
    /// The right edge of the table.
    right: f32,
}

/// How much space a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableSpace {
    /// The full width of a wide window.
    Wide,
    /// Beside Insight: kinds are icons, and the duration is hidden.
    BesideInsight,
    /// A narrow window, or the space beside Insight in a window that is not wide.
    Narrow,
}

impl TableSpace {
    /// The space of a table of this width, in a narrow window or not.
    pub(crate) fn of(width: f32, narrow: bool) -> Self {
        if narrow || width < MIN_WIDE {
            Self::Narrow
        } else if width < theme::NARROW {
            Self::BesideInsight
        } else {
            Self::Wide
        }
    }
}

/// A column and its horizontal position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ColumnPosition {
    pub column: TableColumn,
    pub range: Rangef,
}

impl Columns {
    /// Lays out the columns of a table in this area.
    pub(crate) fn new(table: Rect, layout: &TableLayout, space: TableSpace) -> Self {
        let (narrow, wide) = (space == TableSpace::Narrow, space == TableSpace::Wide);
        let shown: Vec<ColumnLayout> =
            layout.shown().into_iter().filter(|column| wide || fits_narrow(column.column)).collect();
        let flexible = flexible(&shown);
        let available = table.width() - theme::EDGE;
        let widths: Vec<f32> = shown.iter().map(|column| width(*column, space)).collect();
        let fixed: f32 =
            widths.iter().enumerate().filter(|(index, _)| Some(*index) != flexible).map(|(_, width)| width).sum();
        // If the columns do not fit, all shrink by the same factor.
        let share = if fixed > 0.0 { ((available - MIN_FLEXIBLE) / fixed).clamp(0.1, 1.0) } else { 1.0 };
        let left_over = (available - fixed * share).max(MIN_FLEXIBLE);
        // The label shrinks before the message is reduced to a few letters, or is the narrower of the two. A width that the
        // operator has set stays.
        let label = shown.iter().find(|column| column.column == TableColumn::Label);
        let given = match label.map(|label| (label.width, width(*label, space) * share)) {
            Some(_) if narrow => (MIN_MESSAGE - left_over).clamp(0.0, narrow_width(TableColumn::Label) - MIN_LABEL),
            Some((None, width)) => ((width - left_over) / 2.0).clamp(0.0, (width - MIN_LABEL).max(0.0)).ceil(),
            Some((Some(_), _)) | None => 0.0,
        };
        let mut x = table.left();
        let positions = shown
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(index, (column, width))| {
                let width = if Some(index) == flexible {
                    left_over + given
                } else if column.column == TableColumn::Label {
                    (width * share - given).round()
                } else {
                    (width * share).round()
                };
                let range = Rangef::new(x, x + width);
                x += width;
                ColumnPosition { column: column.column, range }
            })
            .collect();
        Self { positions, narrow, wide, right: table.right() - theme::EDGE }
    }

    /// The position of the buttons in a row without cells.
    pub(crate) fn action(&self) -> Rangef {
        let position = self.positions.iter().find(|position| position.column == TableColumn::Action);
        position
            .map_or(Rangef::new(self.right - default_width(TableColumn::Action), self.right), |position| position.range)
    }
}

/// The column that takes the remaining width: the message, or otherwise the last text column.
fn flexible(shown: &[ColumnLayout]) -> Option<usize> {
    let at = |wanted| shown.iter().position(|column| column.column == wanted);
    at(TableColumn::Message)
        .or_else(|| shown.iter().rposition(|column| column.column != TableColumn::Action))
        .or_else(|| shown.len().checked_sub(1))
}

/// Whether a column takes the remaining width.
pub(crate) fn is_flexible(layout: &TableLayout, column: TableColumn) -> bool {
    let shown = layout.shown();
    flexible(&shown).and_then(|index| shown.get(index)).is_some_and(|shown| shown.column == column)
}

fn width(column: ColumnLayout, space: TableSpace) -> f32 {
    match (column.width, space) {
        (_, TableSpace::Narrow) => narrow_width(column.column),
        // An icon without a label needs no other width.
        (_, TableSpace::BesideInsight) if column.column == TableColumn::Kind => narrow_width(column.column),
        (Some(width), TableSpace::Wide | TableSpace::BesideInsight) => {
            f32::from(width.clamp(*WIDTHS.start(), *WIDTHS.end()))
        }
        (None, TableSpace::Wide) => default_width(column.column),
        (None, TableSpace::BesideInsight) => beside_width(column.column),
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

/// The sort key of a column; `None` if it does not sort.
pub(crate) fn sorts_by(column: TableColumn) -> Option<SortKey> {
    Some(match column {
        TableColumn::Updated | TableColumn::Age => SortKey::Updated,
        TableColumn::FirstSeen => SortKey::FirstSeen,
        TableColumn::Kind => SortKey::Kind,
        TableColumn::Id => SortKey::Id,
        TableColumn::Label => SortKey::Label,
        TableColumn::Status => SortKey::Status,
        TableColumn::Message => SortKey::Message,
        TableColumn::Took => SortKey::Took,
        TableColumn::Source => SortKey::Source,
        TableColumn::Action => return None,
    })
}

/// A sort order as stored in the settings.
pub(crate) fn stored_sort((column, descending): (SortKey, bool)) -> SortLayout {
    let column = TableColumn::ALL.into_iter().find(|shown| sorts_by(*shown) == Some(column));
    SortLayout { column: column.unwrap_or(TableColumn::Updated), descending }
}

/// Where a cell's text starts, and its maximum width.
pub(crate) fn text_space(place: Rangef) -> (f32, f32) {
    (place.min + PADDING, (place.span() - PADDING - GAP).max(1.0))
}

/// Sets a column's width; `None` resets it to the default.
pub(crate) fn set_width(layout: &mut TableLayout, column: TableColumn, width: Option<f32>) {
    layout.columns = layout.shown();
    if let Some(shown) = layout.columns.iter_mut().find(|shown| shown.column == column) {
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

    fn place(layout: &TableLayout, width: f32, column: TableColumn) -> Option<(f32, f32)> {
        let table = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, 600.0));
        let columns = Columns::new(table, layout, TableSpace::of(width, false));
        let position = columns.positions.iter().find(|position| position.column == column)?;
        Some((position.range.min, position.range.max))
    }

    #[test]
    fn the_message_takes_the_remaining_width_and_the_others_keep_theirs() {
        let mut layout = TableLayout::default();
        assert_eq!(place(&layout, 1280.0, TableColumn::Action), Some((1144.0, 1268.0)), "not at the window's edge");
        assert_eq!(place(&layout, 1280.0, TableColumn::Message), Some((652.0, 1052.0)));
        layout.columns = layout.shown();
        if let Some(id) = layout.columns.iter_mut().find(|shown| shown.column == TableColumn::Id) {
            id.width = Some(300);
        }
        assert_eq!(place(&layout, 1280.0, TableColumn::Id), Some((208.0, 508.0)));
        assert_eq!(place(&layout, 1280.0, TableColumn::Action), Some((1144.0, 1268.0)));
    }

    #[test]
    fn beside_insight_the_message_keeps_its_width_and_kinds_are_icons() {
        let layout = TableLayout::default();
        assert_eq!(place(&layout, 880.0, TableColumn::Kind), Some((108.0, 144.0)));
        assert_eq!(place(&layout, 880.0, TableColumn::Message), Some((568.0, 756.0)));
        assert_eq!(place(&layout, 880.0, TableColumn::Action), Some((756.0, 868.0)));
        assert_eq!(place(&layout, 880.0, TableColumn::Took), None);
        assert_eq!(place(&layout, 700.0, TableColumn::Updated), Some((0.0, 76.0)), "as in a narrow window");
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
        let layout = TableLayout { columns: TableColumn::ALL.map(wide).to_vec(), ..TableLayout::default() };
        let table = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 600.0));
        let columns = Columns::new(table, &layout, TableSpace::Wide);
        assert_eq!(columns.positions.len(), TableColumn::ALL.len());
        assert!(
            columns.positions.iter().all(|position| position.range.span() > 20.0 && position.range.max < 1281.0),
            "{columns:?}"
        );
    }
}
