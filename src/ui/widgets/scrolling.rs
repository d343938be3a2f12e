//! Scroll areas that follow the keyboard, and those of menus.

use egui::{Id, Rect, Ui};

use crate::ui::theme;

/// Scrolls to the widget that the keyboard has focused, in the scroll area with the content `ui`.
pub(crate) fn follow_focus(ui: &Ui) {
    if let Some(rect) = focus_to_follow(ui) {
        // Scrolling draws another frame, in which the surrounding areas scroll.
        ui.scroll_to_rect_animation(rect, None, egui::style::ScrollAnimation::none());
    }
}

/// The rectangle of the widget in `ui` that the keyboard has just focused, if it is not entirely visible.
pub(crate) fn focus_to_follow(ui: &Ui) -> Option<Rect> {
    /// Number of frames in which to scroll: an inner scroll area may scroll first, which takes a frame.
    const FRAMES: u8 = 3;
    let (focused, pass) = (ui.memory(egui::Memory::focused), ui.ctx().cumulative_pass_nr());
    let id = ui.unique_id().with("followed focus");
    let (followed, mut left, last): (Option<Id>, u8, u64) = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    if followed != focused {
        // A clicked widget is visible. A newly opened area is read from its start, wherever its focus is.
        let clicked = ui.input(|input| input.pointer.any_down() || input.pointer.any_released());
        left = if clicked || last + 1 < pass { 0 } else { FRAMES };
    }
    ui.data_mut(|data| data.insert_temp(id, (focused, left.saturating_sub(1), pass)));
    let response = focused.filter(|_| left > 0).and_then(|focused| ui.ctx().read_response(focused))?;
    // A visible widget is not clipped by any surrounding area.
    let is_clipped = !response.interact_rect.expand(1.0).contains_rect(response.rect);
    (is_clipped && is_inside(ui, response.id)).then_some(response.rect)
}

/// Whether a widget is part of `ui`, at any depth.
fn is_inside(ui: &Ui, widget: Id) -> bool {
    ui.ctx().viewport(|viewport| {
        let widgets = &viewport.this_pass.widgets;
        let mut above = std::iter::successors(widgets.get(widget).map(|of| of.parent_id), |id| {
            widgets.get(*id).map(|of| of.parent_id).filter(|parent| parent != id)
        });
        above.any(|id| id == ui.unique_id())
    })
}

/// A menu's scroll area, limited in height so that the menu fits into the window.
pub(crate) fn menu_area(ui: &Ui) -> egui::ScrollArea {
    let height = (ui.ctx().content_rect().height() - 32.0).max(4.0 * theme::ROW);
    egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height)
}
