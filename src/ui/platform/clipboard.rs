//! Copies secrets to the system's clipboard, marked so that its history leaves them out. Other text is copied by egui.

use arboard::{Clipboard, Set};

use crate::protocol::UnmaskedMessage;

use super::ports::SecretClipboard;

/// The system's clipboard. It is kept open, because on Linux the copied text exists only as long as the program that copied it.
#[derive(Default)]
pub(crate) struct SystemClipboard(Option<Clipboard>);

impl SecretClipboard for SystemClipboard {
    fn copy(&mut self, secret: &UnmaskedMessage) -> Result<(), String> {
        let copied = self.clipboard().and_then(|clipboard| marked(clipboard.set()).text(secret.expose()));
        copied.map_err(|error| {
            // The next attempt opens the clipboard again.
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

/// Marks the content with `x-kde-passwordManagerHint`, which Klipper and other clipboard managers respect.
#[cfg(all(unix, not(target_os = "macos")))]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtLinux as _;
    set.exclude_from_history()
}

/// Marks the content with `org.nspasteboard.ConcealedType`, which clipboard managers respect; macOS itself has no such type.
#[cfg(target_os = "macos")]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtApple as _;
    set.exclude_from_history()
}

/// Excludes the content from the history and the cloud with Windows' own formats.
#[cfg(windows)]
fn marked(set: Set<'_>) -> Set<'_> {
    use arboard::SetExtWindows as _;
    set.exclude_from_monitoring()
}
