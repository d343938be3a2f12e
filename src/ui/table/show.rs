//! Draws the table: its header, the rows in sight and nothing else, and its scroll bar.

use egui::{EventFilter, Rect, Response, Role, Sense, Ui, UiBuilder, accesskit, pos2};

use crate::activity::RowId;
use crate::ui::frame::FrameContext;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::profile_tab::rows::table_id;
use crate::ui::theme::ROW;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::columns::{Columns, Room};
use crate::ui::view_state::table::float;

use super::cell::Line;
use super::{empty_state, gap_row, header, row, row_menu};

/// The shortest that the scroll bar's handle gets.
const SHORTEST_HANDLE: f32 = 64.0;

/// Draws the table in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, desk: &mut ProfileTab, scene: &mut FrameContext) {
    let place = ui.max_rect();
    let palette = Palette::of(ui.style());
    let id = table_id(desk);
    ui.painter().rect_filled(place, 0.0, palette.row);
    let builder = UiBuilder::new()
        .scope_id(id)
        .max_rect(place)
        .sense(Sense::focusable_noninteractive())
        .accessibility_role(Role::Table)
        .accessibility_label("Activity");
    let mut table = ui.new_child(builder);
    table.set_clip_rect(place.intersect(ui.clip_rect()));
    let columns = Columns::new(place, &desk.columns, Room::of(place.width(), scene.narrow));
    let head = Rect::from_min_size(place.min, egui::vec2(place.width(), ROW));
    let body = Rect::from_min_max(pos2(place.left(), head.bottom()), place.max);
    if header::show(&mut table, head, &columns, desk) {
        desk.refresh((scene.now, scene.reference), || false);
        let ProfileTab { table, activities, view, .. } = desk;
        table.scroll_to(0.0, activities, view);
    }
    desk.table.height = f64::from(body.height());
    if std::mem::take(&mut desk.table.wanted)
        && let Some(row) = desk.table.cursor
    {
        let ProfileTab { table, activities, view, .. } = desk;
        table.reveal(row, activities, view);
    }
    scroll(&table, body, desk, scene);
    if desk.shown() == 0 {
        empty_state::show(&mut table, body, desk, scene);
    } else {
        rows(&mut table, body, &columns, desk, scene);
    }
    menu(&table, body, desk, scene);
    name_table(&table, place, desk);
    table.expand_to_include_rect(place);
}

/// The menu of the selected rows, also at the keyboard's wish.
fn menu(table: &Ui, body: Rect, desk: &mut ProfileTab, scene: &mut FrameContext) {
    if std::mem::take(&mut desk.table.menu_wanted)
        && let Some(index) = desk.table.cursor.and_then(|row| desk.view.position(&desk.activities, row))
    {
        #[expect(clippy::cast_possible_truncation, reason = "the row is in sight: a distance within the window")]
        let below = (float(index + 1) * f64::from(ROW) - desk.table.offset) as f32;
        row_menu::open(table, pos2(body.left() + 48.0, body.top() + below.clamp(0.0, body.height())));
    }
    row_menu::show(table, desk, scene);
}

/// Tells screen readers what the table is, how long, and at which row the keyboard is.
fn name_table(table: &Ui, place: Rect, desk: &ProfileTab) {
    let id = table.unique_id();
    let focused = table.memory(|memory| memory.has_focus(id));
    if focused {
        let keys = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        table.memory_mut(|memory| memory.set_focus_lock_filter(id, keys));
    }
    let shown = desk.shown();
    let at = desk.table.cursor().filter(|_| focused).map(|row| table.make_persistent_id(("row", row)));
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

/// The wheel, fingers, and the scroll bar.
fn scroll(ui: &Ui, body: Rect, desk: &mut ProfileTab, scene: &FrameContext) {
    let ProfileTab { table, activities, view, .. } = desk;
    let mut by = 0.0;
    if !scene.modal && ui.rect_contains_pointer(body) {
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
            // At its end the wheel goes on to the window, where that scrolls.
            ui.input_mut(|input| input.smooth_scroll_delta.y = 0.0);
        }
    }
}

fn rows(ui: &mut Ui, body: Rect, columns: &Columns, desk: &mut ProfileTab, scene: &mut FrameContext) {
    ui.set_clip_rect(body.intersect(ui.clip_rect()));
    // The bar lies over the rows, but is asked first, so that it moves them in the same frame.
    let handle = scroll_bar(ui, body, desk);
    let focused = ui.memory(|memory| memory.has_focus(ui.unique_id()));
    let (first, above) = desk.table.first();
    #[expect(clippy::cast_possible_truncation, reason = "less than a row's height")]
    let mut top = body.top() - above as f32;
    let mut pressed: Option<(RowId, Response)> = None;
    let mut hovered = None;
    let mut index = first;
    while top < body.bottom()
        && let Some(id) = desk.row_at(index)
    {
        let rect = Rect::from_min_size(pos2(body.left(), top), egui::vec2(body.width(), ROW));
        if let Some(activity) = desk.activity(id) {
            let focused = focused && desk.table.cursor() == Some(id);
            let line = Line { desk, id, activity, index, rect, columns, focused };
            let response = match desk.gap(id) {
                Some(gap) => gap_row::show(ui, scene, &line, &gap),
                None => row::show(ui, scene, &line),
            };
            if response.contains_pointer() {
                hovered = Some(id);
            }
            if response.clicked() || response.secondary_clicked() {
                pressed = Some((id, response));
            }
        }
        top += ROW;
        index += 1;
    }
    desk.table.hover(hovered);
    // Rows come and go under the same place: an id that changes there is no mistake.
    ui.ctx().allow_widget_id_changes_in(body);
    if let Some((bar, colour)) = handle {
        ui.painter().rect_filled(bar, 3.0, colour);
    }
    if let Some((id, response)) = pressed {
        press(ui, desk, id, &response);
    }
}

/// A click on a row selects it; with Ctrl it adds, with Shift it extends; a second opens its details.
fn press(ui: &Ui, desk: &mut ProfileTab, id: RowId, response: &Response) {
    ui.memory_mut(|memory| memory.request_focus(ui.unique_id()));
    let modifiers = ui.input(|input| input.modifiers);
    let ProfileTab { table, activities, view, .. } = desk;
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
    // A gap is looked at for what was open across it, which only its details list.
    let is_gap = desk.gap(id).is_some() && !modifiers.command && !modifiers.shift;
    if response.double_clicked() || is_gap || desk.details.is_some() {
        desk.open_details(id);
    }
}

/// Asks the scroll bar; returns where its handle is drawn and in which colour.
fn scroll_bar(ui: &Ui, body: Rect, desk: &mut ProfileTab) -> Option<(Rect, egui::Color32)> {
    let palette = Palette::of(ui.style());
    let ProfileTab { table, activities, view, .. } = desk;
    let rows = view.len(activities);
    let farthest = table.farthest(rows);
    if farthest <= 0.0 {
        table.grabbed = None;
        return None;
    }
    let track =
        Rect::from_min_max(pos2(body.right() - 8.0, body.top() + 3.0), pos2(body.right() - 2.0, body.bottom() - 3.0));
    #[expect(clippy::cast_possible_truncation, reason = "a share of the bar, between 0 and 1")]
    let share = |part: f64, whole: f64| (part / whole).clamp(0.0, 1.0) as f32;
    let shown = share(table.height, float(rows) * f64::from(ROW));
    let length = (track.height() * shown).max(SHORTEST_HANDLE).min(track.height());
    let room = (track.height() - length).max(1.0);
    let bar = ui.interact(track.expand2(egui::vec2(2.0, 0.0)), ui.unique_id().with("bar"), Sense::CLICK | Sense::DRAG);
    let top = track.top() + room * share(table.offset, farthest);
    if let Some(pointer) = bar.interact_pointer_pos().filter(|_| bar.is_pointer_button_down_on()) {
        let inside = (top..=top + length).contains(&pointer.y);
        let grabbed = *table.grabbed.get_or_insert(if inside { pointer.y - top } else { length / 2.0 });
        let offset = f64::from((pointer.y - grabbed - track.top()) / room) * farthest;
        table.scroll_to(offset, activities, view);
    } else {
        table.grabbed = None;
    }
    let top = track.top() + room * share(table.offset, farthest);
    let handle = Rect::from_min_size(pos2(track.left(), top), egui::vec2(track.width(), length));
    let hot = bar.hovered() || table.grabbed.is_some();
    Some((handle, if hot { palette.field_stroke } else { palette.stroke_strong }))
}
