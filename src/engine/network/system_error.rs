//! An error of the operating system in a form that a state can keep: it can be cloned and compared.

use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;
use std::{fmt, io};

use crate::engine::network::tls::failure;

/// An I/O error. Two are equal if their kinds, the system's numbers and, for failures of TLS, the causes are.
#[derive(Debug, Clone)]
pub struct SystemError(Arc<io::Error>);

impl SystemError {
    /// The failure of TLS that it wraps, if it is one.
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

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SystemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl PartialEq for SystemError {
    fn eq(&self, other: &Self) -> bool {
        let kind = |error: &Self| (error.kind(), error.raw_os_error());
        kind(self) == kind(other) && self.tls() == other.tls()
    }
}
