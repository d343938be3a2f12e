//! Files that only their owner can read.

use std::fs::{File, OpenOptions};
use std::path::Path;

/// Ignores a refused change of permissions: file systems such as those of WSL and FUSE may not support it. The file is still
/// usable, and [`is_open_to_others`] reports whether others can read it.
#[cfg(unix)]
pub(crate) fn permitted(changed: std::io::Result<()>) -> std::io::Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match changed {
        Err(error) if matches!(error.kind(), PermissionDenied | Unsupported | InvalidInput) => {
            tracing::debug!(%error, "the file system does not change permissions");
            Ok(())
        }
        changed => changed,
    }
}

/// Opens a file with access for its owner only; creates it if it is missing and never truncates it.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        // The mode above only applies to a new file.
        permitted(file.set_permissions(std::fs::Permissions::from_mode(0o600)))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}
