//! Files and folders that the operator chooses, on Linux and the BSDs: what a dialog is asked for, and why it fails. The window
//! asks the desktop's portal. If that has no dialog, zenity is asked ([`FileRequest::ask_zenity`]); without it, the operator
//! types the path ([`PathCheck::of`]).

pub(crate) mod check;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod zenity;

use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file to save to. It may exist: then the dialog asks whether to replace it.
    Save,
    /// A folder that exists.
    Folder,
}

/// What a dialog opens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// What is asked for.
    pub kind: FileKind,
    /// The words in its title bar.
    pub title: String,
    /// The folder it shows, if one is known.
    pub folder: Option<PathBuf>,
    /// The suggested name of a file.
    pub file_name: String,
}

/// Why nothing was chosen, although the operator did not cancel.
#[derive(Debug, thiserror::Error)]
pub enum FileDialogError {
    /// The program behind the dialog, or the session bus, ended while the dialog was open.
    #[error("The desktop's file dialog ended without an answer, so nothing was chosen. Try again.")]
    Ended,
    /// The desktop has no dialog, or did not open it in time.
    #[error(
        "The desktop's file dialog could not be opened. Install xdg-desktop-portal and the part of it for your desktop \
         (xdg-desktop-portal-gtk, -gnome or -kde), or zenity. Until then, type the path here."
    )]
    Unavailable,
}
