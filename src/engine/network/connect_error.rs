//! Why there is no connection to a server: from the name to the answer that is no WebSocket.

use std::io;

use hyper::StatusCode;

use crate::engine::network::tls::config::{Shortfall, TlsConfig};
use crate::engine::network::tls::failure;

use super::proxy::ProxyError;
use super::retry_after::RetryAfter;
use super::system_error::SystemError;

/// Why there is no connection, in words for the operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("The name {host} was not found. Check the WebSocket address and this machine's network.")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        source: SystemError,
    },
    /// Nobody listens.
    #[error("{host} refused the connection on port {port}. Check the address, and that the server runs.")]
    Refused {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: SystemError,
    },
    /// There is no way there.
    #[error("{host} can't be reached: {source}. Check this machine's network.")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        source: SystemError,
    },
    /// TLS failed.
    #[error("The encrypted connection to {host} failed: {}.{}", failure::of_stream(.source), further(.shortfall.as_ref()))]
    Tls {
        /// The host.
        host: String,
        /// What TLS said.
        source: SystemError,
        /// What is known to be missing of whom TLS trusts.
        shortfall: Option<Shortfall>,
    },
    /// The host has no name that a certificate could be checked against.
    #[error("{host} is not a name that a certificate can be checked against. Check the WebSocket address.")]
    NotAName {
        /// The host.
        host: String,
    },
    /// The server answered, but not with a WebSocket.
    #[error("{host} {refusal}")]
    NotUpgraded {
        /// The host.
        host: String,
        /// Its answer.
        refusal: Refusal,
    },
    /// What the server answered is not what a WebSocket server answers, or the connection broke in the middle.
    #[error("{host} did not open a WebSocket: {reason}. Check the WebSocket address, or ask whoever runs the server.")]
    Handshake {
        /// The host.
        host: String,
        /// What went wrong.
        reason: HandshakeError,
    },
    /// The proxy is of no use.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The budget of time is used up.
    #[error("{host} did not answer within 10 s{through}.")]
    TimedOut {
        /// The host.
        host: String,
        /// By which proxy it was to be reached, with a space before it; or empty.
        through: String,
    },
}

impl ConnectError {
    /// TLS with a host failed.
    pub(crate) fn tls(host: String, source: io::Error, trust: &TlsConfig) -> Self {
        Self::Tls { host, source: source.into(), shortfall: trust.shortfall.clone() }
    }
}

/// An answer that is no upgrade.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "answered with HTTP status {} instead of a WebSocket{}. {}", .status.as_u16(), said(.words),
    advice(.status.as_u16(), .onward.as_deref())
)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The server's words on one line; or empty.
    pub(crate) words: String,
    /// Where it redirects to: the origin alone.
    pub(crate) onward: Option<String>,
    /// When it wants to be asked again.
    pub retry_after: Option<RetryAfter>,
}

/// Why an answer is not that of a WebSocket server.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HandshakeError {
    /// The connection ended first.
    #[error("the connection was closed without an answer")]
    Closed,
    /// The connection broke.
    #[error("the connection broke off: {0}")]
    Broken(SystemError),
    /// Something that is not HTTP/1.
    #[error("its answer is not HTTP")]
    NotHttp,
    /// An answer above the bound.
    #[error("its answer is too long")]
    TooLong,
    /// The address can't be sent.
    #[error("this address can't be asked for")]
    Address,
    /// No `Upgrade: websocket`.
    #[error("its answer does not say “Upgrade: websocket”")]
    NoUpgrade,
    /// No `Connection: Upgrade`.
    #[error("its answer does not say “Connection: Upgrade”")]
    NoConnection,
    /// No proof that the request was read as a WebSocket's.
    #[error("its answer has no Sec-WebSocket-Accept")]
    NoAccept,
    /// Another proof.
    #[error("the Sec-WebSocket-Accept of its answer belongs to another request")]
    WrongAccept,
    /// A subprotocol that was not asked for.
    #[error("it chose the subprotocol “{0}”, which was not asked for")]
    Subprotocol(String),
    /// An extension that was not asked for.
    #[error("it uses the extension “{0}”, which was not asked for")]
    Extension(String),
}

/// Words as a part of a sentence.
fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": “{words}”") }
}

/// What to do about a status.
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

/// What is missing, after a sentence.
fn further(shortfall: Option<&Shortfall>) -> String {
    shortfall.map(|shortfall| format!(" {shortfall}")).unwrap_or_default()
}
