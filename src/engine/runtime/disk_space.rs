//! How much room a folder's disk has: known before a link is spent, and told to the operator where it is short.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// What is kept free where a payload's size is not known, in bytes.
pub(crate) const RESERVE: u64 = 64 * 1000 * 1000;

/// Tells how many bytes this user may still write to the disk of a folder. Injected, so that a test fills the disk.
pub(crate) type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// The system's answer.
pub(crate) fn system() -> FreeSpace {
    Arc::new(free)
}

#[cfg(unix)]
fn free(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(windows)]
fn free(folder: &Path) -> io::Result<u64> {
    fs4::available_space(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_one_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(system()(folder.path()).unwrap() > 0);
        system()(&folder.path().join("missing")).unwrap_err();
    }
}
