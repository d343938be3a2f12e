//! The desktop's own save dialog, which the portal opens in a separate process.

use atspi::{Role, State};

use crate::failure::{Outcome, ensure};
use crate::input;
use crate::tree::Desktop;
use crate::wait::until;

/// The program that draws the dialog.
const PROGRAM: &str = "xdg-desktop-portal-gtk";

/// How the test operates the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// By keys and by the tree's actions.
    Both,
    /// By the accessibility tree alone.
    Tree,
    /// By key presses alone.
    Keys,
}

/// Waits for the save dialog, which must suggest a name, replaces the name with a full path and saves.
///
/// # Errors
///
/// Fails if a part of the dialog does not appear, or the dialog stays open.
pub(crate) fn save_as(desktop: &Desktop, path: &str) -> Outcome<()> {
    save_by(desktop, path, Hands::Both)
}

/// The same, operated in one way.
///
/// # Errors
///
/// Fails if a part of the dialog does not appear, or the dialog stays open.
pub(crate) fn save_by(desktop: &Desktop, path: &str, by: Hands) -> Outcome<()> {
    let program = desktop.application(PROGRAM)?;
    let dialog = program.find_where("the save dialog", |node| node.role == Role::FileChooser)?;
    // GTK gives the field no name; it is the only text field.
    let name = dialog.find_where("the field for the file's name", |node| {
        node.role == Role::Text && node.states.contains(State::Editable)
    })?;
    ensure(!name.text()?.is_empty(), "the save dialog suggests no name")?;
    match by {
        Hands::Both => name.focus()?,
        Hands::Tree => name.set_text(path)?,
        // The dialog focuses its field itself.
        Hands::Keys => until("the field to have the keyboard", || Ok(name.has(State::Focused)?.then_some(())))?,
    }
    if by != Hands::Tree {
        input::press("ctrl+a")?;
        input::type_text(path)?;
    }
    name.wait_text(path)?;
    if by == Hands::Keys {
        input::press("Return")?;
    } else {
        dialog.find(Role::Button, "Save")?.click()?;
    }
    until("the save dialog to close", || Ok(program.now(|node| node.role == Role::FileChooser).is_none().then_some(())))
}
