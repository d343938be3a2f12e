//! The list of data tokens: draws only the visible rows, and handles the pointer and the keys.

use egui::{
    EventFilter, Id, Key, Modifiers, Rect, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use crate::activity::Timestamp;
use crate::protocol::{StoredData, sanitize};
use crate::ui::frame::FrameContext;
use crate::ui::text::{bytes, cell_time, cut, full_time};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, text_field};

use super::RequestData;

/// How many rows before the end of the loaded list the next page is requested.
const PREFETCH_ROWS: usize = 20;
/// The maximum length of a cell's text. More is never visible, and long texts make frames slow.
const MAX_LENGTH: usize = 120;

/// What a key in the list asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListRequest {
    /// Nothing outside the list.
    None,
    /// Move back to the field above.
    Back,
    /// Request the selected data.
    Request,
}

/// The list's id. It has the keyboard focus for all of its rows.
pub(crate) fn id() -> Id {
    Id::unique("data tokens")
}

/// The id of a row's accessibility node.
fn row_id(row: usize) -> Id {
    Id::unique(("data token", row))
}

/// The horizontal positions of the columns within a row.
#[derive(Debug, Clone, Copy)]
struct Columns {
    name: f32,
    context: f32,
    /// The right edge.
    size: f32,
    created: f32,
    right: f32,
}

impl Columns {
    fn new(rect: Rect) -> Self {
        let created = rect.right() - 116.0;
        let size = created - 20.0;
        let name = rect.left() + 34.0;
        let space = size - 70.0 - name;
        Self { name, context: (name + space * 0.5).round(), size, created, right: rect.right() - 12.0 }
    }
}

/// Draws the columns' headers.
pub(crate) fn head(ui: &Ui, rect: Rect) {
    let palette = Palette::of(ui.style());
    let (columns, middle) = (Columns::new(rect), rect.center().y);
    for (x, words) in [(columns.name, "Name"), (columns.context, "Context"), (columns.created, "Created")] {
        widgets::text(ui, pos2(x, middle), words, TextRole::CaptionStrong, palette.muted, f32::INFINITY);
    }
    widgets::text_right(ui, pos2(columns.size, middle), "Size", TextRole::CaptionStrong, palette.muted);
}

/// Draws the list. Returns what its keys ask for.
pub(crate) fn show(ui: &mut Ui, rect: Rect, dialog: &mut RequestData, frame: &FrameContext) -> ListRequest {
    let response = ui.interact(rect, id(), Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::ListBox, true, "Data tokens"));
    let focused = response.has_focus();
    let mut asked = ListRequest::None;
    if focused {
        let keys = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id(), keys));
        asked = take_keys(ui, dialog, rect);
    }
    let (size, cursor) = (dialog.found.len(), dialog.cursor);
    ui.ctx().accesskit_node_builder(id(), |node| {
        node.set_size_of_set(size);
        node.set_multiselectable();
        if focused && cursor < size {
            node.set_active_descendant(row_id(cursor).accesskit_id());
        }
    });
    rows(ui, rect, dialog, focused, frame);
    if focused {
        widgets::focus_ring(ui, rect, theme::RADIUS, false);
    }
    asked
}

fn rows(ui: &mut Ui, rect: Rect, dialog: &mut RequestData, focused: bool, frame: &FrameContext) {
    let mut place = ui.new_child(UiBuilder::new().max_rect(rect.shrink(1.0)).id_salt("data tokens"));
    place.spacing_mut().item_spacing.y = 0.0;
    let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("data tokens").animated(false);
    if std::mem::take(&mut dialog.reveal) {
        area = area.vertical_scroll_offset(offset(&place, dialog.cursor, rect.height() - 2.0));
    }
    let rows = dialog.found.len();
    let mut pressed = None;
    let shown = area.show_rows(&mut place, theme::ROW, rows, |ui, range| {
        for row in range.clone() {
            let (_, line) = ui.allocate_space(vec2(ui.available_width(), theme::ROW));
            if one(ui, line, dialog, row, focused && row == dialog.cursor, frame) {
                pressed = Some(row);
            }
        }
        range.end
    });
    let offset = shown.state.clamped_offset().y;
    place.data_mut(|data| data.insert_temp(id(), offset));
    dialog.at_end = shown.inner + PREFETCH_ROWS >= rows;
    if let Some(row) = pressed {
        dialog.cursor = row;
        dialog.toggle(row);
        ui.memory_mut(|memory| memory.request_focus(id()));
    }
}

/// The scroll offset nearest to the present one at which the whole row is visible.
fn offset(ui: &Ui, row: usize, height: f32) -> f32 {
    let now: f32 = ui.data(|data| data.get_temp(id())).unwrap_or(0.0);
    #[expect(clippy::cast_precision_loss, reason = "a place in a list that is bounded")]
    let top = row as f32 * theme::ROW;
    now.min(top).max(top + theme::ROW - height).max(0.0)
}

fn take_keys(ui: &Ui, dialog: &mut RequestData, rect: Rect) -> ListRequest {
    #[expect(clippy::cast_possible_truncation, reason = "a few rows")]
    let page = ((rect.height() / theme::ROW) as isize - 1).max(1);
    let end = isize::try_from(dialog.found.len()).unwrap_or(isize::MAX);
    let pressed = |key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key));
    for (key, by) in
        [(Key::ArrowDown, 1), (Key::PageDown, page), (Key::PageUp, -page), (Key::End, end), (Key::Home, -end)]
    {
        for _ in 0..pressed(key) {
            dialog.step(by);
        }
    }
    for _ in 0..pressed(Key::ArrowUp) {
        if dialog.cursor == 0 {
            return ListRequest::Back;
        }
        dialog.step(-1);
    }
    for _ in 0..pressed(Key::Space) {
        dialog.toggle(dialog.cursor);
    }
    if ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A)) {
        dialog.toggle_all();
    }
    if pressed(Key::Enter) > 0 { ListRequest::Request } else { ListRequest::None }
}

/// The name of an item, or its token if it has no name.
fn title(data: &StoredData) -> String {
    let name = if data.file_name.is_empty() { data.token.as_str() } else { &data.file_name };
    sanitize(&cut(name, MAX_LENGTH)).into_owned()
}

/// Draws a row. Returns whether it was clicked.
fn one(ui: &Ui, rect: Rect, dialog: &RequestData, row: usize, at: bool, frame: &FrameContext) -> bool {
    let palette = Palette::of(ui.style());
    let Some((place, item)) = dialog.found.get(row).and_then(|&place| Some((place, dialog.all.get(place)?))) else {
        return false;
    };
    let chosen = dialog.selected.contains(&place);
    let response = ui.interact(rect, row_id(row), Sense::CLICK);
    let (name, context) = (title(&item.data), sanitize(&cut(&item.data.context, MAX_LENGTH)).into_owned());
    let size = item.data.size.map(bytes);
    let created = item.data.created.map(Timestamp::from);
    let when = created.map(|created| cell_time(created, frame.now, &frame.zone).main);
    let all = [Some(context.clone()).filter(|context| !context.is_empty()), size.clone(), when.clone()];
    let spoken = all.into_iter().flatten().fold(name.clone(), |spoken, part| format!("{spoken}, {part}"));
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &spoken));
    let rows = dialog.found.len();
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_selected(chosen);
        node.set_position_in_set(row);
        node.set_size_of_set(rows);
    });
    if chosen || at || response.hovered() {
        let fill = if chosen { palette.selected } else { palette.hover };
        ui.painter().rect_filled(rect, 0.0, fill);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.stroke_soft));
    let (columns, middle) = (Columns::new(rect), rect.center().y);
    text_field::draw_mark(ui, pos2(rect.left() + 18.0, middle), text_field::Mark::Check(chosen), true);
    let (face, ink) = if item.data.file_name.is_empty() {
        (TextRole::Mono, palette.secondary)
    } else {
        (TextRole::Body, palette.text)
    };
    let mut whole = Vec::new();
    let space = columns.size - 70.0 - columns.context;
    for (x, words, face, ink, space) in [
        (columns.name, &name, face, ink, columns.context - columns.name - 12.0),
        (columns.context, &context, TextRole::Body, palette.secondary, space),
    ] {
        let line = widgets::line(ui, words, face, ink, space);
        widgets::paint_line(ui, pos2(x, middle), &line);
        whole.extend(line.elided.then(|| words.clone()));
    }
    let size = size.as_deref().unwrap_or("–");
    widgets::text_right(ui, pos2(columns.size, middle), size, TextRole::Body, palette.secondary);
    let space = columns.right - columns.created;
    let words = when.as_deref().unwrap_or("–");
    widgets::text(ui, pos2(columns.created, middle), words, TextRole::Small, palette.secondary, space);
    if at {
        ui.painter().rect_stroke(rect.shrink(2.0), 2.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);
    }
    let clicked = response.clicked();
    whole.extend(created.map(|created| format!("Created {}", full_time(created, &frame.zone))));
    if !whole.is_empty() {
        response.on_hover_text(whole.join("\n"));
    }
    clicked
}
