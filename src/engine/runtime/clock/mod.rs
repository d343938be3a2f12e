//! The clock of this run, which gives the time of every entry and every deadline: the time of day at the start, advanced by
//! the clock that counts suspend and can't be set.
//!
//! It follows small corrections of the computer's clock, but not a jump, which is reported ([`Clocks::take_jump`]). `Date`
//! headers give the offset to the server's time of day. Before anything was received in a run, the first header corrects the
//! clock; later ones only update the offset. If an earlier run of the same boot stored its clock, this run continues it,
//! whatever the computer's clock was set to meanwhile ([`StoredClock`]).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::activity::{Seq, TimeReference, Timestamp};
use crate::engine::events::clock_jump::{ClockJump, MIN_REPORTED};
use crate::journal::StoredClock;

/// The clock that counts suspend, from some start; `None` if the system has none.
pub(crate) type BootClock = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// How far clocks may differ before it counts as sleep.
pub(crate) const DRIFT: Duration = Duration::from_secs(2);
/// The largest offset of the computer's clock from the run's clock that counts as a slow correction, in microseconds.
const SLEW: i64 = 1_000_000;
/// The largest offset of the server's clock that counts as equal, in microseconds: `Date` has whole seconds, and takes time
/// to arrive.
const MAX_AGREEING: i64 = 3_000_000;

/// All clocks of a run. Clones share them.
#[derive(Clone)]
pub(crate) struct Clocks(Arc<Shared>);

struct Shared {
    wall: Clock,
    boot: BootClock,
    booted: Option<Duration>,
    start: Instant,
    run: Mutex<Run>,
    /// Notified when the computer's clock was set or a server's time changed the offset.
    changed: Notify,
}

/// The clock of the run, as of the last reading.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The time since the start.
    elapsed: Duration,
    now: Timestamp,
    reference: TimeReference,
    /// Whether something was received: from then on the clock is never corrected.
    receiving: bool,
    /// How far the computer's clock was ahead when that was last reported.
    reported_ahead: i64,
    /// Whether a server's time has shown since then that the computer's clock was wrong.
    was_wrong: bool,
    /// A lower bound of the time, if no server gives it: see [`Clocks::lower_bound`].
    floor: Option<Timestamp>,
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// A point in time, by all clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockSample {
    /// The time by the run's clock.
    pub(crate) at: Timestamp,
    elapsed: Duration,
    instant: Instant,
}

impl Clocks {
    /// Clocks that start from the time of day.
    #[cfg(test)]
    pub(crate) fn new(wall: Clock, boot: BootClock) -> Self {
        Self::resumed(wall, boot, None, Seq(0), None)
    }

    /// Clocks that continue those of an earlier run. `live_from` is the first entry of this run, `boot_id` the id of this
    /// boot of the machine.
    pub(crate) fn resumed(
        wall: Clock,
        boot: BootClock,
        stored: Option<&StoredClock>,
        live_from: Seq,
        boot_id: Option<&str>,
    ) -> Self {
        let booted = boot();
        let resumed = StoredClock::resume(stored, wall(), boot_id.zip(booted));
        let run = Run {
            elapsed: Duration::ZERO,
            now: resumed.now,
            reference: TimeReference {
                ahead: resumed.ahead,
                server: resumed.server,
                is_server_time_known: resumed.server_time_known,
                steady_from: resumed.steady_from.unwrap_or(live_from),
            },
            receiving: false,
            was_wrong: false,
            reported_ahead: if resumed.is_continued { resumed.ahead_before } else { resumed.ahead },
            floor: stored.map(|stored| stored.certain),
        };
        Self(Arc::new(Shared {
            wall,
            boot,
            booted,
            start: Instant::now(),
            run: Mutex::new(run),
            changed: Notify::new(),
        }))
    }

    /// The current time by all clocks.
    pub(crate) fn now(&self) -> ClockSample {
        self.read(|_, _| ()).0
    }

    /// The run's clock, for callers that need nothing else.
    pub(crate) fn as_clock(&self) -> Clock {
        let clocks = self.clone();
        Arc::new(move || clocks.now().at)
    }

    /// How the run's clock relates to the other clocks.
    pub(crate) fn reference(&self) -> TimeReference {
        self.read(|run, _| run.reference).1
    }

    /// Converts a time of the server's clock to the run's clock; unchanged as long as the server's clock is unknown.
    pub(crate) fn server_to_local(&self, at: Timestamp) -> Timestamp {
        self.reference().server_to_local(at).unwrap_or(at)
    }

    /// Processes a server's time of day.
    pub(crate) fn on_server_time(&self, date: Timestamp) {
        self.read(|run, wall| run.on_server_time(date, wall));
    }

    /// Waits until the computer's clock was set or a server's time changed the offset.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Sets a lower bound of the time, which counts until a server gives the time.
    pub(crate) fn set_floor(&self, at: Timestamp) {
        self.read(|run, _| {
            if !run.reference.is_server_time_known {
                run.reference.server = Some(at.0.saturating_sub(run.now.0).min(0));
            }
        });
    }

    /// From now on messages are received, so the clock must not be corrected any more.
    pub(crate) fn begin_receiving(&self) {
        self.read(|run, _| run.receiving = true);
    }

    /// A lower bound of the current time, for actions that can't be undone: from the server, otherwise from what an earlier
    /// run knew plus the time since this run began. `None` if neither is known.
    pub(crate) fn lower_bound(&self) -> Option<Timestamp> {
        self.read(|run, _| run.lower_bound()).1
    }

    /// The jump of this computer's clock since the last call, if it is large enough to report.
    pub(crate) fn take_jump(&self) -> Option<ClockJump> {
        self.read(|run, _| {
            let by = run.reference.ahead.saturating_sub(run.reported_ahead);
            if by.saturating_abs() < MIN_REPORTED {
                return None;
            }
            run.reported_ahead = run.reference.ahead;
            let was_wrong = std::mem::take(&mut run.was_wrong);
            let server = run.reference.server.filter(|_| run.reference.is_server_time_known);
            Some(ClockJump { by, ahead: server.map(|server| run.reference.ahead.saturating_sub(server)), was_wrong })
        })
        .1
    }

    /// The clock that a later run continues from.
    pub(crate) fn to_stored(&self, boot_id: Option<&str>) -> StoredClock {
        self.read(|run, _| StoredClock {
            boot_id: boot_id.map(str::to_owned),
            since_boot: self.0.booted.map(|booted| booted + run.elapsed),
            now: run.now,
            ahead: run.reference.ahead,
            server: run.reference.server,
            told_by_server: run.reference.is_server_time_known,
            steady_from: run.reference.steady_from,
            // Without a server and an earlier run, this clock is all there is.
            certain: run.lower_bound().unwrap_or(run.now),
        })
        .1
    }

    /// Reads the clocks, then calls `then` with the run's clock and the computer's time of day.
    fn read<T>(&self, then: impl FnOnce(&mut Run, Timestamp) -> T) -> (ClockSample, T) {
        let shared = &*self.0;
        let mut run = shared.run.lock();
        let instant = Instant::now();
        let by_boot = shared.booted.and_then(|booted| Some((shared.boot)()?.saturating_sub(booted)));
        let elapsed = by_boot.unwrap_or_else(|| instant.saturating_duration_since(shared.start));
        let wall = (shared.wall)();
        let before = run.reference;
        run.advance(elapsed, wall);
        let result = then(&mut run, wall);
        if run.reference != before {
            shared.changed.notify_one();
        }
        (ClockSample { at: run.now, elapsed: run.elapsed, instant }, result)
    }
}

impl Run {
    fn advance(&mut self, elapsed: Duration, wall: Timestamp) {
        let passed = elapsed.saturating_sub(self.elapsed);
        let steady = self.now.plus(passed);
        let by_wall = Timestamp(wall.0.saturating_sub(self.reference.ahead));
        // Systems slew a clock by at most half a percent.
        let slew = i64::try_from(passed.as_micros() / 200).unwrap_or(i64::MAX).max(SLEW);
        if by_wall.0.saturating_sub(steady.0).saturating_abs() <= slew {
            self.now = self.now.max(by_wall);
        } else {
            self.now = steady;
            self.reference.ahead = wall.0.saturating_sub(steady.0);
        }
        self.elapsed = self.elapsed.max(elapsed);
    }

    fn lower_bound(&self) -> Option<Timestamp> {
        match self.reference.to_server(self.now) {
            Some(by_server) if self.reference.is_server_time_known => Some(by_server),
            by_server => by_server.max(self.floor.map(|floor| floor.plus(self.elapsed).min(self.now))),
        }
    }

    fn on_server_time(&mut self, date: Timestamp, wall: Timestamp) {
        let server = date.plus(Duration::from_millis(500));
        let offset = server.0.saturating_sub(self.now.0);
        let agrees = |one: i64, other: i64| one.saturating_sub(other).saturating_abs() <= MAX_AGREEING;
        let mut offset = if agrees(offset, 0) { 0 } else { offset };
        if offset != 0 && !self.reference.is_server_time_known && !self.receiving {
            self.now = server;
            self.reference.ahead = wall.0.saturating_sub(server.0);
            // An offset from the server's clock that was there all along is reported once.
            (self.reported_ahead, self.was_wrong) = (0, true);
            offset = 0;
        }
        if !self.reference.is_server_time_known || self.reference.server.is_none_or(|known| !agrees(known, offset)) {
            self.reference.server = Some(offset);
        }
        self.reference.is_server_time_known = true;
    }
}

impl ClockSample {
    /// The time from `earlier` to this, including sleep, independent of the time of day.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed)
    }

    /// How much of that time the machine slept.
    pub(crate) fn slept_since(self, earlier: Self) -> Duration {
        let awake = self.instant.saturating_duration_since(earlier.instant);
        let slept = self.since(earlier).saturating_sub(awake);
        if slept > DRIFT { slept } else { Duration::ZERO }
    }
}

/// Gives the time of day. Injected, so that tests can control it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[cfg(test)]
mod tests;
