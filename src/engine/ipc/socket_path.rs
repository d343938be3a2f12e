//! Where the local socket of a data folder lies.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::request::SocketError;

/// The longest path that every Unix takes for a socket, in bytes (macOS: 104 with the ending zero).
const LONGEST_PATH: usize = 103;

/// The folder and the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SocketPath {
    folder: PathBuf,
    /// The socket's path.
    pub(crate) socket: PathBuf,
}

/// Where the socket of a data folder lies: in the user's runtime folder, named by the data folder; within the data folder
/// where there is no runtime folder.
pub(crate) fn of(data: &Path, runtime: Option<PathBuf>) -> Result<SocketPath, SocketError> {
    // The same folder by another path is the same folder.
    let data = std::fs::canonicalize(data).unwrap_or_else(|_not_there| data.to_owned());
    let place = match runtime.filter(|folder| folder.is_absolute() && folder.is_dir()) {
        Some(runtime) => {
            let folder = runtime.join("privicore-monitor");
            let socket = folder.join(format!("{:016x}.sock", fingerprint(data.as_os_str().as_encoded_bytes())));
            SocketPath { folder, socket }
        }
        None => SocketPath { folder: data.join("run"), socket: data.join("run/track.sock") },
    };
    let length = place.socket.as_os_str().len();
    if length > LONGEST_PATH {
        return Err(SocketError::TooLong { socket: place.socket, length, most: LONGEST_PATH });
    }
    Ok(place)
}

/// The user's runtime folder as the environment names it.
pub(crate) fn runtime_folder() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

impl SocketPath {
    /// Makes the folder, for its owner only, and takes away what an earlier process left there. Only the journal's holder
    /// may do so. The number of the user who owns it.
    pub(crate) fn prepare(&self) -> Result<u32, SocketError> {
        let failed = |source: io::Error| SocketError::Folder { folder: self.folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        // The mode above is only for a folder that is made.
        let closed = std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700));
        closed.or_else(|error| if is_private(&self.folder) { Ok(()) } else { Err(error) }).map_err(failed)?;
        match std::fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        Ok(std::fs::metadata(&self.folder).map_err(failed)?.uid())
    }

    /// Makes the socket one for its owner only.
    pub(crate) fn close_to_others(&self) -> io::Result<()> {
        let closed = std::fs::set_permissions(&self.socket, Permissions::from_mode(0o600));
        // Nobody else gets as far as the socket in such a folder.
        closed.or_else(|error| if is_private(&self.folder) { Ok(()) } else { Err(error) })
    }
}

/// Whether a folder is closed to others, whatever its file system says to a change of that: the last six bits of its mode are theirs.
fn is_private(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|found| found.mode().trailing_zeros() >= 6)
}

/// FNV-1a with 64 bits: the same in every version, which the standard library's hash does not promise.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_published_one() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn data_folders_have_sockets_of_their_own_and_one_folder_has_one() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&two).unwrap();
        let runtime = || Some(root.path().to_owned());
        assert_ne!(of(&one, runtime()).unwrap(), of(&two, runtime()).unwrap());
        assert_eq!(of(&one, runtime()).unwrap(), of(&two.join("../one"), runtime()).unwrap());
    }

    #[test]
    fn without_a_runtime_folder_the_socket_lies_with_the_data() {
        let root = tempfile::tempdir().unwrap();
        for runtime in [None, Some(PathBuf::from("relative")), Some(root.path().join("gone"))] {
            assert!(of(root.path(), runtime).unwrap().socket.starts_with(root.path()));
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let why = of(&root.path().join("x".repeat(200)), None).unwrap_err().to_string();
        assert!(why.contains("too long") && why.ends_with('.'), "{why}");
    }

    #[test]
    fn the_folder_is_for_its_owner_only_whatever_it_was_before() {
        let root = tempfile::tempdir().unwrap();
        let place = of(root.path(), None).unwrap();
        std::fs::create_dir(&place.folder).unwrap();
        std::fs::set_permissions(&place.folder, Permissions::from_mode(0o777)).unwrap();
        std::os::unix::net::UnixListener::bind(&place.socket).unwrap();
        place.prepare().unwrap();
        assert_eq!(std::fs::metadata(&place.folder).unwrap().mode() & 0o777, 0o700);
        assert!(!place.socket.exists(), "an old socket is in the way");
    }
}
