//! The times in which nothing could be heard, as entries: one when a gap begins, one when it ends.
//!
//! A gap reaches from the last sign of life of the lost connection to the next join, by the clocks that can't be set
//! ([`Life::since`]). It ends at once with a join, so that the window is right; where that join does not hold for
//! [`STABLE`], the same gap goes on, under its key and from its beginning. So a connection that flaps makes one row and
//! not thousands, and what it claims is never too little: the moments of being joined in between are inside it.
//!
//! Pure: the scribe tells what happened and writes the entries.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::activity::{ActivityKey, Entry, Fact, Gap, GapCause, Moment, Seq};
use crate::protocol::{CommandId, RequestId};

use super::clocks::{DRIFT, Life};

/// How long a join must hold for the gap before it to be over for good.
pub(super) const STABLE: Duration = Duration::from_secs(30);

/// What the journal knows of the time before this run.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// When this run began.
    pub(super) now: Moment,
    /// The last moment at which the profile is known to have been alive; `None` for one that never was.
    pub(super) last_alive: Option<Moment>,
    /// A gap that has begun and not ended, with its key.
    pub(super) unfinished: Option<(Box<str>, Gap)>,
}

/// The gaps of one profile.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// The gap that lasts.
    current: Option<Current>,
    /// The last one that ended, and the join that ended it.
    ended: Option<(Current, Life)>,
}

#[derive(Debug)]
struct Current {
    key: Box<str>,
    gap: Gap,
    /// By the clocks of this run; `None` where it began in an earlier one.
    began: Option<Life>,
}

impl Gaps {
    /// The run begins: goes on with the gap that the last run left, or opens the one since it was last alive.
    pub(super) fn begin(&mut self, past: Past) -> Option<Entry> {
        if let Some((key, gap)) = past.unfinished {
            self.current = Some(Current { key, gap, began: None });
            return None;
        }
        // Where the clock was set back meanwhile, the gap can't begin in the future.
        let from = past.last_alive?.min(past.now);
        let current = Current::new(from, GapCause::NotRunning, None);
        let entry = current.entry(past.now);
        self.current = Some(current);
        Some(entry)
    }

    /// A joined connection is gone. `last` was its last sign of life.
    pub(super) fn lost(&mut self, last: Life, now: Life) -> Entry {
        let from = before(now.at, now.since(last));
        let current = match self.ended.take() {
            Some((mut flapping, joined)) if last.since(joined) < STABLE => {
                flapping.gap.to = None;
                flapping
            }
            _ => {
                let asleep = now.slept_since(last) > DRIFT;
                let cause = if asleep { GapCause::Asleep } else { GapCause::Disconnected };
                Current::new(from, cause, Some(last))
            }
        };
        let entry = current.entry(now.at);
        self.current = Some(current);
        entry
    }

    /// A connection is joined, with these commands and data requests open.
    pub(super) fn joined(&mut self, now: Life, (open, requests): (Vec<CommandId>, Vec<RequestId>)) -> Option<Entry> {
        let mut current = self.current.take()?;
        let gap = &mut current.gap;
        name(&mut gap.open, open);
        // More may be open than are named.
        let count = requests.len();
        name(&mut gap.open_requests, requests);
        let count = u32::try_from(count.max(gap.open_requests.len())).unwrap_or(u32::MAX);
        gap.requests = gap.requests.max(count);
        gap.to = Some(now.at.max(gap.from));
        if let Some(began) = current.began {
            let (lasted, seems) = (now.since(began), now.at.since(gap.from));
            if now.at < gap.from || lasted.abs_diff(seems) > DRIFT {
                // The time of day was set meanwhile: by the one that is right now, it began when it did.
                gap.from = before(now.at, lasted);
                gap.to = Some(now.at);
            }
            if now.slept_since(began) > DRIFT {
                gap.cause = GapCause::Asleep;
            }
        }
        let entry = current.entry(now.at);
        self.ended = Some((current, now));
        Some(entry)
    }
}

impl Current {
    fn new(from: Moment, cause: GapCause, began: Option<Life>) -> Self {
        let gap = Gap { from, to: None, cause, open: Vec::new(), requests: 0, open_requests: Vec::new() };
        Self { key: uuid::Uuid::new_v4().to_string().into(), gap, began }
    }

    fn entry(&self, at: Moment) -> Entry {
        let key = ActivityKey::Gap(self.key.clone());
        Entry { seq: Seq::default(), at, key, fact: Fact::Gap(self.gap.clone()), raw: Box::default() }
    }
}

/// Adds ids to those that are named, as far as there is room.
fn name<T: Ord>(named: &mut Vec<T>, open: Vec<T>) {
    let mut all: BTreeSet<T> = named.drain(..).collect();
    for id in open {
        if all.len() >= Gap::MOST {
            break;
        }
        all.insert(id);
    }
    *named = all.into_iter().collect();
}

fn before(at: Moment, by: Duration) -> Moment {
    Moment(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap_of(entry: Option<Entry>) -> (ActivityKey, Gap) {
        let entry = entry.unwrap();
        let Fact::Gap(gap) = entry.fact else { panic!("{:?}", entry.fact) };
        (entry.key, gap)
    }

    #[test]
    fn the_time_not_running_is_a_gap_but_not_for_a_profile_that_was_never_alive() {
        let past = Past { now: Moment(50), last_alive: None, unfinished: None };
        assert_eq!(Gaps::default().begin(past), None);
        let past = Past { now: Moment(50), last_alive: Some(Moment(20)), unfinished: None };
        let (_, gap) = gap_of(Gaps::default().begin(past));
        assert_eq!((gap.from, gap.to, gap.cause), (Moment(20), None, GapCause::NotRunning));
        let past = Past { now: Moment(50), last_alive: Some(Moment(90)), unfinished: None };
        assert_eq!(gap_of(Gaps::default().begin(past)).1.from, Moment(50), "the clock was set back");
    }

    #[test]
    fn a_gap_that_the_last_run_left_goes_on_under_its_key() {
        let clock: crate::engine::options::Clock = std::sync::Arc::new(|| Moment(70));
        let clocks = crate::engine::clocks::Clocks::new(clock, std::sync::Arc::new(|| None));
        let mut gaps = Gaps::default();
        let left = Gap {
            from: Moment(5),
            to: None,
            cause: GapCause::Disconnected,
            open: vec!["a".into()],
            requests: 2,
            open_requests: vec!["r".into()],
        };
        let past = Past { now: Moment(50), last_alive: Some(Moment(20)), unfinished: Some(("k".into(), left)) };
        assert_eq!(gaps.begin(past), None);
        let (key, gap) = gap_of(gaps.joined(clocks.now(), (vec!["b".into()], vec!["s".into(), "r".into()])));
        assert_eq!(key, ActivityKey::Gap("k".into()));
        assert_eq!((gap.from, gap.to, gap.requests), (Moment(5), Some(Moment(70)), 2));
        assert_eq!(gap.open, ["a".into(), "b".into()]);
        assert_eq!(gap.open_requests, ["r".into(), "s".into()]);
    }
}
