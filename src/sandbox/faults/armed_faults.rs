//! Armed faults, which wait for the events that they affect. Their number is bounded, and each is limited by a count, a
//! time, or both.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::sandbox::state::profiles::ProfileId;

use super::downloads::DownloadFault;
use super::types::{HttpRefusal, Limit};

/// Maximum number of armed faults.
const MOST: usize = 64;

/// What happens to the affected event.
#[derive(Clone, Copy)]
pub(crate) enum FaultAction {
    /// The join is refused by this status.
    RefuseJoin(u16),
    /// The connection is refused before its upgrade.
    RefuseUpgrade(HttpRefusal),
    /// The call of the REST API is refused.
    RefuseCall(HttpRefusal),
    /// The message arrives in a binary frame.
    BinaryFrame,
    /// The message is delayed by this time.
    Delay(Duration),
    /// The download fails in this way.
    Download(DownloadFault),
}

/// The maximum number of faults is already armed.
#[derive(Debug)]
pub(crate) struct Full;

struct ArmedFault {
    action: FaultAction,
    /// The affected profile; `None` affects all.
    profile: Option<ProfileId>,
    /// How many more events it affects; `None` is unlimited.
    remaining: Option<u32>,
    /// When it ends; `None` never ends by itself.
    until: Option<Instant>,
}

impl ArmedFault {
    fn has_ended(&self, now: Instant) -> bool {
        self.remaining == Some(0) || self.until.is_some_and(|until| until <= now)
    }
}

/// All armed faults.
#[derive(Default)]
pub(crate) struct ArmedFaults {
    armed: Mutex<Vec<ArmedFault>>,
    /// Whether any fault is armed. Checked for each message, so that the usual case takes no lock.
    is_any: AtomicBool,
}

impl ArmedFaults {
    /// Arms a fault, unless too many are armed already.
    pub(crate) fn add(
        &self,
        action: FaultAction,
        profile: Option<&ProfileId>,
        limit: Limit,
        now: Instant,
    ) -> Result<(), Full> {
        let (remaining, lasting) = match limit {
            Limit::Times(remaining) => (Some(remaining), None),
            Limit::During(lasting) => (None, Some(lasting)),
            Limit::Either(remaining, lasting) => (Some(remaining), Some(lasting)),
        };
        // A time beyond the clock's range never ends by itself.
        let until = lasting.and_then(|lasting| now.checked_add(lasting));
        let mut faults = self.armed.lock();
        faults.retain(|fault| !fault.has_ended(now));
        if faults.len() >= MOST {
            return Err(Full);
        }
        faults.push(ArmedFault { action, profile: profile.cloned(), remaining, until });
        self.is_any.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends every armed fault.
    pub(crate) fn clear(&self) {
        let mut faults = self.armed.lock();
        faults.clear();
        self.is_any.store(false, Ordering::Release);
    }

    /// Finds the oldest armed fault of the wanted kind for an event, whose profile may be unknown, and counts the event
    /// against the fault's limit.
    pub(crate) fn take<T>(
        &self,
        profile: Option<&ProfileId>,
        now: Instant,
        wanted: impl Fn(FaultAction) -> Option<T>,
    ) -> Option<T> {
        if !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        let mut faults = self.armed.lock();
        let found = faults.iter_mut().find_map(|fault| {
            let meant = fault.profile.is_none() || fault.profile.as_ref() == profile;
            let taken = wanted(fault.action).filter(|_| meant && !fault.has_ended(now))?;
            fault.remaining = fault.remaining.map(|remaining| remaining.saturating_sub(1));
            Some(taken)
        });
        faults.retain(|fault| !fault.has_ended(now));
        self.is_any.store(!faults.is_empty(), Ordering::Release);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(faults: &ArmedFaults, profile: Option<&ProfileId>, now: Instant) -> bool {
        faults.take(profile, now, |action| matches!(action, FaultAction::RefuseJoin(_)).then_some(())).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn an_armed_fault_ends_by_its_count_or_its_time_whichever_comes_first() {
        let (faults, now) = (ArmedFaults::default(), Instant::now());
        let second = Duration::from_secs(1);
        faults.add(FaultAction::RefuseJoin(503), None, Limit::Times(2), now).unwrap();
        assert_eq!([0, 0, 0].map(|_| refused(&faults, None, now)), [true, true, false]);
        faults.add(FaultAction::RefuseJoin(503), None, Limit::During(second), now).unwrap();
        assert_eq!([now, now, now + second].map(|now| refused(&faults, None, now)), [true, true, false]);
        faults.add(FaultAction::RefuseJoin(503), None, Limit::Either(1, second), now).unwrap();
        assert_eq!([now, now].map(|now| refused(&faults, None, now)), [true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_armed_fault_of_one_profile_spares_the_others_and_the_unknown() {
        let (faults, now) = (ArmedFaults::default(), Instant::now());
        let (meant, other) = (ProfileId::new("meant"), ProfileId::new("other"));
        faults.add(FaultAction::RefuseJoin(503), Some(&meant), Limit::Times(1), now).unwrap();
        assert!(!refused(&faults, Some(&other), now), "another profile was struck");
        assert!(!refused(&faults, None, now), "nobody in particular was struck");
        assert!(refused(&faults, Some(&meant), now), "the profile was spared");
    }

    #[tokio::test(start_paused = true)]
    async fn armed_faults_are_bounded_and_those_that_are_over_make_room() {
        let (faults, now) = (ArmedFaults::default(), Instant::now());
        let second = Duration::from_secs(1);
        for _ in 0..MOST {
            faults.add(FaultAction::RefuseJoin(503), None, Limit::During(second), now).unwrap();
        }
        assert!(
            faults.add(FaultAction::RefuseJoin(503), None, Limit::Times(1), now).is_err(),
            "one too many was taken"
        );
        faults.add(FaultAction::RefuseJoin(503), None, Limit::Times(1), now + second).expect("they are over");
    }
}
