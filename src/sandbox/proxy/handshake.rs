//! The opening handshake. What is none is answered with an HTTP status that says what is missing.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Result};

use crate::sandbox::faults::types::HttpRefusal;

/// The longest head of a request in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// An answer instead of the upgrade.
struct Refusal {
    status: StatusCode,
    /// A header that the status needs, or that the client may need, as lines.
    headers: String,
    message: &'static str,
}

impl Refusal {
    fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, headers: String::new(), message }
    }

    /// Why a request is no handshake.
    fn of(error: &Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::WrongHttpMethod) => Self {
                headers: "Allow: GET\r\n".to_owned(),
                ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "A WebSocket is opened with GET.")
            },
            Error::Protocol(
                ProtocolError::MissingConnectionUpgradeHeader | ProtocolError::MissingUpgradeWebSocketHeader,
            ) => Self::upgrade("This is a WebSocket proxy: the request has to ask for the upgrade to websocket."),
            Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
                Self::upgrade("Sec-WebSocket-Version has to be 13.")
            }
            Error::Protocol(ProtocolError::MissingSecWebSocketKey | ProtocolError::InvalidSecWebSocketKey) => {
                Self::new(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key has to be 16 bytes in base64.")
            }
            _ => Self::new(StatusCode::BAD_REQUEST, "This is no HTTP/1.1 request."),
        }
    }

    fn upgrade(message: &'static str) -> Self {
        let headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n".to_owned();
        Self { headers, ..Self::new(StatusCode::UPGRADE_REQUIRED, message) }
    }

    /// The answer that a fault wants.
    fn ordered(HttpRefusal { status, retry_after }: HttpRefusal) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = retry_after.map(|time| format!("Retry-After: {}\r\n", time.as_secs())).unwrap_or_default();
        Self { headers, ..Self::new(status, "The proxy takes no connections at the moment.") }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { status, headers, message } = self;
        let reason = status.canonical_reason().unwrap_or("Refused");
        let body = json!({"error": reason, "message": message}).to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\
             {headers}\r\n{body}",
            status.as_u16()
        )
        .into_bytes()
    }
}

/// Reads the request and answers it. Returns the WebSocket, or `None` if the request was answered otherwise. A fault may have
/// ordered that.
pub(super) async fn accept(
    mut stream: TcpStream,
    ordered: Option<HttpRefusal>,
    config: WebSocketConfig,
) -> Result<Option<WebSocketStream<TcpStream>>> {
    let mut head = Vec::new();
    let request = loop {
        match Request::try_parse(&head) {
            Ok(Some(request)) => break Ok(request),
            Ok(None) if head.len() >= LONGEST_HEAD => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                break Err(Refusal::new(status, "The head of a request may have 16 KiB."));
            }
            Ok(None) if stream.read_buf(&mut head).await? > 0 => {}
            // It ended early.
            Ok(None) if head.is_empty() => return Ok(None),
            Ok(None) => break Err(Refusal::new(StatusCode::BAD_REQUEST, "The request is not whole.")),
            Err(error) => break Err(Refusal::of(&error)),
        }
    };
    let accepted = match (request, ordered) {
        (Ok(_), Some(ordered)) => Err(Refusal::ordered(ordered)),
        (Ok((size, request)), None) => {
            create_response(&request).map(|response| (size, response)).map_err(|error| Refusal::of(&error))
        }
        (Err(refusal), _) => Err(refusal),
    };
    match accepted {
        Ok((size, response)) => {
            let mut answer = Vec::new();
            write_response(&mut answer, &response)?;
            stream.write_all(&answer).await?;
            // Frames may have come together with the request.
            let rest = head.split_off(size.min(head.len()));
            Ok(Some(WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await))
        }
        Err(refusal) => {
            tracing::debug!(status = refusal.status.as_u16(), "a connection to the proxy was no WebSocket");
            stream.write_all(&refusal.bytes()).await?;
            end(&mut stream).await?;
            Ok(None)
        }
    }
}

/// Ends a connection whose client may still be sending. Closed with unread bytes, the client would lose what was last written.
pub(super) async fn end(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(|_bytes| ())
}
