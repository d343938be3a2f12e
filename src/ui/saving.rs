//! Where files are saved to: one save dialog at a time, and what its answer is for.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::activity::Activity;
use crate::protocol::RequestId;
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

/// The name that a save dialog suggests: the last part of the context where there is one, else of the id. The server's
/// own name, from `Content-Disposition`, is only known once the single-use link has been fetched.
pub(crate) fn suggested_name(activity: &Activity<'_>) -> String {
    let context = activity.context();
    let stem = context.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let mut name = safe_name(stem);
    if name.is_empty() {
        name = format!("data-{}", safe_name(&activity.id().chars().take(8).collect::<String>()));
    }
    if Path::new(&name).extension().is_none() {
        name.push_str(".bin");
    }
    name
}

/// A text as a file name that no system takes for anything else: reserved, control and format characters replaced, no
/// dot or space at either end, no device name, at most 100 characters.
pub(crate) fn safe_name(text: &str) -> String {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let shown = super::text::visible(text);
    let name: String = shown
        .chars()
        .map(|c| if matches!(c, '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|' | '⏎') { '_' } else { c })
        .take(100)
        .collect();
    let name = name.trim_matches(['.', ' ']);
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = ["com", "lpt"]
        .iter()
        .any(|device| stem.strip_prefix(device).is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9'])));
    if DEVICES.contains(&stem.as_str()) || numbered { format!("_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_name_is_only_ever_a_name() {
        for (text, name) in [
            ("2026-Q1", "2026-Q1"),
            (" .hidden. ", "hidden"),
            ("a:b*c", "a_b_c"),
            ("con", "_con"),
            ("COM1.txt", "_COM1.txt"),
            ("evil\u{202e}gpj.exe", "evil_u{202e}gpj.exe"),
            ("..", ""),
        ] {
            assert_eq!(safe_name(text), name, "{text:?}");
        }
    }
}
