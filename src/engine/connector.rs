//! From a profile's WebSocket address to a socket: DNS, TCP, TLS, upgrade, all within one budget of time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

use super::endpoints::Target;
use super::trust::Trust;

/// One budget for DNS, TCP, TLS and the upgrade.
const BUDGET: Duration = Duration::from_secs(10);
/// After how long the next address of a name is tried beside one that does not answer (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A connected byte stream.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A socket: a WebSocket over any byte stream.
pub(super) type Socket = WebSocketStream<Box<dyn Transport>>;

/// Makes byte streams. A test hands in its own.
pub trait Connector: Send + Sync {
    /// Connects to a target. The caller holds the budget of time and drops the future when it is used up.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    fn connect(&self, target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>>;
}

/// Why there is no connection, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("The name {host} was not found. Check the WebSocket address and this machine's network.")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nobody listens.
    #[error("{host} refused the connection on port {port}. Check the address, and that the server runs.")]
    Refused {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// There is no way there.
    #[error("{host} can't be reached: {source}. Check this machine's network.")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS failed.
    #[error("The encrypted connection to {host} failed: {source}.{shortfall}")]
    Tls {
        /// The host.
        host: String,
        /// What TLS said.
        source: io::Error,
        /// What is known to be missing, with a space before it; or empty.
        shortfall: String,
    },
    /// The host has no name that a certificate could be checked against.
    #[error("{host} is not a name that a certificate can be checked against. Check the WebSocket address.")]
    NotAName {
        /// The host.
        host: String,
    },
    /// The server answered, but not with a WebSocket.
    #[error("{host} answered with HTTP status {status} instead of a WebSocket. Check the WebSocket address.")]
    NotUpgraded {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// What the server answered is no HTTP, or the connection broke in the middle.
    #[error("{host} did not open a WebSocket: {reason}. Check the WebSocket address.")]
    Handshake {
        /// The host.
        host: String,
        /// What went wrong.
        reason: &'static str,
    },
    /// The budget of time is used up.
    #[error("{host} did not answer within 10 s.")]
    TimedOut {
        /// The host.
        host: String,
    },
}

/// Connects and upgrades within the budget. `addresses` are the only ones that the host may have; none where the name is to be
/// resolved. `limit` is the largest message that will be read, in bytes.
pub(super) async fn open(
    connector: Arc<dyn Connector>,
    url: Url,
    addresses: Vec<SocketAddr>,
    limit: usize,
) -> Result<Socket, ConnectError> {
    let target = Target { addresses, ..Target::of(&url) };
    let host = target.host.clone();
    let attempt = async {
        let transport = connector.connect(target.clone()).await?;
        let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
        match tokio_tungstenite::client_async_with_config(url.as_str(), transport, Some(config)).await {
            Ok((socket, _response)) => Ok(socket),
            Err(error) => Err(upgrade_error(target.host, &error)),
        }
    };
    tokio::time::timeout(BUDGET, attempt).await.unwrap_or(Err(ConnectError::TimedOut { host }))
}

/// Only what the error's kind says: its text can quote what the server sent.
fn upgrade_error(host: String, error: &WsError) -> ConnectError {
    let reason = match error {
        WsError::Http(response) => return ConnectError::NotUpgraded { host, status: response.status().as_u16() },
        WsError::Io(_) | WsError::ConnectionClosed | WsError::AlreadyClosed => "the connection was closed",
        _ => "its answer is not that of a WebSocket server",
    };
    ConnectError::Handshake { host, reason }
}

/// The network: DNS, TCP and TLS.
#[derive(Debug, Clone)]
pub struct Network {
    trust: Trust,
}

impl Network {
    /// With the authorities that TLS trusts.
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust }
    }
}

impl Connector for Network {
    fn connect(&self, target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>> {
        let trust = self.trust.clone();
        Box::pin(async move {
            let stream = tcp(&target).await?;
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "small frames may be held back");
            }
            if !target.secure {
                return Ok(Box::new(stream) as Box<dyn Transport>);
            }
            let Ok(name) = ServerName::try_from(target.host.clone()) else {
                return Err(ConnectError::NotAName { host: target.host });
            };
            match tokio_rustls::TlsConnector::from(trust.config).connect(name, stream).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Transport>),
                Err(source) => Err(ConnectError::Tls {
                    host: target.host,
                    source,
                    shortfall: trust.shortfall.map(|sentence| format!(" {sentence}")).unwrap_or_default(),
                }),
            }
        })
    }
}

async fn tcp(target: &Target) -> Result<TcpStream, ConnectError> {
    let host = target.host.clone();
    let addresses = if target.addresses.is_empty() {
        match tokio::net::lookup_host((target.host.as_str(), target.port)).await {
            Ok(addresses) => addresses.collect(),
            Err(source) => return Err(ConnectError::NameNotFound { host, source }),
        }
    } else {
        target.addresses.clone()
    };
    match first_of(addresses).await {
        Ok(stream) => Ok(stream),
        Err(source) if source.kind() == io::ErrorKind::ConnectionRefused => {
            Err(ConnectError::Refused { host, port: target.port, source })
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(ConnectError::NameNotFound { host, source }),
        Err(source) => Err(ConnectError::Unreachable { host, source }),
    }
}

/// The first address that answers; the next one is tried as soon as one failed or kept silent for a moment.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        match addresses.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = tokio::time::sleep(NEXT_ADDRESS) => {}
        }
    }
}
