//! What is true now: the newest value of each state, for the engine and for every profile.
//!
//! An event can be missed, a value cannot: whoever looks, and whenever, sees the newest one. So the window and `watch` show
//! the same, also for a profile whose tab appears after its connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::activity::Timestamp;
use crate::protocol::RequestId;
use crate::settings::{ProfileId, Settings};

use super::event::{ConnectionState, DownloadProgress, SignInState, WaitingDownload};
use super::problem::Problem;

/// Everything that is true now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct EngineStatus {
    /// The settings as they are in force; `None` until the engine has begun.
    pub settings: Option<Arc<Settings>>,
    /// The number of the newest [`crate::engine::Action::ChangePreferences`] that is part of the settings; 0 before the first.
    pub preferences_change: u64,
    /// The profiles, also those that the settings do not list yet because they are signing in.
    pub profiles: BTreeMap<ProfileId, Arc<ProfileStatus>>,
    /// The downloads that wait for their turn, of all profiles, the next one first.
    pub queue: Arc<[WaitingDownload]>,
    /// The journal's size on disk in bytes, once it is known.
    pub journal_size: Option<u64>,
    /// What is wrong now, the oldest first. A problem that ends is gone from here.
    pub problems: Vec<Problem>,
}

impl EngineStatus {
    /// What is known of a profile.
    #[must_use]
    pub fn profile(&self, profile: ProfileId) -> Option<&Arc<ProfileStatus>> {
        self.profiles.get(&profile)
    }
}

/// What is true now of one profile.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfileStatus {
    /// The state of its connection; `None` until its session has begun.
    pub connection: Option<ConnectionState>,
    /// How often it has joined its channel in this run.
    pub joins: u64,
    /// Signs of life of its connection.
    pub health: ConnectionHealth,
    /// Its token.
    pub token: TokenStatus,
    /// The newest sign-in of this run; `None` before the first.
    pub sign_in: Option<SignInStatus>,
    /// The key of its payloads.
    pub data_key: DataKeyStatus,
    /// Requests whose links came in an earlier run and can still be used, for [`crate::activity::Activities::keep_links`].
    pub kept_links: Arc<BTreeSet<RequestId>>,
    /// The downloads and saves that run, and how far each is.
    pub downloads: BTreeMap<RequestId, DownloadProgress>,
}

impl ProfileStatus {
    /// Takes the connection's state. What was measured of a connection ends with it.
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

/// Signs of life of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionHealth {
    /// The last round trip that was measured, while the connection is live.
    pub round_trip: Option<Duration>,
    /// Keep-alives counted since the join.
    pub keep_alives: u64,
    /// When the last answer to a ping came: how old it is says whether the connection is alive.
    pub pong: Option<Instant>,
    /// When the last message came in this run, over whichever connection. Entries that were committed since are newer.
    pub message: Option<Instant>,
    /// The pause between two messages that 95 % of this profile's pauses do not exceed: a longer silence is unusual. `None`
    /// until enough have come in this run.
    pub usual: Option<Duration>,
}

/// What is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenStatus {
    /// Nobody has looked for one yet.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Held {
        /// When it expires, if the server said so.
        expires_at: Option<Timestamp>,
        /// Whether the keyring holds it.
        kept: bool,
    },
}

/// The newest sign-in of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct SignInStatus {
    /// Grows with each news of a sign-in, so that one that fails twice in the same way is news twice.
    pub number: u64,
    /// How far it is.
    pub state: SignInState,
}

/// What is known of the key of a profile's payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataKeyStatus {
    /// Whether it is known in this run.
    pub known: bool,
    /// Whether the keyring holds it.
    pub kept: bool,
}
