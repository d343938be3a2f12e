//! Injected faults: what can go wrong between a client and its Privicore, on request.
//!
//! Requests come from [`super::Control`], or over REST if the sandbox was started with `--faults`. Some faults affect the
//! connections that are open. Others are armed, bounded in number and time, and affect later joins, replies and outcomes.

pub(crate) mod armed_faults;
pub(crate) mod connections;
pub(crate) mod downloads;
pub(crate) mod garbage;
pub(crate) mod types;

use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::state::profiles::ProfileId;

use armed_faults::{ArmedFaults, FaultAction, Full};
use connections::{ConnectionFault, Connections};
use downloads::DownloadFault;
use types::{Garbage, HttpRefusal, Limit};

/// A fault that can be injected.
///
/// A `count` of connections selects those that have been open longest.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Joined clients receive a close frame, and then nothing more.
    Close {
        /// The maximum number of connections; `None` is all.
        count: Option<u32>,
        /// The close code, from 1000 to 4999 (RFC 6455, section 7.4).
        code: u16,
        /// The reason, of at most 123 bytes.
        reason: String,
    },
    /// Messages arrive in binary frames instead of text frames, otherwise unchanged.
    BinaryFrames {
        /// How many messages arrive so at each client, or for how long.
        limit: Limit,
    },
    /// Joins are refused, whatever their token, on a connection that stays open.
    RefuseJoins {
        /// The status in the reply: 503 is a proxy that takes no joins, 401 a token that is not valid, and so on.
        status: u16,
        /// How many joins are refused, or for how long.
        limit: Limit,
    },
    /// Connections to the proxy are refused by an HTTP status instead of the upgrade.
    RefuseUpgrades {
        /// The answer.
        refusal: HttpRefusal,
        /// How many are refused, or for how long.
        limit: Limit,
    },
    /// Calls of the REST API are refused before anything is done.
    RefuseCalls {
        /// The answer.
        refusal: HttpRefusal,
        /// How many are refused, or for how long.
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
        fault: DownloadFault,
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
    armed: ArmedFaults,
}

impl Faults {
    /// Injects a fault into a profile's connections, or into all. Returns how many connections it has affected so far.
    ///
    /// Does nothing for [`Fault::ExpireTokens`], because tokens are not known here.
    pub(crate) fn inject(&self, fault: Fault, profile: Option<&ProfileId>, now: Instant) -> Result<usize, Full> {
        let connections = |count, fault| Ok(self.connections.inject(profile, count, &fault));
        let arm = |action, limit| self.armed.add(action, profile, limit, now).map(|()| 0);
        match fault {
            Fault::Drop { count } => connections(count, ConnectionFault::Cut),
            Fault::Stall { count, lasting } => connections(count, ConnectionFault::Stalled(lasting)),
            Fault::IgnorePings { count, lasting } => connections(count, ConnectionFault::StopReading(lasting)),
            Fault::Close { count, code, reason } => {
                connections(count, ConnectionFault::Close { code, reason: reason.into() })
            }
            Fault::Garbage { frames, kind } => Ok(self.connections.send_garbage(profile, frames, kind)),
            Fault::BinaryFrames { limit } => arm(FaultAction::BinaryFrame, limit),
            Fault::RefuseJoins { status, limit } => arm(FaultAction::RefuseJoin(status), limit),
            Fault::RefuseUpgrades { refusal, limit } => arm(FaultAction::RefuseUpgrade(refusal), limit),
            Fault::RefuseCalls { refusal, limit } => arm(FaultAction::RefuseCall(refusal), limit),
            Fault::Delay { by, limit } => arm(FaultAction::Delay(by), limit),
            Fault::Downloads { fault, limit } => {
                self.armed.add(FaultAction::Download(fault), None, limit, now).map(|()| 0)
            }
            Fault::ExpireTokens => Ok(0),
        }
    }

    /// Ends every armed fault.
    pub(crate) fn clear(&self) {
        self.armed.clear();
    }

    /// The status by which a join is refused now, if it is. `profile` is the profile of the join's token.
    pub(crate) fn refuses_join(&self, profile: Option<&ProfileId>, now: Instant) -> Option<u16> {
        self.armed.take(profile, now, |action| match action {
            FaultAction::RefuseJoin(status) => Some(status),
            _ => None,
        })
    }

    /// How a connection to the proxy is refused, if it is.
    pub(crate) fn refuses_upgrade(&self, now: Instant) -> Option<HttpRefusal> {
        self.armed.take(None, now, |action| match action {
            FaultAction::RefuseUpgrade(refusal) => Some(refusal),
            _ => None,
        })
    }

    /// How a profile's call is refused, if it is.
    pub(crate) fn refuses_call(&self, profile: Option<&ProfileId>, now: Instant) -> Option<HttpRefusal> {
        self.armed.take(profile, now, |action| match action {
            FaultAction::RefuseCall(refusal) => Some(refusal),
            _ => None,
        })
    }

    /// Whether a profile's message is sent in a binary frame.
    pub(crate) fn sends_binary(&self, profile: &ProfileId, now: Instant) -> bool {
        let binary = |action| matches!(action, FaultAction::BinaryFrame).then_some(());
        self.armed.take(Some(profile), now, binary).is_some()
    }

    /// The delay of a profile's outcome, or of a response to it.
    pub(crate) fn delay(&self, profile: Option<&ProfileId>, now: Instant) -> Option<Duration> {
        self.armed.take(profile, now, |action| match action {
            FaultAction::Delay(by) => Some(by),
            _ => None,
        })
    }

    /// How a download fails, if a fault affects it.
    pub(crate) fn download_fault(&self, now: Instant) -> Option<DownloadFault> {
        self.armed.take(None, now, |action| match action {
            FaultAction::Download(fault) => Some(fault),
            _ => None,
        })
    }
}
