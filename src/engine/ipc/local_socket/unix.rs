//! The local socket on Unix: a socket file in a folder that only its owner can enter.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use interprocess::local_socket::ListenerOptions;
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::tokio::{Listener, Stream};

use super::name::{fingerprint, name_of};
use crate::engine::ipc::request::SocketError;

/// The longest socket path that every Unix supports, in bytes (macOS: 104 with the terminating zero).
const MAX_PATH_LENGTH: usize = 103;

/// The socket path of a data folder.
pub(in crate::engine::ipc) fn path_of(data: &Path) -> Result<PathBuf, SocketError> {
    Ok(of(data, runtime_folder())?.socket)
}

/// Binds the socket of a data folder. Dropping the listener removes it. Only the process that holds its journal may do so.
pub(in crate::engine::ipc) fn bind(data: &Path) -> Result<(Listener, Owner), SocketError> {
    let socket_path = of(data, runtime_folder())?;
    let owner = socket_path.prepare()?;
    let failed = |source: io::Error| SocketError::Unusable { socket: socket_path.socket.clone(), source };
    let name = name_of(&socket_path.socket).map_err(failed)?;
    let listener = ListenerOptions::new().name(name).create_tokio().map_err(failed)?;
    socket_path.restrict_to_owner().map_err(failed)?;
    Ok((listener, owner))
}

/// The user who owns the socket.
pub(in crate::engine::ipc) type Owner = u32;

/// Whether the process at the other end belongs to this user.
pub(in crate::engine::ipc) fn is_from(stream: &Stream, owner: Owner) -> bool {
    stream.peer_creds().is_ok_and(|peer| peer.euid() == Some(owner))
}

#[derive(Debug, PartialEq, Eq)]
struct SocketPath {
    folder: PathBuf,
    socket: PathBuf,
}

/// The socket path of a data folder: in the user's runtime folder, with a name derived from the data folder; or within the data
/// folder if there is no runtime folder.
fn of(data: &Path, runtime: Option<PathBuf>) -> Result<SocketPath, SocketError> {
    let place = match runtime.filter(|folder| folder.is_absolute() && folder.is_dir()) {
        Some(runtime) => {
            let folder = runtime.join("privicore-monitor");
            let socket = folder.join(format!("{:016x}.sock", fingerprint(data)));
            SocketPath { folder, socket }
        }
        None => SocketPath { folder: data.join("run"), socket: data.join("run/track.sock") },
    };
    let length = place.socket.as_os_str().len();
    if length > MAX_PATH_LENGTH {
        return Err(SocketError::TooLong { socket: place.socket, length, max: MAX_PATH_LENGTH });
    }
    Ok(place)
}

/// The user's runtime folder according to the environment.
fn runtime_folder() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

impl SocketPath {
    /// Creates the folder, for its owner only, and removes a stale socket. Only the process that holds the journal may do so. Returns
    /// the id of the user who owns the folder.
    fn prepare(&self) -> Result<u32, SocketError> {
        let failed = |source: io::Error| SocketError::Folder { folder: self.folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        // The mode above applies only to a folder that is created.
        let closed = std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700));
        closed.or_else(|error| if is_private(&self.folder) { Ok(()) } else { Err(error) }).map_err(failed)?;
        match std::fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        Ok(std::fs::metadata(&self.folder).map_err(failed)?.uid())
    }

    /// Restricts the socket to its owner.
    fn restrict_to_owner(&self) -> io::Result<()> {
        let closed = std::fs::set_permissions(&self.socket, Permissions::from_mode(0o600));
        // The folder keeps others from reaching the socket.
        closed.or_else(|error| if is_private(&self.folder) { Ok(()) } else { Err(error) })
    }
}

/// Whether others have no access to a folder, even if its file system can't change the mode: the last six bits of the mode are theirs.
fn is_private(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|found| found.mode().trailing_zeros() >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_data_folder_has_exactly_one_socket_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&two).unwrap();
        let runtime = || Some(root.path().to_owned());
        assert_ne!(of(&one, runtime()).unwrap(), of(&two, runtime()).unwrap());
        assert_eq!(of(&one, runtime()).unwrap(), of(&two.join("../one"), runtime()).unwrap());
    }

    #[test]
    fn without_a_runtime_folder_the_socket_is_in_the_data_folder() {
        let root = tempfile::tempdir().unwrap();
        for runtime in [None, Some(PathBuf::from("relative")), Some(root.path().join("gone"))] {
            assert!(of(root.path(), runtime).unwrap().socket.starts_with(root.path()));
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error_with_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let why = of(&root.path().join("x".repeat(200)), None).unwrap_err().to_string();
        assert!(why.contains("too long") && why.ends_with('.'), "{why}");
    }

    #[test]
    fn the_folder_is_restricted_to_its_owner_whatever_it_was_before() {
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
