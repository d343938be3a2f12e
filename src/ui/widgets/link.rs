//! A link in a line of text.

use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;

/// A line that can be clicked: its name, and its status in a weaker colour. Returns whether it was clicked.
pub(crate) fn link(ui: &Ui, rect: Rect, id: Id, name: &str, face: TextRole, standing: &str) -> bool {
    let palette = Palette::of(ui.style());
    let response = ui.interact(rect, id, Sense::click());
    let whole = if standing.is_empty() { name.to_owned() } else { format!("{name}, {standing}") };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &whole));
    if response.hovered() {
        ui.painter().rect_filled(rect.expand2(vec2(4.0, 0.0)), theme::RADIUS_IN_ROW, palette.button_hover);
    }
    if response.has_focus() {
        widgets::focus_ring(ui, rect.shrink2(vec2(0.0, 2.0)), theme::RADIUS_IN_ROW, false);
    }
    let at = pos2(rect.left(), rect.center().y);
    let text = widgets::text(ui, at, name, face, palette.text, rect.width());
    let space = rect.right() - text.right() - 12.0;
    if space > 24.0 {
        widgets::text(ui, pos2(text.right() + 10.0, at.y), standing, TextRole::Small, palette.muted, space);
    }
    response.on_hover_text(whole).clicked()
}
