//! The dialog that asks for confirmation before the window closes, if something would be lost.

use egui::Ui;

use crate::ui::frame::dialog_frame::{InitialFocus, buttons, first, paragraph};
use crate::ui::frame::{FrameContext, UiRequest};

/// What would be lost if the window closed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct UnsavedWork {
    /// The number of running downloads, each of which has used its link.
    pub downloads: usize,
    /// The number of payloads from messages that are being saved.
    pub saves: usize,
    /// Whether an export is running.
    pub exports: bool,
    /// The number of messages that the journal could not save.
    pub unpersisted: usize,
}

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, unsaved: UnsavedWork, fresh: bool, frame: &mut FrameContext) {
    let UnsavedWork { downloads, saves, exports, unpersisted } = unsaved;
    match unpersisted {
        0 => {}
        1 => paragraph(
            ui,
            "The journal can't be written, and a message is only in memory. Closing tries once more; if that fails, the message \
             is lost.",
        ),
        _ => paragraph(
            ui,
            &format!(
                "The journal can't be written, and {unpersisted} messages are only in memory. Closing tries once more; if that \
                 fails, they are lost."
            ),
        ),
    }
    match downloads {
        0 => {}
        1 => paragraph(
            ui,
            "A download is under way. Closing stops it and uses up its link: the data has to be requested again.",
        ),
        _ => paragraph(
            ui,
            &format!(
                "{downloads} downloads are under way. Closing stops them and uses up their links: the data has to be \
                 requested again."
            ),
        ),
    }
    match saves {
        0 => {}
        1 => paragraph(ui, "A payload is being saved. Closing stops that; it can be saved again."),
        _ => paragraph(ui, &format!("{saves} payloads are being saved. Closing stops that; they can be saved again.")),
    }
    if exports {
        paragraph(ui, "An export is under way. Closing cancels it, and no file is written.");
    }
    let out = if downloads > 0 || saves > 0 || exports { "Stop and close" } else { "Close all the same" };
    if buttons(ui, out, "Keep open", first(fresh, InitialFocus::Cancel), frame) {
        frame.request(UiRequest::CloseWindow);
    }
}
