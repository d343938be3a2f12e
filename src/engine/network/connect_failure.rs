//! Why the HTTP client got no connection, told apart by the types of its errors and never by their words.

use std::error::Error;
use std::io;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tokio_tungstenite::tungstenite::http::Uri;
use tower_service::Service;

use crate::engine::network::tls::failure;

/// What went wrong between the client and a proxy that it had to tunnel through. hyper-util gives the type no name outside,
/// but it is the error of its connector.
type TunnelError = <Tunnel<HttpConnector> as Service<Uri>>::Error;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoConnection {
    /// The proxy wants a user name and a password, or others.
    #[error("the proxy wants a password")]
    ProxyPassword,
    /// The proxy answered with another status.
    #[error("the proxy refused")]
    ProxyRefused,
    /// The proxy hung up.
    #[error("the proxy closed the connection")]
    ProxyClosed,
    /// The answer of the proxy has no end.
    #[error("the answer of the proxy had no end")]
    ProxyTooLong,
    /// TLS.
    #[error("{}", failure::describe(.0))]
    Tls(rustls::Error),
    /// An answer came that is not HTTP, or breaks its rules.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// The connection was there and broke.
    #[error("the connection broke off")]
    BrokenOff,
    /// The system, or the resolver of names, in its own words.
    #[error("{0}")]
    System(String),
    /// Nothing is known.
    #[error("the reason is not known")]
    Unknown,
}

impl NoConnection {
    /// What an error of the client means. Its text can name the address: only kinds and the system's words are taken.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let mut innermost = None;
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(found) =
                Self::of_tunnel(cause).or_else(|| Self::of_tls(cause)).or_else(|| Self::of_answer(cause))
            {
                return found;
            }
            innermost = Some(cause);
            source = cause.source();
        }
        if !error.is_connect() {
            return Self::BrokenOff;
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
            // What is inside says more.
            TunnelError::ConnectFailed(_) | TunnelError::Io(_) => None,
        }
    }

    fn of_tls(cause: &(dyn Error + 'static)) -> Option<Self> {
        // What an I/O error wraps is not its source, but the source of that.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(failure::within);
        let tls = wrapped.or_else(|| cause.downcast_ref::<rustls::Error>());
        tls.cloned().map(Self::Tls)
    }

    fn of_answer(cause: &(dyn Error + 'static)) -> Option<Self> {
        cause.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()).map(|_error| Self::NotHttp)
    }
}
