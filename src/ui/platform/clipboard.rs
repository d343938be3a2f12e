//! Secrets on the system's clipboard, marked so that its history leaves them out. What is no secret goes through egui.

use arboard::{Clipboard, Set};

use crate::protocol::UnmaskedMessage;

use super::ports::SecretClipboard;

/// The system's clipboard. It is kept: on Linux what was copied is there as long as the program that copied it.
#[derive(Default)]
pub(crate) struct SystemClipboard(Option<Clipboard>);

impl SecretClipboard for SystemClipboard {
    fn copy(&mut self, secret: &UnmaskedMessage) -> Result<(), String> {
        let copied = self.clipboard().and_then(|clipboard| marked(clipboard.set()).text(secret.expose()));
        copied.map_err(|error| {
            // The next attempt begins anew.
            self.0 = None;
            format!("Nothing was copied, since the clipboard can't be reached: {error}.")
        })
    }
}

impl SystemClipboard {
    fn clipboard(&mut self) -> Result<&mut Clipboard, arboard::Error> {
        match &mut self.0 {
            Some(clipboard) => Ok(clipboard),
            none => Ok(none.insert(Clipboard::new()?)),
        }
    }
}

/// By `x-kde-passwordManagerHint`, which Klipper and others know.
#[cfg(all(unix, not(target_os = "macos")))]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtLinux as _;
    set.exclude_from_history()
}

/// By `org.nspasteboard.ConcealedType`, which programs that keep a history know; the system has no word for it.
#[cfg(target_os = "macos")]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtApple as _;
    set.exclude_from_history()
}

/// By the system's own formats: left out of its history and of the cloud.
#[cfg(windows)]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtWindows as _;
    set.exclude_from_monitoring()
}
