//! The clock of this run, which stamps every entry and judges every end: the time of day as it was at the start, carried on by
//! the clock that counts suspend and can't be set.
//!
//! Small corrections of the computer's clock are followed; a jump is not, and is noted instead ([`Clocks::jumped`]). What the
//! clock is worth in the server's time of day comes from `Date` headers: before anything was received in a run, the first of
//! them puts the clock right; later ones say how far the server is from it. Where an earlier run of the same boot left off,
//! the clock goes on, whatever the computer's clock was set to meanwhile ([`KeptClock`]).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::activity::{Seq, TimeReference, Timestamp};
use crate::journal::KeptClock;

/// The clock that counts suspend, from some start; `None` if the system has none.
pub(crate) type BootClock = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// How far clocks may differ without the machine having slept.
pub(crate) const DRIFT: Duration = Duration::from_secs(2);
/// How far the computer's clock may be off the clock of the run, in microseconds, and count as corrected slowly.
const SLEW: i64 = 1_000_000;
/// How far the server's clock may be off, in microseconds, and count as the same: `Date` has whole seconds, and takes its time
/// to arrive.
const AGREES: i64 = 3_000_000;
/// From how large a jump on the operator is told, in microseconds.
const WORTH_TELLING: i64 = 60_000_000;

/// The clocks. Clones share them.
#[derive(Clone)]
pub(crate) struct Clocks(Arc<Shared>);

struct Shared {
    wall: Clock,
    boot: BootClock,
    booted: Option<Duration>,
    start: Instant,
    run: Mutex<Run>,
    /// The computer's clock was set, or a server told something new.
    changed: Notify,
}

/// The clock of the run, as of the last look at it.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The time since the start.
    elapsed: Duration,
    now: Timestamp,
    reference: TimeReference,
    /// Whether something was received: from then on the clock only runs.
    receiving: bool,
    /// How far the computer's clock was ahead when the operator was last told.
    told_ahead: i64,
    /// Whether a server has shown since that it was wrong.
    was_wrong: bool,
    /// The time that has passed for certain, if no server tells it: see [`Clocks::certain`].
    floor: Option<Timestamp>,
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// A point in time by all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockSample {
    /// By the clock of the run.
    pub(crate) at: Timestamp,
    elapsed: Duration,
    instant: Instant,
}

/// What there is to tell of this computer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump {
    /// By how much it jumped, in microseconds.
    pub(crate) by: i64,
    /// How far it is ahead of the server's clock now, in microseconds; `None` if that is not known.
    pub(crate) ahead: Option<i64>,
    /// Whether it was found wrong rather than seen to jump.
    pub(crate) was_wrong: bool,
}

impl Clocks {
    /// Clocks that begin with the time of day.
    #[cfg(test)]
    pub(crate) fn new(wall: Clock, boot: BootClock) -> Self {
        Self::resumed(wall, boot, None, Seq(0), None)
    }

    /// Clocks that go on where an earlier run left off. `live_from` is the first entry of this run, `boot_id` what names this
    /// boot of the machine.
    pub(crate) fn resumed(
        wall: Clock,
        boot: BootClock,
        kept: Option<&KeptClock>,
        live_from: Seq,
        boot_id: Option<&str>,
    ) -> Self {
        let booted = boot();
        let resumed = KeptClock::resume(kept, wall(), boot_id.zip(booted));
        let run = Run {
            elapsed: Duration::ZERO,
            now: resumed.now,
            reference: TimeReference {
                ahead: resumed.ahead,
                server: resumed.server,
                is_told: resumed.told_by_server,
                steady_from: resumed.steady_from.unwrap_or(live_from),
            },
            receiving: false,
            was_wrong: false,
            told_ahead: if resumed.is_continued { resumed.ahead_before } else { resumed.ahead },
            floor: kept.map(|kept| kept.certain),
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

    /// Now.
    pub(crate) fn now(&self) -> ClockSample {
        self.look(|_, _| ()).0
    }

    /// The clock of the run, for what needs no more.
    pub(crate) fn as_clock(&self) -> Clock {
        let clocks = self.clone();
        Arc::new(move || clocks.now().at)
    }

    /// How the clock of the run relates to the other clocks.
    pub(crate) fn reference(&self) -> TimeReference {
        self.look(|run, _| run.reference).1
    }

    /// A moment of the server's clock on the clock of the run; the same moment as long as the server's clock is not known.
    pub(crate) fn of_server(&self, at: Timestamp) -> Timestamp {
        self.reference().of_server(at).unwrap_or(at)
    }

    /// A server said what time it is.
    pub(crate) fn server_said(&self, date: Timestamp) {
        self.look(|run, wall| run.server_said(date, wall));
    }

    /// Waits until the computer's clock was set, or a server told something new.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// It is as late as that at least, and no server has said more.
    pub(crate) fn is_at_least(&self, at: Timestamp) {
        self.look(|run, _| {
            if !run.reference.is_told {
                run.reference.server = Some(at.0.saturating_sub(run.now.0).min(0));
            }
        });
    }

    /// Something is received from now on: its time is not to change any more.
    pub(crate) fn begin_receiving(&self) {
        self.look(|run, _| run.receiving = true);
    }

    /// The time that it is at least: by the server, else by what an earlier run knew and the time that has passed since this
    /// one began. `None` if neither is known. For what can't be undone.
    pub(crate) fn certain(&self) -> Option<Timestamp> {
        self.look(|run, _| run.certain()).1
    }

    /// By how much this computer's clock jumped since this was last asked, if that is worth telling.
    pub(crate) fn jumped(&self) -> Option<Jump> {
        self.look(|run, _| {
            let by = run.reference.ahead.saturating_sub(run.told_ahead);
            if by.saturating_abs() < WORTH_TELLING {
                return None;
            }
            run.told_ahead = run.reference.ahead;
            let was_wrong = std::mem::take(&mut run.was_wrong);
            let server = run.reference.server.filter(|_| run.reference.is_told);
            Some(Jump { by, ahead: server.map(|server| run.reference.ahead.saturating_sub(server)), was_wrong })
        })
        .1
    }

    /// What a later run goes on from.
    pub(crate) fn keep(&self, boot_id: Option<&str>) -> KeptClock {
        self.look(|run, _| KeptClock {
            boot_id: boot_id.map(str::to_owned),
            since_boot: self.0.booted.map(|booted| booted + run.elapsed),
            now: run.now,
            ahead: run.reference.ahead,
            server: run.reference.server,
            told_by_server: run.reference.is_told,
            steady_from: run.reference.steady_from,
            // Without a server and an earlier run this clock is all there is.
            certain: run.certain().unwrap_or(run.now),
        })
        .1
    }

    /// Reads the clocks, and does something with the clock of the run, told what the computer's clock says.
    fn look<T>(&self, then: impl FnOnce(&mut Run, Timestamp) -> T) -> (ClockSample, T) {
        let shared = &*self.0;
        let mut run = shared.run.lock().unwrap_or_else(PoisonError::into_inner);
        let instant = Instant::now();
        let by_boot = shared.booted.and_then(|booted| Some((shared.boot)()?.saturating_sub(booted)));
        let elapsed = by_boot.unwrap_or_else(|| instant.saturating_duration_since(shared.start));
        let wall = (shared.wall)();
        let before = run.reference;
        run.look(elapsed, wall);
        let told = then(&mut run, wall);
        if run.reference != before {
            shared.changed.notify_one();
        }
        (ClockSample { at: run.now, elapsed: run.elapsed, instant }, told)
    }
}

impl Run {
    fn look(&mut self, elapsed: Duration, wall: Timestamp) {
        let passed = elapsed.saturating_sub(self.elapsed);
        let steady = self.now.plus(passed);
        let by_wall = Timestamp(wall.0.saturating_sub(self.reference.ahead));
        // No clock is corrected slowly by more than half a percent.
        let slew = i64::try_from(passed.as_micros() / 200).unwrap_or(i64::MAX).max(SLEW);
        if by_wall.0.saturating_sub(steady.0).saturating_abs() <= slew {
            self.now = self.now.max(by_wall);
        } else {
            self.now = steady;
            self.reference.ahead = wall.0.saturating_sub(steady.0);
        }
        self.elapsed = self.elapsed.max(elapsed);
    }

    fn certain(&self) -> Option<Timestamp> {
        match self.reference.by_server(self.now) {
            Some(by_server) if self.reference.is_told => Some(by_server),
            by_server => by_server.max(self.floor.map(|floor| floor.plus(self.elapsed).min(self.now))),
        }
    }

    fn server_said(&mut self, date: Timestamp, wall: Timestamp) {
        let server = date.plus(Duration::from_millis(500));
        let offset = server.0.saturating_sub(self.now.0);
        let agrees = |one: i64, other: i64| one.saturating_sub(other).saturating_abs() <= AGREES;
        let mut offset = if agrees(offset, 0) { 0 } else { offset };
        if offset != 0 && !self.reference.is_told && !self.receiving {
            self.now = server;
            self.reference.ahead = wall.0.saturating_sub(server.0);
            // What the computer's clock was ahead of the server's all along is told once.
            (self.told_ahead, self.was_wrong) = (0, true);
            offset = 0;
        }
        if !self.reference.is_told || self.reference.server.is_none_or(|known| !agrees(known, offset)) {
            self.reference.server = Some(offset);
        }
        self.reference.is_told = true;
    }
}

impl ClockSample {
    /// The time from `earlier` to this, sleep included, whatever the time of day was set to.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed)
    }

    /// How much of it the machine slept.
    pub(crate) fn slept_since(self, earlier: Self) -> Duration {
        let awake = self.instant.saturating_duration_since(earlier.instant);
        let slept = self.since(earlier).saturating_sub(awake);
        if slept > DRIFT { slept } else { Duration::ZERO }
    }
}

impl Jump {
    /// For the operator.
    pub(crate) fn sentence(self) -> String {
        let steady = "Statuses and expiry times do not depend on it.";
        let check = "Check the date and time settings of this computer.";
        let size = in_words(self.by);
        if self.was_wrong {
            let direction = if self.by > 0 { "ahead of" } else { "behind" };
            return format!(
                "The system clock is {size} {direction} the server's: it jumped or is set wrong. {steady} {check}"
            );
        }
        let direction = if self.by > 0 { "forward" } else { "back" };
        let told = format!("The system clock jumped {direction} by {size}. {steady}");
        match self.ahead {
            Some(ahead) if ahead.saturating_abs() < WORTH_TELLING => {
                format!("{told} It agrees with the server's clock now.")
            }
            _ => format!("{told} {check}"),
        }
    }
}

/// A time in the two largest units: `2 h`, `2 days 3 h`, `1 h 5 min`.
fn in_words(micros: i64) -> String {
    const UNITS: [(&str, u64); 3] = [("days", 24 * 60), ("h", 60), ("min", 1)];
    // To the nearest minute.
    let mut minutes = (micros.unsigned_abs() + 30_000_000) / 60_000_000;
    let mut words = Vec::new();
    for (unit, each) in UNITS {
        let count = minutes / each;
        minutes %= each;
        if count > 0 && words.len() < 2 {
            let unit = if unit == "days" && count == 1 { "day" } else { unit };
            words.push(format!("{count} {unit}"));
        }
    }
    words.join(" ")
}

/// Tells the time of day. Injected, so that tests hold it still.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[cfg(test)]
mod tests;
