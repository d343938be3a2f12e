//! The last pane of the details: what the operator can do next, as text and as buttons.

use egui::{Id, Pos2, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use crate::activity::{Activity, Entry};
use crate::engine::Action;
use crate::settings::ProfileId;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::{self, Button, ButtonStyle};

use super::pane::pane;
use super::receipt;

/// Draws the text, the buttons, and the lines of the receipt. `buttons` returns whether it drew any.
pub(crate) fn show_next(
    ui: &mut Ui,
    rect: Rect,
    words: &str,
    items: &[receipt::Item],
    buttons: impl FnOnce(&mut Ui, Pos2) -> bool,
) {
    const BUTTONS: f32 = 36.0;
    let palette = Palette::of(ui.style());
    let place = pane(ui, rect, "Next", None);
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt("next"));
    ScrollArea::vertical().auto_shrink(false).id_salt("next").show(&mut pane, |ui| {
        let width = ui.available_width() - theme::EDGE - 8.0;
        let galley = widgets::explanation(ui, words, palette.secondary, width);
        let left = ui.cursor().left() + theme::EDGE;
        let text = Rect::from_min_size(Pos2::new(left, ui.cursor().top()), galley.size());
        ui.painter().galley(text.min, galley, palette.secondary);
        widgets::label(ui, text, "next words", words);
        let below = if buttons(ui, pos2(text.left(), text.bottom() + 18.0)) { BUTTONS } else { 8.0 };
        let lines = Rect::from_min_size(pos2(left, text.bottom() + below), vec2(width, receipt::height(items)));
        receipt::show(ui, lines, items);
        let end = if items.is_empty() { 0.0 } else { 8.0 };
        ui.allocate_space(vec2(ui.available_width(), lines.bottom() + end - text.top()));
    });
}

/// Draws the button that checks what a gap left open.
pub(crate) fn reconcile_button(ui: &mut Ui, at: Pos2, reconcile: Option<Action>, frame: &mut FrameContext) -> bool {
    let Some(action) = reconcile else { return false };
    let press = Button::new("Reconcile").name("Reconcile selected").style(ButtonStyle::Outlined);
    if press.at(ui, at).clicked() {
        frame.request(UiRequest::Send(action));
    }
    true
}

/// Draws the buttons for actions that the head has no button for.
pub(crate) fn next_buttons(
    ui: &mut Ui,
    at: Pos2,
    profile: ProfileId,
    activity: &Activity<'_>,
    entries: &[Entry],
    frame: &mut FrameContext,
) -> bool {
    if activity.can_check() {
        let press = Button::new("Check status").name("Check status of selected").style(ButtonStyle::Outlined);
        if press.salt(Id::unique("check selected")).at(ui, at).clicked() {
            frame.request(UiRequest::Run(UiCommand::CheckStatus));
        }
        return true;
    }
    receipt::buttons(ui, at, profile, activity, entries, frame)
}
