//! The local socket on Windows: a named pipe that only its owner can open.

use std::io;
use std::path::{Path, PathBuf};

use interprocess::local_socket::ListenerOptions;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::os::windows::local_socket::ListenerOptionsExt as _;
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use widestring::u16cstr;

use super::name::{fingerprint, name_of};
use crate::engine::ipc::request::SocketError;

/// The path of a data folder's pipe.
#[expect(clippy::unnecessary_wraps, reason = "on Unix a path can be too long")]
pub(in crate::engine::ipc) fn path_of(data: &Path) -> Result<PathBuf, SocketError> {
    Ok(PathBuf::from(format!(r"\\.\pipe\privicore-monitor-{:016x}", fingerprint(data))))
}

/// Creates the pipe of a data folder. Only the process that holds its journal may do so. Fails if another process has created it.
pub(in crate::engine::ipc) fn bind(data: &Path) -> Result<(Listener, Owner), SocketError> {
    let socket = path_of(data)?;
    let failed = |source: io::Error| SocketError::Unusable { socket: socket.clone(), source };
    // Protected from inherited rights; all rights for the owner, none for anybody else.
    let rights = SecurityDescriptor::deserialize(u16cstr!("D:P(A;;GA;;;OW)")).map_err(failed)?;
    let name = name_of(&socket).map_err(failed)?;
    let listener = ListenerOptions::new().name(name).security_descriptor(rights).create_tokio().map_err(failed)?;
    Ok((listener, Owner))
}

/// The user who owns the pipe, whom Windows itself checks.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::ipc) struct Owner;

/// Whether the process at the other end belongs to this user.
pub(in crate::engine::ipc) fn is_from(_stream: &Stream, Owner: Owner) -> bool {
    true
}
