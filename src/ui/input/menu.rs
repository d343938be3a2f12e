//! Menu entries, and the menu below a button.

use egui::{Id, Popup, PopupCloseBehavior, RectAlign, Response, Stroke, Ui, vec2};

use crate::ui::profile_tab::ProfileTab;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::{self, Button, ButtonStyle};

use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};

/// A menu entry that runs a command. `profile_tab` is the active tab.
pub(crate) fn entry(ui: &mut Ui, command: UiCommand, profile_tab: Option<&ProfileTab>, frame: &mut FrameContext) {
    let words = command.words();
    let mut press = Button::new(&words).icon(command.icon()).why_not(command.why_not(profile_tab));
    if let Some(key) = command.key() {
        press = press.trailing(ui.ctx().format_shortcut(&key));
    }
    if item(ui, press) {
        frame.request(UiRequest::Run(command));
    }
}

/// A menu entry. Returns whether it was chosen.
pub(crate) fn item(ui: &mut Ui, press: Button<'_>) -> bool {
    let press = press.style(ButtonStyle::MenuItem).height(28.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width().max(press.width(ui)), 28.0));
    let chosen = press.within(ui, rect).clicked();
    if chosen {
        ui.close();
    }
    chosen
}

/// The line between groups of a menu.
pub(crate) fn line(ui: &mut Ui) {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 5.0));
    let stroke = Stroke::new(1.0, Palette::of(ui.style()).stroke);
    ui.painter().hline(rect.x_range(), rect.center().y, stroke);
}

/// A menu below a button.
pub(crate) fn popup(ui: &Ui, button: &Response, content: impl FnOnce(&mut Ui)) {
    let align =
        if button.rect.center().x > ui.max_rect().center().x { RectAlign::BOTTOM_END } else { RectAlign::BOTTOM_START };
    Popup::menu(button)
        .id(Id::unique(("menu", button.id)))
        .align(align)
        .gap(2.0)
        .width(220.0)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name("Menu")
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            widgets::menu_area(ui).show(ui, |ui| {
                ui.set_min_width(220.0);
                content(ui);
                widgets::follow_focus(ui);
            });
        });
}
