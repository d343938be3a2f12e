//! Where the bytes come from: an answer to a GET, or a second WebSocket that sends them as binary frames until it closes.

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};

use crate::engine::connector::Socket;

use super::coding::Coding;

/// The largest binary frame that is taken, in bytes. How many may come is bounded by the room on the disk.
pub(super) const LARGEST_FRAME: usize = 16 * 1024 * 1024;

/// A payload that is about to come.
pub(super) struct Opened {
    /// The bytes.
    pub(super) source: Source,
    /// How many there will be, where the server said.
    pub(super) total: Option<u64>,
    /// The safe name that the server gave.
    pub(super) name: Option<String>,
    /// Its end can't be told from a connection that broke.
    pub(super) unproved: bool,
    /// The host that it comes from, where that is another than the link's.
    pub(super) host: Option<String>,
    /// GETs that were sent for it.
    pub(super) gets: u32,
    /// What its link is known by in the journal.
    pub(super) links: Vec<String>,
    /// How it is compressed, the outermost layer last.
    pub(super) codings: Vec<Coding>,
}

impl Opened {
    /// Of which nothing is known but where the bytes come from, after one GET.
    pub(super) fn of(source: Source) -> Self {
        Self {
            source,
            total: None,
            name: None,
            unproved: false,
            host: None,
            gets: 1,
            links: Vec::new(),
            codings: Vec::new(),
        }
    }
}

/// The bytes of a payload.
pub(super) enum Source {
    /// The body of an answer.
    Http(Box<Response>),
    /// A WebSocket.
    Socket(Box<Socket>),
}

impl Source {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// What broke, in words that end a sentence.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, &'static str> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(|error| {
                tracing::debug!(error = %error.without_url(), "a download broke");
                "the connection broke off"
            }),
            Self::Socket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Frame::Binary(bytes))) => return Ok(Some(bytes)),
                    // tungstenite answers pings by itself.
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                    Some(Ok(Frame::Text(_))) => return Err("the server sent text in the middle of the data"),
                    Some(Ok(Frame::Close(None))) => return Ok(None),
                    Some(Ok(Frame::Close(Some(frame)))) => {
                        return if matches!(frame.code, CloseCode::Normal | CloseCode::Status) {
                            Ok(None)
                        } else {
                            tracing::debug!(code = u16::from(frame.code), "a stream was closed as failed");
                            Err("the server closed the stream as failed")
                        };
                    }
                    Some(Err(WsError::Capacity(_))) => return Err("the server sent a frame of more than 16 MiB"),
                    Some(Err(_)) | None => return Err("the connection broke off"),
                }
            },
        }
    }
}
