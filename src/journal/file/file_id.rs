//! Which file is at a path: so that one which was moved, deleted or replaced while it is open is found out.

use std::io::ErrorKind;
use std::path::Path;

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// The file at a path; `None` where there is none that can be seen.
    #[cfg(unix)]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), number: metadata.ino() })
    }

    /// The file at a path; `None` where there is none that can be seen. Files in use can't be replaced here: all are one.
    #[cfg(not(unix))]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|_there| Self { device: 0, number: 0 })
    }

    /// Whether this file is known to be at a path no longer: nothing is there, or another file is. A file system that does
    /// not answer tells nothing.
    pub(crate) fn has_left(self, path: &Path) -> bool {
        match Self::at(path) {
            Some(now) => now != self,
            None => is_missing(path),
        }
    }
}

/// Whether nothing is at a path for certain.
pub(crate) fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}
