//! Why connecting to a server failed, from name resolution to a response that is not a WebSocket's.

use std::io;

use hyper::StatusCode;

use crate::engine::network::tls::config::{Shortfall, TlsConfig};
use crate::engine::network::tls::failure;
use crate::protocol::{AuthorizationToken, redact};

use super::proxy::ProxyError;
use super::retry_after::RetryAfter;
use super::system_error::SystemError;

/// Why connecting failed. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve to an address.
    #[error("The name {host} was not found. Check the WebSocket address and this machine's network.")]
    NameNotFound {
        /// The name that was looked up.
        host: String,
        /// The resolver's error.
        source: SystemError,
    },
    /// No program listens on the port.
    #[error("{host} refused the connection on port {port}. Check the address, and that the server runs.")]
    Refused {
        /// The host to connect to.
        host: String,
        /// The port to connect to.
        port: u16,
        /// The system's error.
        source: SystemError,
    },
    /// The host is unreachable.
    #[error("{host} can't be reached: {source}. Check this machine's network.")]
    Unreachable {
        /// The host to connect to.
        host: String,
        /// The system's error.
        source: SystemError,
    },
    /// TLS failed.
    #[error("The encrypted connection to {host} failed: {}.{}", failure::of_stream(.source), shortfall_sentence(.shortfall.as_ref()))]
    Tls {
        /// The host to connect to.
        host: String,
        /// The error of TLS.
        source: SystemError,
        /// The certificate authorities that could not be loaded, if any.
        shortfall: Option<Shortfall>,
    },
    /// The host has no name that a certificate could be checked against.
    #[error("{host} is not a name that a certificate can be checked against. Check the WebSocket address.")]
    NotAName {
        /// The host to connect to.
        host: String,
    },
    /// The server answered, but did not upgrade to a WebSocket.
    #[error("{host} {refusal}")]
    NotUpgraded {
        /// The host to connect to.
        host: String,
        /// The server's response.
        refusal: Refusal,
    },
    /// The server's response is not that of a WebSocket server, or the connection broke while it was read.
    #[error("{host} did not open a WebSocket: {reason}. Check the WebSocket address, or ask whoever runs the server.")]
    Handshake {
        /// The host to connect to.
        host: String,
        /// What is wrong with the response.
        reason: HandshakeError,
    },
    /// The proxy can't be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Connecting took longer than the time limit.
    #[error("{host} did not answer within 10 s{through}.")]
    TimedOut {
        /// The host to connect to.
        host: String,
        /// The proxy on the way as part of the sentence, with a leading space; may be empty.
        through: String,
    },
}

impl ConnectError {
    /// Masks a token in the server's words: a server may quote one that it was not sent.
    pub(crate) fn masking(mut self, token: &AuthorizationToken) -> Self {
        if let Self::NotUpgraded { refusal, .. } = &mut self {
            refusal.words = redact::text(&refusal.words, &[token.expose()]).into_owned();
        }
        self
    }

    /// Creates the error for a failure of TLS with a host.
    pub(crate) fn tls(host: String, source: io::Error, trust: &TlsConfig) -> Self {
        Self::Tls { host, source: source.into(), shortfall: trust.shortfall.clone() }
    }
}

/// A response that does not upgrade the connection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "answered with HTTP status {} instead of a WebSocket{}. {}", .status.as_u16(), quoted(.words),
    advice(.status.as_u16(), .redirect_target.as_deref())
)]
pub struct Refusal {
    /// The status of the response.
    pub status: StatusCode,
    /// The server's words on one line; may be empty.
    pub(crate) words: String,
    /// The redirect target: only its origin.
    pub(crate) redirect_target: Option<String>,
    /// When the server wants to be asked again.
    pub retry_after: Option<RetryAfter>,
}

/// Why a response is not that of a WebSocket server.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HandshakeError {
    /// The connection ended before the response.
    #[error("the connection was closed without an answer")]
    Closed,
    /// The connection broke.
    #[error("the connection broke off: {0}")]
    Broken(SystemError),
    /// The response is not HTTP/1.
    #[error("its answer is not HTTP, or breaks its rules")]
    NotHttp,
    /// The response is too long.
    #[error("its answer is too long")]
    TooLong,
    /// The address can't be sent in a request.
    #[error("this address can't be asked for")]
    Address,
    /// The response has no `Upgrade: websocket`.
    #[error("its answer does not say “Upgrade: websocket”")]
    NoUpgrade,
    /// The response has no `Connection: Upgrade`.
    #[error("its answer does not say “Connection: Upgrade”")]
    NoConnection,
    /// The response has no `Sec-WebSocket-Accept`, which proves that the server read the request as a WebSocket's.
    #[error("its answer has no Sec-WebSocket-Accept")]
    NoAccept,
    /// The `Sec-WebSocket-Accept` does not match the request.
    #[error("the Sec-WebSocket-Accept of its answer belongs to another request")]
    WrongAccept,
    /// The server chose a subprotocol that was not requested.
    #[error("it chose the subprotocol “{0}”, which was not asked for")]
    Subprotocol(String),
    /// The server chose an extension that was not requested.
    #[error("it uses the extension “{0}”, which was not asked for")]
    Extension(String),
}

/// The server's words as part of a sentence.
fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": “{words}”") }
}

/// What the operator can do about a status.
fn advice(status: u16, onward: Option<&str>) -> String {
    match (status, onward) {
        (300..=399, Some(onward)) => {
            format!("It redirects to {onward}. If that is the right server, change the WebSocket address.")
        }
        (401 | 403, _) => {
            "Ask whoever runs the server, or the firewall in front of it, to let this computer in.".into()
        }
        (429, _) => "It was asked too often.".into(),
        (500..=599, _) => "If it stays so, ask whoever runs the server.".into(),
        _ => "Check the WebSocket address.".into(),
    }
}

/// The missing certificate authorities, to be appended to a sentence.
fn shortfall_sentence(shortfall: Option<&Shortfall>) -> String {
    shortfall.map(|shortfall| format!(" {shortfall}")).unwrap_or_default()
}
