//! The WebSocket upgrade (RFC 6455, section 4): sends the request and checks the response.

use std::io;

use hyper::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use hyper::{Request, StatusCode};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::{Position, Url};

use crate::activity::Timestamp;
use crate::protocol::{redact, rest, sanitize};

use super::connect_error::{HandshakeError, Refusal};
use super::http_date::date_of;
use super::http1::{self, HttpError, ResponseHead};
use super::retry_after::RetryAfter;
use super::transport::Transport;

/// The most characters of a server's words that are quoted.
const MAX_QUOTE_LENGTH: usize = 300;
/// Parts of an address that are shorter are not masked: they are no secrets, and masking them would garble other words.
const MIN_SECRET_LENGTH: usize = 4;

/// The response to an upgrade request.
pub(crate) struct UpgradeResponse {
    key: String,
    answer: ResponseHead,
}

/// A connection that was upgraded.
pub(crate) struct Upgraded {
    pub(crate) stream: Box<dyn Transport>,
    /// The first bytes of the WebSocket, which arrived with the response.
    pub(crate) read: Vec<u8>,
    /// The server's time of day.
    pub(crate) date: Option<Timestamp>,
}

/// Why a connection was not upgraded.
#[derive(Debug)]
pub(crate) enum UpgradeError {
    /// The server declined the upgrade.
    Refused(Refusal),
    /// There is no valid response.
    Handshake(HandshakeError),
}

/// Requests the upgrade over a connected stream. The caller enforces the time limit.
pub(crate) async fn request_upgrade(stream: Box<dyn Transport>, url: &Url) -> Result<UpgradeResponse, HandshakeError> {
    let key = generate_key();
    let request = request(url, &key).map_err(|error| {
        tracing::debug!(%error, "the upgrade can't be asked for");
        HandshakeError::Address
    })?;
    Ok(UpgradeResponse { answer: http1::send(stream, request).await?, key })
}

fn request(url: &Url, key: &str) -> hyper::http::Result<Request<String>> {
    Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, http1::USER_AGENT)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .body(String::new())
}

impl UpgradeResponse {
    /// The upgraded connection. The body of a refusal is read as far as it arrives before `until`.
    pub(crate) async fn upgraded(self, url: &Url, until: Instant) -> Result<Upgraded, UpgradeError> {
        let Self { key, answer } = self;
        if answer.head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpgradeError::Refused(refusal(answer, url, until).await));
        }
        check(&answer.head.headers, &key).map_err(UpgradeError::Handshake)?;
        let date = date_of(&answer.head.headers);
        let (stream, read) = answer.into_stream().await.map_err(|error| UpgradeError::Handshake(error.into()))?;
        Ok(Upgraded { stream, read, date })
    }
}

/// Checks a response that switches protocols (RFC 6455, section 4.1).
fn check(headers: &HeaderMap, key: &str) -> Result<(), HandshakeError> {
    let names = |header, token: &str| items(headers, header).any(|item| item.eq_ignore_ascii_case(token.as_bytes()));
    if !names(UPGRADE, "websocket") {
        return Err(HandshakeError::NoUpgrade);
    }
    if !names(CONNECTION, "upgrade") {
        return Err(HandshakeError::NoConnection);
    }
    let expected = derive_accept_key(key.as_bytes());
    let mut proofs = items(headers, SEC_WEBSOCKET_ACCEPT).peekable();
    if proofs.peek().is_none() {
        return Err(HandshakeError::NoAccept);
    }
    if !proofs.all(|proof| proof == expected.as_bytes()) {
        return Err(HandshakeError::WrongAccept);
    }
    let shown = |item: &[u8]| quoted(&String::from_utf8_lossy(item));
    if let Some(chosen) = items(headers, SEC_WEBSOCKET_PROTOCOL).next() {
        return Err(HandshakeError::Subprotocol(shown(chosen)));
    }
    match items(headers, SEC_WEBSOCKET_EXTENSIONS).next() {
        Some(used) => Err(HandshakeError::Extension(shown(used))),
        None => Ok(()),
    }
}

/// The items of a header whose value is a list, over all lines of that header.
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    let items = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    items.filter(|item| !item.is_empty())
}

async fn refusal(answer: ResponseHead, url: &Url, until: Instant) -> Refusal {
    let (status, headers) = (answer.head.status, answer.head.headers.clone());
    let onward = headers.get(LOCATION).filter(|_to| status.is_redirection()).and_then(|to| to.to_str().ok());
    let redirect_target = onward.and_then(|to| url.join(to).ok()).map(|to| to[..Position::BeforePath].to_owned());
    let is_plain = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let body = answer.text(until).await;
    let text = rest::error_text(&body).or_else(|| is_plain.then_some(body)).unwrap_or_default();
    let values: Vec<_> = url.query_pairs().map(|(_, value)| value).collect();
    let secrets: Vec<&str> =
        values.iter().map(AsRef::as_ref).filter(|value| value.len() >= MIN_SECRET_LENGTH).collect();
    let words = quoted(&redact::text(&text, &secrets));
    Refusal { status, words, redirect_target, retry_after: RetryAfter::of(&headers) }
}

/// A server's text on one line, shortened, without characters that hide or reorder other text.
fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = match line.char_indices().nth(MAX_QUOTE_LENGTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    };
    sanitize(&line).into_owned()
}

impl From<HttpError> for HandshakeError {
    fn from(error: HttpError) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match error {
            HttpError::Closed => Self::Closed,
            HttpError::NotHttp => Self::NotHttp,
            HttpError::TooLong => Self::TooLong,
            HttpError::Io(source)
                if matches!(source.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) =>
            {
                Self::Closed
            }
            HttpError::Io(source) => Self::Broken(source.into()),
        }
    }
}

#[cfg(test)]
mod tests;
