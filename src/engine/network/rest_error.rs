//! Why a REST call failed.

use std::time::Duration;

use super::connect_error::ConnectError;
use super::connect_failure::NoConnection;
use super::proxy::ProxyError;
use super::retry_after;

/// Why a REST call failed. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestError {
    /// There is no connection.
    #[error("{host} can't be reached: {source}. Check the API address, and that the server runs.")]
    Unreachable {
        /// The host to connect to.
        host: String,
        /// The cause.
        source: NoConnection,
    },
    /// There is no connection through the proxy.
    #[error(
        "{host} can't be reached through the proxy {proxy}: {source}. Check the proxy in the settings, and that it lets \
         {host} through."
    )]
    UnreachableThrough {
        /// The host to connect to.
        host: String,
        /// The proxy's name and port.
        proxy: String,
        /// The cause.
        source: NoConnection,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(ConnectError),
    /// The proxy can't be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The proxy asks to wait before the next call.
    #[error("{error} {}", retry_after::sentence(*.wait))]
    ProxyWaits {
        /// The proxy's response.
        error: ProxyError,
        /// How long the proxy asks to wait.
        wait: Duration,
    },
    /// The response did not arrive in time.
    #[error("{host} did not answer in time. Try again.")]
    TimedOut {
        /// The host to connect to.
        host: String,
    },
    /// 401: the token is not valid, or the user name and password are wrong. Contains the server's words, which may be
    /// empty.
    #[error("The server refused the token{}. Sign in again.", quoted(.0))]
    Unauthorised(String),
    /// Any other status that is not a success.
    #[error("{host} answered with status {status}{}.{}", quoted(.words), retry_after::suffix(*.wait))]
    Status {
        /// The host that answered.
        host: String,
        /// The status of the response.
        status: u16,
        /// The server's words; may be empty.
        words: String,
        /// How long the server asks to wait before the next call.
        wait: Option<Duration>,
    },
    /// The response could not be parsed.
    #[error(
        "{host} answered in a way that Privicore Monitor does not understand. Check the API address, or ask whoever runs \
         the server."
    )]
    NotUnderstood {
        /// The host that answered.
        host: String,
    },
    /// 404 for a data token: the data does not exist.
    #[error("The server does not know this data: it was deleted, or it belongs to another profile.")]
    NoSuchData,
    /// The server accepted the request and answers later.
    #[error("The server took the request for a new token and will decide later. The old token stays in use.")]
    Later,
    /// The token contains characters that are not allowed in a header.
    #[error("This token has characters in it that no token can have. Check that it was copied whole and alone.")]
    NotAToken,
}

impl RestError {
    /// How long the server or the proxy asks to wait before the next call, if it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => wait.map(|wait| wait.min(retry_after::MAX_WAIT)),
            Self::ProxyWaits { wait, .. } => Some((*wait).min(retry_after::MAX_WAIT)),
            _ => None,
        }
    }
}

/// The server's words as part of a sentence, which ends with a full stop of its own.
pub(crate) fn quoted(words: &str) -> String {
    let words = words.strip_suffix('.').unwrap_or(words);
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_sentence_ends_with_one_full_stop() {
        for (words, told) in [
            ("", "h answered with status 500."),
            ("It broke", "h answered with status 500: It broke."),
            ("It broke.", "h answered with status 500: It broke."),
        ] {
            let error = RestError::Status { host: "h".to_owned(), status: 500, words: words.to_owned(), wait: None };
            assert_eq!(error.to_string(), told);
        }
    }
}
