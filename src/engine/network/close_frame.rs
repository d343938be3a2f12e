//! Records the close frame of a WebSocket as it arrives, with its full code and reason, because tungstenite replaces the
//! codes that it does not know.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The opcode of a close frame (RFC 6455, section 5.5.1).
const CLOSE: u8 = 8;
/// The longest payload of a control frame, in bytes.
const MAX_PAYLOAD_SIZE: usize = 125;

/// A close frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CloseFrame<'a> {
    /// Its code, if it has one.
    pub(crate) code: Option<u16>,
    /// Its reason, which may be invalid UTF-8.
    pub(crate) reason: &'a [u8],
}

/// A byte stream from a WebSocket server.
#[derive(Debug)]
pub(crate) struct CloseWatch<T> {
    stream: T,
    frames: Frames,
}

/// Finds the frame boundaries in the bytes that were read so far.
#[derive(Debug, Default)]
struct Frames {
    /// The header of the current frame, as far as it has arrived.
    head: Vec<u8>,
    /// The bytes of the payload that are still to come.
    remaining: u64,
    is_close: bool,
    close: Option<Vec<u8>>,
}

impl<T> CloseWatch<T> {
    /// Wraps a stream of which `read` has already been read.
    pub(crate) fn new(stream: T, read: &[u8]) -> Self {
        let mut frames = Frames::default();
        frames.read(read);
        Self { stream, frames }
    }

    /// The close frame, once it has been read.
    pub(crate) fn close_frame(&self) -> Option<CloseFrame<'_>> {
        let payload = self.frames.close.as_deref()?;
        Some(match payload.split_first_chunk() {
            Some((code, reason)) => CloseFrame { code: Some(u16::from_be_bytes(*code)), reason },
            None => CloseFrame { code: None, reason: &[] },
        })
    }
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.remaining == 0 {
                bytes = rest;
                self.head.push(*first);
                if let Some((opcode, length)) = head(&self.head) {
                    self.head.clear();
                    self.remaining = length;
                    self.is_close = opcode == CLOSE;
                    if self.is_close {
                        self.close = Some(Vec::new());
                    }
                }
                continue;
            }
            let part = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(part);
            if let (true, Some(close)) = (self.is_close, &mut self.close) {
                close.extend(payload.iter().take(MAX_PAYLOAD_SIZE.saturating_sub(close.len())));
            }
            self.remaining = self.remaining.saturating_sub(part as u64);
            bytes = rest;
        }
    }
}

/// The opcode and the payload length, once the header is complete. A mask, which no server may use, counts as payload.
fn head(bytes: &[u8]) -> Option<(u8, u64)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let length = match second & 0x7f {
        126 => u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        127 => u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?),
        length => u64::from(length),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    Some((first & 0x0f, length.saturating_add(mask)))
}

impl<T: AsyncRead + Unpin> AsyncRead for CloseWatch<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.frames.read(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CloseWatch<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame from a server.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match payload.len() {
            length @ ..126 => bytes.push(u8::try_from(length).unwrap()),
            length @ ..65_536 => {
                bytes.push(126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_close_frame_is_found_after_frames_of_every_length_however_the_bytes_arrive() {
        // Payloads that look like close frames.
        let others = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000].map(|length| frame(1, &vec![0x88; length]));
        let close = frame(CLOSE, &[&4001_u16.to_be_bytes(), b"bye\xff".as_slice()].concat());
        let bytes = [others.concat(), close].concat();
        for size in [1, 7, 1_000, bytes.len()] {
            let mut frames = Frames::default();
            for piece in bytes.chunks(size) {
                frames.read(piece);
            }
            let watch = CloseWatch { stream: (), frames };
            assert_eq!(watch.close_frame(), Some(CloseFrame { code: Some(4001), reason: b"bye\xff" }), "{size}");
        }
    }

    #[test]
    fn a_close_frame_may_be_empty_or_break_the_rules() {
        let of = |bytes: &[u8]| {
            let watch = CloseWatch::new((), bytes);
            watch.close_frame().map(|frame| (frame.code, frame.reason.len()))
        };
        assert_eq!(of(&frame(CLOSE, b"")), Some((None, 0)));
        assert_eq!(of(&frame(CLOSE, b"x")), Some((None, 0)));
        assert_eq!(of(&frame(CLOSE, &vec![0x88; 70_000])), Some((Some(0x8888), MAX_PAYLOAD_SIZE - 2)));
        assert_eq!(of(&frame(9, b"ping")), None);
    }
}
