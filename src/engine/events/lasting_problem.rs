//! A problem that is shown until it is resolved.

use crate::settings::ProfileId;

use super::event::Notice;
use super::problem::{ProblemKind, ProblemReason};

/// A problem that lasts until it is resolved.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The profile that it is about, if any. A profile has at most one problem of each [`ProblemKind`].
    pub profile: Option<ProfileId>,
    /// Its cause.
    pub reason: ProblemReason,
    /// Larger than the number of every problem reported before. A problem that is reported again gets a new number.
    pub number: u64,
    /// How often it was reported for the same reason in a row.
    pub times: u32,
}

impl Problem {
    /// The kind of the problem.
    pub fn kind(&self) -> ProblemKind {
        self.reason.kind()
    }

    /// The text for the operator, with the remedy.
    pub fn notice(&self) -> Notice {
        let remedy = self.profile.and_then(|profile| self.reason.remedy(profile));
        Notice { remedy, ..Notice::new(self.reason.severity(), self.profile, self.reason.clone()) }
    }
}
