//! The current state: the newest value of each state, for the engine and for every profile.
//!
//! An event can be missed, a value cannot: every reader sees the newest one at any time. So the window and `watch` show the
//! same, even for a profile whose tab appears after its connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::Timestamp;
use crate::protocol::RequestId;
use crate::settings::{ProfileId, Settings};

use super::event::{ConnectionState, DownloadProgress, SignInState, WaitingDownload};
use super::lasting_problem::Problem;

/// The current state of the engine. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct EngineStatus {
    /// The settings in force; `None` until the engine has started.
    pub settings: Option<Arc<Settings>>,
    /// The number of the newest [`crate::engine::Action::ChangePreferences`] that the settings include; 0 before the first.
    pub preferences_change: u64,
    /// The profiles, including those that are signing in and not in the settings yet.
    pub profiles: BTreeMap<ProfileId, Arc<ProfileStatus>>,
    /// The queued downloads of all profiles, the next one first.
    pub queue: Arc<[WaitingDownload]>,
    /// The journal's size on disk in bytes, if known.
    pub journal_size: Option<u64>,
    /// The current problems, the oldest first. A resolved problem is removed.
    pub problems: Vec<Problem>,
}

impl EngineStatus {
    /// The current state of a profile, if known.
    pub fn profile(&self, profile: ProfileId) -> Option<&Arc<ProfileStatus>> {
        self.profiles.get(&profile)
    }
}

/// The current state of one profile.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfileStatus {
    /// The state of its connection; `None` until its session has started.
    pub connection: Option<ConnectionState>,
    /// How often it has joined its channel in this run.
    pub joins: u64,
    /// When its connection last gave signs of life.
    pub health: ConnectionHealth,
    /// The state of its token.
    pub token: TokenStatus,
    /// The newest sign-in of this run; `None` before the first.
    pub sign_in: Option<SignInStatus>,
    /// The state of the key that decrypts its payloads.
    pub data_key: DataKeyStatus,
    /// Requests whose links came in an earlier run and are still usable, for [`crate::activity::Activities::restore_links`].
    pub restored_links: Arc<BTreeSet<RequestId>>,
    /// The running downloads and saves, with their progress.
    pub downloads: BTreeMap<RequestId, DownloadProgress>,
}

impl ProfileStatus {
    /// Sets the connection's state. Measurements of a connection are cleared when it is no longer live.
    pub(crate) fn set_connection(&mut self, state: ConnectionState) {
        let is_live = state == ConnectionState::Live;
        if is_live && self.connection != Some(ConnectionState::Live) {
            self.joins = self.joins.saturating_add(1);
        }
        if !is_live {
            self.health.round_trip = None;
            self.health.pong = None;
        }
        self.connection = Some(state);
    }
}

/// Measurements that show whether a connection is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionHealth {
    /// The last measured round trip, while the connection is live.
    pub round_trip: Option<Duration>,
    /// The number of keep-alives since the join.
    pub keep_alives: u64,
    /// When the last answer to a ping arrived; its age shows whether the connection is alive.
    pub pong: Option<Instant>,
    /// When the last message of this run arrived, over any connection. Entries that were committed later may be newer.
    pub message: Option<Instant>,
    /// The 95th percentile of the pauses between this profile's messages: a longer silence is unusual. `None` until this run
    /// has received enough messages.
    pub p95_pause: Option<Duration>,
}

/// The state of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenStatus {
    /// No token was looked up yet.
    #[default]
    Unknown,
    /// There is no token.
    Absent,
    /// There is a token.
    Held {
        /// When it expires, if the server said so.
        expires_at: Option<Timestamp>,
        /// Whether the keyring stores it.
        persisted: bool,
    },
}

/// The newest sign-in of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct SignInStatus {
    /// Increases with each change of a sign-in, so that two identical failures are two changes.
    pub number: u64,
    /// The state of that sign-in.
    pub state: SignInState,
}

/// The state of the key of a profile's payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataKeyStatus {
    /// Whether this run has the key.
    pub known: bool,
    /// Whether the keyring stores it.
    pub persisted: bool,
}
