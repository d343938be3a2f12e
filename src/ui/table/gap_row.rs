//! The row of a gap: a band across the table that says when no message could arrive, and what has been recovered since.

use egui::{Color32, Id, Rect, Response, Role, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2};

use crate::activity::GapState;
use crate::engine::Action;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::text::gap_text;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::columns::PADDING;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use super::cell::RowContext;

/// Draws the row and its button. The response is that of the row itself.
pub(crate) fn show(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>, gap: &GapState) -> Response {
    let palette = Palette::of(ui.style());
    let row_id = ui.make_persistent_id(("row", line.id));
    let response = ui.interact(line.rect, row_id, Sense::CLICK);
    let selected = line.profile_tab.table.is_selected(line.id);
    let settled = gap.is_complete();
    let edge = match (selected, settled) {
        (true, _) => Some(palette.accent),
        (false, false) => Some(palette.gap),
        (false, true) => None,
    };
    band(ui, line.rect, if selected { palette.selected } else { palette.gap_fill }, edge);
    let (headline, standing) = (gap_text::headline(gap, frame.now, &frame.zone), gap_text::state(gap));
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, gap_text::name(gap, frame.now, &frame.zone)));
    let size = line.profile_tab.shown();
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_row_index(line.index);
        node.set_position_in_set(line.index);
        node.set_size_of_set(size);
        node.set_selected(selected);
        let dot = if standing.is_empty() { "" } else { " · " };
        node.set_description(format!("{headline}{dot}{standing}"));
    });
    let middle = line.rect.center().y;
    let right = button(ui, frame, line, gap, row_id);
    let hue = if settled { palette.other } else { palette.gap };
    widgets::icon(ui, pos2(line.rect.left() + theme::EDGE + 8.0, middle), icons::GAP, 16.0, hue);
    let at = pos2(line.rect.left() + 36.0, middle);
    let ink = if settled { palette.secondary } else { palette.text };
    // Without hover texts of their own: the row's has both.
    let text =
        |at, words: &str, face, ink, space| widgets::paint_line(ui, at, &widgets::line(ui, words, face, ink, space));
    let head = text(at, &headline, TextRole::Small, ink, right - at.x);
    let space = right - head.right() - 24.0;
    if !standing.is_empty() && space > 24.0 {
        let middle_dot = pos2(head.right() + 10.0, middle);
        widgets::text(ui, middle_dot, "·", TextRole::Small, palette.muted, f32::INFINITY);
        let face = if settled { TextRole::Small } else { TextRole::SmallStrong };
        text(pos2(head.right() + 23.0, middle), &standing, face, palette.secondary, space);
    }
    if line.focused {
        let ring = line.rect.shrink(2.0);
        ui.painter().rect_stroke(ring, 2.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);
    }
    response.on_hover_text(if standing.is_empty() { headline } else { format!("{headline}\n{standing}") })
}

/// Draws the band, and the edge at its left end.
fn band(ui: &Ui, rect: Rect, fill: Color32, edge: Option<Color32>) {
    let palette = Palette::of(ui.style());
    ui.painter().rect_filled(rect, 0.0, fill);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.stroke_soft));
    if let Some(edge) = edge {
        ui.painter().rect_filled(rect.with_max_x(rect.left() + 2.0), 0.0, edge);
    }
}

/// Draws `Reconcile` while something is left to check. Returns the right end of the space for words.
fn button(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>, gap: &GapState, row_id: Id) -> f32 {
    if !gap_text::can_reconcile(gap) {
        return line.rect.right() - theme::EDGE;
    }
    let place = Rect::from_x_y_ranges(line.columns.action(), line.rect.y_range());
    let mut cell = ui.new_child(UiBuilder::new().max_rect(place).accessibility_parent(row_id).id_salt(row_id));
    let press = Button::new("Reconcile").style(ButtonStyle::Outlined).in_row();
    if press.at(&mut cell, pos2(place.left() + PADDING, place.center().y)).clicked() {
        let profile = line.profile_tab.owner(line.id);
        frame.request(UiRequest::Send(Action::Reconcile { profile, gap: line.activity.key() }));
    }
    cell.expand_to_include_rect(place);
    place.left()
}
