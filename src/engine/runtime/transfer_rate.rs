//! Measures the progress and the rate of transfers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The time between two progress events.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// The period over which the rate is averaged.
const RATE_WINDOW: Duration = Duration::from_secs(3);
/// The weight of the newest transfer in the rate expected of the next.
const NEWEST_WEIGHT: f64 = 0.5;
/// A shorter transfer says little about the network, because most of it is the start.
const MIN_DURATION: Duration = Duration::from_millis(200);

/// The progress of one transfer.
#[derive(Debug)]
pub(crate) struct ProgressMeter {
    /// Times and byte counts, the oldest first; at most a few seconds, five per second.
    points: VecDeque<(Instant, u64)>,
}

impl ProgressMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { points: VecDeque::from([(now, 0)]) }
    }

    /// Adds received bytes; returns whether it is time for a progress event.
    pub(crate) fn add(&mut self, received: u64, now: Instant) -> bool {
        if self.points.back().is_some_and(|(last, _)| now < *last + PROGRESS_INTERVAL) {
            return false;
        }
        self.points.push_back((now, received));
        while self.points.len() > 2 && self.points.front().is_some_and(|(first, _)| *first + RATE_WINDOW < now) {
            self.points.pop_front();
        }
        true
    }

    pub(crate) fn received(&self) -> u64 {
        self.points.back().map_or(0, |(_, received)| *received)
    }

    /// Bytes per second over the last few seconds.
    pub(crate) fn rate(&self) -> f64 {
        match (self.points.front(), self.points.back()) {
            (Some((first, from)), Some((last, to))) if last > first => {
                rate(to.saturating_sub(*from), last.duration_since(*first))
            }
            _ => 0.0,
        }
    }
}

/// The rate of this machine's recent downloads, to estimate the next one. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TransferRates(Arc<Mutex<Option<f64>>>);

impl TransferRates {
    /// Learns from a finished transfer.
    pub(crate) fn learn(&self, bytes: u64, took: Duration) {
        if took < MIN_DURATION {
            return;
        }
        let newest = rate(bytes, took);
        let mut known = self.0.lock();
        *known = Some(known.map_or(newest, |known| NEWEST_WEIGHT.mul_add(newest - known, known)));
    }

    /// How long this many bytes will take; `None` if no rate is known yet.
    pub(crate) fn estimate(&self, bytes: u64) -> Option<Duration> {
        let rate = (*self.0.lock())?;
        time_for(bytes, rate)
    }
}

/// How long bytes take at a rate; `None` if the result is too long to be useful.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn time_for(bytes: u64, rate: f64) -> Option<Duration> {
    let seconds = (bytes as f64 / rate).ceil();
    (rate >= 1.0 && seconds < 300_000.0).then(|| Duration::from_secs_f64(seconds))
}

#[expect(clippy::cast_precision_loss, reason = "a rate to show")]
fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / took.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn progress_is_published_five_times_per_second_at_most_with_the_rate_of_the_last_seconds() {
        let start = Instant::now();
        let mut meter = ProgressMeter::new(start);
        let mut reported = 0;
        for millisecond in 1..=10_000_u32 {
            // Fast for five seconds, then ten times slower.
            let received = if millisecond <= 5_000 { millisecond * 10 } else { 45_000 + millisecond };
            if meter.add(u64::from(received), start + Duration::from_millis(u64::from(millisecond))) {
                reported += 1;
            }
        }
        assert_eq!(reported, 50);
        assert!((meter.rate() - 1_000.0).abs() < 50.0, "{}", meter.rate());
    }

    #[test]
    fn an_estimate_follows_earlier_transfers_and_the_newest_weighs_most() {
        let rates = TransferRates::default();
        assert_eq!(rates.estimate(1_000), None, "nothing is known yet");
        rates.learn(1_000, Duration::from_secs(1));
        assert_eq!(rates.estimate(10_000), Some(Duration::from_secs(10)));
        rates.learn(3_000, Duration::from_secs(1));
        assert_eq!(rates.estimate(10_000), Some(Duration::from_secs(5)));
        rates.learn(1_000_000, Duration::from_millis(1));
        assert_eq!(rates.estimate(10_000), Some(Duration::from_secs(5)), "one that says little was believed");
    }
}
