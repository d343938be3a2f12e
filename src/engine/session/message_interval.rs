//! How often messages arrive, to tell an unusual silence from a usual one.
//!
//! Measured when messages are read: those read together count as one. Kept across connections, but not across runs.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many of the newest intervals are kept.
const MAX_SAMPLES: usize = 512;
/// How many intervals are needed for a statistic.
const MIN_SAMPLES: usize = 20;

/// The intervals between the messages of one profile.
#[derive(Debug, Default)]
pub(crate) struct IntervalStats {
    last: Option<Instant>,
    samples: VecDeque<Duration>,
}

impl IntervalStats {
    /// Notes that one or more messages arrived.
    pub(crate) fn add(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            if self.samples.len() == MAX_SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back(now.saturating_duration_since(last));
        }
    }

    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// The 95th percentile of the kept intervals; `None` if there are too few.
    pub(crate) fn p95(&self) -> Option<Duration> {
        if self.samples.len() < MIN_SAMPLES {
            return None;
        }
        let mut sorted: Vec<Duration> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_95th_percentile_is_of_the_newest_samples() {
        let (mut pace, mut now) = (IntervalStats::default(), Instant::now());
        pace.add(now);
        for seconds in 1..=20 {
            assert_eq!(pace.p95(), None, "{seconds} messages are no habit");
            now += Duration::from_secs(seconds);
            pace.add(now);
        }
        assert_eq!((pace.p95(), pace.last()), (Some(Duration::from_secs(19)), Some(now)));
        for _ in 0..MAX_SAMPLES {
            now += Duration::from_millis(100);
            pace.add(now);
        }
        assert_eq!(pace.p95(), Some(Duration::from_millis(100)), "what was usual long ago is forgotten");
    }
}
