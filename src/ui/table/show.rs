//! Draws the table: the header, the visible rows only, and the scroll bar.

use egui::{EventFilter, Rect, Response, Role, Sense, Ui, UiBuilder, accesskit, pos2};

use crate::activity::RowId;
use crate::ui::frame::FrameContext;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::profile_tab::rows::table_id;
use crate::ui::theme::ROW;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::columns::{Columns, TableSpace};
use crate::ui::view_state::table::float;
use crate::ui::widgets;

use super::cell::RowContext;
use super::{empty_state, gap_row, header, row, row_menu};

/// The minimum height of the scroll bar's handle.
const MIN_HANDLE_HEIGHT: f32 = 64.0;

/// Draws the table in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    let place = ui.max_rect();
    let palette = Palette::of(ui.style());
    let id = table_id(profile_tab);
    ui.painter().rect_filled(place, 0.0, palette.row);
    let builder = UiBuilder::new()
        .scope_id(id)
        .max_rect(place)
        .sense(Sense::focusable_noninteractive())
        .accessibility_role(Role::Table)
        .accessibility_label("Activity");
    let mut table = ui.new_child(builder);
    table.set_clip_rect(place.intersect(ui.clip_rect()));
    let columns = Columns::new(place, &profile_tab.columns, TableSpace::of(place.width(), frame.narrow));
    let head = Rect::from_min_size(place.min, egui::vec2(place.width(), ROW));
    let body = Rect::from_min_max(pos2(place.left(), head.bottom()), place.max);
    if header::show(&mut table, head, &columns, profile_tab) {
        profile_tab.refresh(frame.now, frame.reference, || false);
        let ProfileTab { table, activities, view, .. } = profile_tab;
        table.scroll_to(0.0, activities, view);
    }
    profile_tab.table.height = f64::from(body.height());
    if std::mem::take(&mut profile_tab.table.scroll_to_cursor)
        && let Some(row) = profile_tab.table.cursor
    {
        let ProfileTab { table, activities, view, .. } = profile_tab;
        table.reveal(row, activities, view);
    }
    scroll(&table, body, profile_tab, frame);
    if profile_tab.shown() == 0 {
        empty_state::show(&mut table, body, profile_tab, frame);
    } else {
        rows(&mut table, body, &columns, profile_tab, frame);
    }
    menu(&table, body, profile_tab, frame);
    name_table(&table, place, profile_tab);
    table.expand_to_include_rect(place);
}

/// Draws the menu of the selected rows, and opens it if the keyboard asks for it.
fn menu(table: &Ui, body: Rect, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    if std::mem::take(&mut profile_tab.table.menu_requested)
        && let Some(index) =
            profile_tab.table.cursor.and_then(|row| profile_tab.view.position(&profile_tab.activities, row))
    {
        #[expect(clippy::cast_possible_truncation, reason = "the row is in sight: a distance within the window")]
        let below = (float(index + 1) * f64::from(ROW) - profile_tab.table.offset) as f32;
        row_menu::open(table, pos2(body.left() + 48.0, body.top() + below.clamp(0.0, body.height())));
    }
    row_menu::show(table, profile_tab, frame);
}

/// Describes the table to screen readers: its name, its length and the focused row.
fn name_table(table: &Ui, place: Rect, profile_tab: &ProfileTab) {
    let id = table.unique_id();
    let focused = table.memory(|memory| memory.has_focus(id));
    if focused {
        let keys = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        table.memory_mut(|memory| memory.set_focus_lock_filter(id, keys));
    }
    let shown = profile_tab.shown();
    let at = profile_tab.table.cursor().filter(|_| focused).map(|row| table.make_persistent_id(("row", row)));
    let at = at.filter(|row| table.ctx().has_accesskit_node(*row));
    table.ctx().accesskit_node_builder(id, |node| {
        node.set_row_count(shown);
        node.set_size_of_set(shown);
        node.set_bounds(accesskit::Rect {
            x0: place.min.x.into(),
            y0: place.min.y.into(),
            x1: place.max.x.into(),
            y1: place.max.y.into(),
        });
        if let Some(at) = at {
            node.set_active_descendant(at.accesskit_id());
        }
    });
}

/// Scrolls by wheel, touch and scroll bar.
fn scroll(ui: &Ui, body: Rect, profile_tab: &mut ProfileTab, frame: &FrameContext) {
    let ProfileTab { table, activities, view, .. } = profile_tab;
    let mut by = 0.0;
    if !frame.modal && ui.rect_contains_pointer(body) {
        by -= f64::from(ui.input(|input| input.smooth_scroll_delta().y));
    }
    if ui.input(egui::InputState::has_touch_screen) {
        let fingers = ui.interact(body, ui.unique_id().with("fingers"), Sense::DRAG);
        by -= f64::from(fingers.drag_delta().y);
    }
    if by != 0.0 {
        let before = table.offset;
        table.scroll_to(before + by, activities, view);
        if table.offset.total_cmp(&before).is_ne() {
            // At the table's end the wheel scrolls the window, if that can scroll.
            ui.input_mut(|input| input.smooth_scroll_delta.y = 0.0);
        }
    }
}

fn rows(ui: &mut Ui, body: Rect, columns: &Columns, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    ui.set_clip_rect(body.intersect(ui.clip_rect()));
    // The bar lies over the rows, but is handled first, so that it moves them in the same frame.
    let handle = scroll_bar(ui, body, profile_tab);
    let focused = ui.memory(|memory| memory.has_focus(ui.unique_id()));
    let (first, above) = profile_tab.table.first();
    #[expect(clippy::cast_possible_truncation, reason = "less than a row's height")]
    let mut top = body.top() - above as f32;
    let mut pressed: Option<(RowId, Response)> = None;
    let mut hovered = None;
    let mut half_hidden = Vec::new();
    let mut index = first;
    while top < body.bottom()
        && let Some(id) = profile_tab.row_at(index)
    {
        let rect = Rect::from_min_size(pos2(body.left(), top), egui::vec2(body.width(), ROW));
        if let Some(activity) = profile_tab.activity(id) {
            let focused = focused && profile_tab.table.cursor() == Some(id);
            let line = RowContext { profile_tab, id, activity, index, rect, columns, focused };
            let response = match profile_tab.gap(id) {
                Some(gap) => gap_row::show(ui, frame, &line, &gap),
                None => row::show(ui, frame, &line),
            };
            if response.contains_pointer() {
                hovered = Some(id);
            }
            if !body.contains_rect(rect) {
                half_hidden.push((id, rect));
            }
            if response.clicked() || response.secondary_clicked() {
                pressed = Some((id, response));
            }
        }
        top += ROW;
        index += 1;
    }
    profile_tab.table.hover(hovered);
    // A button in the row at an end of the table may have the keyboard.
    if let Some(button) = widgets::focus_to_follow(ui)
        && let Some((id, _)) = half_hidden.into_iter().find(|(_, rect)| rect.contains(button.center()))
    {
        let ProfileTab { table, activities, view, .. } = profile_tab;
        table.reveal(id, activities, view);
        ui.ctx().request_repaint_after(std::time::Duration::ZERO);
    }
    // Rows change under the same position, so a changing widget id there is no mistake.
    ui.ctx().allow_widget_id_changes_in(body);
    if let Some((bar, colour)) = handle {
        ui.painter().rect_filled(bar, 3.0, colour);
    }
    if let Some((id, response)) = pressed {
        press(ui, profile_tab, id, &response);
    }
}

/// A click selects a row, with Ctrl adds it, with Shift extends the selection; a second click opens the details.
fn press(ui: &Ui, profile_tab: &mut ProfileTab, id: RowId, response: &Response) {
    ui.memory_mut(|memory| memory.request_focus(ui.unique_id()));
    let modifiers = ui.input(|input| input.modifiers);
    let ProfileTab { table, activities, view, .. } = profile_tab;
    if response.secondary_clicked() {
        if !table.is_selected(id) {
            table.select(id);
        }
        if let Some(at) = response.interact_pointer_pos() {
            row_menu::open(ui, at);
        }
        return;
    }
    if modifiers.command {
        table.toggle(id);
    } else if modifiers.shift {
        table.extend_to(id, activities, view);
    } else {
        table.select(id);
    }
    // One click opens a gap's details, because only they list what was open across it.
    let is_gap = profile_tab.gap(id).is_some() && !modifiers.command && !modifiers.shift;
    if response.double_clicked() || is_gap || profile_tab.details.is_some() {
        profile_tab.open_details(id);
    }
}

/// Handles the scroll bar. Returns the rectangle and the colour of its handle.
fn scroll_bar(ui: &Ui, body: Rect, profile_tab: &mut ProfileTab) -> Option<(Rect, egui::Color32)> {
    let palette = Palette::of(ui.style());
    let ProfileTab { table, activities, view, .. } = profile_tab;
    let rows = view.len(activities);
    let farthest = table.max_offset(rows);
    if farthest <= 0.0 {
        table.grab_offset = None;
        return None;
    }
    let track =
        Rect::from_min_max(pos2(body.right() - 8.0, body.top() + 3.0), pos2(body.right() - 2.0, body.bottom() - 3.0));
    #[expect(clippy::cast_possible_truncation, reason = "a share of the bar, between 0 and 1")]
    let share = |part: f64, whole: f64| (part / whole).clamp(0.0, 1.0) as f32;
    let shown = share(table.height, float(rows) * f64::from(ROW));
    let length = (track.height() * shown).max(MIN_HANDLE_HEIGHT).min(track.height());
    let travel = (track.height() - length).max(1.0);
    let bar = ui.interact(track.expand2(egui::vec2(2.0, 0.0)), ui.unique_id().with("bar"), Sense::CLICK | Sense::DRAG);
    let top = track.top() + travel * share(table.offset, farthest);
    if let Some(pointer) = bar.interact_pointer_pos().filter(|_| bar.is_pointer_button_down_on()) {
        let inside = (top..=top + length).contains(&pointer.y);
        let grabbed = *table.grab_offset.get_or_insert(if inside { pointer.y - top } else { length / 2.0 });
        let offset = f64::from((pointer.y - grabbed - track.top()) / travel) * farthest;
        table.scroll_to(offset, activities, view);
    } else {
        table.grab_offset = None;
    }
    let top = track.top() + travel * share(table.offset, farthest);
    let handle = Rect::from_min_size(pos2(track.left(), top), egui::vec2(track.width(), length));
    let hot = bar.hovered() || table.grab_offset.is_some();
    Some((handle, if hot { palette.field_stroke } else { palette.stroke_strong }))
}
