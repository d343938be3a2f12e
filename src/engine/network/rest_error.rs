//! Why a call over REST failed.

use std::time::Duration;

use super::connect_error::ConnectError;
use super::connect_failure::NoConnection;
use super::proxy::ProxyError;
use super::retry_after;

/// Why a call failed, in words for the operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestError {
    /// No connection.
    #[error("{host} can't be reached: {source}. Check the API address, and that the server runs.")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        source: NoConnection,
    },
    /// No connection, and a proxy is in between.
    #[error(
        "{host} can't be reached through the proxy {proxy}: {source}. Check the proxy in the settings, and that it lets \
         {host} through."
    )]
    UnreachableThrough {
        /// The host.
        host: String,
        /// The proxy.
        proxy: String,
        /// Why.
        source: NoConnection,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(ConnectError),
    /// The proxy is of no use.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The proxy connects to nobody for a while.
    #[error("{error} {}", retry_after::sentence(*.wait))]
    ProxyWaits {
        /// What it answered.
        error: ProxyError,
        /// How long it asks to wait before the next call.
        wait: Duration,
    },
    /// No answer.
    #[error("{host} did not answer in time. Try again.")]
    TimedOut {
        /// The host.
        host: String,
    },
    /// 401: the token is dead, or user name and password are wrong. With the server's words, or empty.
    #[error("The server refused the token{}. Sign in again.", quoted(.0))]
    Unauthorised(String),
    /// Any other status that is no success.
    #[error("{host} answered with status {status}{}.{}", quoted(.words), retry_after::further(*.wait))]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// The server's words; or empty.
        words: String,
        /// How long it asks to wait before the next call.
        wait: Option<Duration>,
    },
    /// An answer that could not be understood.
    #[error("{host} answered in a way that Privicore Monitor does not understand. Check the API address.")]
    NotUnderstood {
        /// The host.
        host: String,
    },
    /// 404 for a data token.
    #[error("The server does not know this data: it was deleted, or it belongs to another profile.")]
    NoSuchData,
    /// The server took the request and answers later.
    #[error("The server took the request for a new token and will decide later. The old token stays in use.")]
    Later,
    /// The token has characters that no header can carry.
    #[error("This token has characters in it that no token can have. Check that it was copied whole and alone.")]
    NotAToken,
}

impl RestError {
    /// How long to wait before the next call, if the server asks for that.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => wait.map(|wait| wait.min(retry_after::LONGEST)),
            Self::ProxyWaits { wait, .. } => Some((*wait).min(retry_after::LONGEST)),
            _ => None,
        }
    }
}

/// The server's words as a part of a sentence.
pub(crate) fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}
