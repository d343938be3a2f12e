//! Which file is at a path: so that one which was moved, deleted or replaced while it is open is found out.

use std::path::Path;

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// The file at a path; `None` where there is none that can be seen.
    #[cfg(unix)]
    pub(super) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), number: metadata.ino() })
    }

    /// The file at a path; `None` where there is none that can be seen. Files in use can't be replaced here: all are one.
    #[cfg(not(unix))]
    pub(super) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|_there| Self { device: 0, number: 0 })
    }
}
