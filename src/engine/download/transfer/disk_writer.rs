//! Writes received pieces to the part file, on a thread that may block on the disk.
//!
//! A full disk is not fatal, because the link can't be fetched twice. The writer keeps the received pieces and takes no more, which
//! pushes back on the network, until there is space, the receiver gives up, or the receiver moves the file to another disk.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

/// What a writer writes into.
pub(crate) trait WriterTask {
    /// Writes a piece, and removes from it what was written.
    ///
    /// # Errors
    ///
    /// If the disk refuses; the rest of the piece can be retried.
    fn write(&mut self, piece: &mut Bytes) -> io::Result<()>;

    /// Moves what was written into `place`, which is empty, and continues there.
    ///
    /// # Errors
    ///
    /// If that fails. Everything is then as before.
    fn move_to(&mut self, place: Self) -> io::Result<()>;
}

/// A request to continue at another place.
#[derive(Debug)]
struct Move<S> {
    place: S,
    done: oneshot::Sender<io::Result<()>>,
}

/// The writer's side.
#[derive(Debug)]
pub(crate) struct WritePending<S> {
    full: watch::Sender<bool>,
    moves: Receiver<Move<S>>,
}

/// The receiver's side. Dropping it gives up: a writer that waits for space then stops.
#[derive(Debug)]
pub(crate) struct WriterHandle<S> {
    full: watch::Receiver<bool>,
    moves: SyncSender<Move<S>>,
}

impl<S> WriterHandle<S> {
    /// Whether the writer waits for space.
    pub(crate) fn is_waiting(&self) -> bool {
        *self.full.borrow()
    }

    /// Makes the writer continue at another place: at once if it waits for space, otherwise at its next piece. The receiver returns
    /// whether that worked; it is closed if the writer ended before. `None` if a move is already requested.
    pub(crate) fn move_to(&self, place: S) -> Option<oneshot::Receiver<io::Result<()>>> {
        let (done, answer) = oneshot::channel();
        self.moves.try_send(Move { place, done }).ok().map(|()| answer)
    }
}

/// Creates both sides.
pub(crate) fn channel<S>() -> (WriterHandle<S>, WritePending<S>) {
    let (full_sender, full) = watch::channel(false);
    // Full: one move is already requested, and that one counts.
    let (desired_state, moves) = sync_channel(1);
    (WriterHandle { full, moves: desired_state }, WritePending { full: full_sender, moves })
}

impl<S: WriterTask> WritePending<S> {
    /// Writes pieces until there are no more. While the disk is full it retries every `pause`.
    ///
    /// # Errors
    ///
    /// If the disk fails for another reason, or the receiver gave up while it is full.
    pub(crate) fn write_all(
        &self,
        mut arriving: mpsc::Receiver<Bytes>,
        pause: Duration,
        into: &mut S,
    ) -> io::Result<()> {
        while let Some(mut piece) = arriving.blocking_recv() {
            while let Ok(desired_state) = self.moves.try_recv() {
                desired_state.perform(into);
            }
            while let Err(error) = into.write(&mut piece) {
                if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                    return Err(error);
                }
                self.full.send_replace(true);
                match self.moves.recv_timeout(pause) {
                    Ok(desired_state) => desired_state.perform(into),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Err(error),
                }
            }
            self.full.send_if_modified(std::mem::take);
        }
        Ok(())
    }
}

impl<S: WriterTask> Move<S> {
    fn perform(self, of: &mut S) {
        if self.done.send(of.move_to(self.place)).is_err() {
            tracing::debug!("a download that was moved is being stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk in memory that refuses some writes before it accepts any.
    #[derive(Debug, Default)]
    struct Disk {
        refuses: usize,
        attempts: usize,
        written: Vec<u8>,
        /// Whether the writer was reported as waiting, at each attempt.
        waits: Vec<bool>,
        full: Option<watch::Receiver<bool>>,
        error: Option<io::ErrorKind>,
    }

    impl WriterTask for Disk {
        fn write(&mut self, piece: &mut Bytes) -> io::Result<()> {
            self.attempts += 1;
            self.waits.extend(self.full.as_ref().map(|waits| *waits.borrow()));
            if let Some(trouble) = self.error {
                return Err(trouble.into());
            }
            if self.attempts <= self.refuses {
                // There was still space for a part of it.
                self.written.extend_from_slice(&piece.split_to(1));
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.extend_from_slice(&piece.split_to(piece.len()));
            Ok(())
        }

        fn move_to(&mut self, place: Self) -> io::Result<()> {
            if place.error.is_some() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let before = std::mem::replace(self, place);
            self.written = before.written;
            Ok(())
        }
    }

    fn pieces() -> mpsc::Receiver<Bytes> {
        let (pieces, arriving) = mpsc::channel(2);
        pieces.try_send(Bytes::from_static(b"one ")).unwrap();
        pieces.try_send(Bytes::from_static(b"two")).unwrap();
        arriving
    }

    #[test]
    fn a_full_disk_is_waited_for_and_written_bytes_are_not_written_again() {
        let (patience, waiting) = channel();
        let mut disk = Disk { refuses: 2, full: Some(patience.full.clone()), ..Disk::default() };
        waiting.write_all(pieces(), Duration::from_millis(1), &mut disk).unwrap();
        assert_eq!(disk.written, b"one two");
        assert_eq!(disk.waits, [false, true, true, false]);
        assert!(!patience.is_waiting());
    }

    #[test]
    fn dropping_the_handle_or_another_error_ends_the_wait_for_space() {
        let (patience, waiting) = channel();
        drop(patience);
        let mut full = Disk { refuses: usize::MAX, ..Disk::default() };
        let ended = waiting.write_all(pieces(), Duration::from_hours(1), &mut full);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let (_patience, waiting) = super::channel();
        let mut gone = Disk { error: Some(io::ErrorKind::NotFound), ..Disk::default() };
        let ended = waiting.write_all(pieces(), Duration::from_hours(1), &mut gone);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_move_takes_the_written_bytes_along_and_a_failed_move_changes_nothing() {
        let (patience, waiting) = channel();
        let refused = patience.move_to(Disk { error: Some(io::ErrorKind::NotFound), ..Disk::default() }).unwrap();
        assert!(patience.move_to(Disk::default()).is_none(), "two wishes at once");
        let mut disk = Disk::default();
        waiting.write_all(pieces(), Duration::from_hours(1), &mut disk).unwrap();
        assert_eq!(disk.written, b"one two");
        assert_eq!(refused.blocking_recv().unwrap().unwrap_err().kind(), io::ErrorKind::NotFound);

        let mut full = Disk { refuses: usize::MAX, ..Disk::default() };
        let mover = std::thread::scope(|scope| {
            let into = &mut full;
            let writer = scope.spawn(move || waiting.write_all(pieces(), Duration::from_hours(1), into));
            let answer = patience.move_to(Disk::default()).unwrap();
            writer.join().unwrap().unwrap();
            answer.blocking_recv().unwrap()
        });
        assert!(mover.is_ok(), "{mover:?}");
        assert_eq!(full.written, b"one two", "what had come was lost");
    }
}
