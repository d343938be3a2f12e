//! Why the HTTP client got no connection, decided by the types of its errors and never by their texts.

use std::error::Error;
use std::io;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tokio_tungstenite::tungstenite::http::Uri;
use tower_service::Service;

use crate::engine::network::tls::failure;

/// An error between the client and a proxy that it had to tunnel through. hyper-util does not export the type, but it is the
/// error of its connector.
type TunnelError = <Tunnel<HttpConnector> as Service<Uri>>::Error;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoConnection {
    /// The proxy requires a user name and a password, or refused those that it got.
    #[error("the proxy wants a password")]
    ProxyPassword,
    /// The proxy answered with another status.
    #[error("the proxy refused")]
    ProxyRefused,
    /// The proxy closed the connection.
    #[error("the proxy closed the connection")]
    ProxyClosed,
    /// The proxy's response is too long.
    #[error("the answer of the proxy had no end")]
    ProxyTooLong,
    /// TLS failed.
    #[error("{}", failure::describe(.0))]
    Tls(rustls::Error),
    /// The response is not valid HTTP.
    #[error("the answer is not HTTP, or breaks its rules")]
    NotHttp,
    /// The connection ended before the request was sent.
    #[error("the connection was closed before the request was sent")]
    NotSent,
    /// An established connection broke.
    #[error("the connection broke off")]
    BrokenOff,
    /// An error of the system or the name resolver, in its own words.
    #[error("{0}")]
    System(String),
    /// The cause is unknown.
    #[error("the reason is not known")]
    Unknown,
}

impl NoConnection {
    /// The meaning of an error of the client. Its text can contain the address, so only error kinds and the system's words
    /// are used.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let mut innermost = None;
        let mut is_unsent = false;
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(found) =
                Self::of_tunnel(cause).or_else(|| Self::of_tls(cause)).or_else(|| Self::of_answer(cause))
            {
                return found;
            }
            // hyper calls a request cancelled if the connection ended before it was written.
            is_unsent |= cause.downcast_ref().is_some_and(hyper::Error::is_canceled);
            innermost = Some(cause);
            source = cause.source();
        }
        if !error.is_connect() {
            return if is_unsent { Self::NotSent } else { Self::BrokenOff };
        }
        innermost.map_or(Self::Unknown, |cause| Self::System(cause.to_string()))
    }

    fn of_tunnel(cause: &(dyn Error + 'static)) -> Option<Self> {
        match cause.downcast_ref::<TunnelError>()? {
            TunnelError::ProxyAuthRequired => Some(Self::ProxyPassword),
            TunnelError::TunnelUnsuccessful => Some(Self::ProxyRefused),
            TunnelError::TunnelUnexpectedEof => Some(Self::ProxyClosed),
            TunnelError::ProxyHeadersTooLong => Some(Self::ProxyTooLong),
            TunnelError::MissingHost => Some(Self::Unknown),
            // The wrapped error says more.
            TunnelError::ConnectFailed(_) | TunnelError::Io(_) => None,
        }
    }

    fn of_tls(cause: &(dyn Error + 'static)) -> Option<Self> {
        // The source of an I/O error is not the error that it wraps, but the source of that error.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(failure::within);
        let tls = wrapped.or_else(|| cause.downcast_ref::<rustls::Error>());
        tls.cloned().map(Self::Tls)
    }

    fn of_answer(cause: &(dyn Error + 'static)) -> Option<Self> {
        let error = cause.downcast_ref::<hyper::Error>()?;
        // hyper reports a body that is not framed by the rules as an I/O error.
        let is_malformed = |source: &(dyn Error + 'static)| {
            source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::InvalidInput)
        };
        (error.is_parse() || error.source().is_some_and(is_malformed)).then_some(Self::NotHttp)
    }
}
