//! Connects to a profile's WebSocket address: DNS, TCP, the proxy, TLS and the upgrade, all within one time limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;

use crate::activity::Timestamp;
use crate::engine::network::close_frame::CloseWatch;
use crate::engine::network::connect_error::{ConnectError, HandshakeError};
use crate::engine::network::connect_failure::NoConnection;
use crate::engine::network::endpoints::Target;
use crate::engine::network::proxy::{ProxyError, ProxyServer, http_connect};
use crate::engine::network::tls::config::TlsConfig;
use crate::engine::network::tls::failure;
use crate::engine::network::transport::Transport;
use crate::engine::network::websocket_upgrade::{self, UpgradeError, Upgraded};

use super::network_config::NetworkConfigReceiver;

/// The time limit for DNS, TCP, TLS and the upgrade together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// If an address does not answer within this time, the next address of the name is tried in parallel (RFC 8305).
const NEXT_ADDRESS_DELAY: Duration = Duration::from_millis(250);

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A WebSocket over any byte stream.
pub(crate) type Socket = WebSocketStream<CloseWatch<Box<dyn Transport>>>;

/// Opens byte streams. Tests pass their own.
pub trait Connector: Send + Sync {
    /// Connects to a target. The caller enforces the time limit and drops the future when it is over.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    fn connect(&self, target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>>;

    /// The proxy that a target is reached through, for texts; `None` for a direct connection.
    fn proxy(&self, _target: &Target) -> Option<String> {
        None
    }
}

/// Connects and upgrades within the time limit. `addresses` are the only ones that the host may have; if empty, the name is
/// resolved. `limit` is the largest message to read, in bytes. Also returns the server's time of day, if its response
/// contains it.
pub(crate) async fn open(
    connector: Arc<dyn Connector>,
    url: Url,
    addresses: Vec<SocketAddr>,
    limit: usize,
) -> Result<(Socket, Option<Timestamp>), ConnectError> {
    let target = Target { addresses, ..Target::of(&url) };
    let host = target.host.clone();
    let through = connector.proxy(&target).map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let until = Instant::now() + CONNECT_TIMEOUT;
    let asking = async {
        let transport = connector.connect(target).await?;
        websocket_upgrade::request_upgrade(transport, &url)
            .await
            .map_err(|reason| handshake_error(host.clone(), reason))
    };
    let answered = match timeout_at(until, asking).await {
        Ok(answered) => answered?,
        Err(_elapsed) => return Err(ConnectError::TimedOut { host, through }),
    };
    let Upgraded { stream, read, date } = answered.upgraded(&url, until).await.map_err(|error| match error {
        UpgradeError::Refused(refusal) => ConnectError::NotUpgraded { host: host.clone(), refusal },
        UpgradeError::Handshake(reason) => handshake_error(host.clone(), reason),
    })?;
    let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    let stream = CloseWatch::new(stream, &read);
    Ok((WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config)).await, date))
}

/// In TLS 1.3 a server can refuse after the client's handshake: its first response is then an alert.
fn handshake_error(host: String, reason: HandshakeError) -> ConnectError {
    match reason {
        HandshakeError::Broken(source) if failure::within(&source).is_some() => {
            ConnectError::Tls { host, source, shortfall: None }
        }
        reason => ConnectError::Handshake { host, reason },
    }
}

/// Connects over the network: DNS, TCP, proxies and TLS.
#[derive(Debug, Clone)]
pub struct NetworkConnector {
    network_config_receiver: NetworkConfigReceiver,
}

impl NetworkConnector {
    /// Each connection uses the network configuration that is current at that moment.
    pub(crate) fn new(network_config_receiver: NetworkConfigReceiver) -> Self {
        Self { network_config_receiver }
    }
}

impl Connector for NetworkConnector {
    fn connect(&self, target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>> {
        let network_config_receiver = self.network_config_receiver.clone();
        Box::pin(async move {
            let network_config = network_config_receiver.current().await;
            let through = match target.url() {
                Some(url) => network_config.proxies.of_url(&url)?,
                None => None,
            };
            let stream = match through {
                Some(through) => open_tunnel(&target, &through, &network_config.tls).await?,
                None => Box::new(set_nodelay(connect_tcp(&target).await?)) as Box<dyn Transport>,
            };
            if !target.secure {
                return Ok(stream);
            }
            let Ok(name) = ServerName::try_from(target.host.clone()) else {
                return Err(ConnectError::NotAName { host: target.host });
            };
            match tokio_rustls::TlsConnector::from(network_config.tls.config.clone()).connect(name, stream).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Transport>),
                Err(source) => Err(ConnectError::tls(target.host, source, &network_config.tls)),
            }
        })
    }

    fn proxy(&self, target: &Target) -> Option<String> {
        let url = target.url()?;
        self.network_config_receiver.snapshot().proxies.of_url(&url).ok()?.map(|through| through.to_string())
    }
}

/// The proxy's own error behind a failed call, if there is one, in the same words as for a socket. The HTTP client does not
/// say what a proxy answered, so a proxy that refused is asked again. That reaches no server behind it unless the proxy
/// agrees, and then nothing is sent.
pub(crate) async fn proxy_error(
    failure: &NoConnection,
    target: &Target,
    through: &ProxyServer,
    trust: &TlsConfig,
) -> Option<ProxyError> {
    match failure {
        NoConnection::ProxyPassword => Some(ProxyError::NeedsPassword(through.to_string())),
        NoConnection::ProxyClosed => Some(ProxyError::Closed(through.to_string())),
        NoConnection::ProxyTooLong => Some(ProxyError::TooLong(through.to_string())),
        NoConnection::ProxyRefused | NoConnection::System(_) => Box::pin(proxy_refusal(target, through, trust)).await,
        // The TLS error may be the proxy's, or that of the server behind it.
        NoConnection::Tls(_) if through.target().secure => Box::pin(proxy_refusal(target, through, trust)).await,
        NoConnection::Tls(_)
        | NoConnection::NotHttp
        | NoConnection::NotSent
        | NoConnection::BrokenOff
        | NoConnection::Unknown => None,
    }
}

/// Why a proxy does not connect to a target; `None` if it does, or does not answer in time.
async fn proxy_refusal(target: &Target, through: &ProxyServer, trust: &TlsConfig) -> Option<ProxyError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, open_tunnel(target, through, trust)).await {
        Ok(Err(ConnectError::Proxy(error))) => Some(error),
        Ok(_) | Err(_) => None,
    }
}

/// Opens a stream to the target through a proxy, with TLS to the proxy if its address says so.
async fn open_tunnel(
    target: &Target,
    through: &ProxyServer,
    trust: &TlsConfig,
) -> Result<Box<dyn Transport>, ConnectError> {
    let proxy = through.target();
    let unreached = |source| ProxyError::NotReached { proxy: through.to_string(), source };
    let stream = connect_tcp(&proxy).await.map_err(|error| match error {
        ConnectError::NameNotFound { source, .. }
        | ConnectError::Refused { source, .. }
        | ConnectError::Unreachable { source, .. } => unreached(source).into(),
        other => other,
    })?;
    let mut stream = Box::new(set_nodelay(stream)) as Box<dyn Transport>;
    if proxy.secure {
        let Ok(name) = ServerName::try_from(proxy.host.clone()) else {
            return Err(ConnectError::NotAName { host: proxy.host });
        };
        let connector = tokio_rustls::TlsConnector::from(trust.config.clone());
        let encrypted = connector.connect(name, stream).await;
        stream = Box::new(
            encrypted.map_err(|source| ProxyError::Tls { proxy: through.to_string(), source: source.into() })?,
        );
    }
    Ok(http_connect::open(stream, target, through).await?)
}

/// Sets `TCP_NODELAY`, so that small frames are sent at once.
fn set_nodelay(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small frames may be held back");
    }
    stream
}

async fn connect_tcp(target: &Target) -> Result<TcpStream, ConnectError> {
    let host = target.host.clone();
    let addresses = if target.addresses.is_empty() {
        match tokio::net::lookup_host((target.host.as_str(), target.port)).await {
            Ok(addresses) => addresses.collect(),
            Err(source) => return Err(ConnectError::NameNotFound { host, source: source.into() }),
        }
    } else {
        target.addresses.clone()
    };
    happy_eyeballs(addresses).await.map_err(|source| {
        let kind = source.kind();
        let source = source.into();
        match kind {
            io::ErrorKind::ConnectionRefused => ConnectError::Refused { host, port: target.port, source },
            io::ErrorKind::NotFound => ConnectError::NameNotFound { host, source },
            _ => ConnectError::Unreachable { host, source },
        }
    })
}

/// Connects to the first address that answers. The next one is tried when one fails or does not answer within
/// [`NEXT_ADDRESS_DELAY`].
async fn happy_eyeballs(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
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
            () = tokio::time::sleep(NEXT_ADDRESS_DELAY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::client::network_config::{NetworkConfig, NetworkConfigHandle, NetworkEnvironment};
    use crate::engine::network::proxy::ProxyEnvironment;
    use crate::settings::{Preferences, ProxyChoice};
    use std::sync::Arc;
    use url::Url;

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_accepts_and_never_answers_is_named_in_the_timeout_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let preferences =
            Preferences { proxy: ProxyChoice::from_text(&format!("http://{proxy}")), ..Preferences::default() };
        let surroundings = NetworkEnvironment { ca_file: None, proxies: ProxyEnvironment::default() };
        let (_guide, network_config_receiver) =
            NetworkConfigHandle::new(NetworkConfig::load(&preferences, &surroundings).unwrap(), surroundings);
        let start = tokio::time::Instant::now();
        let url = Url::parse("wss://ws.example.com").unwrap();
        let opened = open(Arc::new(NetworkConnector::new(network_config_receiver)), url, Vec::new(), 1024).await;
        assert_eq!(start.elapsed(), CONNECT_TIMEOUT);
        let error = opened.err().expect("it opened").to_string();
        assert_eq!(error, format!("ws.example.com did not answer within 10 s through the proxy {proxy}."));
    }
}
