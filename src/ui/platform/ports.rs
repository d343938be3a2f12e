//! What the window needs from outside, as small traits: the engine, save dialogs, a clock. `main` brings the real ones,
//! tests bring fakes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::activity::{TimeReference, Timestamp};
use crate::engine::{Action, EngineStatus, Event, FileDialogError, FileKind, FileRequest, PathCheck};
use crate::protocol::UnmaskedMessage;

/// The engine, seen from the window.
pub trait Backend {
    /// Hands an action to the engine without waiting. False where the engine's channel is full: the window then says that
    /// the engine is busy, and nothing has happened.
    #[must_use = "an action that was not taken has to be told to the operator"]
    fn send(&mut self, action: Action) -> bool;

    /// What is true now, if it has changed since this was last asked.
    fn status(&mut self) -> Option<EngineStatus>;

    /// The next event that waits, if any.
    fn next_event(&mut self) -> Option<Event>;

    /// The window begins to take what is true and what happened: from here on, news has to wake it again.
    fn begin_drain(&mut self);
}

/// What a save dialog opens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveSuggestion {
    /// The words in its title bar.
    pub title: String,
    /// The folder it shows, where one is known.
    pub folder: Option<PathBuf>,
    /// The best name known so far.
    pub file_name: String,
}

/// Opens the system's dialogs. They never block the window.
pub trait FileDialogs {
    /// Asks where to save. The answer is given through `answer`, now or later, from any thread.
    fn save_as(&self, suggestion: SaveSuggestion, answer: DialogResponder);

    /// Asks for a folder. `title` stands in the title bar; `folder` is shown first, where one is known.
    fn choose_folder(&self, title: &str, folder: Option<PathBuf>, answer: DialogResponder);

    /// The next dialog that failed, if any. The window asks for the path itself if the desktop can't.
    fn take_failed(&mut self) -> Option<FailedDialog> {
        None
    }

    /// Looks where a typed path leads. The result is sent through `reply`, now or later, from any thread.
    fn check_path(&self, typed: String, kind: FileKind, reply: PathReply) {
        let _nothing_is_known = (typed, kind, reply);
    }
}

/// A dialog of the desktop that was not answered by the operator.
#[derive(Debug)]
pub struct FailedDialog {
    /// Why, and what to do.
    pub error: FileDialogError,
    /// What was asked for, and for whom, if it can still be answered.
    pub unanswered: Option<(FileRequest, DialogResponder)>,
}

/// The way back for what [`FileDialogs::check_path`] found.
#[derive(Debug)]
pub struct PathReply {
    pub(crate) sender: SyncSender<PathCheck>,
    pub(crate) waker: Waker,
}

impl PathReply {
    /// Gives the result.
    pub fn give(self, check: PathCheck) {
        // The operator may have cancelled meanwhile.
        let _too_late = self.sender.try_send(check);
        self.waker.wake();
    }
}

/// Puts secrets on the system's clipboard.
pub trait SecretClipboard {
    /// Copies a secret, marked so that the clipboard's history leaves it out where the system can.
    ///
    /// # Errors
    ///
    /// Why nothing was copied, in a sentence.
    fn copy(&mut self, secret: &UnmaskedMessage) -> Result<(), String>;
}

/// What the desktop is to show. No secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What happened, in a few words.
    pub title: String,
    /// More of it; empty where there is no more. Plain text.
    pub body: String,
}

/// Shows notifications on the desktop.
pub trait Notifier {
    /// Has one shown, without waiting for it. One that can't be shown is dropped: what it tells is in the window as well.
    fn show(&mut self, notification: Notification);
}

/// The way back from a dialog: its answer arrives in the window as an ordinary message. Dropped unanswered, it counts as
/// cancelled.
#[derive(Debug)]
pub struct DialogResponder {
    pub(crate) sender: SyncSender<DialogReply>,
    pub(crate) number: u64,
    pub(crate) given: bool,
    pub(crate) waker: Waker,
}

impl DialogResponder {
    /// Gives the answer: the whole path that was chosen, or `None` where the operator thought better of it.
    pub fn give(mut self, path: Option<PathBuf>) {
        self.send(path);
    }

    /// Wakes the window that waits for it.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    fn send(&mut self, path: Option<PathBuf>) {
        self.given = true;
        // One dialog is open at a time and the channel has room for more; were it ever full, or the window gone, the
        // answer would be as good as cancelled.
        if self.sender.try_send(DialogReply { number: self.number, path }).is_ok() {
            self.waker.wake();
        }
    }
}

impl Drop for DialogResponder {
    fn drop(&mut self) {
        if !self.given {
            self.send(None);
        }
    }
}

/// The clock of the window. Tests hold it still.
pub trait Clock {
    /// The time, by the clock that stamps entries.
    fn now(&self) -> Timestamp;
    /// How that clock relates to the computer's and to the server's.
    fn reference(&self) -> TimeReference {
        TimeReference::EXACT
    }
    /// The monotonic clock.
    fn instant(&self) -> Instant;
    /// The zone in which times are shown.
    fn zone(&self) -> jiff::tz::TimeZone;
}

/// Wakes the window, once for a whole burst, from any thread. Made before the window is there; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Wake>);

#[derive(Default)]
struct Wake {
    /// Whether a wake is under way that the window has not answered yet.
    pending: AtomicBool,
    /// The window, once there is one.
    window: OnceLock<egui::Context>,
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wake").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Waker {
    /// How long a burst may gather before it is drawn.
    const GATHER: Duration = Duration::from_millis(10);

    /// Asks the window to look for news. Calls until it has looked cost next to nothing.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel)
            && let Some(window) = self.0.window.get()
        {
            window.request_repaint_after(Self::GATHER);
        }
    }

    /// The window is there; what was to wake it before is not lost, since a new window draws at once.
    pub(crate) fn attach(&self, window: &egui::Context) {
        // A second window would be a mistake of this program; the first stays.
        let _first_stays = self.0.window.set(window.clone());
    }

    /// The window looks now: what comes after this wakes it again.
    pub(crate) fn looked(&self) {
        self.0.pending.store(false, Ordering::Release);
    }
}

/// A dialog's answer on its way into the window.
#[derive(Debug)]
pub(crate) struct DialogReply {
    /// Which dialog.
    pub number: u64,
    /// What was chosen.
    pub path: Option<PathBuf>,
}
