//! Save dialogs: at most one is open, and its purpose is stored until its result arrives.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::protocol::RequestId;

use super::ports::{DialogReply, DialogResponder, FileDialogs, SaveSuggestion, Waker};

/// What a chosen file is for: which data is saved to it, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SavePurpose {
    /// Save the data that the one GET of the request's link returns.
    Link(RequestId),
    /// Save the data in the message of a request.
    Inline(RequestId),
    /// Save a binary message, which belongs to no request.
    Message(MessageId),
    /// Continue a download that waits for disk space.
    Moved(RequestId),
}

/// The id of a message that belongs to neither a command nor a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageId(pub(crate) Box<str>);

/// The open dialog, if any, and its purpose.
#[derive(Debug)]
pub(crate) struct FileDialog<T> {
    sender: SyncSender<DialogReply>,
    answers: Receiver<DialogReply>,
    open: Option<(u64, T)>,
    last: u64,
}

impl<T> FileDialog<T> {
    pub(crate) fn new() -> Self {
        // Only one dialog is open at a time; the further capacity is for late results of dialogs that were given up.
        let (sender, answers) = sync_channel(4);
        Self { sender, answers, open: None, last: 0 }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Opens a save dialog. Does nothing while a dialog is open, because that dialog is already in front of the window.
    pub(crate) fn open_save(&mut self, dialogs: &dyn FileDialogs, suggestion: SaveSuggestion, what: T, waker: &Waker) {
        if let Some(answer) = self.begin(what, waker) {
            dialogs.save_as(suggestion, answer);
        }
    }

    /// Opens a folder dialog, with the same rule.
    pub(crate) fn open_folder(
        &mut self,
        dialogs: &dyn FileDialogs,
        title: &str,
        folder: Option<PathBuf>,
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
        Some(DialogResponder { sender: self.sender.clone(), number: self.last, responded: false, waker: waker.clone() })
    }

    /// The result, if it has arrived and something was chosen.
    pub(crate) fn take(&mut self) -> Option<(T, PathBuf)> {
        let answered = self.answers.try_recv().ok()?;
        let (_, what) = self.open.take_if(|(number, _)| *number == answered.number)?;
        Some((what, answered.path?))
    }
}
