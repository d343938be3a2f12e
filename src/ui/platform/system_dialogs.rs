//! Opens the system's file dialogs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::engine::{FileKind, FileRequest, PathCheck};

use super::ports::{DialogResponder, FailedDialog, FileDialogs, PathReply, SaveSuggestion};

#[cfg(all(unix, not(target_os = "macos")))]
use crate::engine::{FileDialogError, PortalDialog};

/// Runs a future to completion outside the window.
pub type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// Opens file dialogs over the window.
pub(crate) struct SystemDialogs {
    spawner: Spawner,
    window: Option<Arc<winit::window::Window>>,
    failed: (Sender<FailedDialog>, Receiver<FailedDialog>),
}

impl SystemDialogs {
    #[expect(
        clippy::disallowed_methods,
        reason = "each is a dialog that a person opened, and the window takes them out in each frame"
    )]
    pub(crate) fn new(spawner: Spawner, window: Option<Arc<winit::window::Window>>) -> Self {
        Self { spawner, window, failed: channel() }
    }
}

impl FileDialogs for SystemDialogs {
    fn save_as(&self, suggestion: SaveSuggestion, answer: DialogResponder) {
        let SaveSuggestion { title, folder, file_name } = suggestion;
        self.ask(FileRequest { kind: FileKind::Save, title, folder, file_name }, answer);
    }

    fn choose_folder(&self, title: &str, folder: Option<PathBuf>, answer: DialogResponder) {
        let (title, file_name) = (title.to_owned(), String::new());
        self.ask(FileRequest { kind: FileKind::Folder, title, folder, file_name }, answer);
    }

    fn take_failed(&mut self) -> Option<FailedDialog> {
        self.failed.1.try_recv().ok()
    }

    fn check_path(&self, typed: String, kind: FileKind, reply: PathReply) {
        (self.spawner)(PathCheck::of(typed, kind).map(|check| reply.send(check)).boxed());
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
impl SystemDialogs {
    /// Asks the portal in a thread that ends with the dialog. If the portal has no dialog, uses zenity.
    fn ask(&self, request: FileRequest, answer: DialogResponder) {
        let (dialog, reply) = PortalDialog::new();
        let (wanted, parent, failed) = (request.clone(), self.parent(), self.failed.0.clone());
        let result = request.clone().answer(reply);
        (self.spawner)(result.map(move |outcome| send_result(outcome, request, answer, &failed)).boxed());
        let ask = move || super::portal::choose(&wanted, &parent, dialog);
        if let Err(error) = std::thread::Builder::new().name("file dialog".to_owned()).spawn(ask) {
            tracing::warn!(%error, "the portal is not asked: the thread for it could not be started");
        }
    }

    /// The window's identifier for the portal. On Wayland that would be a handle from xdg-foreign's exporter. winit does not
    /// export windows and only gives pointers to its own connection. Sending the request over that connection takes unsafe
    /// code, which this crate forbids, or `ashpd` with its own Wayland client. So the portal gets no parent on Wayland, and the
    /// dialog appears beside the window, not over it.
    fn parent(&self) -> String {
        use raw_window_handle::{HasWindowHandle as _, RawWindowHandle};
        let handle = self.window.as_ref().and_then(|window| window.window_handle().ok());
        match handle.map(|handle| handle.as_raw()) {
            Some(RawWindowHandle::Xlib(window)) => format!("x11:{:x}", window.window),
            Some(RawWindowHandle::Xcb(window)) => format!("x11:{:x}", window.window),
            _ => String::new(),
        }
    }
}

/// Sends a dialog's result to the window.
#[cfg(all(unix, not(target_os = "macos")))]
fn send_result(
    outcome: Result<Option<PathBuf>, FileDialogError>,
    request: FileRequest,
    answer: DialogResponder,
    failed: &Sender<FailedDialog>,
) {
    let error = match outcome {
        Ok(path) => return answer.respond(path),
        Err(error) => error,
    };
    let waker = answer.waker().clone();
    let unanswered = match error {
        // A dropped responder counts as cancelled.
        FileDialogError::Ended => None,
        FileDialogError::Unavailable => Some((request, answer)),
    };
    // The window may be closed.
    let _gone = failed.send(FailedDialog { error, unanswered });
    waker.wake();
}

#[cfg(any(windows, target_os = "macos"))]
impl SystemDialogs {
    fn ask(&self, request: FileRequest, answer: DialogResponder) {
        let mut dialog = rfd::AsyncFileDialog::new().set_title(&request.title).set_file_name(&request.file_name);
        if let Some(folder) = &request.folder {
            dialog = dialog.set_directory(folder);
        }
        if let Some(window) = &self.window {
            dialog = dialog.set_parent(window.as_ref());
        }
        let chosen = match request.kind {
            FileKind::Save => dialog.save_file().boxed(),
            FileKind::Folder => dialog.pick_folder().boxed(),
        };
        (self.spawner)(chosen.map(|file| answer.respond(file.map(|file| file.path().to_owned()))).boxed());
    }
}
