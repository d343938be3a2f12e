//! One client's connection to the proxy.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use crate::sandbox::backend::Backend;
use crate::sandbox::faults::connections::{ConnectionFault, FaultReceivers, Registration};
use crate::sandbox::state::profiles::ProfileId;

use super::frames::{self, ChannelRequest};
use super::handshake;
use super::hub::{DeliveryBatch, Membership};

/// How long a client may take for its handshake, and to read what is written to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients send joins and leaves only: a token and a few more bytes.
const LARGEST_REQUEST: usize = 64 * 1024;

/// The text of a join that is refused because of its token.
const BAD_TOKEN: &str = "The authorization token is not valid or has expired.";

/// A connection's channel: none, or exactly one.
enum JoinedChannel {
    Outside,
    Joined {
        /// Leaves the channel when dropped.
        _membership: Membership,
        /// Dropped on leaving: messages that are still in flight return to the queue.
        inbox: mpsc::Receiver<DeliveryBatch>,
        profile: ProfileId,
        channel: String,
    },
}

impl JoinedChannel {
    /// The next messages of the channel. Never resolves outside a channel.
    async fn next_batch(&mut self) -> Option<DeliveryBatch> {
        match self {
            Self::Outside => std::future::pending().await,
            Self::Joined { inbox, .. } => inbox.recv().await,
        }
    }

    fn profile(&self) -> Option<&ProfileId> {
        match self {
            Self::Outside => None,
            Self::Joined { profile, .. } => Some(profile),
        }
    }
}

/// Serves one client until it disconnects, violates the protocol, stops reading, or is cut off.
pub(crate) async fn serve(stream: TcpStream, backend: Arc<Backend>) {
    let (registration, FaultReceivers { cut, mut stalls, inner }) = backend.faults.connections.register();
    let config =
        WebSocketConfig::default().max_message_size(Some(LARGEST_REQUEST)).max_frame_size(Some(LARGEST_REQUEST));
    let refusal = backend.faults.refuses_upgrade(backend.clock.now());
    let accepted = tokio::select! {
        biased;
        () = cut.notified() => return,
        accepted = timeout(PATIENCE, handshake::accept(stream, refusal, config)) => accepted,
    };
    let Ok(Ok(Some(mut socket))) = accepted else { return };
    let mut conversation = pin!(converse(&mut socket, &backend, registration, inner));
    loop {
        tokio::select! {
            biased;
            () = cut.notified() => {
                tracing::debug!("a connection to the proxy was cut");
                return;
            }
            // While this waits, the connection's loop is not polled and neither reads nor writes.
            Some(lasting) = stalls.recv() => tokio::select! {
                biased;
                () = cut.notified() => return,
                () = sleep(lasting) => {}
            },
            ended = &mut conversation => {
                match ended {
                    Ok(()) => tracing::debug!("a client has gone"),
                    Err(tungstenite::Error::ConnectionClosed) => tracing::debug!("a client has closed its connection"),
                    Err(_) => tracing::debug!("a client's connection broke off"),
                }
                return;
            }
        }
    }
}

/// The close code and reason for what a client did wrong. `None` if its connection broke off.
fn violation(error: &tungstenite::Error) -> Option<(u16, &'static str)> {
    match error {
        tungstenite::Error::Capacity(_) => Some((1009, "Messages may have 64 KiB.")),
        tungstenite::Error::Utf8(_) => Some((1007, "The text is not valid UTF-8.")),
        tungstenite::Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing,
        ) => None,
        tungstenite::Error::Protocol(_) => Some((1002, "The frame violates RFC 6455.")),
        _ => None,
    }
}

async fn converse(
    socket: &mut WebSocketStream<TcpStream>,
    backend: &Arc<Backend>,
    registration: Registration,
    mut faults: mpsc::Receiver<ConnectionFault>,
) -> tungstenite::Result<()> {
    let mut joined = JoinedChannel::Outside;
    // Nothing is read until this time, so that pings stay unanswered.
    let mut unread_until: Option<Instant> = None;
    loop {
        tokio::select! {
            frame = socket.next(), if unread_until.is_none() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let (reply, step) = answer(&text, &joined, backend);
                    let whose = match &step {
                        Step::Join { profile, .. } => Some(profile),
                        Step::Stay | Step::Leave => joined.profile(),
                    };
                    let late = backend.faults.delay(whose, backend.clock.now()).unwrap_or_default() + backend.latency();
                    // Nothing is sent after the reply to a leave, and nothing before the reply to a join.
                    if matches!(step, Step::Leave) {
                        joined = JoinedChannel::Outside;
                        registration.joined(None);
                    }
                    if !late.is_zero() {
                        sleep(late).await;
                    }
                    write(socket, [Message::text(reply)]).await?;
                    if let Step::Join { profile, channel } = step {
                        registration.joined(Some(profile.clone()));
                        let (membership, inbox) = backend.hub.join(&profile);
                        joined = JoinedChannel::Joined { _membership: membership, inbox, profile, channel };
                    }
                }
                Some(Ok(Message::Binary(_))) => {
                    let reply = frames::reply(400, None, "Messages are text frames.", None);
                    write(socket, [Message::text(reply)]).await?;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) => {
                    registration.joined(None);
                    drop(joined);
                    return read_to_end(socket).await;
                }
                None => return Ok(()),
                Some(Err(error)) => {
                    registration.joined(None);
                    drop(joined);
                    return match violation(&error) {
                        Some((code, reason)) => reject(socket, code, reason).await,
                        None => Err(error),
                    };
                }
            },
            () = sleep_until(unread_until.unwrap_or_else(Instant::now)), if unread_until.is_some() => unread_until = None,
            Some(fault) = faults.recv() => match fault {
                ConnectionFault::StopReading(lasting) => unread_until = Instant::now().checked_add(lasting),
                ConnectionFault::SendGarbage(kinds) => {
                    for kind in kinds {
                        write(socket, [kind.frame()]).await?;
                    }
                }
                ConnectionFault::Close { code, reason } => {
                    registration.joined(None);
                    drop(joined);
                    return close(socket, code, &reason).await;
                }
                // Applied outside this loop.
                ConnectionFault::Cut | ConnectionFault::Stalled(_) => {}
            },
            batch = joined.next_batch() => {
                let Some(DeliveryBatch { frames, written }) = batch else { return Ok(()) };
                let whose = joined.profile();
                let in_frame = |queued: Utf8Bytes| match (frames::of_queue(queued), whose) {
                    (Message::Text(text), Some(profile)) if backend.faults.sends_binary(profile, backend.clock.now()) => {
                        Message::Binary(text.into())
                    }
                    (frame, _) => frame,
                };
                write(socket, frames.iter().cloned().map(in_frame)).await?;
                if written.send(()).is_err() {
                    // The pump has ended with the sandbox.
                    return Ok(());
                }
            }
        }
    }
}

/// The state change that a request causes.
enum Step {
    Stay,
    Join { profile: ProfileId, channel: String },
    Leave,
}

/// Answers a request: the reply, and the state change.
fn answer(text: &str, joined: &JoinedChannel, backend: &Backend) -> (String, Step) {
    let (request, correlation) = frames::read(text);
    let (status, channel, message, step) = match (request, joined) {
        (ChannelRequest::Invalid(why), _) => (400, None, why, Step::Stay),
        (ChannelRequest::Join { .. }, JoinedChannel::Joined { .. }) => {
            (409, None, "This connection has joined a channel already: leave it first.", Step::Stay)
        }
        (ChannelRequest::Join { token }, JoinedChannel::Outside) => {
            let owner = backend.token_owner(&token);
            let refused = backend.faults.refuses_join(owner.as_ref(), backend.clock.now());
            match (owner, refused) {
                (_, Some(status @ (401 | 403))) => (status, None, BAD_TOKEN, Step::Stay),
                (_, Some(status)) => (status, None, "The proxy takes no joins at the moment.", Step::Stay),
                (Some(profile), None) => {
                    let channel = backend.new_channel_id();
                    let step = Step::Join { profile, channel: channel.clone() };
                    (200, Some(channel), "Successfully joined profile channel.", step)
                }
                (None, None) => (401, None, BAD_TOKEN, Step::Stay),
            }
        }
        (ChannelRequest::Leave { .. }, JoinedChannel::Outside) => {
            (409, None, "This connection has not joined a channel.", Step::Stay)
        }
        (ChannelRequest::Leave { channel: named }, JoinedChannel::Joined { channel, profile, .. }) => {
            if named.is_some_and(|named| named != *channel) {
                (404, None, "This connection has not joined that channel.", Step::Stay)
            } else {
                tracing::debug!(%profile, "a client leaves");
                (200, Some(channel.clone()), "Successfully left profile channel.", Step::Leave)
            }
        }
    };
    (frames::reply(status, channel.as_deref(), message, correlation), step)
}

/// Writes messages and flushes them. Fails if the client does not read them in time.
async fn write(
    socket: &mut WebSocketStream<TcpStream>,
    messages: impl IntoIterator<Item = Message>,
) -> tungstenite::Result<()> {
    let writing = async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    timeout(PATIENCE, writing)
        .await
        .unwrap_or_else(|_| Err(tungstenite::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Sends a close frame and waits for the client's, but not for long.
async fn close(socket: &mut WebSocketStream<TcpStream>, code: u16, reason: &str) -> tungstenite::Result<()> {
    let frame = CloseFrame { code: code.into(), reason: reason.into() };
    timeout(PATIENCE, socket.close(Some(frame))).await.unwrap_or(Ok(()))?;
    read_to_end(socket).await
}

/// Sends a close frame to a client that violated the protocol. What else it sends can't be read.
async fn reject(socket: &mut WebSocketStream<TcpStream>, code: u16, reason: &'static str) -> tungstenite::Result<()> {
    let ending = async {
        socket.send(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))).await?;
        Ok(handshake::end(socket.get_mut()).await?)
    };
    timeout(PATIENCE, ending).await.unwrap_or(Ok(()))
}

/// Reads until the connection has ended, but not for long. Reading also sends the answer to a client's close frame, without
/// which the client would take the connection for broken.
async fn read_to_end(socket: &mut WebSocketStream<TcpStream>) -> tungstenite::Result<()> {
    let reading = async {
        while let Some(Ok(_)) = socket.next().await {}
        Ok(())
    };
    timeout(PATIENCE, reading).await.unwrap_or(Ok(()))
}
