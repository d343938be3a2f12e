//! Voting: the authenticators of a profile, its voting configurations, and the pools in which authenticators vote.

pub(crate) mod authenticators;
pub(crate) mod configurations;
pub(crate) mod pools;
pub(crate) mod strategy;

use authenticators::Authenticators;
use configurations::Configurations;
use pools::Pools;

/// What votes need.
#[derive(Clone, Default)]
pub(crate) struct Voting {
    pub(crate) authenticators: Authenticators,
    pub(crate) configurations: Configurations,
    pub(crate) pools: Pools,
}
