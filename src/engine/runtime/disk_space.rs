//! The free space on a folder's disk, checked before a link is used up and shown to the operator when it is short.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// The bytes to keep free if a payload's size is unknown.
pub(crate) const RESERVE: u64 = 64 * 1000 * 1000;

/// Returns how many bytes this user may still write to the disk of a folder. Injected, so that a test can simulate a full
/// disk.
pub(crate) type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// Asks the system.
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
    fn a_folder_has_free_space_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(system()(folder.path()).unwrap() > 0);
        system()(&folder.path().join("missing")).unwrap_err();
    }
}
