//! Locks a data folder for the one process that writes its journal.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::journal::error::JournalError;

use super::private_file::private_file;

/// The lock's file name within the data folder.
const FILE: &str = "holder.lock";

/// Pause between two attempts to lock a folder that another process has locked.
const PAUSE: Duration = Duration::from_millis(10);

/// Locks a data folder while it lives. The kernel releases the lock when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    /// The lock is on the open file; the file itself stays, empty.
    _lock: File,
}

impl DataDirLock {
    /// Locks a data folder.
    ///
    /// # Errors
    ///
    /// If another process has locked it, or the lock can't be created.
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = lock_in(folder);
        let failed = |source| JournalError::File { path: path.clone(), source };
        let lock = private_file(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Locks a data folder. If another process has locked it, retries for about `timeout`, because `track` holds the lock only
    /// briefly. Blocks meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::take`].
    pub fn take_within(folder: &Path, timeout: Duration) -> Result<Self, JournalError> {
        let mut waited = Duration::ZERO;
        loop {
            match Self::take(folder) {
                Err(JournalError::Locked { .. }) if waited < timeout => {
                    #[expect(clippy::disallowed_methods, reason = "whoever starts has nothing else to do")]
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                taken => return taken,
            }
        }
    }

    /// Whether another process has locked a data folder. The check does not lock the folder: it shares the lock for an instant, and
    /// a process that tries to lock the folder at that instant retries ([`Self::take_within`]).
    ///
    /// # Errors
    ///
    /// If the lock can't be checked.
    pub fn is_held(folder: &Path) -> Result<bool, JournalError> {
        let path = lock_in(folder);
        let failed = |source| JournalError::File { path: path.clone(), source };
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// The path of a data folder's lock.
pub(crate) fn lock_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Whether other users of this computer can read the journal of a data folder.
pub fn is_open_to_others(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        mode(folder) & 0o011 != 0 && mode(&folder.join(super::schema::FILE)) & 0o044 != 0
    }
    #[cfg(not(unix))]
    {
        // On Windows a user's folders are private to that user.
        let _known = folder;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::error::JournalError;
    use std::time::Duration;

    #[test]
    fn a_data_folder_is_locked_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDirLock::take(folder.path()).unwrap();
        let refused = DataDirLock::take(folder.path()).unwrap_err();
        assert!(matches!(refused, JournalError::Locked { .. }), "{refused:?}");
        let sentence = refused.to_string();
        assert!(sentence.starts_with("Privicore Monitor is already running with this data directory"), "{sentence}");
        assert!(sentence.contains(&folder.path().display().to_string()), "the folder is not named: {sentence}");
        drop(first);
        DataDirLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_briefly_locked_folder_is_waited_for_and_one_that_stays_locked_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDirLock::take(folder.path()).unwrap();
        let refused = DataDirLock::take_within(folder.path(), 3 * PAUSE).unwrap_err();
        assert!(matches!(refused, JournalError::Locked { .. }), "{refused:?}");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| DataDirLock::take_within(folder.path(), Duration::from_hours(1)));
            drop(first);
            waiting.join().unwrap().unwrap();
        });
    }

    /// Where changes of permissions are refused, they stay as the file system has them.
    #[test]
    #[cfg(unix)]
    fn others_can_read_a_journal_only_if_folder_and_file_permit_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(crate::journal::file::schema::FILE);
        let allow = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        allow(folder.path(), 0o755);
        assert!(!is_open_to_others(folder.path()), "there is no journal yet");
        File::create_new(&file).unwrap();
        for (of_folder, of_file, open) in [
            (0o777, 0o777, true),
            (0o755, 0o644, true),
            (0o750, 0o640, true),
            (0o701, 0o604, true),
            (0o700, 0o644, false),
            (0o755, 0o600, false),
            // A listing is no way in, and writing is no reading.
            (0o744, 0o644, false),
            (0o755, 0o622, false),
        ] {
            allow(folder.path(), of_folder);
            allow(&file, of_file);
            assert_eq!(is_open_to_others(folder.path()), open, "{of_folder:o} and {of_file:o}");
        }
    }

    #[test]
    fn checking_the_lock_neither_creates_nor_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!DataDirLock::is_held(folder.path()).unwrap());
        assert!(!lock_in(folder.path()).exists(), "the look left a file");
        let holder = DataDirLock::take(folder.path()).unwrap();
        assert!(DataDirLock::is_held(folder.path()).unwrap());
        drop(holder);
        assert!(!DataDirLock::is_held(folder.path()).unwrap());
        DataDirLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = DataDirLock::take(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(error.contains("gone") && error.ends_with('.'), "{error}");
    }
}
