//! Armed faults, which wait for the events that they affect. Their number is bounded, and each is limited by a count, a
//! time, or both.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::sandbox::state::profiles::ProfileId;

use super::downloads::DownloadFault;
use super::kinds::{HttpRefusal, Limit};

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
    Spoil(DownloadFault),
}

/// The maximum number of faults is already armed.
#[derive(Debug)]
pub(crate) struct Full;

struct Condition {
    what: FaultAction,
    /// The affected profile; `None` affects all.
    profile: Option<ProfileId>,
    /// How many more events it affects; `None` is unlimited.
    left: Option<u32>,
    /// When it ends; `None` never ends by itself.
    until: Option<Instant>,
}

impl Condition {
    fn is_over(&self, now: Instant) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| until <= now)
    }
}

/// All armed faults.
#[derive(Default)]
pub(crate) struct Conditions {
    armed: Mutex<Vec<Condition>>,
    /// Whether any is armed: each message is looked up, and seldom for a reason.
    is_any: AtomicBool,
}

impl Conditions {
    /// Arms a fault, unless too many are armed already.
    pub(crate) fn add(
        &self,
        what: FaultAction,
        profile: Option<&ProfileId>,
        limit: Limit,
        now: Instant,
    ) -> Result<(), Full> {
        let (left, lasting) = match limit {
            Limit::Times(left) => (Some(left), None),
            Limit::During(lasting) => (None, Some(lasting)),
            Limit::Either(left, lasting) => (Some(left), Some(lasting)),
        };
        // A time beyond the clock's range never ends by itself.
        let until = lasting.and_then(|lasting| now.checked_add(lasting));
        let mut conditions = self.armed.lock();
        conditions.retain(|condition| !condition.is_over(now));
        if conditions.len() >= MOST {
            return Err(Full);
        }
        conditions.push(Condition { what, profile: profile.cloned(), left, until });
        self.is_any.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends every armed fault.
    pub(crate) fn clear(&self) {
        let mut conditions = self.armed.lock();
        conditions.clear();
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
        let mut conditions = self.armed.lock();
        let found = conditions.iter_mut().find_map(|condition| {
            let meant = condition.profile.is_none() || condition.profile.as_ref() == profile;
            let taken = wanted(condition.what).filter(|_| meant && !condition.is_over(now))?;
            condition.left = condition.left.map(|left| left.saturating_sub(1));
            Some(taken)
        });
        conditions.retain(|condition| !condition.is_over(now));
        self.is_any.store(!conditions.is_empty(), Ordering::Release);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(conditions: &Conditions, profile: Option<&ProfileId>, now: Instant) -> bool {
        conditions.take(profile, now, |what| matches!(what, FaultAction::RefuseJoin(_)).then_some(())).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_ends_by_its_count_or_its_time_whichever_comes_first() {
        let (conditions, now) = (Conditions::default(), Instant::now());
        let second = Duration::from_secs(1);
        conditions.add(FaultAction::RefuseJoin(503), None, Limit::Times(2), now).unwrap();
        assert_eq!([0, 0, 0].map(|_| refused(&conditions, None, now)), [true, true, false]);
        conditions.add(FaultAction::RefuseJoin(503), None, Limit::During(second), now).unwrap();
        assert_eq!([now, now, now + second].map(|now| refused(&conditions, None, now)), [true, true, false]);
        conditions.add(FaultAction::RefuseJoin(503), None, Limit::Either(1, second), now).unwrap();
        assert_eq!([now, now].map(|now| refused(&conditions, None, now)), [true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_of_one_profile_spares_the_others_and_the_unknown() {
        let (conditions, now) = (Conditions::default(), Instant::now());
        let (meant, other) = (ProfileId::new("meant"), ProfileId::new("other"));
        conditions.add(FaultAction::RefuseJoin(503), Some(&meant), Limit::Times(1), now).unwrap();
        assert!(!refused(&conditions, Some(&other), now), "another profile was struck");
        assert!(!refused(&conditions, None, now), "nobody in particular was struck");
        assert!(refused(&conditions, Some(&meant), now), "the profile was spared");
    }

    #[tokio::test(start_paused = true)]
    async fn conditions_are_bounded_and_those_that_are_over_make_room() {
        let (conditions, now) = (Conditions::default(), Instant::now());
        let second = Duration::from_secs(1);
        for _ in 0..MOST {
            conditions.add(FaultAction::RefuseJoin(503), None, Limit::During(second), now).unwrap();
        }
        assert!(
            conditions.add(FaultAction::RefuseJoin(503), None, Limit::Times(1), now).is_err(),
            "one too many was taken"
        );
        conditions.add(FaultAction::RefuseJoin(503), None, Limit::Times(1), now + second).expect("they are over");
    }
}
