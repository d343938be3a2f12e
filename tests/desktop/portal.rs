//! The desktop's own save dialog, which the portal opens in a process of its own.

use atspi::{Role, State};

use crate::failure::{Outcome, ensure};
use crate::hands;
use crate::tree::Desktop;
use crate::wait::until;

/// The program that draws the dialog.
const PROGRAM: &str = "xdg-desktop-portal-gtk";

/// Waits for the save dialog, which must suggest a name, types a full path over it and saves.
///
/// # Errors
///
/// When a part of the dialog does not come, or it stays open.
pub(crate) fn save_as(desktop: &Desktop, path: &str) -> Outcome<()> {
    let program = desktop.application(PROGRAM)?;
    let dialog = program.find_where("the save dialog", |node| node.role == Role::FileChooser)?;
    // GTK gives the field no name of its own; it is the only one to type in.
    let name = dialog.find_where("the field for the file's name", |node| {
        node.role == Role::Text && node.states.contains(State::Editable)
    })?;
    ensure(!name.text()?.is_empty(), "the save dialog suggests no name")?;
    name.focus()?;
    hands::press("ctrl+a")?;
    hands::type_text(path)?;
    name.wait_text(path)?;
    dialog.find(Role::Button, "Save")?.click()?;
    until("the save dialog to close", || Ok(program.now(|node| node.role == Role::FileChooser).is_none().then_some(())))
}
