//! How votes are counted.

use serde::Serialize;

/// A voting strategy: which share of the votes approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Every vote is for it.
    Unanimous,
    /// More than half of the votes are for it.
    Consensus,
    /// At least one vote is for it.
    Affirmative,
    /// At least so many percent of the votes are for it.
    MinimumPercentage(u8),
}

/// The votes of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    #[serde(rename = "for")]
    pub(crate) votes_for: usize,
    #[serde(rename = "against")]
    pub(crate) votes_against: usize,
    pub(crate) open: usize,
}

/// What is known of a vote's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Votes that are still missing can change it.
    Open,
    Approved,
    Rejected,
    /// The time is over, and fewer than the quorum have voted; or fewer can vote at all.
    NoQuorum,
}

impl Strategy {
    /// The names that clients use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unanimous => "unanimous",
            Self::Consensus => "consensus",
            Self::Affirmative => "affirmative",
            Self::MinimumPercentage(_) => "minimum_percentage",
        }
    }

    /// The smallest number of votes with which so many ballots can be approved: the quorum if none is configured.
    pub(crate) fn quorum(self, ballots: usize) -> usize {
        match self {
            Self::Unanimous => ballots,
            Self::Consensus => ballots / 2 + 1,
            Self::Affirmative => 1,
            Self::MinimumPercentage(percent) => (ballots * usize::from(percent)).div_ceil(100).max(1),
        }
    }

    /// Whether the votes approve, when no more come.
    fn approves(self, votes_for: usize, votes: usize) -> bool {
        match self {
            _ if votes_for == 0 => false,
            Self::Unanimous => votes_for == votes,
            Self::Consensus => votes_for * 2 > votes,
            Self::Affirmative => true,
            Self::MinimumPercentage(percent) => votes_for * 100 >= votes * usize::from(percent),
        }
    }

    /// Decides a vote, as early as the missing votes can't change the outcome. `is_over` says that no more votes come.
    pub(crate) fn decide(self, tally: Tally, quorum: usize, is_over: bool) -> Decision {
        let Tally { votes_for, votes_against, open } = tally;
        let (votes, all) = (votes_for + votes_against, votes_for + votes_against + open);
        if is_over || open == 0 {
            return if votes < quorum {
                Decision::NoQuorum
            } else if self.approves(votes_for, votes) {
                Decision::Approved
            } else {
                Decision::Rejected
            };
        }
        if all < quorum {
            Decision::NoQuorum
        } else if !self.approves(votes_for + open, all) {
            Decision::Rejected
        } else if votes >= quorum && self.approves(votes_for, all) {
            Decision::Approved
        } else {
            Decision::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, prop_assume, proptest};

    use super::*;

    const STRATEGIES: [Strategy; 5] = [
        Strategy::Unanimous,
        Strategy::Consensus,
        Strategy::Affirmative,
        Strategy::MinimumPercentage(0),
        Strategy::MinimumPercentage(67),
    ];

    fn decide(strategy: Strategy, votes: (usize, usize, usize), is_over: bool) -> Decision {
        let (votes_for, votes_against, open) = votes;
        let quorum = strategy.quorum(votes_for + votes_against + open);
        strategy.decide(Tally { votes_for, votes_against, open }, quorum, is_over)
    }

    #[test]
    fn each_strategy_decides_as_soon_as_it_can() {
        use Decision::{Approved, NoQuorum, Open, Rejected};
        for (strategy, votes, before_the_end, at_the_end) in [
            (Strategy::Unanimous, (2, 0, 1), Open, NoQuorum),
            (Strategy::Unanimous, (3, 0, 0), Approved, Approved),
            (Strategy::Unanimous, (0, 1, 2), Rejected, NoQuorum),
            (Strategy::Consensus, (2, 0, 1), Approved, Approved),
            (Strategy::Consensus, (1, 1, 1), Open, Rejected),
            (Strategy::Consensus, (0, 2, 1), Rejected, Rejected),
            (Strategy::Affirmative, (1, 0, 2), Approved, Approved),
            (Strategy::Affirmative, (0, 2, 1), Open, Rejected),
            (Strategy::MinimumPercentage(67), (2, 0, 1), Open, NoQuorum),
            (Strategy::MinimumPercentage(67), (3, 0, 1), Approved, Approved),
            (Strategy::MinimumPercentage(67), (2, 1, 0), Rejected, Rejected),
        ] {
            assert_eq!(decide(strategy, votes, false), before_the_end, "{strategy:?} {votes:?}");
            assert_eq!(decide(strategy, votes, true), at_the_end, "{strategy:?} {votes:?}");
        }
    }

    proptest! {
        /// An early decision holds, however the missing authenticators vote.
        #[test]
        fn an_early_decision_is_final(
            strategy in prop::sample::select(STRATEGIES.to_vec()), votes_for in 0_usize..6, votes_against in 0_usize..6,
            open in 1_usize..6, quorum in 1_usize..6,
        ) {
            let early = strategy.decide(Tally { votes_for, votes_against, open }, quorum, false);
            let all = votes_for + votes_against + open;
            prop_assume!(early != Decision::Open && quorum <= all);
            for more_for in 0..=open {
                let tally = Tally { votes_for: votes_for + more_for, votes_against: all - votes_for - more_for, open: 0 };
                prop_assert_eq!(strategy.decide(tally, quorum, true), early);
            }
        }
    }
}
