//! How many commands settled unheard within the last hour: the sign of another client that takes messages away.
//!
//! Counted by the minute, so that an hour of any traffic takes sixty numbers. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a count lasts.
const HOUR: Duration = Duration::from_hours(1);
/// What is counted together.
const MINUTE: Duration = Duration::from_mins(1);

/// The counts of one profile.
#[derive(Debug, Default)]
pub(super) struct Rival {
    minutes: VecDeque<Minute>,
    told: u64,
}

#[derive(Debug)]
struct Minute {
    began: Instant,
    unheard: u64,
    all: u64,
}

impl Rival {
    /// A command settled.
    pub(super) fn settled(&mut self, now: Instant, unheard: bool) {
        if self.minutes.back().is_none_or(|minute| now >= minute.began + MINUTE) {
            self.minutes.push_back(Minute { began: now, unheard: 0, all: 0 });
        }
        if let Some(minute) = self.minutes.back_mut() {
            minute.all += 1;
            minute.unheard += u64::from(unheard);
        }
        self.forget(now);
    }

    /// How many settled unheard, and how many in all, where the first has changed since this was asked last.
    pub(super) fn news(&mut self, now: Instant) -> Option<(u64, u64)> {
        self.forget(now);
        let unheard = self.minutes.iter().map(|minute| minute.unheard).sum();
        if unheard == self.told {
            return None;
        }
        self.told = unheard;
        Some((unheard, self.minutes.iter().map(|minute| minute.all).sum()))
    }

    /// When the count changes by itself.
    pub(super) fn next(&self) -> Option<Instant> {
        self.minutes.iter().find(|minute| minute.unheard > 0).map(|minute| minute.began + HOUR)
    }

    fn forget(&mut self, now: Instant) {
        while self.minutes.front().is_some_and(|minute| now >= minute.began + HOUR) {
            self.minutes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_settled_unheard_is_counted_for_an_hour_and_then_cleared() {
        let (mut rival, start) = (Rival::default(), Instant::now());
        for _ in 0..13 {
            rival.settled(start, false);
        }
        assert_eq!(rival.news(start), None, "nothing was unheard");
        for n in 0..7 {
            rival.settled(start + n * MINUTE, true);
        }
        assert_eq!(rival.news(start + 7 * MINUTE), Some((7, 20)));
        assert_eq!(rival.news(start + 8 * MINUTE), None, "told");
        assert_eq!(rival.next(), Some(start + HOUR));
        assert_eq!(rival.news(start + HOUR), Some((6, 6)));
        assert_eq!(rival.news(start + 2 * HOUR), Some((0, 0)));
    }
}
