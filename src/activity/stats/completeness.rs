//! What may be missing: the state of a gap, in numbers and in words, and whether completeness can be claimed at all.
//!
//! The only code that decides this: a gap's row, its details, the status bar, the dialog, `export` and `watch` all use it. It
//! claims nothing about ids that were never seen.

use std::time::Duration;

use crate::activity::entry::{ActivityKey, Gap, GapCause};
use crate::activity::status::Status;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::counted;

/// How long after a status check the socket may still deliver the outcome.
const GRACE: Duration = Duration::from_secs(10);
/// How long an undelivered outcome suggests a competing consumer.
const SUSPICION_PERIOD: Duration = Duration::from_hours(1);

/// What is known of an id now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenItemState {
    /// Its outcome is known.
    Settled,
    /// The server was asked and does not know it.
    Unknown,
    /// Its outcome is still expected.
    Open,
}

impl OpenItemState {
    /// What the status of an activity's row says. Data that is being fetched has arrived.
    pub fn of(status: Status) -> Self {
        match status {
            Status::Unknown => Self::Unknown,
            Status::Pending | Status::Preparing => Self::Open,
            _ => Self::Settled,
        }
    }
}

/// The current state of a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapState {
    /// When it began.
    pub from: Timestamp,
    /// When it ended; `None` until then.
    pub to: Option<Timestamp>,
    /// Why nothing was received.
    pub cause: GapCause,
    /// Number of commands that were open during it.
    pub open: usize,
    /// Number of those that are settled now: received after all, or found by a status check.
    pub recovered: usize,
    /// Number of those that the server does not know.
    pub unknown: usize,
    /// Number of data requests that were open during it.
    pub requests: usize,
    /// Number of those with an outcome since.
    pub requests_settled: usize,
    /// A competing consumer is suspected, so completeness is not claimed.
    pub suspected: bool,
}

impl GapState {
    /// The state of a gap, from what is known of the ids that it names. `open_now` is the number of commands and data requests that
    /// are open now: before a gap ends it names none, and these are the ones open during it.
    pub fn of(gap: &Gap, open_now: (usize, usize), answer: impl Fn(&ActivityKey) -> OpenItemState) -> Self {
        let (from, to, cause) = (gap.from, gap.to, gap.cause);
        if to.is_none() {
            let (open, requests) = open_now;
            return Self {
                from,
                to,
                cause,
                open,
                recovered: 0,
                unknown: 0,
                requests,
                requests_settled: 0,
                suspected: false,
            };
        }
        let (mut recovered, mut unknown) = (0, 0);
        for command in &gap.open {
            match answer(&ActivityKey::Command(command.clone())) {
                OpenItemState::Settled => recovered += 1,
                OpenItemState::Unknown => unknown += 1,
                OpenItemState::Open => {}
            }
        }
        let requests = usize::try_from(gap.requests).unwrap_or(usize::MAX);
        let is_heard = |request| answer(&ActivityKey::Data(request)) == OpenItemState::Settled;
        let named = gap.open_requests.iter().filter(|request| is_heard((*request).clone())).count();
        // Requests that it counts but does not name have had their outcomes if nothing is open any more.
        let unnamed = if open_now == (0, 0) { requests.saturating_sub(gap.open_requests.len()) } else { 0 };
        Self {
            from,
            to,
            cause,
            open: gap.open.len(),
            recovered,
            unknown,
            requests,
            requests_settled: named + unnamed,
            suspected: false,
        }
    }

    /// Sets whether a competing consumer is suspected.
    pub fn while_suspected(self, suspected: bool) -> Self {
        Self { suspected, ..self }
    }

    /// Whether the outcomes of all items known to have been open are known, and no message was lost that may have reported another.
    pub fn is_recovered(&self) -> bool {
        let is_known = self.recovered == self.open && self.requests_settled == self.requests;
        self.to.is_some() && is_known && self.cause != GapCause::MessageLost
    }

    /// Whether all items known to have been open have outcomes, and no competing consumer casts doubt on that.
    pub fn is_complete(&self) -> bool {
        self.is_recovered() && !self.suspected
    }

    /// Number of commands that were open during it and still are.
    pub fn commands_left(&self) -> usize {
        self.open.saturating_sub(self.recovered + self.unknown)
    }

    /// Number of data requests that were open during it without an outcome since.
    pub fn requests_left(&self) -> usize {
        self.requests.saturating_sub(self.requests_settled)
    }

    /// What it means, as the end of a sentence.
    pub fn meaning(&self) -> &'static str {
        if self.is_complete() { "nothing known is missing" } else { "acknowledgements may be missing" }
    }

    /// What is known of it now, in parts: `3 of 5 recovered, 1 unknown to the server`.
    pub fn findings(&self) -> Vec<String> {
        let mut parts = Vec::with_capacity(3);
        if self.to.is_none() {
            let open = [(self.open, "command"), (self.requests, "data request")];
            let open: Vec<String> = open
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, noun)| counted(count as u64, noun))
                .collect();
            if !open.is_empty() {
                let verb = if self.open + self.requests == 1 { "is" } else { "are" };
                parts.push(format!("{} {verb} waiting for an outcome", open.join(" and ")));
            }
            return parts;
        }
        if self.open > 0 {
            let unknown = match self.unknown {
                0 => String::new(),
                unknown => format!(", {unknown} unknown to the server"),
            };
            parts.push(format!("{} of {} recovered{unknown}", self.recovered, self.open));
        }
        if self.requests_settled > 0 {
            parts.push(format!("{} of {} heard", self.requests_settled, counted(self.requests as u64, "data request")));
        }
        if self.requests_left() > 0 {
            parts.push(format!("{} cannot be asked for", counted(self.requests_left() as u64, "data request")));
        } else if self.open == 0 && self.requests == 0 {
            parts.push("no command was open".to_owned());
        }
        if self.suspected {
            parts.push("another client may take messages".to_owned());
        }
        parts
    }
}

/// Commands of the last hour whose outcome never reached the socket, although it was connected the whole time: from when the socket
/// reported them as pending until 10 s after a status check reported the outcome. Another client probably receives messages from
/// the profile's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompetingConsumer {
    /// Number of such commands, at least 1.
    pub undelivered: usize,
    /// Number of all commands with an outcome within the hour.
    pub of: usize,
}

impl CompetingConsumer {
    /// Evaluates the result of [`crate::activity::Activities::undelivered_outcomes`] at a time; `settled` is the number of commands with an
    /// outcome within the hour.
    pub fn of(undelivered: &[Timestamp], settled: usize, now: Timestamp) -> Option<Self> {
        let undelivered = undelivered.iter().filter(|answered| is_suspicious(**answered, now)).count();
        (undelivered > 0).then_some(Self { undelivered, of: settled.max(undelivered) })
    }
}

/// When the evaluation of [`crate::activity::Activities::undelivered_outcomes`] changes with time alone.
pub fn next_change(undelivered: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let turns = undelivered.iter().flat_map(|answered| [answered.plus(GRACE), answered.plus(SUSPICION_PERIOD)]);
    turns.filter(|turn| *turn > now).min()
}

/// A command that the socket reported as pending, and whose outcome only a status check reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndeliveredOutcome {
    /// When it was first seen.
    pub since: Timestamp,
    /// When the server answered.
    pub answered: Timestamp,
}

/// The gaps, to look up which undelivered outcomes they explain.
#[derive(Debug, Default)]
pub struct Gaps {
    /// The start of each gap, ascending, and the latest end of it and those before it.
    ends: Vec<(Timestamp, Timestamp)>,
}

impl Gaps {
    /// Indexes these gaps.
    pub fn of<'a>(gaps: impl Iterator<Item = &'a Gap>) -> Self {
        let mut ends: Vec<_> = gaps.map(|gap| (gap.from, gap.to.unwrap_or(Timestamp(i64::MAX)))).collect();
        ends.sort_unstable();
        let mut latest = Timestamp(i64::MIN);
        for (_, end) in &mut ends {
            latest = latest.max(*end);
            *end = latest;
        }
        Self { ends }
    }

    /// Whether a gap explains why an outcome was not received: a gap between its first sight and the answer, or one that starts
    /// while the socket might still have delivered it.
    pub fn explain(&self, undelivered: UndeliveredOutcome) -> bool {
        let before = self.ends.partition_point(|(from, _)| *from <= undelivered.answered.plus(GRACE));
        before.checked_sub(1).and_then(|last| self.ends.get(last)).is_some_and(|(_, end)| *end >= undelivered.since)
    }
}

/// Whether an undelivered outcome without an explaining gap suggests a competing consumer at a time.
pub fn is_suspicious(answered: Timestamp, now: Timestamp) -> bool {
    answered.plus(GRACE) <= now && now < answered.plus(SUSPICION_PERIOD)
}

/// The earliest answer that suggests a competing consumer at a time.
pub(crate) fn suspected_from(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(SUSPICION_PERIOD.as_micros()).unwrap_or(i64::MAX)))
}

/// From when completeness can be claimed again after an undelivered outcome; `None` while the socket may still deliver it.
pub fn claims_since(answered: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (answered.plus(GRACE) <= now).then_some(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(to: Option<i64>, open: &[&str], requests: &[&str]) -> Gap {
        Gap {
            from: Timestamp(1_000_000),
            to: to.map(Timestamp),
            cause: GapCause::Disconnected,
            open: open.iter().map(|id| (*id).into()).collect(),
            requests: u32::try_from(requests.len()).unwrap(),
            open_requests: requests.iter().map(|id| (*id).into()).collect(),
        }
    }

    /// By the first letter of an id.
    fn answer(key: &ActivityKey) -> OpenItemState {
        match key.id().as_bytes()[0] {
            b's' => OpenItemState::Settled,
            b'u' => OpenItemState::Unknown,
            _ => OpenItemState::Open,
        }
    }

    #[test]
    fn a_command_unknown_to_the_server_is_not_recovered() {
        let state = GapState::of(&gap(Some(2_000_000), &["s1", "s2", "s3", "u1", "o1"], &[]), (7, 7), answer);
        assert_eq!((state.recovered, state.unknown, state.commands_left()), (3, 1, 1));
        assert_eq!(state.findings(), ["3 of 5 recovered, 1 unknown to the server"]);
        let state = GapState::of(&gap(Some(2_000_000), &["s1", "u1"], &[]), (7, 7), answer);
        assert_eq!((state.meaning(), state.commands_left()), ("acknowledgements may be missing", 0));
        let state = GapState::of(&gap(Some(2_000_000), &["s1"], &["s2"]), (7, 7), answer);
        assert_eq!(state.meaning(), "nothing known is missing");
        assert_eq!(state.findings(), ["1 of 1 recovered", "1 of 1 data request heard"]);
    }

    #[test]
    fn unnamed_requests_are_settled_once_nothing_is_open() {
        let unnamed = Gap { requests: 3, ..gap(Some(2_000_000), &[], &["s1"]) };
        for (open_now, wanted) in [((1, 0), 1), ((0, 1), 1), ((0, 0), 3)] {
            assert_eq!(GapState::of(&unnamed, open_now, answer).requests_settled, wanted);
        }
    }

    #[test]
    fn while_a_competing_consumer_is_suspected_completeness_is_not_claimed() {
        let state = GapState::of(&gap(Some(2_000_000), &["s1"], &[]), (0, 0), answer).while_suspected(true);
        assert!(state.is_recovered() && !state.is_complete());
        assert_eq!(state.meaning(), "acknowledgements may be missing");
        assert_eq!(state.findings(), ["1 of 1 recovered", "another client may take messages"]);
    }

    #[test]
    fn a_gap_explains_only_outcomes_that_were_missed_while_it_lasted() {
        let second = |n: i64| Timestamp(n * 1_000_000);
        let lasts = |from, to| Gap { from: second(from), to: Some(second(to)), ..gap(None, &[], &[]) };
        let gaps = Gaps::of([lasts(100, 110), lasts(40, 200), lasts(500, 510)].iter());
        let explained =
            |since, answered| gaps.explain(UndeliveredOutcome { since: second(since), answered: second(answered) });
        for (since, answered, wanted) in [
            (0, 20, false),
            (0, 30, true),
            (0, 50, true),
            (150, 300, true),
            (201, 300, false),
            (300, 489, false),
            (300, 490, true),
            (511, 600, false),
        ] {
            assert_eq!(explained(since, answered), wanted, "{since} to {answered}");
        }
        assert!(!Gaps::default().explain(UndeliveredOutcome { since: second(0), answered: second(9) }));
        for (now, wanted) in [(109, false), (110, true), (3_699, true), (3_700, false)] {
            assert_eq!(is_suspicious(second(100), second(now)), wanted, "at {now}");
        }
    }
}
