//! Counts how every known id ended.
//!
//! It claims nothing about ids that were never seen.

/// Outcomes of all commands and data requests. The first four add up to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// The socket delivered the outcome.
    pub heard: usize,
    /// Only a status check reported the outcome.
    pub enquired: usize,
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
        self.heard + self.enquired + self.unknown + self.open
    }
}

/// The category of an activity in the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeSource {
    Heard,
    Enquired,
    Unknown,
    Open,
    Gap,
    /// A message that is no command or data request, which is not counted.
    Outside,
}

impl OutcomeCounts {
    fn slot(&mut self, standing: OutcomeSource) -> Option<&mut usize> {
        match standing {
            OutcomeSource::Heard => Some(&mut self.heard),
            OutcomeSource::Enquired => Some(&mut self.enquired),
            OutcomeSource::Unknown => Some(&mut self.unknown),
            OutcomeSource::Open => Some(&mut self.open),
            OutcomeSource::Gap => Some(&mut self.gaps),
            OutcomeSource::Outside => None,
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
            heard: self.heard + other.heard,
            enquired: self.enquired + other.enquired,
            unknown: self.unknown + other.unknown,
            open: self.open + other.open,
            gaps: self.gaps + other.gaps,
        }
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        let Self { heard, enquired, unknown, open, gaps } = self;
        *heard = heard.saturating_sub(other.heard);
        *enquired = enquired.saturating_sub(other.enquired);
        *unknown = unknown.saturating_sub(other.unknown);
        *open = open.saturating_sub(other.open);
        *gaps = gaps.saturating_sub(other.gaps);
    }
}
