//! The local socket of a data folder, which only its owner can open: a socket file on Unix, a named pipe on Windows. Both have the
//! same functions.

mod name;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{Owner, bind, is_from, path_of};
#[cfg(windows)]
pub(super) use windows::{Owner, bind, is_from, path_of};

pub(super) use name::name_of;
