//! Applies received entries in a separate thread between two frames.
//!
//! While the window draws, it owns a profile's rows. Between two frames it may hand them over together with pending entries. At
//! the next frame it takes them back, however far the work is, so it waits for at most one slice of entries (some tenths of a
//! millisecond). Few entries are applied within the frame, without a handover.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::activity::{Activities, ActivityKey};
use crate::settings::ProfileId;
use crate::ui::platform::ports::Waker;
use crate::ui::view_state::apply_entries::ApplySummary;
use crate::ui::view_state::completeness::Completeness;
use crate::ui::view_state::pending_entries::PendingEntries;

/// Entries are handed over from this count on.
pub(crate) const MANY: usize = 256;
/// Maximum number of pending entries. Beyond it the window stops draining the engine, and the entries are read from the journal
/// later.
pub(crate) const MOST: usize = 65_536;
/// Maximum size of the pending entries, in bytes.
pub(crate) const MOST_BYTES: usize = 64 * 1_024 * 1_024;
/// From this many pending entries on, the UI thread applies them itself (more than 2 × the journal's chunk size).
pub(crate) const PILE: usize = 50_000;

/// The part of a profile's tab that is handed over.
#[derive(Debug)]
pub(crate) struct ApplyJob {
    pub(crate) profile: ProfileId,
    pub(crate) activities: Activities,
    pub(crate) completeness: Completeness,
    pub(crate) pending_entries: PendingEntries,
    /// What applying the entries changed.
    pub(crate) changed: ApplySummary,
    /// Keys of the changed activities, if the tab `All profiles` needs them.
    pub(crate) keys: Option<Vec<ActivityKey>>,
}

/// Who has the jobs, and how far they are.
#[derive(Debug)]
enum Hand {
    /// The window has them.
    Empty,
    /// The jobs were handed over and are not started.
    Given(Vec<ApplyJob>),
    /// The thread works on them.
    Busy,
    /// The jobs are finished, or were interrupted for the window.
    Done(Vec<ApplyJob>),
    /// The thread has ended, or has to end.
    Over,
}

struct Shared {
    hand: Mutex<Hand>,
    turned: Condvar,
    /// Whether the window wants the jobs back.
    wanted: AtomicBool,
}

impl Shared {
    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, hand: Hand) {
        *self.hand() = hand;
        self.turned.notify_all();
    }
}

/// The thread that applies entries between frames.
pub struct ApplyThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ApplyThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Beside")
    }
}

impl ApplyThread {
    /// Starts the thread, which wakes the window after each change. Returns `None` if the thread can't be started; all entries
    /// are then applied within the frames.
    #[must_use]
    pub fn start(waker: Waker) -> Option<Self> {
        let shared =
            Arc::new(Shared { hand: Mutex::new(Hand::Empty), turned: Condvar::new(), wanted: AtomicBool::new(false) });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("beside the window".to_owned()).spawn(move || {
            let end = End(theirs);
            run(&end.0, &waker);
        });
        match thread {
            Ok(thread) => Some(Self { shared, thread: Some(thread) }),
            Err(error) => {
                tracing::warn!(%error, "what comes is applied within the frames: the thread beside the window could not be started");
                None
            }
        }
    }

    /// Hands jobs to the thread.
    pub(crate) fn give(&self, work: Vec<ApplyJob>) {
        self.shared.wanted.store(false, Ordering::Release);
        self.shared.turn(Hand::Given(work));
    }

    /// Takes the jobs back, however far they are.
    pub(crate) fn take_back(&mut self) -> Vec<ApplyJob> {
        self.shared.wanted.store(true, Ordering::Release);
        let mut hand = self.shared.hand();
        loop {
            match std::mem::replace(&mut *hand, Hand::Empty) {
                Hand::Empty => return Vec::new(),
                Hand::Given(work) | Hand::Done(work) => return work,
                Hand::Busy => *hand = Hand::Busy,
                Hand::Over => {
                    drop(hand);
                    self.pass_the_panic_on();
                    return Vec::new();
                }
            }
            hand = self.shared.turned.wait(hand).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A panic in the thread becomes a panic of the window, as if the entries were applied within a frame.
    fn pass_the_panic_on(&mut self) {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for ApplyThread {
    fn drop(&mut self) {
        self.shared.wanted.store(true, Ordering::Release);
        self.shared.turn(Hand::Over);
    }
}

/// Informs the window when the thread ends, also after a panic.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.turn(Hand::Over);
    }
}

fn run(shared: &Shared, waker: &Waker) {
    loop {
        let mut hand = shared.hand();
        let mut work = loop {
            match std::mem::replace(&mut *hand, Hand::Busy) {
                Hand::Given(work) => break work,
                Hand::Over => return,
                other => *hand = other,
            }
            hand = shared.turned.wait(hand).unwrap_or_else(PoisonError::into_inner);
        };
        drop(hand);
        let go_on = || !shared.wanted.load(Ordering::Acquire);
        for ApplyJob { activities, completeness, pending_entries, changed, keys, .. } in &mut work {
            changed.add(pending_entries.apply((activities, completeness), keys.as_mut(), go_on));
        }
        let mut hand = shared.hand();
        if matches!(*hand, Hand::Over) {
            return;
        }
        *hand = Hand::Done(work);
        drop(hand);
        shared.turned.notify_all();
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ui::view_state::pending_entries::tests::many;

    use super::*;

    fn work(count: usize) -> ApplyJob {
        let pending_entries = many(count);
        ApplyJob {
            profile: ProfileId::from_u128(1),
            activities: Activities::new(Duration::from_mins(1)),
            completeness: Completeness::default(),
            pending_entries,
            changed: ApplySummary::default(),
            keys: None,
        }
    }

    #[test]
    fn what_is_taken_back_early_is_applied_so_far_and_the_rest_still_waits() {
        const COUNT: usize = 20_000;
        let mut beside = ApplyThread::start(Waker::default()).unwrap();
        let mut given = vec![work(COUNT)];
        while given.iter().any(|work| !work.pending_entries.is_empty()) {
            beside.give(given);
            given = beside.take_back();
            let [work] = given.as_slice() else { panic!("{} came back", given.len()) };
            assert_eq!(work.activities.len() + work.pending_entries.len(), COUNT);
        }
        assert!(beside.take_back().is_empty(), "it came back twice");
    }

    #[test]
    fn a_mistake_in_the_thread_is_one_of_the_window() {
        let mut beside = ApplyThread::start(Waker::default()).unwrap();
        beside.shared.turn(Hand::Busy);
        let theirs = beside.shared.clone();
        let thread = std::thread::Builder::new().spawn(move || {
            let _end = End(theirs);
            panic!("as a test wants it");
        });
        beside.thread = Some(thread.unwrap());
        let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| beside.take_back()));
        let panic = taken.expect_err("the window goes on without its rows");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"as a test wants it"));
    }
}
