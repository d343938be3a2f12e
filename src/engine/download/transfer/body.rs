//! The source of the bytes: an HTTP response, or a second WebSocket that sends binary frames until it closes.

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};

use crate::engine::client::connector::Socket;

use super::coding::Coding;

/// The largest binary frame that is accepted, in bytes. The free disk space bounds how many may come.
pub(crate) const MAX_FRAME_SIZE: usize = 16 * 1024 * 1024;

/// A payload that is ready to be received.
pub(crate) struct OpenedDownload {
    /// The bytes.
    pub(crate) source: Source,
    /// The size in bytes, if the server sent it.
    pub(crate) total: Option<u64>,
    /// The server's file name, made safe.
    pub(crate) name: Option<String>,
    /// Whether a complete payload can't be told from a broken connection.
    pub(crate) length_unknown: bool,
    /// The host that it comes from, if that differs from the link's.
    pub(crate) host: Option<String>,
    /// The number of GETs sent for it.
    pub(crate) gets: u32,
    /// The fingerprints of its link in the journal.
    pub(crate) links: Vec<String>,
    /// The compression layers, the outermost last.
    pub(crate) codings: Vec<Coding>,
}

impl OpenedDownload {
    /// A payload after one GET of which only the source is known.
    pub(crate) fn of(source: Source) -> Self {
        Self {
            source,
            total: None,
            name: None,
            length_unknown: false,
            host: None,
            gets: 1,
            links: Vec::new(),
            codings: Vec::new(),
        }
    }
}

/// Why a transfer ended early; a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransferError {
    /// The connection broke, or ended too early.
    #[error("the connection broke off")]
    BrokenOff,
    /// The server sent a text frame; a stream has binary frames only.
    #[error("the server sent text in the middle of the data")]
    Text,
    /// The server closed the stream with an error code.
    #[error("the server closed the stream as failed")]
    ClosedAsFailed,
    /// A frame above [`MAX_FRAME_SIZE`].
    #[error("the server sent a frame of more than 16 MiB")]
    FrameTooLarge,
    /// Nothing arrived for too long.
    #[error("nothing came for {seconds} s")]
    Silent {
        /// The length of the silence.
        seconds: u64,
    },
}

/// The source of a payload's bytes.
pub(crate) enum Source {
    /// The body of an HTTP response.
    Http(Box<Response>),
    /// A WebSocket.
    Socket(Box<Socket>),
}

impl Source {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// Why the transfer broke.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(|error| {
                tracing::debug!(error = %error.without_url(), "a download broke");
                TransferError::BrokenOff
            }),
            Self::Socket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Frame::Binary(bytes))) => return Ok(Some(bytes)),
                    // tungstenite answers pings itself.
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
