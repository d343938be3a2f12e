//! Faults on purpose: what can go wrong between a client and its Privicore, made to go wrong when someone asks.
//!
//! Orders come from [`super::Control`], or over REST where the sandbox was started with `--faults`. Some strike the connections
//! that are open; others wait, bounded in number and time, for joins, replies and outcomes to come.

pub(crate) mod armed_faults;
pub(crate) mod connections;
pub(crate) mod downloads;
pub(crate) mod garbage;
pub(crate) mod kinds;

use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::state::profiles::ProfileId;

use armed_faults::{Conditions, FaultAction, Full};
use connections::{ConnectionFault, Connections};
use downloads::DownloadFault;
use kinds::{Garbage, Limit};

/// Something that goes wrong.
///
/// A `count` of connections takes those that are open longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Connections end without a closing handshake.
    Drop {
        /// At most so many of them.
        count: Option<u32>,
    },
    /// Connections stay open, but nothing is read from them nor written to them: half-open, as when packets are lost.
    Stall {
        /// At most so many of them.
        count: Option<u32>,
        /// How long.
        lasting: Duration,
    },
    /// Joins are refused with status 503, whatever their token.
    RefuseJoins {
        /// How many, or how long.
        limit: Limit,
    },
    /// Every authorization token expires now.
    ExpireTokens,
    /// Joined clients are sent frames that are not of the protocol.
    Garbage {
        /// How many each.
        frames: u32,
        /// Of one kind; of all kinds in turn where this is `None`.
        kind: Option<Garbage>,
    },
    /// Outcomes come late on the socket, and answers of the REST API, joins and leaves come late as well.
    Delay {
        /// How late.
        by: Duration,
        /// How many of them, or how long.
        limit: Limit,
    },
    /// Downloads go wrong, whosever they are.
    Downloads {
        /// How.
        spoil: DownloadFault,
        /// How many of them, or how long.
        limit: Limit,
    },
    /// Connections read nothing, so that no ping is answered before the end of it, but messages still come.
    IgnorePings {
        /// At most so many of them.
        count: Option<u32>,
        /// How long.
        lasting: Duration,
    },
}

/// The faults of one sandbox.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) connections: Connections,
    conditions: Conditions,
}

impl Faults {
    /// Lets a fault strike, a profile's connections or all. How many connections it has struck by now.
    ///
    /// Tokens are not known here: for [`Fault::ExpireTokens`] this does nothing.
    pub(crate) fn strike(&self, fault: Fault, profile: Option<&ProfileId>, now: Instant) -> Result<usize, Full> {
        Ok(match fault {
            Fault::Drop { count } => self.connections.strike(profile, count, &ConnectionFault::Cut),
            Fault::Stall { count, lasting } => {
                self.connections.strike(profile, count, &ConnectionFault::Stalled(lasting))
            }
            Fault::IgnorePings { count, lasting } => {
                self.connections.strike(profile, count, &ConnectionFault::Deaf(lasting))
            }
            Fault::Garbage { frames, kind } => self.connections.litter(profile, frames, kind),
            Fault::RefuseJoins { limit } => {
                self.conditions.add(FaultAction::RefuseJoin, profile, limit, now)?;
                0
            }
            Fault::Delay { by, limit } => {
                self.conditions.add(FaultAction::Delay(by), profile, limit, now)?;
                0
            }
            Fault::Downloads { spoil, limit } => {
                self.conditions.add(FaultAction::Spoil(spoil), None, limit, now)?;
                0
            }
            Fault::ExpireTokens => 0,
        })
    }

    /// Whether a join is to be refused now. `profile` is whom its token stands for.
    pub(crate) fn refuses_join(&self, profile: Option<&ProfileId>, now: Instant) -> bool {
        self.conditions.take(profile, now, |what| matches!(what, FaultAction::RefuseJoin).then_some(())).is_some()
    }

    /// By how much a profile's outcome, or an answer to it, is to come late.
    pub(crate) fn delay(&self, profile: Option<&ProfileId>, now: Instant) -> Option<Duration> {
        self.conditions.take(profile, now, |what| match what {
            FaultAction::Delay(by) => Some(by),
            FaultAction::RefuseJoin | FaultAction::Spoil(_) => None,
        })
    }

    /// How a download is to go wrong.
    pub(crate) fn spoils_download(&self, now: Instant) -> Option<DownloadFault> {
        self.conditions.take(None, now, |what| match what {
            FaultAction::Spoil(spoil) => Some(spoil),
            FaultAction::RefuseJoin | FaultAction::Delay(_) => None,
        })
    }
}
