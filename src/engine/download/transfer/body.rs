//! Where the bytes come from: an answer to a GET, or a second WebSocket that sends them as binary frames until it closes.

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};

use crate::engine::client::connector::Socket;

use super::coding::Coding;

/// The largest binary frame that is taken, in bytes. How many may come is bounded by the room on the disk.
pub(crate) const LARGEST_FRAME: usize = 16 * 1024 * 1024;

/// A payload that is about to come.
pub(crate) struct OpenedDownload {
    /// The bytes.
    pub(crate) source: Source,
    /// How many there will be, where the server said.
    pub(crate) total: Option<u64>,
    /// The safe name that the server gave.
    pub(crate) name: Option<String>,
    /// Its end can't be told from a connection that broke.
    pub(crate) unproved: bool,
    /// The host that it comes from, where that is another than the link's.
    pub(crate) host: Option<String>,
    /// GETs that were sent for it.
    pub(crate) gets: u32,
    /// What its link is known by in the journal.
    pub(crate) links: Vec<String>,
    /// How it is compressed, the outermost layer last.
    pub(crate) codings: Vec<Coding>,
}

impl OpenedDownload {
    /// Of which nothing is known but where the bytes come from, after one GET.
    pub(crate) fn of(source: Source) -> Self {
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

/// Why a transfer ends before its end; a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransferError {
    /// The connection broke, or ended too early.
    #[error("the connection broke off")]
    BrokenOff,
    /// A stream has binary frames only.
    #[error("the server sent text in the middle of the data")]
    Text,
    /// A stream was closed with a code other than that of its end.
    #[error("the server closed the stream as failed")]
    ClosedAsFailed,
    /// A frame above [`LARGEST_FRAME`].
    #[error("the server sent a frame of more than 16 MiB")]
    FrameTooLarge,
    /// Nothing came for too long.
    #[error("nothing came for {seconds} s")]
    Silent {
        /// For how long.
        seconds: u64,
    },
}

/// The bytes of a payload.
pub(crate) enum Source {
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
    /// What broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(|error| {
                tracing::debug!(error = %error.without_url(), "a download broke");
                TransferError::BrokenOff
            }),
            Self::Socket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Frame::Binary(bytes))) => return Ok(Some(bytes)),
                    // tungstenite answers pings by itself.
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                    Some(Ok(Frame::Text(_))) => return Err(TransferError::Text),
                    Some(Ok(Frame::Close(None))) => return Ok(None),
                    Some(Ok(Frame::Close(Some(frame)))) => {
                        return if matches!(frame.code, CloseCode::Normal | CloseCode::Status) {
                            Ok(None)
                        } else {
                            tracing::debug!(code = u16::from(frame.code), "a stream was closed as failed");
                            Err(TransferError::ClosedAsFailed)
                        };
                    }
                    Some(Err(WsError::Capacity(_))) => return Err(TransferError::FrameTooLarge),
                    Some(Err(_)) | None => return Err(TransferError::BrokenOff),
                }
            },
        }
    }
}
