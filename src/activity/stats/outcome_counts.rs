//! Counts how every known id ended.
//!
//! It claims nothing about ids that were never seen.

/// Outcomes of all commands and data requests. The first four add up to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// The socket delivered the outcome.
    pub received: usize,
    /// Only a status check reported the outcome.
    pub status_checked: usize,
    /// The server was asked and does not know them.
    pub unknown: usize,
    /// The outcome is still expected.
    pub open: usize,
    /// Gaps, ended or not.
    pub gaps: usize,
}

impl OutcomeCounts {
    /// Number of commands and data requests.
    pub fn all(&self) -> usize {
        self.received + self.status_checked + self.unknown + self.open
    }
}

/// The category of an activity in the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeSource {
    Received,
    StatusChecked,
    Unknown,
    Open,
    Gap,
    /// A message that is no command or data request, which is not counted.
    NotCounted,
}

impl OutcomeCounts {
    fn slot(&mut self, standing: OutcomeSource) -> Option<&mut usize> {
        match standing {
            OutcomeSource::Received => Some(&mut self.received),
            OutcomeSource::StatusChecked => Some(&mut self.status_checked),
            OutcomeSource::Unknown => Some(&mut self.unknown),
            OutcomeSource::Open => Some(&mut self.open),
            OutcomeSource::Gap => Some(&mut self.gaps),
            OutcomeSource::NotCounted => None,
        }
    }

    pub(crate) fn add(&mut self, standing: OutcomeSource) {
        if let Some(slot) = self.slot(standing) {
            *slot += 1;
        }
    }

    pub(crate) fn remove(&mut self, standing: OutcomeSource) {
        if let Some(slot) = self.slot(standing) {
            *slot = slot.saturating_sub(1);
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            status_checked: self.status_checked + other.status_checked,
            unknown: self.unknown + other.unknown,
            open: self.open + other.open,
            gaps: self.gaps + other.gaps,
        }
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        let Self { received, status_checked, unknown, open, gaps } = self;
        *received = received.saturating_sub(other.received);
        *status_checked = status_checked.saturating_sub(other.status_checked);
        *unknown = unknown.saturating_sub(other.unknown);
        *open = open.saturating_sub(other.open);
        *gaps = gaps.saturating_sub(other.gaps);
    }
}
