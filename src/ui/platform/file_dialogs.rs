//! Where files are saved to: one save dialog at a time, and what its answer is for.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::protocol::RequestId;

use super::ports::{DialogReply, DialogResponder, FileDialogs, SaveSuggestion, Waker};

/// What a chosen file is for: how the data of which request, or which message, gets into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SavePurpose {
    /// By the one GET of a request's link.
    Link(RequestId),
    /// From the message that a request's data came in.
    Inline(RequestId),
    /// From a message of bytes, which belongs to no request.
    Message(MessageId),
    /// By a download that is under way and waits for room.
    Moved(RequestId),
}

/// The id of a message that is neither a command's nor a request's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageId(pub(crate) Box<str>);

/// The save dialog that is open, if any, and what its answer is for.
#[derive(Debug)]
pub(crate) struct FileDialog<T> {
    sender: SyncSender<DialogReply>,
    answers: Receiver<DialogReply>,
    open: Option<(u64, T)>,
    last: u64,
}

impl<T> FileDialog<T> {
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
        if let Some(answer) = self.begin(what, waker) {
            dialogs.save_as(suggestion, answer);
        }
    }

    /// The same for a folder.
    pub(crate) fn ask_folder(
        &mut self,
        dialogs: &dyn FileDialogs,
        (title, folder): (&str, Option<PathBuf>),
        what: T,
        waker: &Waker,
    ) {
        if let Some(answer) = self.begin(what, waker) {
            dialogs.choose_folder(title, folder, answer);
        }
    }

    fn begin(&mut self, what: T, waker: &Waker) -> Option<DialogResponder> {
        if self.is_open() {
            return None;
        }
        self.last += 1;
        self.open = Some((self.last, what));
        Some(DialogResponder { sender: self.sender.clone(), number: self.last, given: false, waker: waker.clone() })
    }

    /// The answer, where one has come and something was chosen.
    pub(crate) fn take(&mut self) -> Option<(T, PathBuf)> {
        let answered = self.answers.try_recv().ok()?;
        let (_, what) = self.open.take_if(|(number, _)| *number == answered.number)?;
        Some((what, answered.path?))
    }
}
