//! Voting pools: one vote each, with a ballot for each authenticator.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio::time::Instant;

use crate::protocol::CommandId;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::configurations::Rules;
use super::strategy::{Decision, Tally};

/// How many open pools a profile may have, and how many it has in all; the oldest decided one makes room.
const OPEN_PER_PROFILE: usize = 200;
const PER_PROFILE: usize = 400;

/// What authenticators vote on.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) text: String,
    /// A reference of the client's own.
    pub(crate) nonce: Option<String>,
    /// The command that waits for the vote.
    pub(crate) command: Option<CommandId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Approved,
    Rejected,
    TimedOut,
}

#[derive(Clone)]
struct Pool {
    owner: ProfileId,
    /// How many pools were opened before it.
    number: u64,
    question: Question,
    rules: Rules,
    quorum: usize,
    attempt: u32,
    closes: Instant,
    status: Status,
    /// The vote of each device: `true` is for it, `None` is missing.
    ballots: BTreeMap<String, Option<bool>>,
    /// Devices that have voted and were removed then: they don't vote in another attempt.
    removed: BTreeSet<String>,
}

/// A pool as its profile reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolStatus {
    pub(crate) pool_id: String,
    status: Status,
    title: String,
    question: String,
    nonce: Option<String>,
    strategy: &'static str,
    quorum: usize,
    attempt: u32,
    attempts: u32,
    pub(crate) ballots: Tally,
    command_id: Option<CommandId>,
}

/// An open ballot of a device.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ballot {
    pool_id: String,
    device_id: String,
    title: String,
    question: String,
    nonce: Option<String>,
    attempt: u32,
    /// In seconds, rounded up.
    seconds_left: u64,
}

/// What a command that waits for a pool needs to know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Undecided, at least until the next vote or this time.
    Open {
        until: Instant,
    },
    Approved,
    Failed(Reason),
}

/// Why a vote was not counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum VoteError {
    /// The profile has no such pool.
    NoPool,
    /// The device has no ballot in the pool.
    NoBallot,
    /// The pool is decided, or the device has voted.
    Late(Reason),
}

/// All pools, by id.
#[derive(Clone, Default)]
pub(crate) struct Pools {
    by_id: BTreeMap<String, Pool>,
    opened: u64,
}

impl Pools {
    /// Opens a pool with a ballot for each of these devices.
    pub(crate) fn open(
        &mut self,
        owner: &ProfileId,
        id: String,
        question: Question,
        rules: Rules,
        devices: Vec<String>,
        now: Instant,
    ) -> Result<(), Reason> {
        if devices.is_empty() {
            return Err("voting.no_authenticators");
        }
        self.make_room(owner, now)?;
        let quorum = rules.quorum.unwrap_or_else(|| rules.strategy.quorum(devices.len()));
        let mut pool = Pool {
            owner: owner.clone(),
            number: self.opened,
            question,
            quorum,
            attempt: 1,
            closes: now + rules.time_limit,
            rules,
            status: Status::Open,
            ballots: devices.into_iter().map(|device| (device, None)).collect(),
            removed: BTreeSet::new(),
        };
        // A quorum that can't be reached fails at once.
        pool.decide(false);
        self.opened += 1;
        self.by_id.insert(id, pool);
        Ok(())
    }

    fn make_room(&mut self, owner: &ProfileId, now: Instant) -> Result<(), Reason> {
        let (mut open, mut all, mut oldest) = (0, 0, None::<(u64, String)>);
        for (id, pool) in self.by_id.iter_mut().filter(|(_, pool)| pool.owner == *owner) {
            pool.advance(now);
            all += 1;
            if pool.status == Status::Open {
                open += 1;
            } else if oldest.as_ref().is_none_or(|(number, _)| pool.number < *number) {
                oldest = Some((pool.number, id.clone()));
            }
        }
        if open >= OPEN_PER_PROFILE {
            return Err("voting.limit_reached");
        }
        if all >= PER_PROFILE
            && let Some((_, id)) = oldest
        {
            self.by_id.remove(&id);
        }
        Ok(())
    }

    /// Counts a device's vote.
    pub(crate) fn vote(
        &mut self,
        owner: &ProfileId,
        id: &str,
        device: &str,
        is_for: bool,
        now: Instant,
    ) -> Result<(), VoteError> {
        let pool = self.own(owner, id, now).ok_or(VoteError::NoPool)?;
        let is_open = pool.status == Status::Open;
        let ballot = pool.ballots.get_mut(device).ok_or(VoteError::NoBallot)?;
        if !is_open {
            return Err(VoteError::Late("voting.pool_closed"));
        }
        if ballot.is_some() {
            return Err(VoteError::Late("voting.already_voted"));
        }
        *ballot = Some(is_for);
        pool.decide(false);
        Ok(())
    }

    /// No open pool waits any longer for the vote of this device. Its votes so far count.
    pub(crate) fn device_removed(&mut self, owner: &ProfileId, device: &str, now: Instant) {
        for pool in self.by_id.values_mut().filter(|pool| pool.owner == *owner) {
            pool.advance(now);
            match pool.ballots.get(device) {
                Some(_) if pool.status != Status::Open => {}
                Some(None) => {
                    pool.ballots.remove(device);
                    pool.decide_anew();
                }
                Some(Some(_)) => {
                    pool.removed.insert(device.to_owned());
                }
                None => {}
            }
        }
    }

    /// How far a profile's pool is, for a command that waits for it.
    pub(crate) fn progress(&mut self, owner: &ProfileId, id: &str, now: Instant) -> Option<Progress> {
        let pool = self.own(owner, id, now)?;
        Some(match pool.status {
            Status::Open => Progress::Open { until: pool.closes },
            Status::Approved => Progress::Approved,
            Status::Rejected => Progress::Failed("voting.rejected_by_quorum"),
            Status::TimedOut if pool.ballots.is_empty() => Progress::Failed("voting.no_authenticators"),
            Status::TimedOut if pool.ballots.len() < pool.quorum => Progress::Failed("voting.quorum_not_reached"),
            Status::TimedOut if pool.tally().open == pool.ballots.len() => {
                Progress::Failed("voting.time_limit_reached")
            }
            Status::TimedOut => Progress::Failed("voting.quorum_not_reached"),
        })
    }

    /// A profile's pool as clients read it.
    pub(crate) fn status(&mut self, owner: &ProfileId, id: &str, now: Instant) -> Option<PoolStatus> {
        self.own(owner, id, now).map(|pool| PoolStatus {
            pool_id: id.to_owned(),
            status: pool.status,
            title: pool.question.title.clone(),
            question: pool.question.text.clone(),
            nonce: pool.question.nonce.clone(),
            strategy: pool.rules.strategy.name(),
            quorum: pool.quorum,
            attempt: pool.attempt,
            attempts: pool.rules.attempts,
            ballots: pool.tally(),
            command_id: pool.question.command.clone(),
        })
    }

    /// The open ballots of a profile's devices, or of one of them.
    pub(crate) fn ballots(&mut self, owner: &ProfileId, device: Option<&str>, now: Instant) -> Vec<Ballot> {
        let mut ballots = Vec::new();
        for (id, pool) in self.by_id.iter_mut().filter(|(_, pool)| pool.owner == *owner) {
            pool.advance(now);
            if pool.status != Status::Open {
                continue;
            }
            let missing = pool.ballots.iter().filter(|(_, vote)| vote.is_none()).map(|(device, _)| device);
            for voter in missing.filter(|voter| device.is_none_or(|device| device == *voter)) {
                ballots.push(Ballot {
                    pool_id: id.clone(),
                    device_id: voter.clone(),
                    title: pool.question.title.clone(),
                    question: pool.question.text.clone(),
                    nonce: pool.question.nonce.clone(),
                    attempt: pool.attempt,
                    seconds_left: seconds_until(pool.closes, now),
                });
            }
        }
        ballots
    }

    fn own(&mut self, owner: &ProfileId, id: &str, now: Instant) -> Option<&mut Pool> {
        let pool = self.by_id.get_mut(id).filter(|pool| pool.owner == *owner)?;
        pool.advance(now);
        Some(pool)
    }
}

/// In seconds, rounded up.
fn seconds_until(end: Instant, now: Instant) -> u64 {
    let millis = end.saturating_duration_since(now).as_millis();
    u64::try_from(millis.div_ceil(1_000)).unwrap_or(u64::MAX)
}

impl Pool {
    fn tally(&self) -> Tally {
        let count = |vote| self.ballots.values().filter(|ballot| **ballot == vote).count();
        Tally { votes_for: count(Some(true)), votes_against: count(Some(false)), open: count(None) }
    }

    /// Decides after the number of voters has changed.
    fn decide_anew(&mut self) {
        self.quorum = self.rules.quorum.unwrap_or_else(|| self.rules.strategy.quorum(self.ballots.len()));
        self.decide(false);
    }

    fn decide(&mut self, is_over: bool) {
        if self.ballots.is_empty() {
            self.status = Status::TimedOut;
            return;
        }
        self.status = match self.rules.strategy.decide(self.tally(), self.quorum, is_over) {
            Decision::Open => Status::Open,
            Decision::Approved => Status::Approved,
            Decision::Rejected => Status::Rejected,
            Decision::NoQuorum => Status::TimedOut,
        };
    }

    /// Applies what the time limit brings about: a decision, or the next attempt with new ballots.
    fn advance(&mut self, now: Instant) {
        while self.status == Status::Open && self.closes <= now {
            self.decide(true);
            if self.status == Status::TimedOut && self.attempt < self.rules.attempts {
                self.status = Status::Open;
                self.attempt += 1;
                self.closes += self.rules.time_limit;
                let removed = std::mem::take(&mut self.removed);
                self.ballots.retain(|device, _| !removed.contains(device));
                self.ballots.values_mut().for_each(|vote| *vote = None);
                self.decide_anew();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::state::voting::strategy::Strategy;

    const LIMIT: Duration = Duration::from_mins(1);

    fn owner() -> ProfileId {
        ProfileId::new("prf-1")
    }

    fn question() -> Question {
        Question { title: "t".into(), text: "q".into(), nonce: None, command: None }
    }

    fn opened(strategy: Strategy, quorum: Option<usize>, attempts: u32, now: Instant) -> Pools {
        let mut pools = Pools::default();
        let rules = Rules { strategy, quorum, time_limit: LIMIT, attempts, devices: Vec::new() };
        pools.open(&owner(), "p".into(), question(), rules, vec!["a".into(), "b".into()], now).expect("opened");
        pools
    }

    #[tokio::test(start_paused = true)]
    async fn too_few_votes_in_time_give_the_next_attempt_new_ballots() {
        let now = Instant::now();
        let mut pools = opened(Strategy::Unanimous, None, 2, now);
        pools.vote(&owner(), "p", "a", true, now).expect("counted");
        assert_eq!(pools.vote(&owner(), "p", "a", true, now), Err(VoteError::Late("voting.already_voted")));
        let later = now + LIMIT;
        assert_eq!(pools.progress(&owner(), "p", later), Some(Progress::Open { until: later + LIMIT }));
        assert_eq!(pools.ballots(&owner(), None, later).len(), 2, "the votes of the first attempt count no more");
        pools.vote(&owner(), "p", "a", true, later).expect("counted");
        let end = later + LIMIT;
        assert_eq!(pools.progress(&owner(), "p", end), Some(Progress::Failed("voting.quorum_not_reached")));
        assert_eq!(pools.vote(&owner(), "p", "b", true, end), Err(VoteError::Late("voting.pool_closed")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_quorum_decides_at_the_time_limit() {
        let now = Instant::now();
        let mut pools = opened(Strategy::Unanimous, Some(1), 1, now);
        pools.vote(&owner(), "p", "a", true, now).expect("counted");
        assert!(matches!(pools.progress(&owner(), "p", now), Some(Progress::Open { .. })), "b can still object");
        assert_eq!(pools.progress(&owner(), "p", now + LIMIT), Some(Progress::Approved));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_else_sees_a_pool_or_votes_in_it() {
        let now = Instant::now();
        let mut pools = opened(Strategy::Affirmative, None, 1, now);
        let other = ProfileId::new("prf-2");
        assert_eq!(pools.vote(&other, "p", "a", true, now), Err(VoteError::NoPool));
        assert_eq!(pools.vote(&owner(), "p", "c", true, now), Err(VoteError::NoBallot));
        assert!(pools.status(&other, "p", now).is_none());
        assert!(pools.ballots(&other, None, now).is_empty());
        assert_eq!(pools.progress(&other, "p", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_pools_is_limited_and_decided_ones_make_room() {
        let now = Instant::now();
        let mut pools = Pools::default();
        let rules =
            Rules { strategy: Strategy::Unanimous, quorum: None, time_limit: LIMIT, attempts: 1, devices: Vec::new() };
        let mut open = |number: usize, now| {
            pools.open(&owner(), format!("p-{number}"), question(), rules.clone(), vec!["a".into()], now)
        };
        for number in 0..OPEN_PER_PROFILE {
            open(number, now).expect("opened");
        }
        assert_eq!(open(OPEN_PER_PROFILE, now), Err("voting.limit_reached"));
        for number in 0..PER_PROFILE {
            open(1_000 + number, now + LIMIT * u32::try_from(number + 1).expect("small")).expect("opened");
        }
        assert_eq!(pools.by_id.len(), PER_PROFILE);
        assert!(pools.by_id.contains_key("p-1399") && !pools.by_id.contains_key("p-0"), "the newest are kept");
    }
}
