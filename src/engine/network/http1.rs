//! Sends one HTTP/1.1 request over a connected stream that carries another protocol once the server agrees: `CONNECT` and
//! the WebSocket upgrade.
//!
//! Responses are parsed as leniently as those to downloads and REST calls, but their size is limited.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::http::{Request, response};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::engine::network::tls::failure;

use super::transport::Transport;

/// The `User-Agent` of this program.
pub(crate) const USER_AGENT: &str = concat!("privicore-monitor/", env!("CARGO_PKG_VERSION"));

/// The most header fields in a response.
const MAX_HEADERS: usize = 1000;
/// The longest header section of a response, in bytes.
const MAX_HEAD_SIZE: usize = 64 * 1024;
/// The most bytes of a body that are read.
const MAX_BODY_SIZE: usize = 64 * 1024;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The connection ended before the response.
    #[error("the connection was closed without an answer")]
    Closed,
    /// The response is not HTTP/1.
    #[error("the answer is not HTTP, or breaks its rules")]
    NotHttp,
    /// The header section is too long.
    #[error("the answer is too long")]
    TooLong,
    /// The stream failed.
    #[error(transparent)]
    Io(io::Error),
}

/// The header section of a response, with its connection.
pub(crate) struct ResponseHead {
    /// The status and the headers.
    pub(crate) head: response::Parts,
    body: Incoming,
    exchange: Exchange,
    /// Kept, because dropping it would close the connection.
    _sender: SendRequest<String>,
}

/// A connection, which makes progress only while it is polled.
struct Exchange {
    connection: Connection<TokioIo<Box<dyn Transport>>, String>,
    ended: bool,
}

/// Sends a request and reads the header section of the response. The caller enforces the time limit.
pub(crate) async fn send(stream: Box<dyn Transport>, request: Request<String>) -> Result<ResponseHead, HttpError> {
    let mut builder = Builder::new();
    builder
        .title_case_headers(true)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_SIZE)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut exchange = Exchange { connection, ended: false };
    let answered = sender.send_request(request);
    let (head, body) = exchange.drive(answered).await?.into_parts();
    Ok(ResponseHead { head, body, exchange, _sender: sender })
}

impl ResponseHead {
    /// The stream after a response that switches protocols, and the bytes that were read beyond the response.
    pub(crate) async fn into_stream(mut self) -> Result<(Box<dyn Transport>, Vec<u8>), HttpError> {
        if !self.exchange.ended {
            poll_fn(|cx| self.exchange.connection.poll_without_shutdown(cx)).await?;
        }
        let parts = self.exchange.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf.to_vec()))
    }

    /// The beginning of the body, as far as it arrives before `until`.
    pub(crate) async fn text(mut self, until: Instant) -> String {
        let mut bytes = Vec::new();
        let frame_decoder = async {
            while bytes.len() < MAX_BODY_SIZE {
                let next = self.exchange.drive(poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)));
                let Some(Ok(frame)) = next.await else { break };
                bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            }
        };
        if tokio::time::timeout_at(until, frame_decoder).await.is_err() {
            tracing::debug!("the whole body did not come in time");
        }
        bytes.truncate(MAX_BODY_SIZE);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Exchange {
    /// Drives the connection until `wanted` completes.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut wanted = pin!(future);
        poll_fn(|cx| {
            if !self.ended {
                // An error of the connection also reaches the future that waits for it.
                self.ended = self.connection.poll_without_shutdown(cx).is_ready();
            }
            wanted.as_mut().poll(cx)
        })
        .await
    }
}

impl From<hyper::Error> for HttpError {
    fn from(error: hyper::Error) -> Self {
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<io::Error>() {
                return Self::Io(copy_of(cause));
            }
            source = cause.source();
        }
        if error.is_parse_too_large() {
            Self::TooLong
        } else if error.is_parse() {
            Self::NotHttp
        } else {
            Self::Closed
        }
    }
}

/// A copy of the error: its kind, and the TLS or system error.
fn copy_of(error: &io::Error) -> io::Error {
    match (error.raw_os_error(), failure::within(error)) {
        (Some(code), _) => io::Error::from_raw_os_error(code),
        (None, Some(tls)) => io::Error::new(error.kind(), tls.clone()),
        (None, None) => error.kind().into(),
    }
}
