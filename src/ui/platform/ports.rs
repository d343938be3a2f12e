//! What the window needs from outside, as small traits: the engine, file dialogs, a clock. `main` supplies the real
//! implementations, tests supply fakes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::activity::{TimeReference, Timestamp};
use crate::engine::{Action, EngineStatus, Event, FileDialogError, FileKind, FileRequest, PathCheck};
use crate::protocol::UnmaskedMessage;

/// The engine's interface to the window.
pub trait Backend {
    /// Sends an action without waiting. Returns `false` if the engine's channel is full: the action is dropped, and the window
    /// reports that the engine is busy.
    #[must_use = "an action that was not taken has to be told to the operator"]
    fn send(&mut self, action: Action) -> bool;

    /// The current status, if it has changed since the last call.
    fn status(&mut self) -> Option<EngineStatus>;

    /// The next queued event, if any.
    fn next_event(&mut self) -> Option<Event>;
}

/// The initial values of a save dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveSuggestion {
    /// The text in the title bar.
    pub title: String,
    /// The initial folder, if known.
    pub folder: Option<PathBuf>,
    /// The best file name known so far.
    pub file_name: String,
}

/// Opens the system's dialogs without blocking the window.
pub trait FileDialogs {
    /// Asks for a file to save to. The result is sent through `answer`, now or later, from any thread.
    fn save_as(&self, suggestion: SaveSuggestion, answer: DialogResponder);

    /// Asks for a folder. `title` is the text in the title bar; `folder` is the initial folder, if known.
    fn choose_folder(&self, title: &str, folder: Option<PathBuf>, answer: DialogResponder);

    /// The next dialog that failed, if any. If the desktop has no dialogs, the window asks for the path itself.
    fn take_failed(&mut self) -> Option<FailedDialog> {
        None
    }

    /// Checks a typed path. The result is sent through `reply`, now or later, from any thread.
    fn check_path(&self, typed: String, kind: FileKind, reply: PathReply) {
        let _nothing_is_known = (typed, kind, reply);
    }
}

/// A desktop dialog that failed before the operator responded.
#[derive(Debug)]
pub struct FailedDialog {
    /// Why it failed, and what the operator can do.
    pub error: FileDialogError,
    /// The request and its responder, if it can still be answered.
    pub unanswered: Option<(FileRequest, DialogResponder)>,
}

/// Sends the result of [`FileDialogs::check_path`] to the window.
#[derive(Debug)]
pub struct PathReply {
    pub(crate) sender: SyncSender<PathCheck>,
    pub(crate) waker: Waker,
}

impl PathReply {
    /// Sends the result.
    pub fn send(self, check: PathCheck) {
        // The operator may have cancelled meanwhile.
        let _too_late = self.sender.try_send(check);
        self.waker.wake();
    }
}

/// Copies secrets to the system's clipboard.
pub trait SecretClipboard {
    /// Copies a secret, marked so that the clipboard's history leaves it out if the system supports that.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says why nothing was copied.
    fn copy(&mut self, secret: &UnmaskedMessage) -> Result<(), String>;
}

/// A desktop notification. It never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What happened, in a few words.
    pub title: String,
    /// Details as plain text; may be empty.
    pub body: String,
}

/// Shows desktop notifications.
pub trait Notifier {
    /// Shows a notification without waiting. If that fails it is dropped, because the window shows the same information.
    fn show(&mut self, notification: Notification);
}

/// Sends a dialog's result to the window. If dropped without a result, the dialog counts as cancelled.
#[derive(Debug)]
pub struct DialogResponder {
    pub(crate) sender: SyncSender<DialogReply>,
    pub(crate) number: u64,
    pub(crate) responded: bool,
    pub(crate) waker: Waker,
}

impl DialogResponder {
    /// Sends the result: the chosen path, or `None` if the operator cancelled.
    pub fn respond(mut self, path: Option<PathBuf>) {
        self.send(path);
    }

    /// Wakes the window that waits for the result.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    fn send(&mut self, path: Option<PathBuf>) {
        self.responded = true;
        // Only one dialog is open at a time, and the channel has capacity for more. If it were full or the window closed, the
        // dialog would count as cancelled.
        if self.sender.try_send(DialogReply { number: self.number, path }).is_ok() {
            self.waker.wake();
        }
    }
}

impl Drop for DialogResponder {
    fn drop(&mut self) {
        if !self.responded {
            self.send(None);
        }
    }
}

/// The window's clock. Tests can stop it.
pub trait Clock {
    /// The current time of the clock that stamps entries.
    fn now(&self) -> Timestamp;
    /// How that clock relates to the computer's and to the server's.
    fn reference(&self) -> TimeReference {
        TimeReference::EXACT
    }
    /// The current time of the monotonic clock.
    fn instant(&self) -> Instant;
    /// The time zone in which times are shown.
    fn zone(&self) -> jiff::tz::TimeZone;
}

/// Wakes the window from any thread, once per burst. Created before the window exists; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Wake>);

#[derive(Default)]
struct Wake {
    /// Whether a wake was requested that the window has not handled yet.
    pending: AtomicBool,
    /// The window, once it exists.
    window: OnceLock<egui::Context>,
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wake").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Waker {
    /// How long a burst is collected before it is drawn.
    const COLLECT_TIME: Duration = Duration::from_millis(10);

    /// Asks the window to take new events. Further calls are almost free until it does.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel)
            && let Some(window) = self.0.window.get()
        {
            window.request_repaint_after(Self::COLLECT_TIME);
        }
    }

    /// Sets the window. Earlier wakes are not lost, because a new window draws at once.
    pub(crate) fn attach(&self, window: &egui::Context) {
        // A second window would be a bug; the first is kept.
        let _first_stays = self.0.window.set(window.clone());
    }

    /// The window is taking events now, so later ones wake it again.
    pub(crate) fn mark_handled(&self) {
        self.0.pending.store(false, Ordering::Release);
    }
}

/// A dialog's result on its way to the window.
#[derive(Debug)]
pub(crate) struct DialogReply {
    /// The number of the dialog.
    pub number: u64,
    /// The chosen path.
    pub path: Option<PathBuf>,
}
