//! Where files are saved to: one save dialog at a time, and what its answer is for.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::activity::Activity;
use crate::protocol::{RequestId, file_name};
use crate::settings::ProfileId;

use super::doors::{Answer, FileDialogs, SaveSuggestion, Waker};

/// A dialog's answer on its way into the window.
#[derive(Debug)]
pub(super) struct Answered {
    /// Which dialog.
    pub number: u64,
    /// What was chosen.
    pub path: Option<PathBuf>,
}

/// What a chosen file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaveFor {
    /// Whose.
    pub profile: ProfileId,
    /// Which request.
    pub request: RequestId,
    /// Whether the payload came in the message.
    pub inline: bool,
}

/// The save dialog that is open, if any, and what its answer is for.
#[derive(Debug)]
pub(crate) struct Saving<T> {
    sender: SyncSender<Answered>,
    answers: Receiver<Answered>,
    open: Option<(u64, T)>,
    last: u64,
}

impl<T> Saving<T> {
    pub(crate) fn new() -> Self {
        // One dialog is open at a time; room for a late answer of one that was given up.
        let (sender, answers) = sync_channel(4);
        Self { sender, answers, open: None, last: 0 }
    }

    /// Whether a dialog is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Opens a dialog. While one is open, a second wish does nothing: the first stands in front of the window.
    pub(crate) fn ask(&mut self, dialogs: &dyn FileDialogs, suggestion: SaveSuggestion, what: T, waker: &Waker) {
        if self.is_open() {
            return;
        }
        self.last += 1;
        self.open = Some((self.last, what));
        let answer = Answer { sender: self.sender.clone(), number: self.last, given: false, waker: waker.clone() };
        dialogs.save_as(suggestion, answer);
    }

    /// The answer, where one has come and something was chosen.
    pub(crate) fn take(&mut self) -> Option<(T, PathBuf)> {
        let answered = self.answers.try_recv().ok()?;
        let (_, what) = self.open.take_if(|(number, _)| *number == answered.number)?;
        Some((what, answered.path?))
    }
}

/// The name that a save dialog suggests. The server's own name, from `Content-Disposition`, is only known once the
/// single-use link has been fetched.
pub(crate) fn suggested_name(activity: &Activity<'_>) -> String {
    file_name::suggestion(activity.known_name(), activity.context(), &activity.id())
}
