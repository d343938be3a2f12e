//! The table's header: what each column is, and sorting by it, by pointer and by keyboard.

use egui::{Rect, Role, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2};

use crate::activity::{Column, View};
use crate::ui::icons;
use crate::ui::theme::{self, Palette, Type};
use crate::ui::widgets;

use super::columns::{Columns, Header, PADDING};

/// Draws the header. A click sorts by the column, a second turns the order, a third goes back to arrival order. Returns
/// whether the order changed.
pub(super) fn show(ui: &mut Ui, rect: Rect, columns: &Columns, view: &mut View) -> bool {
    let palette = Palette::of(ui.style());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.stroke));
    let mut changed = false;
    for header in columns.headers() {
        if let Some(order) = one(ui, rect, &header, view.sort()) {
            view.set_sort(order.0);
            changed = true;
        }
    }
    changed
}

/// What the table is to be sorted by; `None` is arrival order.
struct Order(Option<(Column, bool)>);

/// Draws one; returns the new order where it was asked for.
fn one(ui: &Ui, bar: Rect, header: &Header, sort: Option<(Column, bool)>) -> Option<Order> {
    let palette = Palette::of(ui.style());
    let place = Rect::from_x_y_ranges(header.place, bar.y_range());
    let sorted = header.column.and_then(|column| sort.filter(|(by, _)| *by == column));
    let sense = if header.column.is_some() { Sense::click() } else { Sense::hover() };
    let response = ui.interact(place, ui.make_persistent_id(("header", header.words)), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, header.words));
    if let Some((_, descending)) = sorted {
        let direction =
            if descending { accesskit::SortDirection::Descending } else { accesskit::SortDirection::Ascending };
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_sort_direction(direction));
    }
    let hot = response.hovered() && header.column.is_some();
    let ink = if sorted.is_some() || hot { palette.text } else { palette.muted };
    let middle = bar.center().y;
    let end = if header.right {
        let right = place.right();
        widgets::text_right(ui, pos2(right, middle), header.words, Type::CaptionStrong, ink);
        right - widgets::width(ui, header.words, Type::CaptionStrong) - 16.0
    } else {
        let left = place.left() + PADDING;
        widgets::text(ui, pos2(left, middle), header.words, Type::CaptionStrong, ink, place.width() - PADDING).right()
    };
    if let Some((_, descending)) = sorted {
        let arrow = if descending { icons::ARROW_DOWN } else { icons::ARROW_UP };
        widgets::icon(ui, pos2(end + 8.0, middle), arrow, 14.0, ink);
    }
    if response.has_focus() {
        widgets::focus_ring(ui, place.shrink2(egui::vec2(4.0, 4.0)), theme::RADIUS_IN_ROW, false);
    }
    let column = header.column.filter(|_| response.clicked())?;
    Some(Order(match sorted {
        None => Some((column, starts_descending(column))),
        Some((_, descending)) if descending == starts_descending(column) => Some((column, !descending)),
        Some(_) => None,
    }))
}

/// Times and durations are asked for from their largest end, words from their beginning.
fn starts_descending(column: Column) -> bool {
    match column {
        Column::Updated | Column::Took => true,
        Column::Kind | Column::Id | Column::Label | Column::Status | Column::Message => false,
    }
}
