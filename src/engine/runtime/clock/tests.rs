use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::activity::{Seq, Timestamp};
use crate::engine::events::clock_jump::describe;
use crate::journal::StoredClock;

use super::{Clock, *};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOON: Timestamp = Timestamp(1_000 * DAY);
const BOOT: &str = "this boot";

/// A machine whose time of day can be set, and that stays on as long as the test says.
#[derive(Clone, Default)]
struct Machine {
    wall: Arc<AtomicI64>,
    boot: Arc<AtomicI64>,
}

impl Machine {
    fn at(wall: Timestamp) -> Self {
        let machine = Self::default();
        machine.wall.store(wall.0, Ordering::SeqCst);
        machine.boot.store(HOUR, Ordering::SeqCst);
        machine
    }

    fn pass(&self, micros: i64) {
        self.wall.fetch_add(micros, Ordering::SeqCst);
        self.boot.fetch_add(micros, Ordering::SeqCst);
    }

    fn jump(&self, micros: i64) {
        self.wall.fetch_add(micros, Ordering::SeqCst);
    }

    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn run(&self, kept: Option<&StoredClock>, live_from: u64, boot_id: &str) -> Clocks {
        let (wall, boot) = (self.wall.clone(), self.boot.clone());
        let since = move || u64::try_from(boot.load(Ordering::SeqCst)).ok().map(Duration::from_micros);
        let clock: Clock = Arc::new(move || Timestamp(wall.load(Ordering::SeqCst)));
        Clocks::resumed(clock, Arc::new(since), kept, Seq(live_from), Some(boot_id))
    }
}

fn near(one: Timestamp, other: Timestamp) -> bool {
    one.0.abs_diff(other.0) <= 1_000_000
}

#[test]
fn the_clock_of_a_run_continues_when_the_computers_clock_is_set() {
    for jump in [2 * HOUR, -2 * HOUR, 2 * DAY, -2 * DAY] {
        let machine = Machine::at(NOON);
        let clocks = machine.run(None, 1, BOOT);
        let before = clocks.now();
        machine.pass(5_000_000);
        machine.jump(jump);
        let after = clocks.now();
        assert_eq!((after.at, after.since(before)), (NOON.plus(Duration::from_secs(5)), Duration::from_secs(5)));
        assert_eq!(clocks.reference().displayed(after.at), machine.wall(), "times are shown by the clock as it is set");
        assert_eq!(clocks.take_jump(), Some(ClockJump { by: jump, ahead: None, was_wrong: false }));
        assert_eq!(clocks.take_jump(), None, "once");
        machine.jump(-jump);
        machine.pass(5_000_000);
        assert_eq!(clocks.now().at, NOON.plus(Duration::from_secs(10)));
        assert_eq!(clocks.take_jump(), Some(ClockJump { by: -jump, ahead: None, was_wrong: false }));
    }
}

#[test]
fn a_slow_correction_is_followed_and_never_goes_back() {
    let machine = Machine::at(NOON);
    let clocks = machine.run(None, 1, BOOT);
    let mut last = clocks.now().at;
    for correction in [300_000, -300_000, -500_000, 900_000, 0].into_iter().cycle().take(100) {
        machine.pass(1_000_000);
        machine.jump(correction);
        let now = clocks.now().at;
        assert!(now >= last, "it went back");
        last = now;
    }
    assert!(near(last, machine.wall()), "{last} is not {}", machine.wall());
    assert_eq!((clocks.reference().ahead, clocks.take_jump()), (0, None));
}

#[test]
fn the_first_server_time_corrects_the_clock_and_is_reported_once() {
    for wrong in [2 * HOUR, -2 * HOUR, 2 * DAY, -2 * DAY] {
        let machine = Machine::at(Timestamp(NOON.0 + wrong));
        let clocks = machine.run(None, 1, BOOT);
        assert_eq!((clocks.reference().server, clocks.lower_bound()), (None, None));
        clocks.on_server_time(NOON);
        assert!(near(clocks.now().at, NOON), "{wrong}");
        let reference = clocks.reference();
        assert_eq!((reference.server, reference.is_server_time_known), (Some(0), true));
        assert_eq!(reference.displayed(clocks.now().at), machine.wall());
        let told = clocks.take_jump().expect("a notice").to_string();
        let direction = if wrong > 0 { "ahead of" } else { "behind" };
        let size = if wrong.abs() == DAY * 2 { "2 days" } else { "2 h" };
        assert!(
            told.starts_with(&format!(
                "The system clock is {size} {direction} the server's: it jumped or is set wrong. "
            )),
            "{told}"
        );
        assert_eq!(clocks.take_jump(), None);
        machine.jump(-wrong);
        let told = clocks.take_jump().expect("a notice").to_string();
        assert!(told.starts_with("The system clock jumped ") && told.ends_with("agrees with the server's clock now."));
        assert!(near(clocks.now().at, NOON));
    }
}

#[test]
fn a_server_time_after_the_first_message_changes_only_the_reference() {
    let machine = Machine::at(Timestamp(NOON.0 + 2 * HOUR));
    let clocks = machine.run(None, 1, BOOT);
    clocks.begin_receiving();
    let before = clocks.now().at;
    clocks.on_server_time(NOON);
    assert_eq!(clocks.now().at, before);
    assert!(near(clocks.server_to_local(NOON), before), "an end that the server tells is put on our clock");
    assert!(near(clocks.lower_bound().unwrap(), NOON));
    clocks.on_server_time(NOON.plus(Duration::from_secs(1)));
    assert_eq!(clocks.reference().server, Some(500_000 - 2 * HOUR), "what only differs by a second is the same");
}

#[test]
fn the_next_run_of_a_boot_continues_the_clock_without_a_server() {
    for jump in [0, 2 * HOUR, -2 * HOUR, 2 * DAY, -2 * DAY] {
        let machine = Machine::at(NOON);
        let clocks = machine.run(None, 7, BOOT);
        clocks.on_server_time(NOON);
        let kept = clocks.to_stored(Some(BOOT));
        machine.pass(9 * MINUTE);
        machine.jump(jump);
        let clocks = machine.run(Some(&kept), 20, BOOT);
        assert!(near(clocks.now().at, Timestamp(NOON.0 + 9 * MINUTE)), "{jump}");
        assert!(near(clocks.lower_bound().unwrap(), Timestamp(NOON.0 + 9 * MINUTE)), "{jump}");
        let reference = clocks.reference();
        assert_eq!((reference.server, reference.is_server_time_known, reference.steady_from), (Some(0), true, Seq(7)));
        assert_eq!(clocks.take_jump().map(|jump| jump.by), Some(jump).filter(|jump| *jump != 0));
    }
}

#[test]
fn after_a_boot_the_lower_bound_is_the_last_known_time() {
    for jump in [2 * HOUR, -2 * HOUR, 2 * DAY, -2 * DAY] {
        let machine = Machine::at(NOON);
        let clocks = machine.run(None, 7, BOOT);
        clocks.on_server_time(NOON);
        let kept = clocks.to_stored(Some(BOOT));
        machine.pass(9 * MINUTE);
        machine.jump(jump);
        let clocks = machine.run(Some(&kept), 20, "another boot");
        let reference = clocks.reference();
        assert!(clocks.now().at >= kept.now && !reference.is_server_time_known, "{jump}");
        assert_eq!(reference.steady_from, Seq(20));
        assert!(near(reference.to_server(clocks.now().at).unwrap(), kept.now), "{jump}: it is at least as late");
        assert!(near(clocks.lower_bound().unwrap(), kept.now), "{jump}");
        machine.pass(MINUTE);
        assert!(near(clocks.lower_bound().unwrap(), Timestamp(kept.now.0 + MINUTE)), "{jump}");
        assert_eq!(clocks.take_jump(), None, "nobody knows which clock is right");
        clocks.on_server_time(Timestamp(NOON.0 + 10 * MINUTE));
        assert!(near(clocks.now().at, Timestamp(NOON.0 + 10 * MINUTE)), "{jump}");
        assert!(near(clocks.lower_bound().unwrap(), Timestamp(NOON.0 + 10 * MINUTE)), "{jump}");
    }
}

#[test]
fn a_run_whose_clock_was_years_ahead_sets_no_lower_bound_for_the_next() {
    let machine = Machine::at(NOON);
    let right = machine.run(None, 1, "1").to_stored(Some("1"));
    machine.jump(800 * DAY);
    let ahead = machine.run(Some(&right), 2, "2");
    assert!(near(ahead.lower_bound().unwrap(), NOON));
    let ahead = ahead.to_stored(Some("2"));
    machine.jump(-800 * DAY);
    assert!(near(machine.run(Some(&ahead), 3, "3").lower_bound().unwrap(), NOON));
}

#[test]
fn durations_are_written_in_their_two_largest_units() {
    let told = [MINUTE, 2 * HOUR, 2 * DAY, DAY + 3 * HOUR, -(HOUR + 5 * MINUTE), 2 * HOUR - 400_000].map(describe);
    assert_eq!(told, ["1 min", "2 h", "2 days", "1 day 3 h", "1 h 5 min", "2 h"]);
}

#[tokio::test(start_paused = true)]
async fn suspend_counts_although_the_monotonic_clock_stops() {
    let machine = Machine::at(NOON);
    let clocks = machine.run(None, 1, BOOT);
    let before = clocks.now();
    machine.pass(HOUR);
    let after = clocks.now();
    assert_eq!(after.since(before), Duration::from_hours(1));
    assert_eq!(after.slept_since(before), Duration::from_hours(1));
    assert_eq!(after.at, NOON.plus(Duration::from_hours(1)));
}

proptest! {
    /// Whatever the computer's clock is set to, and wherever runs begin within a boot, the time of an entry is the time that
    /// has passed.
    #[test]
    fn no_series_of_jumps_changes_the_time_of_the_run(
        steps in prop::collection::vec((-3 * DAY..3 * DAY, 0..20 * MINUTE, any::<bool>()), 1..40),
        says_the_time in any::<bool>(),
    ) {
        let machine = Machine::at(NOON);
        let mut clocks = machine.run(None, 1, BOOT);
        if says_the_time {
            clocks.on_server_time(NOON);
        }
        let mut right = clocks.now().at;
        for (jump, passes, starts_anew) in steps {
            machine.jump(jump);
            if starts_anew {
                clocks = machine.run(Some(&clocks.to_stored(Some(BOOT))), 2, BOOT);
            }
            machine.pass(passes);
            right = Timestamp(right.0 + passes);
            let now = clocks.now().at;
            // ClockJumps below one second, or below half a percent of the elapsed time, count as corrections.
            let slew = 40 * (1_000_000 + 6_000_000);
            prop_assert!(now.0.abs_diff(right.0) <= slew, "{now} is not {right}");
            if says_the_time {
                prop_assert_eq!(clocks.reference().server, Some(0));
                prop_assert_eq!(clocks.lower_bound(), Some(now));
            }
        }
    }
}
