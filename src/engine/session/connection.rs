//! One open socket: how it is read, and how it can end.
#![expect(clippy::disallowed_methods, reason = "join and leave frames carry the token")]

use std::sync::Arc;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};

use crate::activity::Timestamp;
use crate::engine::client::connector::Socket;
use crate::engine::events::connection_reason::{DisconnectReason, TokenRefusal};
use crate::engine::runtime::clock::Clock;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::protocol::incoming::Documents;
use crate::protocol::{CorrelationId, Reply, UnreadableReason, sanitize};

use super::frame_decoder::{DecodedFrame, FrameDecoder};

/// Whether a status says that the token is invalid.
pub(crate) fn refuses_token(status: i64) -> bool {
    matches!(status, 401 | 403)
}

impl DisconnectReason {
    /// Classifies a refused join by its status alone; the text is only for people.
    pub(crate) fn of_refusal(reply: Reply) -> Self {
        let reason = reply.text.unwrap_or_default();
        if refuses_token(reply.status) {
            Self::TokenRefused(TokenRefusal::Join { words: reason })
        } else {
            Self::JoinRefused { status: reply.status, reason }
        }
    }

    /// Whether only the server can say if the token is invalid: it refused the join as a client error, with a status that
    /// names neither the token nor a time limit.
    pub(crate) fn may_be_invalid_token(&self) -> bool {
        matches!(self, Self::JoinRefused { status: 400..=428 | 430..=499, .. })
    }

    /// The code of a close because of a server policy: the next attempt probably ends the same way.
    pub(crate) fn policy_close_code(&self) -> Option<u16> {
        match self {
            Self::Closed { code: Some(code @ (1008 | 3000 | 3003 | 4000..=4999)), .. } => Some(*code),
            _ => None,
        }
    }

    /// The message that was lost with the connection, if any: why it was unreadable, and its size in bytes, 0 if unknown.
    pub(crate) fn lost_message(&self) -> Option<(UnreadableReason, usize)> {
        match self {
            Self::TooLarge { size, .. } => Some((UnreadableReason::TooLarge, *size)),
            Self::NotUtf8 => Some((UnreadableReason::NotUtf8, 0)),
            _ => None,
        }
    }

    /// Uses only the kind of the error: its text can quote what the server sent.
    fn of_error(error: &WsError) -> Self {
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooLarge { size: *size, limit: *max_size }
            }
            WsError::Utf8(_) => Self::NotUtf8,
            WsError::ConnectionClosed | WsError::AlreadyClosed => Self::Closed { code: None, reason: String::new() },
            WsError::Io(_) | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Broken,
            _ => Self::Protocol,
        }
    }
}

/// What a received frame contained.
#[derive(Debug)]
pub(crate) enum FrameEvent {
    /// An entry was added to the batch.
    Entry,
    /// The reply to a join or leave.
    Reply(Reply),
    /// A keep-alive message of the protocol.
    KeepAlive,
    /// The reply to a ping, with its payload.
    Pong(Vec<u8>),
    /// A WebSocket ping; tungstenite answers it.
    Ping,
    /// The connection ended.
    Ended(DisconnectReason),
}

/// One open socket. Dropping it closes it.
pub(crate) struct Connection {
    /// The credentials that it was opened with.
    pub(crate) session_credentials: Arc<SessionCredentials>,
    /// The largest message it reads, in bytes.
    pub(crate) limit: usize,
    socket: Socket,
    frame_decoder: FrameDecoder,
    clock: Clock,
    /// The rest of a frame with several messages, and when it arrived; then the rest of a nested one.
    documents: Vec<(Documents, Timestamp)>,
}

impl Connection {
    pub(crate) fn new(
        socket: Socket,
        session_credentials: Arc<SessionCredentials>,
        limit: usize,
        frame_decoder: FrameDecoder,
        clock: Clock,
    ) -> Self {
        Self { session_credentials, limit, socket, frame_decoder, clock, documents: Vec::new() }
    }

    /// Sends a request that contains the token.
    pub(crate) async fn send_request(
        &mut self,
        frame: &SecretString,
        correlation: &CorrelationId,
    ) -> Result<(), DisconnectReason> {
        self.frame_decoder.expect_reply(correlation);
        self.send(Frame::text(frame.expose_secret())).await
    }

    pub(crate) async fn ping(&mut self, payload: [u8; 8]) -> Result<(), DisconnectReason> {
        self.send(Frame::Ping(payload.to_vec().into())).await
    }

    /// Sends a WebSocket close frame.
    pub(crate) async fn close(&mut self) {
        if let Err(error) = self.socket.close(None).await {
            tracing::debug!(end = ?DisconnectReason::of_error(&error), "the socket could not be closed in order");
        }
    }

    /// Reads the next frame, or the next message of a frame that has several. Cancel-safe. All frames of a batch get the time at which
    /// its first one was read.
    pub(crate) async fn next(&mut self, decoded_batch: &mut DecodedBatch) -> FrameEvent {
        if let Some(received) = self.next_document(decoded_batch) {
            return received;
        }
        let frame = self.socket.next().await;
        let at = *decoded_batch.at.get_or_insert_with(|| (self.clock)());
        match frame {
            None => FrameEvent::Ended(DisconnectReason::Closed { code: None, reason: String::new() }),
            Some(Err(error)) => {
                FrameEvent::Ended(self.closed(Some(&error)).unwrap_or_else(|| DisconnectReason::of_error(&error)))
            }
            Some(Ok(Frame::Text(text))) => {
                let read = self.frame_decoder.text(text.as_str(), true, at, decoded_batch);
                self.on_frame(read, at, decoded_batch)
            }
            Some(Ok(Frame::Binary(bytes))) => {
                let read = self.frame_decoder.binary(&bytes, at, decoded_batch);
                self.on_frame(read, at, decoded_batch)
            }
            Some(Ok(Frame::Pong(payload))) => FrameEvent::Pong(payload.to_vec()),
            Some(Ok(Frame::Close(_))) => {
                // tungstenite has only queued the reply. Don't wait for it to be sent: a server that is gone does not read.
                if !matches!(self.socket.flush().now_or_never(), Some(Ok(()))) {
                    tracing::debug!("the server's close could not be answered at once");
                }
                FrameEvent::Ended(
                    self.closed(None).unwrap_or(DisconnectReason::Closed { code: None, reason: String::new() }),
                )
            }
            Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => FrameEvent::Ping,
        }
    }

    /// The reason in the server's close frame, if it closed the connection. Needed because tungstenite replaces codes that it does not
    /// know, and treats a reason that was cut within a character as a broken message.
    fn closed(&self, error: Option<&WsError>) -> Option<DisconnectReason> {
        let frame = self.socket.get_ref().close_frame()?;
        let is_the_end = match error {
            None | Some(WsError::Protocol(ProtocolError::InvalidCloseSequence)) => true,
            Some(WsError::Utf8(_)) => str::from_utf8(frame.reason).is_err(),
            Some(_) => false,
        };
        let reason = self.frame_decoder.mask(&String::from_utf8_lossy(frame.reason));
        is_the_end.then(|| DisconnectReason::Closed { code: frame.code, reason: sanitize(&reason).into_owned() })
    }

    fn on_frame(&mut self, read: DecodedFrame, at: Timestamp, decoded_batch: &mut DecodedBatch) -> FrameEvent {
        self.event_of(read, at).or_else(|| self.next_document(decoded_batch)).unwrap_or(FrameEvent::KeepAlive)
    }

    /// The event of a decoded frame; `None` if it is several documents, which come next.
    fn event_of(&mut self, read: DecodedFrame, at: Timestamp) -> Option<FrameEvent> {
        match read {
            DecodedFrame::Entry => Some(FrameEvent::Entry),
            DecodedFrame::Reply(reply) => Some(FrameEvent::Reply(reply)),
            DecodedFrame::KeepAlive => Some(FrameEvent::KeepAlive),
            DecodedFrame::Multiple(documents) => {
                self.documents.push((documents, at));
                None
            }
        }
    }

    fn next_document(&mut self, decoded_batch: &mut DecodedBatch) -> Option<FrameEvent> {
        loop {
            let (documents, at) = self.documents.last_mut()?;
            let at = *at;
            let Some((document, is_sound)) = documents.next_document() else {
                self.documents.pop();
                continue;
            };
            // A malformed one was already split.
            let read = self.frame_decoder.text(&document, is_sound, at, decoded_batch);
            if let Some(event) = self.event_of(read, at) {
                return Some(event);
            }
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), DisconnectReason> {
        self.socket.send(frame).await.map_err(|error| DisconnectReason::of_error(&error))
    }
}
