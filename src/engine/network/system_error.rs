//! An error of the operating system that can be cloned and compared, so that it can be part of a state.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use crate::engine::network::tls::failure;

/// An I/O error. Two are equal if their kinds, their system error numbers and, for TLS failures, their causes are equal.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct SystemError(Arc<io::Error>);

impl SystemError {
    /// The TLS error that it wraps, if any.
    fn tls(&self) -> Option<&rustls::Error> {
        failure::within(self)
    }
}

impl From<io::Error> for SystemError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<io::ErrorKind> for SystemError {
    fn from(kind: io::ErrorKind) -> Self {
        io::Error::from(kind).into()
    }
}

impl Deref for SystemError {
    type Target = io::Error;

    fn deref(&self) -> &io::Error {
        &self.0
    }
}

impl PartialEq for SystemError {
    fn eq(&self, other: &Self) -> bool {
        let kind = |error: &Self| (error.kind(), error.raw_os_error());
        kind(self) == kind(other) && self.tls() == other.tls()
    }
}
