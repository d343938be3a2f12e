//! Names a file without replacing another one, on every file system.

use std::fs::File;
use std::path::Path;
use std::{fs, io};

use tempfile::NamedTempFile;

/// Renames a file unless one of that name exists. Some file systems (FUSE, exFAT, shared folders of virtual machines) support
/// neither a rename that replaces nothing nor hard links. There an empty file claims the name first, and the rename replaces
/// that.
///
/// # Errors
///
/// Why the name can't be used, with the unchanged file.
pub(crate) fn rename_new(file: NamedTempFile, to: &Path) -> Result<File, (NamedTempFile, io::Error)> {
    rename_new_with(file, to, |file| file.persist_noclobber(to).map_err(|refused| (refused.file, refused.error)))
}

fn rename_new_with(
    file: NamedTempFile,
    to: &Path,
    rename: impl FnOnce(NamedTempFile) -> Result<File, (NamedTempFile, io::Error)>,
) -> Result<File, (NamedTempFile, io::Error)> {
    let (file, error) = match rename(file) {
        Ok(file) => return Ok(file),
        Err(refused) => refused,
    };
    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::StorageFull) {
        return Err((file, error));
    }
    tracing::debug!(%error, "a rename that replaces nothing was refused");
    match fs::OpenOptions::new().write(true).create_new(true).open(to) {
        Ok(_taken) => {}
        // The name is taken: reported as the rename would.
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => return Err((file, taken)),
        // The first error says more than the one of the second attempt.
        Err(_refused_as_well) => return Err((file, error)),
    }
    file.persist(to).map_err(|refused| {
        if let Err(error) = fs::remove_file(to) {
            tracing::warn!(%error, "an empty file was left where a download should have been");
        }
        (refused.file, refused.error)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(folder: &Path) -> NamedTempFile {
        let mut file = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).unwrap();
        file.write_all(b"whole").unwrap();
        file
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a file that another program writes")]
    fn a_file_system_that_renames_only_by_replacing_replaces_no_existing_file() {
        // The errors of renameat2 and linkat on FUSE, exFAT, vboxsf and NFS.
        for refusal in [
            io::ErrorKind::InvalidInput,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::Unsupported,
            io::ErrorKind::CrossesDevices,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let to = folder.path().join("data.bin");
            let refuse = |file| Err((file, refusal.into()));
            rename_new_with(file(folder.path()), &to, refuse).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"whole", "{refusal:?}");
            fs::write(&to, "mine").unwrap();
            let (part, error) = rename_new_with(file(folder.path()), &to, refuse).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{refusal:?}");
            assert_eq!(fs::read(part.path()).unwrap(), b"whole");
            assert_eq!(fs::read(&to).unwrap(), b"mine", "another file was replaced");
            drop(part);
            assert_eq!(names_in(folder.path()), ["data.bin"]);
        }
    }

    #[test]
    fn a_failed_rename_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("x".repeat(300));
        let (part, _error) = rename_new(file(folder.path()), &to).unwrap_err();
        drop(part);
        assert_eq!(names_in(folder.path()), [""; 0]);
    }
}
