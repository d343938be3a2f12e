//! Marks a saved file with the host that it came from. The rest of the link is left out, because it is a secret.
//!
//! Linux: the extended attribute `user.xdg.origin.url`. macOS: the quarantine attribute, so that the system asks before the file
//! is opened for the first time. Windows: the zone identifier, for the same reason. The code for these two was reviewed but
//! never run. On a file system without such attributes the file is saved unmarked. Other systems have no such mark.

use std::fs::File;
use std::path::Path;

/// Marks a file that has no name yet. An inline payload has no host and gets no mark.
pub(crate) fn mark(file: &File, host: &str) {
    if host.is_empty() {
        return;
    }
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{XattrFlags, fsetxattr};
        #[cfg(target_os = "linux")]
        let (name, value) = ("user.xdg.origin.url", format!("https://{host}/"));
        // Flags (downloaded, not yet opened), time (left out), and the program's name.
        #[cfg(target_os = "macos")]
        let (name, value) = ("com.apple.quarantine", "0081;00000000;Privicore Monitor;".to_owned());
        if let Err(error) = fsetxattr(file, name, value.as_bytes(), XattrFlags::empty()) {
            tracing::debug!(%error, "a saved file can't be marked with its origin");
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    tracing::trace!(?file, "this system marks files by their names");
}

/// Marks a file that has its name: Windows keeps the mark in an alternate stream of the file.
pub(crate) fn mark_named(path: &Path, host: &str) {
    if !cfg!(windows) || host.is_empty() {
        return;
    }
    let mut stream = path.as_os_str().to_owned();
    stream.push(":Zone.Identifier");
    let marked = File::options().write(true).create(true).truncate(true).open(stream).and_then(|mut stream| {
        use std::io::Write as _;
        write!(stream, "[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://{host}/\r\n")
    });
    if let Err(error) = marked {
        tracing::debug!(%error, "a saved file can't be marked with its origin");
    }
}
