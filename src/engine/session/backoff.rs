//! How long to wait before the next attempt: exponential backoff with full jitter. Attempts never stop.
//!
//! uniform(0, min(20 s, 0.5 s · 2ⁿ)). The jitter spreads out the clients of a server that comes back; the cap keeps the wait
//! short enough for an operator. Only a connection that stayed up for a while resets the backoff: otherwise one that joins
//! and drops at once would be retried without a pause.

use std::time::Duration;

/// The first upper limit of the wait.
const FIRST_CEILING: Duration = Duration::from_millis(500);
/// The highest upper limit of the wait.
const MAX_CEILING: Duration = Duration::from_secs(20);
/// The longest wait if connections keep ending for the same reason.
const MAX_FOR_SAME_REASON: Duration = Duration::from_mins(5);

/// The backoff of one session.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self { failures: 0, random }
    }

    /// Counts a failure and returns how long to wait. `same` counts connections that ended for the same reason in a row. From the
    /// second on the wait grows each time, because only a change on the server or in the settings helps.
    pub(crate) fn next_wait(&mut self, same: u32) -> Duration {
        // 0.5 s · 2⁶ exceeds the maximum; the bound keeps the shift small.
        let ceiling = FIRST_CEILING.saturating_mul(1 << self.failures.min(6)).min(MAX_CEILING);
        self.failures = self.failures.saturating_add(1);
        let wait = ceiling.mul_f64(self.random.f64());
        if same < 2 {
            return wait;
        }
        // Half of the wait is fixed, so that no wait is shorter than the one before; 1 s · 2⁹ exceeds the maximum.
        let ceiling = Duration::from_secs(1 << same.min(9)).min(MAX_FOR_SAME_REASON);
        ceiling.mul_f64(0.5 + self.random.f64() / 2.0)
    }

    /// The number of failures in a row, which is also the number of the next reconnect attempt.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Starts again after a connection that stayed up.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_uniform_below_a_ceiling_that_doubles_up_to_20_s() {
        let mut longest = [Duration::ZERO; 12];
        let mut shortest = [MAX_CEILING; 12];
        for seed in 0..2_000 {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            for n in 0..12 {
                let wait = backoff.next_wait(0);
                longest[n] = longest[n].max(wait);
                shortest[n] = shortest[n].min(wait);
            }
        }
        for n in 0..12 {
            let ceiling = Duration::from_secs_f64((0.5 * 2_f64.powi(i32::try_from(n).unwrap())).min(20.0));
            assert!(longest[n] <= ceiling, "wait {n} of {:?} is above {ceiling:?}", longest[n]);
            assert!(longest[n] > ceiling.mul_f64(0.95), "wait {n} never comes near {ceiling:?}: {:?}", longest[n]);
            assert!(shortest[n] < ceiling.mul_f64(0.05), "wait {n} is never short: {:?}", shortest[n]);
        }
    }

    #[test]
    fn after_policy_closes_each_wait_is_longer_up_to_five_minutes() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            let waits: Vec<Duration> = (0..20).map(|closes| backoff.next_wait(closes)).collect();
            assert!(waits[..2].iter().all(|wait| *wait <= FIRST_CEILING * 2), "{waits:?}");
            assert!(waits[2] >= Duration::from_secs(2), "{waits:?}");
            assert!(waits[2..9].is_sorted(), "{waits:?}");
            assert!(waits[9..].iter().all(|wait| (150..=300).contains(&wait.as_secs())), "{waits:?}");
        }
    }

    #[test]
    fn it_never_ends_and_starts_again_after_a_reset() {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        for _ in 0..100_000 {
            assert!(backoff.next_wait(0) <= MAX_CEILING);
        }
        assert_eq!(backoff.failures(), 100_000);
        backoff.reset();
        assert_eq!(backoff.failures(), 0);
        assert!(backoff.next_wait(0) <= FIRST_CEILING);
    }
}
