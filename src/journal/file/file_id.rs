//! Identifies the file at a path, to detect that an open file was moved, deleted or replaced.

use std::io::ErrorKind;
use std::path::Path;

/// A file, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// The file at a path; `None` if no file can be seen there.
    #[cfg(unix)]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), number: metadata.ino() })
    }

    /// The file at a path; `None` if no file can be seen there. Open files can't be replaced on this system, so all compare equal.
    #[cfg(not(unix))]
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|_there| Self { device: 0, number: 0 })
    }

    /// Whether this file is known to have left a path: nothing is there, or another file is. `false` if the file system does not
    /// answer.
    pub(crate) fn has_left(self, path: &Path) -> bool {
        match Self::at(path) {
            Some(now) => now != self,
            None => is_missing(path),
        }
    }
}

/// Whether a path is known to be empty.
pub(crate) fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}
