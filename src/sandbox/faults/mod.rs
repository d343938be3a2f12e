//! Injected faults: what can go wrong between a client and its Privicore, on request.
//!
//! Requests come from [`super::Control`], or over REST if the sandbox was started with `--faults`. Some faults affect the
//! connections that are open. Others are armed, bounded in number and time, and affect later joins, replies and outcomes.

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

/// A fault that can be injected.
///
/// A `count` of connections selects those that have been open longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Connections end without a closing handshake.
    Drop {
        /// The maximum number of connections; `None` is all.
        count: Option<u32>,
    },
    /// Connections stay open, but are neither read nor written: half-open, as when packets are lost.
    Stall {
        /// The maximum number of connections; `None` is all.
        count: Option<u32>,
        /// How long the connections are stalled.
        lasting: Duration,
    },
    /// Joins are refused with status 503, whatever their token.
    RefuseJoins {
        /// How many joins are refused, or for how long.
        limit: Limit,
    },
    /// Every authorization token expires now.
    ExpireTokens,
    /// Joined clients receive frames that violate the protocol.
    Garbage {
        /// The number of frames for each client.
        frames: u32,
        /// The kind of the frames; `None` sends all kinds in turn.
        kind: Option<Garbage>,
    },
    /// Outcomes on the socket, responses of the REST API, joins and leaves are delayed.
    Delay {
        /// The delay.
        by: Duration,
        /// How many of them are delayed, or for how long.
        limit: Limit,
    },
    /// Downloads fail, whichever profile they belong to.
    Downloads {
        /// The way in which they fail.
        spoil: DownloadFault,
        /// How many downloads fail, or for how long.
        limit: Limit,
    },
    /// Connections read nothing, so that pings stay unanswered until the fault ends, but messages are still sent.
    IgnorePings {
        /// The maximum number of connections; `None` is all.
        count: Option<u32>,
        /// How long the connections read nothing.
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
    /// Injects a fault into a profile's connections, or into all. Returns how many connections it has affected so far.
    ///
    /// Does nothing for [`Fault::ExpireTokens`], because tokens are not known here.
    pub(crate) fn inject(&self, fault: Fault, profile: Option<&ProfileId>, now: Instant) -> Result<usize, Full> {
        Ok(match fault {
            Fault::Drop { count } => self.connections.inject(profile, count, &ConnectionFault::Cut),
            Fault::Stall { count, lasting } => {
                self.connections.inject(profile, count, &ConnectionFault::Stalled(lasting))
            }
            Fault::IgnorePings { count, lasting } => {
                self.connections.inject(profile, count, &ConnectionFault::Deaf(lasting))
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

    /// Whether a join is refused now. `profile` is the profile of the join's token.
    pub(crate) fn refuses_join(&self, profile: Option<&ProfileId>, now: Instant) -> bool {
        self.conditions.take(profile, now, |what| matches!(what, FaultAction::RefuseJoin).then_some(())).is_some()
    }

    /// The delay of a profile's outcome, or of a response to it.
    pub(crate) fn delay(&self, profile: Option<&ProfileId>, now: Instant) -> Option<Duration> {
        self.conditions.take(profile, now, |what| match what {
            FaultAction::Delay(by) => Some(by),
            FaultAction::RefuseJoin | FaultAction::Spoil(_) => None,
        })
    }

    /// How a download fails, if a fault affects it.
    pub(crate) fn spoils_download(&self, now: Instant) -> Option<DownloadFault> {
        self.conditions.take(None, now, |what| match what {
            FaultAction::Spoil(spoil) => Some(spoil),
            FaultAction::RefuseJoin | FaultAction::Delay(_) => None,
        })
    }
}
