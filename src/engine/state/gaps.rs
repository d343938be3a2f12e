//! The times in which no messages could be received, as journal entries: one entry when a gap begins and one when it ends.
//!
//! A gap reaches from the last sign of life of the lost connection to the next join, measured by the clocks that can't be
//! set ([`ClockSample::since`]). A join ends the gap at once, so that the window is right. If the connection drops again
//! within [`STABLE`], the same gap is reopened, with the same key and beginning. So a flapping connection makes one row and
//! not thousands. A gap may overstate, because it includes the short joined times, but never understates.
//!
//! A flapping connection writes two entries each time. So an entry names only the ids that earlier entries of its gap do
//! not: the total size grows with the number of entries plus the number of ids, not with their product.
//!
//! This module does no I/O: the journal writer reports what happened and writes the returned entries.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::activity::{ActivityKey, Entry, Fact, Gap, GapCause, Timestamp};
use crate::engine::runtime::clock::{ClockSample, DRIFT};
use crate::protocol::{CommandId, RequestId};

/// How long a join must last for the gap before it to be closed for good.
pub(crate) const STABLE: Duration = Duration::from_secs(30);

/// What the journal knows of the time before this run.
#[derive(Debug, Default)]
pub(crate) struct PreviousRun {
    /// When this run began.
    pub(crate) now: Timestamp,
    /// The last time at which the profile is known to have been running; `None` if it never was.
    pub(crate) last_seen: Option<Timestamp>,
}

/// The gaps that earlier runs left open, with their keys; found once the history has been read.
pub(crate) type UnfinishedGaps = Vec<(Box<str>, Gap)>;

/// The open commands and data requests.
type OpenIds = (Vec<CommandId>, Vec<RequestId>);

/// The gaps of one profile.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// The open gap, if any.
    current: Option<OpenGap>,
    /// The last gap that ended, and the join that ended it.
    ended: Option<(OpenGap, ClockSample)>,
    /// When the program stopped before this run: a gap that the last run left open ends there.
    not_running: Option<Timestamp>,
}

#[derive(Debug)]
struct OpenGap {
    key: Box<str>,
    /// The gap, with all ids that its entries name.
    gap: Gap,
    /// When it began, by the clocks of this run; `None` if it began in an earlier one.
    began: Option<ClockSample>,
}

impl Gaps {
    /// Begins the run: opens the gap since the last run was alive. Its entry must be written before anything else of this
    /// run, because later entries would hide when that was.
    pub(crate) fn start_run(&mut self, past: &PreviousRun) -> Option<Entry> {
        // If the clock was set back meanwhile, the gap must not begin in the future.
        let from = past.last_seen?.min(past.now);
        let current = OpenGap::new(from, GapCause::NotRunning, None);
        let entry = current.entry(past.now, OpenIds::default());
        self.current = Some(current);
        self.not_running = Some(from);
        Some(entry)
    }

    /// Ends a gap that an earlier run left open. It ends when the program stopped, because the time since then is a gap of
    /// its own. Whatever is open now was open during it.
    pub(crate) fn close_left_open(&self, now: Timestamp, (key, mut gap): (Box<str>, Gap), open: OpenIds) -> Entry {
        gap.to = Some(self.not_running.unwrap_or(gap.from).max(gap.from));
        let mut ended_gap = OpenGap { key, gap, began: None };
        ended_gap.add_new_ids(open);
        // The last entry names all ids, because an earlier version, which may have written the other entries, did not record
        // which ids it had named.
        let all = (ended_gap.gap.open.clone(), ended_gap.gap.open_requests.clone());
        ended_gap.entry(now, all)
    }

    /// Forgets which ids were open, because the profile's history is cleared.
    pub(crate) fn clear_open_ids(&mut self) {
        for gap in [self.current.as_mut(), self.ended.as_mut().map(|(ended, _)| ended)].into_iter().flatten() {
            (gap.gap.open, gap.gap.requests, gap.gap.open_requests) = (Vec::new(), 0, Vec::new());
        }
    }

    /// A joined connection was lost. `last` is its last sign of life; `message` is whether a message was lost with it.
    pub(crate) fn on_lost(&mut self, last: ClockSample, now: ClockSample, message: bool) -> Entry {
        let from = before(now.at, now.since(last));
        let mut current = match self.ended.take() {
            Some((mut flapping, joined)) if last.since(joined) < STABLE => {
                flapping.gap.to = None;
                flapping
            }
            _ => {
                let asleep = now.slept_since(last) > DRIFT;
                let cause = if asleep { GapCause::Asleep } else { GapCause::Disconnected };
                OpenGap::new(from, cause, Some(last))
            }
        };
        if message {
            current.gap.cause = GapCause::MessageLost;
        }
        let entry = current.entry(now.at, OpenIds::default());
        self.current = Some(current);
        entry
    }

    /// A message was lost before its connection was joined, so the open gap must not end as if nothing were missing.
    pub(crate) fn on_lost_message(&mut self, now: ClockSample) -> Option<Entry> {
        let current = self.current.as_mut()?;
        current.gap.cause = GapCause::MessageLost;
        Some(current.entry(now.at, OpenIds::default()))
    }

    /// A connection was joined, while these commands and data requests are open.
    pub(crate) fn on_joined(&mut self, now: ClockSample, open: OpenIds) -> Option<Entry> {
        let mut current = self.current.take()?;
        let new = current.add_new_ids(open);
        let gap = &mut current.gap;
        gap.to = Some(now.at.max(gap.from));
        if let Some(began) = current.began {
            let (lasted, seems) = (now.since(began), now.at.since(gap.from));
            if now.at < gap.from || lasted.abs_diff(seems) > DRIFT {
                // The time of day was set meanwhile: compute the beginning from the clock that is right now.
                gap.from = before(now.at, lasted);
                gap.to = Some(now.at);
            }
            if now.slept_since(began) > DRIFT && gap.cause != GapCause::MessageLost {
                gap.cause = GapCause::Asleep;
            }
        }
        let entry = current.entry(now.at, new);
        self.ended = Some((current, now));
        Some(entry)
    }
}

impl OpenGap {
    fn new(from: Timestamp, cause: GapCause, began: Option<ClockSample>) -> Self {
        let gap = Gap { from, to: None, cause, open: Vec::new(), requests: 0, open_requests: Vec::new() };
        Self { key: uuid::Uuid::new_v4().to_string().into(), gap, began }
    }

    /// Adds the open ids. Returns those that the gap did not name before.
    fn add_new_ids(&mut self, (open, requests): OpenIds) -> OpenIds {
        let gap = &mut self.gap;
        // More ids may be open than a gap can name.
        let count = requests.len();
        let new = (add_new(&mut gap.open, open), add_new(&mut gap.open_requests, requests));
        let count = u32::try_from(count.max(gap.open_requests.len())).unwrap_or(u32::MAX);
        gap.requests = gap.requests.max(count);
        new
    }

    /// An entry that names these ids.
    fn entry(&self, at: Timestamp, (open, open_requests): OpenIds) -> Entry {
        let Gap { from, to, cause, requests, .. } = self.gap;
        let gap = Gap { from, to, cause, open, requests, open_requests };
        Entry::local(at, ActivityKey::Gap(self.key.clone()), Fact::Gap(gap))
    }
}

/// Adds ids to `named`, as far as there is space. Returns the new ones.
fn add_new<T: Ord + Clone>(named: &mut Vec<T>, open: Vec<T>) -> Vec<T> {
    let mut all: BTreeSet<T> = named.drain(..).collect();
    let mut new = Vec::new();
    for id in open {
        if all.len() >= Gap::MAX_NAMED {
            break;
        }
        if all.insert(id.clone()) {
            new.push(id);
        }
    }
    *named = all.into_iter().collect();
    new
}

/// The time `by` before `at`.
pub(crate) fn before(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
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
    fn the_time_not_running_is_a_gap_except_for_a_profile_that_never_ran() {
        let past = |last_seen| PreviousRun { now: Timestamp(50), last_seen };
        assert_eq!(Gaps::default().start_run(&past(None)), None);
        let (_, gap) = gap_of(Gaps::default().start_run(&past(Some(Timestamp(20)))));
        assert_eq!((gap.from, gap.to, gap.cause), (Timestamp(20), None, GapCause::NotRunning));
        assert_eq!(
            gap_of(Gaps::default().start_run(&past(Some(Timestamp(90))))).1.from,
            Timestamp(50),
            "the clock was set back"
        );
    }

    #[test]
    fn a_gap_left_open_ends_when_the_program_stopped() {
        let mut gaps = Gaps::default();
        let (not_running, _) =
            gap_of(gaps.start_run(&PreviousRun { now: Timestamp(50), last_seen: Some(Timestamp(20)) }));
        let unfinished = Gap {
            from: Timestamp(5),
            to: None,
            cause: GapCause::Disconnected,
            open: vec!["a".into()],
            requests: 2,
            open_requests: vec!["r".into()],
        };
        let open = || (vec!["b".into()], vec!["s".into(), "r".into(), "t".into()]);
        let (key, gap) = gap_of(Some(gaps.close_left_open(Timestamp(60), ("k".into(), unfinished), open())));
        assert_eq!(key, ActivityKey::Gap("k".into()));
        assert_eq!((gap.from, gap.to, gap.requests), (Timestamp(5), Some(Timestamp(20)), 3));
        assert_eq!((gap.open.len(), gap.open_requests.len()), (2, 3));
        let clock: crate::engine::runtime::clock::Clock = std::sync::Arc::new(|| Timestamp(70));
        let clocks = crate::engine::runtime::clock::Clocks::new(clock, std::sync::Arc::new(|| None));
        let (key, gap) = gap_of(gaps.on_joined(clocks.now(), open()));
        assert_eq!((key, gap.from, gap.to), (not_running, Timestamp(20), Some(Timestamp(70))), "the other goes on");
    }

    #[test]
    fn an_entry_names_only_ids_that_earlier_entries_of_its_gap_do_not() {
        let clock: crate::engine::runtime::clock::Clock = std::sync::Arc::new(|| Timestamp(70));
        let now = crate::engine::runtime::clock::Clocks::new(clock, std::sync::Arc::new(|| None)).now();
        let open = |ids: &[&str]| (ids.iter().map(|id| (*id).into()).collect(), vec!["r".into()]);
        let ids = |entry: Option<Entry>| {
            let (_, gap) = gap_of(entry);
            (gap.open, gap.open_requests.len(), gap.requests)
        };
        let mut gaps = Gaps::default();
        gaps.on_lost(now, now, false);
        assert_eq!(ids(gaps.on_joined(now, open(&["a", "b"]))), (vec!["a".into(), "b".into()], 1, 1));
        assert_eq!(ids(Some(gaps.on_lost(now, now, false))), (Vec::new(), 0, 1));
        assert_eq!(ids(gaps.on_joined(now, open(&["a", "c"]))), (vec!["c".into()], 0, 1));
        // Ids that were cleared with the history are unknown, and are named if they come back.
        gaps.on_lost(now, now, false);
        gaps.clear_open_ids();
        assert_eq!(ids(gaps.on_joined(now, open(&["a"]))), (vec!["a".into()], 1, 1));
        gaps.clear_open_ids();
        gaps.on_lost(now, now, false);
        assert_eq!(ids(gaps.on_joined(now, (Vec::new(), Vec::new()))), (Vec::new(), 0, 0));
    }
}
