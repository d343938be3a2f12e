//! How long a command may wait before it counts as late, based on the usual latency of its label.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Allowed wait of a command without a history.
const DEFAULT: Duration = Duration::from_secs(30);
/// Number of outcomes needed for a history.
const MIN_SAMPLES: usize = 20;
/// Number of outcomes stored for a label, the newest.
const MAX_SAMPLES: usize = 256;
/// Number of stored labels. A label beyond these has no history.
const MAX_LABELS: usize = 1_000;

/// The usual latency of each label.
#[derive(Debug, Default)]
pub struct ExpectedLatency {
    samples: HashMap<Box<str>, VecDeque<Duration>>,
}

impl ExpectedLatency {
    /// Learns from an outcome. Ignores an empty label.
    pub fn learn(&mut self, label: &str, took: Duration) {
        if label.is_empty() || (self.samples.len() >= MAX_LABELS && !self.samples.contains_key(label)) {
            return;
        }
        let history = self.samples.entry(label.into()).or_default();
        if history.len() == MAX_SAMPLES {
            history.pop_front();
        }
        history.push_back(took);
    }

    /// How long a command with this label may wait: the 95th percentile of its history, or 30 s without a history.
    pub fn of(&self, label: &str) -> Duration {
        let Some(history) = self.samples.get(label).filter(|history| history.len() >= MIN_SAMPLES) else {
            return DEFAULT;
        };
        let mut sorted: Vec<Duration> = history.iter().copied().collect();
        sorted.sort_unstable();
        // The smallest value that at least 95 % of the history do not exceed.
        sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or(DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_late_beyond_its_own_95th_percentile_once_it_has_a_history() {
        let mut patience = ExpectedLatency::default();
        for seconds in 1..=19 {
            patience.learn("approve device", Duration::from_secs(seconds));
        }
        assert_eq!(patience.of("approve device"), DEFAULT, "19 outcomes are no history");
        patience.learn("approve device", Duration::from_secs(20));
        assert_eq!(patience.of("approve device"), Duration::from_secs(19));
        assert_eq!(patience.of("other"), DEFAULT);
        for _ in 0..MAX_SAMPLES {
            patience.learn("approve device", Duration::from_millis(200));
        }
        assert_eq!(patience.of("approve device"), Duration::from_millis(200), "what was usual long ago is forgotten");
    }
}
