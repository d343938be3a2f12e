//! Notices that the machine was asleep: the clock that runs through sleep has gone further than the one that stands still.
//!
//! Linux only, where `/proc/uptime` is such a clock; elsewhere a dead connection is found by its heartbeat, later. Never
//! judged by the wall clock, which can be set.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::report::Report;

/// How often to look.
const LOOK: Duration = Duration::from_secs(5);
/// A difference that no busy machine makes.
const SLEPT: Duration = Duration::from_secs(2);

/// The clock that runs through sleep, from some start; `None` where there is none.
pub(super) type BootClock = fn() -> Option<Duration>;

/// The machine's own.
pub(super) fn boot_clock() -> Option<Duration> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reports each waking, for as long as the engine runs. Ends where the clock is missing.
pub(super) async fn watch(clock: BootClock, reports: mpsc::Sender<Report>) {
    let Some(mut boot) = clock() else { return };
    let mut monotonic = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(boot_now) = clock() else { return };
        let now = Instant::now();
        if boot_now.saturating_sub(boot) > now.saturating_duration_since(monotonic) + SLEPT {
            tracing::info!("the machine was asleep");
            if reports.send(Report::Woke).await.is_err() {
                return;
            }
        }
        (boot, monotonic) = (boot_now, now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SECONDS: AtomicU64 = AtomicU64::new(0);

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_reported_and_time_that_passes_is_not() {
        let (reports, mut received) = mpsc::channel(4);
        let clock: BootClock = || Some(Duration::from_secs(SECONDS.load(Ordering::SeqCst)));
        let watch = watch(clock, reports);
        tokio::pin!(watch);
        let mut reported = 0;
        for look in 0..20 {
            let slept = if look == 7 { 3_600 } else { 0 };
            SECONDS.fetch_add(5 + slept, Ordering::SeqCst);
            let one_look = tokio::time::timeout(LOOK, &mut watch).await;
            assert!(one_look.is_err(), "the watch ended");
            if let Ok(report) = received.try_recv() {
                assert!(matches!(report, Report::Woke));
                reported += 1;
            }
        }
        assert_eq!(reported, 1);
    }
}
