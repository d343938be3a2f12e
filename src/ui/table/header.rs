//! The table's header: column titles, sorting and column widths, by pointer and keyboard.

use egui::{CursorIcon, Rect, Role, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2};

use crate::activity::SortKey;
use crate::settings::{TableColumn, TableLayout};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::columns::{ColumnPosition, Columns, PADDING, heading, is_flexible, set_width, sorts_by};
use crate::ui::widgets::{self, icons};

/// The width of the area that resizes a column.
const EDGE: f32 = 7.0;

/// Draws the header. The first click sorts by the column, the second reverses the order, the third restores arrival order.
/// Returns whether the order changed.
pub(crate) fn show(ui: &mut Ui, rect: Rect, columns: &Columns, profile_tab: &mut ProfileTab) -> bool {
    let palette = Palette::of(ui.style());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.stroke));
    let mut changed = false;
    for place in &columns.positions {
        // In windows that are not wide, the kind column is an icon without a header, as designed; sort by it in the wide
        // window.
        if !columns.wide && place.column == TableColumn::Kind {
            continue;
        }
        if let Some(new_sort) = draw_header(ui, rect, *place, profile_tab.view.sort()) {
            profile_tab.view.set_sort(new_sort.0);
            changed = true;
        }
    }
    if !columns.narrow {
        edges(ui, rect, columns, &mut profile_tab.columns);
    }
    changed
}

/// The new sort order; `None` is arrival order.
struct NewSort(Option<(SortKey, bool)>);

/// Draws one header. Returns the new order if it was clicked.
fn draw_header(ui: &Ui, bar: Rect, header: ColumnPosition, sort: Option<(SortKey, bool)>) -> Option<NewSort> {
    let palette = Palette::of(ui.style());
    let place = Rect::from_x_y_ranges(header.range, bar.y_range());
    let (column, name) = (sorts_by(header.column), heading(header.column));
    // Age and last update are the same value in two forms: only the visible one shows the arrow.
    let sorted = column.and_then(|column| sort.filter(|(by, _)| *by == column));
    let sense = if column.is_some() { Sense::click() } else { Sense::hover() };
    let response = ui.interact(place, ui.make_persistent_id(("header", name)), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, name));
    if let Some((_, descending)) = sorted {
        let direction =
            if descending { accesskit::SortDirection::Descending } else { accesskit::SortDirection::Ascending };
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_sort_direction(direction));
    }
    let hot = response.hovered() && column.is_some();
    let ink = if sorted.is_some() || hot { palette.text } else { palette.muted };
    let middle = bar.center().y;
    let end = if header.column == TableColumn::Took {
        let right = place.right();
        widgets::text_right(ui, pos2(right, middle), name, TextRole::CaptionStrong, ink);
        right - widgets::width(ui, name, TextRole::CaptionStrong) - 16.0
    } else {
        let left = place.left() + PADDING;
        widgets::text(ui, pos2(left, middle), name, TextRole::CaptionStrong, ink, place.width() - PADDING).right()
    };
    if let Some((_, descending)) = sorted {
        let arrow = if descending { icons::ARROW_DOWN } else { icons::ARROW_UP };
        widgets::icon(ui, pos2(end + 8.0, middle), arrow, 14.0, ink);
    }
    if response.has_focus() {
        widgets::focus_ring(ui, place.shrink2(egui::vec2(4.0, 4.0)), theme::RADIUS_IN_ROW, false);
    }
    let column = column.filter(|_| response.clicked())?;
    Some(NewSort(match sorted {
        None => Some((column, starts_descending(column))),
        Some((_, descending)) if descending == starts_descending(column) => Some((column, !descending)),
        Some(_) => None,
    }))
}

/// Times and durations first sort from the largest, words from the beginning of the alphabet.
fn starts_descending(column: SortKey) -> bool {
    match column {
        SortKey::Updated | SortKey::FirstSeen | SortKey::Took => true,
        SortKey::Kind | SortKey::Id | SortKey::Label | SortKey::Status | SortKey::Message | SortKey::Source => false,
    }
}

/// The edges between columns can be dragged; a double click restores the default width. For the keyboard, the dialog `Columns`
/// does the same.
fn edges(ui: &Ui, bar: Rect, columns: &Columns, layout: &mut TableLayout) {
    for (left, right) in columns.positions.iter().zip(columns.positions.iter().skip(1)) {
        // The flexible column grows when its neighbour shrinks.
        let (place, sign) = if is_flexible(layout, left.column) { (right, -1.0) } else { (left, 1.0) };
        if place.column == TableColumn::Kind && !columns.wide {
            continue;
        }
        let edge = Rect::from_center_size(pos2(left.range.max, bar.center().y), egui::vec2(EDGE, bar.height()));
        let id = ui.make_persistent_id(("edge", left.column));
        let response = ui.interact(edge, id, Sense::CLICK | Sense::DRAG).on_hover_cursor(CursorIcon::ResizeColumn);
        if response.hovered() || response.dragged() {
            let stroke = Stroke::new(1.0, Palette::of(ui.style()).field_stroke);
            ui.painter().vline(left.range.max - 0.5, bar.y_range().shrink(4.0), stroke);
        }
        if response.double_clicked() {
            set_width(layout, place.column, None);
        } else if response.dragged() && response.drag_delta().x != 0.0 {
            set_width(layout, place.column, Some(place.range.span() + sign * response.drag_delta().x));
        }
    }
}
