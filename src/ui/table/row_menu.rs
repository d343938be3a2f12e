//! The menu of the selected rows: opened by a secondary click, or by Shift+F10.

use egui::{Id, Popup, PopupAnchor, PopupCloseBehavior, Pos2, Ui, pos2};

use crate::ui::frame::FrameContext;
use crate::ui::frame::commands::UiCommand;
use crate::ui::input::menu::{entry, line};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::widgets;

/// The menu's commands, in groups.
const GROUPS: [&[UiCommand]; 3] = [
    &[UiCommand::Details, UiCommand::Download, UiCommand::CheckStatus, UiCommand::EditLabel],
    &[UiCommand::CopyRows, UiCommand::CopyTsv, UiCommand::CopyJson],
    &[UiCommand::SelectAll],
];

fn id() -> Id {
    Id::unique("row menu")
}

/// Opens the menu at a position.
pub(crate) fn open(ui: &Ui, at: Pos2) {
    ui.data_mut(|data| data.insert_temp(id(), at));
    Popup::open_id(ui.ctx(), id());
}

/// Draws the menu while it is open.
pub(crate) fn show(ui: &Ui, profile_tab: &ProfileTab, frame: &mut FrameContext) {
    let at = ui.data(|data| data.get_temp(id())).unwrap_or_else(|| pos2(0.0, 0.0));
    Popup::new(id(), ui.ctx().clone(), PopupAnchor::Position(at), ui.layer_id())
        .kind(egui::PopupKind::Menu)
        .open_memory(None)
        .width(280.0)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name("Menu of the selected rows")
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            widgets::menu_area(ui).show(ui, |ui| {
                ui.set_min_width(280.0);
                for (index, group) in GROUPS.into_iter().enumerate() {
                    if index > 0 {
                        line(ui);
                    }
                    for command in group {
                        entry(ui, *command, Some(profile_tab), frame);
                    }
                }
                widgets::follow_focus(ui);
            });
        });
}
