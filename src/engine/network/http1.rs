//! One HTTP/1.1 request over a connected stream that carries another protocol once the server agrees: `CONNECT` and the
//! WebSocket upgrade.
//!
//! Answers are read as leniently as those to downloads and REST calls, but only up to a bound.

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

/// What this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("privicore-monitor/", env!("CARGO_PKG_VERSION"));

/// How many header fields an answer may have.
const MOST_HEADERS: usize = 1000;
/// The longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// How much of a body is read, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The connection ended first.
    #[error("the connection was closed without an answer")]
    Closed,
    /// Something that is not HTTP/1.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// The head is above the bound.
    #[error("the answer is too long")]
    TooLong,
    /// The stream failed.
    #[error(transparent)]
    Io(io::Error),
}

/// An answer's head, and the connection that it came over.
pub(crate) struct Answer {
    /// Status and headers.
    pub(crate) head: response::Parts,
    body: Incoming,
    exchange: Exchange,
    /// Dropping it would close the connection.
    _sender: SendRequest<String>,
}

/// A connection, which makes progress only while it is polled.
struct Exchange {
    connection: Connection<TokioIo<Box<dyn Transport>>, String>,
    ended: bool,
}

/// Sends a request and reads the head of the answer. The caller holds the budget of time.
pub(crate) async fn send(stream: Box<dyn Transport>, request: Request<String>) -> Result<Answer, HttpError> {
    let mut builder = Builder::new();
    builder
        .title_case_headers(true)
        .max_headers(MOST_HEADERS)
        .max_header_size(LONGEST_HEAD)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut exchange = Exchange { connection, ended: false };
    let answered = sender.send_request(request);
    let (head, body) = exchange.drive(answered).await?.into_parts();
    Ok(Answer { head, body, exchange, _sender: sender })
}

impl Answer {
    /// The stream after an answer that switches protocols, and what has been read of it already.
    pub(crate) async fn into_stream(mut self) -> Result<(Box<dyn Transport>, Vec<u8>), HttpError> {
        if !self.exchange.ended {
            poll_fn(|cx| self.exchange.connection.poll_without_shutdown(cx)).await?;
        }
        let parts = self.exchange.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf.to_vec()))
    }

    /// The beginning of the body, as far as it comes until then.
    pub(crate) async fn text(mut self, until: Instant) -> String {
        let mut bytes = Vec::new();
        let frame_decoder = async {
            while bytes.len() < LONGEST_BODY {
                let next = self.exchange.drive(poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)));
                let Some(Ok(frame)) = next.await else { break };
                bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            }
        };
        if tokio::time::timeout_at(until, frame_decoder).await.is_err() {
            tracing::debug!("the whole body did not come in time");
        }
        bytes.truncate(LONGEST_BODY);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Exchange {
    /// Waits for something that comes over the connection.
    async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            if !self.ended {
                // An error of the connection is also that of what is waited for.
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

/// The same error: its kind, and what TLS or the system said.
fn copy_of(error: &io::Error) -> io::Error {
    match (error.raw_os_error(), failure::within(error)) {
        (Some(code), _) => io::Error::from_raw_os_error(code),
        (None, Some(tls)) => io::Error::new(error.kind(), tls.clone()),
        (None, None) => error.kind().into(),
    }
}
