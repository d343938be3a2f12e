//! Injects faults: chosen at random, most of them cutting a live connection, with calm periods in between.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use privicore_monitor::sandbox::{Control, DEMO_USERNAME, Fault, Garbage, Limit};
use tokio::time::{Instant, sleep};

use crate::broker::Broker;
use crate::monitor::Monitor;

/// How often the broker is killed, evenly over the time: once if there is little time.
const CRASHES: u32 = 4;

/// How often a connection is left half-open for longer than the engine tolerates, if there is time for it.
const LONG_STALLS: u32 = 2;

/// Longer than the engine takes to give up a silent connection: it pings after 15 s and waits 10 s.
const LONG_STALL: Duration = Duration::from_secs(28);

/// Below this there is no time for long stalls, and for one crash of the broker only.
const SHORT: Duration = Duration::from_mins(2);

/// The time from the end of one calm period to the next.
const BETWEEN_CALMS: Duration = Duration::from_secs(25);

/// Longer than a connection has to last before the journal ends a gap; a later one is then a new gap.
const CALM: Duration = Duration::from_secs(35);

/// How long a connection may take to end after a fault.
const FALL: Duration = Duration::from_millis(500);

/// Injects faults, and counts those that took effect.
pub(crate) struct FaultInjector {
    control: Control,
    random: fastrand::Rng,
    struck: BTreeMap<&'static str, u32>,
}

impl FaultInjector {
    /// The same seed makes the same choices.
    pub(crate) fn new(control: Control, seed: u64) -> Self {
        Self { control, random: fastrand::Rng::with_seed(seed), struck: BTreeMap::new() }
    }

    /// Injects faults for this time.
    pub(crate) async fn make(&mut self, broker: &mut Broker, monitor: &Monitor, time: Duration) {
        let began = Instant::now();
        let (most_stalls, most_crashes) = if time < SHORT { (0, 1) } else { (LONG_STALLS, CRASHES) };
        let (mut crashed, mut stalled, mut calmed) = (0, 0, began);
        while began.elapsed() < time {
            let join = monitor.live().await;
            let so_far = began.elapsed();
            if crashed < most_crashes && so_far > time * (crashed + 1) / (most_crashes + 1) {
                crashed += 1;
                broker.crash();
                self.count("crashes of the broker", 1);
                // Connections continue to fail while it is down.
                let ((), ()) = tokio::join!(broker.start_again(), self.strike_often(monitor, Duration::from_secs(5)));
            } else if stalled < most_stalls && so_far > time * (2 * stalled + 1) / (2 * most_stalls) {
                stalled += 1;
                self.strike("long stalls", Fault::Stall { count: None, lasting: LONG_STALL });
                monitor.lost_within(join, LONG_STALL).await;
            } else if calmed.elapsed() > BETWEEN_CALMS {
                sleep(CALM).await;
                calmed = Instant::now();
            } else {
                self.strike_once(monitor, join).await;
            }
        }
    }

    async fn strike_often(&mut self, monitor: &Monitor, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            let join = monitor.live().await;
            self.strike_once(monitor, join).await;
        }
    }

    /// Lets a joined engine receive a little, then injects a fault.
    async fn strike_once(&mut self, monitor: &Monitor, join: u64) {
        let received = Duration::from_millis(self.random.u64(0..40));
        sleep(received).await;
        let drop = Fault::Drop { count: None };
        let falls = match self.random.u32(0..100) {
            0..60 => self.strike("dropped connections", drop),
            60..68 => {
                let lasting = Duration::from_millis(self.random.u64(100..1_000));
                self.strike("stalls", Fault::Stall { count: None, lasting });
                false
            }
            68..78 => {
                let limit = Limit::Times(self.random.u32(1..3));
                self.wait_for_victims("refused joins", Fault::RefuseJoins { status: 503, limit })
                    && self.strike("dropped connections", drop)
            }
            78..84 => {
                let kind = if self.random.bool() { Garbage::NotJson } else { Garbage::Binary };
                self.strike("garbage that is borne", Fault::Garbage { frames: 3, kind: Some(kind) });
                false
            }
            84..90 => {
                let kind = if self.random.bool() { Garbage::Oversized } else { Garbage::InvalidUtf8 };
                self.strike("garbage that ends a connection", Fault::Garbage { frames: 1, kind: Some(kind) })
            }
            90..95 => {
                let by = Duration::from_millis(self.random.u64(50..400));
                let fault = Fault::Delay { by, limit: Limit::Times(1) };
                self.wait_for_victims("late answers", fault) && self.strike("dropped connections", drop)
            }
            95..99 => {
                let lasting = Duration::from_millis(self.random.u64(200..2_000));
                self.strike("ignored pings", Fault::IgnorePings { count: None, lasting });
                false
            }
            _ => self.strike("expired tokens", Fault::ExpireTokens) && self.strike("dropped connections", drop),
        };
        if falls {
            monitor.lost_within(join, FALL).await;
        }
    }

    /// Injects a fault into open connections. Returns whether it reached any.
    fn strike(&mut self, name: &'static str, fault: Fault) -> bool {
        let struck = self.control.inject(fault, Some(DEMO_USERNAME)).expect("the profile is there");
        self.count(name, u32::try_from(struck).unwrap_or(u32::MAX));
        struck > 0
    }

    /// Arms a fault for later events. Returns whether there was capacity for it.
    fn wait_for_victims(&mut self, name: &'static str, fault: Fault) -> bool {
        let taken = self.control.inject(fault, Some(DEMO_USERNAME)).is_ok();
        self.count(name, u32::from(taken));
        taken
    }

    fn count(&mut self, name: &'static str, struck: u32) {
        *self.struck.entry(name).or_default() += struck;
    }
}

impl fmt::Display for FaultInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, struck) in &self.struck {
            writeln!(f, "{struck:>9}  {name}")?;
        }
        write!(f, "{:>9}  faults in all", self.struck.values().sum::<u32>())
    }
}
