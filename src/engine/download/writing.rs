//! From the pieces that have come to the part-file, on a thread that may wait for the disk.
//!
//! A full disk ends nothing: a link opens once, so what has come waits for room, and what has not is held back in the network by
//! the pieces that are not taken. Whoever receives is told, and ends the waiting by giving up.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

/// The writer's side.
#[derive(Debug)]
pub(super) struct Waiting {
    full: watch::Sender<bool>,
    given_up: Receiver<Infallible>,
}

/// The receiver's side. Dropping it gives up: a writer that waits for room waits no longer.
#[derive(Debug)]
pub(super) struct Patience {
    full: watch::Receiver<bool>,
    _holds_on: SyncSender<Infallible>,
}

impl Patience {
    /// Whether the writer waits for room.
    pub(super) fn is_waiting(&self) -> bool {
        *self.full.borrow()
    }
}

/// Both sides.
pub(super) fn patience() -> (Patience, Waiting) {
    let (told, full) = watch::channel(false);
    // Nothing can be sent on it: only its end means something.
    let (holds_on, given_up) = sync_channel(0);
    (Patience { full, _holds_on: holds_on }, Waiting { full: told, given_up })
}

impl Waiting {
    /// Writes pieces until no more come. Where the disk is full it tries again every `pause`. `write` takes off a piece what it
    /// has written.
    ///
    /// # Errors
    ///
    /// Where the disk refuses for another reason, or the receiver has given up while it is full.
    pub(super) fn write_all(
        &self,
        mut arriving: mpsc::Receiver<Bytes>,
        pause: Duration,
        mut write: impl FnMut(&mut Bytes) -> io::Result<()>,
    ) -> io::Result<()> {
        while let Some(mut piece) = arriving.blocking_recv() {
            while let Err(error) = write(&mut piece) {
                if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                    return Err(error);
                }
                self.full.send_replace(true);
                if self.given_up.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return Err(error);
                }
            }
            self.full.send_if_modified(std::mem::take);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> mpsc::Receiver<Bytes> {
        let (pieces, arriving) = mpsc::channel(2);
        pieces.try_send(Bytes::from_static(b"one ")).unwrap();
        pieces.try_send(Bytes::from_static(b"two")).unwrap();
        arriving
    }

    #[test]
    fn a_full_disk_is_waited_for_and_what_it_took_before_is_not_written_again() {
        let (patience, waiting) = patience();
        let (mut written, mut attempts) = (Vec::new(), 0);
        let done = waiting.write_all(pieces(), Duration::from_millis(1), |piece| {
            attempts += 1;
            assert_eq!(patience.is_waiting(), matches!(attempts, 2 | 3), "attempt {attempts}");
            if attempts < 3 {
                written.extend_from_slice(&piece.split_to(1));
                return Err(io::ErrorKind::StorageFull.into());
            }
            written.extend_from_slice(&piece.split_to(piece.len()));
            Ok(())
        });
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(written, b"one two");
        assert!(!patience.is_waiting());
    }

    #[test]
    fn who_gives_up_ends_the_waiting_at_once_and_another_trouble_ends_it_by_itself() {
        let (patience, waiting) = patience();
        drop(patience);
        let full = waiting.write_all(pieces(), Duration::from_hours(1), |_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let (_patience, waiting) = self::patience();
        let gone = waiting.write_all(pieces(), Duration::from_hours(1), |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
