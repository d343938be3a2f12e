//! Requests and errors of the file dialogs on Linux and the BSDs. The window asks the desktop's portal for a dialog. If the portal
//! has none, zenity shows it ([`FileRequest::answer`]); without zenity the operator types the path, which [`PathCheck::of`]
//! checks.

pub(crate) mod check;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod portal_reply;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod zenity;

use std::path::PathBuf;

/// What the operator should choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file to save to. If it exists, the dialog asks whether to replace it.
    Save,
    /// An existing folder.
    Folder,
}

/// The contents of a dialog when it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// What the operator should choose.
    pub kind: FileKind,
    /// The text of its title bar.
    pub title: String,
    /// The folder that it shows, if one is known.
    pub folder: Option<PathBuf>,
    /// The suggested file name.
    pub file_name: String,
}

/// Why nothing was chosen, although the operator did not cancel.
#[derive(Debug, thiserror::Error)]
pub enum FileDialogError {
    /// The program that shows the dialog, or the session bus, ended while the dialog was open.
    #[error("The desktop's file dialog ended without an answer, so nothing was chosen. Try again.")]
    Ended,
    /// The desktop has no dialog, or did not open it in time.
    #[error(
        "The desktop's file dialog could not be opened. Install xdg-desktop-portal and the part of it for your desktop \
         (xdg-desktop-portal-gtk, -gnome or -kde), or zenity. Until then, type the path here."
    )]
    Unavailable,
}
