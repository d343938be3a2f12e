//! How often messages arrive, to tell an unusual silence from a usual one.
//!
//! Measured when messages are read: those read together count as one. Kept across connections, but not across runs.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many of the newest intervals are kept.
const REMEMBERED: usize = 512;
/// How many intervals are needed for a statistic.
const ENOUGH: usize = 20;

/// The intervals between the messages of one profile.
#[derive(Debug, Default)]
pub(crate) struct IntervalStats {
    last: Option<Instant>,
    pauses: VecDeque<Duration>,
}

impl IntervalStats {
    /// Notes that one or more messages arrived.
    pub(crate) fn message(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            if self.pauses.len() == REMEMBERED {
                self.pauses.pop_front();
            }
            self.pauses.push_back(now.saturating_duration_since(last));
        }
    }

    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// The 95th percentile of the kept intervals; `None` if there are too few.
    pub(crate) fn usual(&self) -> Option<Duration> {
        if self.pauses.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<Duration> = self.pauses.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_usual_pause_is_the_95th_percentile_of_the_newest() {
        let (mut pace, mut now) = (IntervalStats::default(), Instant::now());
        pace.message(now);
        for seconds in 1..=20 {
            assert_eq!(pace.usual(), None, "{seconds} messages are no habit");
            now += Duration::from_secs(seconds);
            pace.message(now);
        }
        assert_eq!((pace.usual(), pace.last()), (Some(Duration::from_secs(19)), Some(now)));
        for _ in 0..REMEMBERED {
            now += Duration::from_millis(100);
            pace.message(now);
        }
        assert_eq!(pace.usual(), Some(Duration::from_millis(100)), "what was usual long ago is forgotten");
    }
}
