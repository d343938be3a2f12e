//! The sandbox's state: profiles, tokens, commands, data tokens, links and devices. Plain data behind one lock.
//!
//! It holds no socket, no task and no queue, and nothing in it waits. Nothing here implements `Debug`, because nearly all
//! of it is secret.

pub(crate) mod commands;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod links;
pub(crate) mod profiles;
pub(crate) mod reason;
pub(crate) mod recent;
pub(crate) mod secrets;

use crate::sandbox::runtime::decisions::Decisions;

use commands::Commands;
use data::DataStore;
use devices::Devices;
use links::Links;
use profiles::{ProfileId, Profiles};

/// The whole state of one sandbox.
pub(crate) struct State {
    pub(crate) profiles: Profiles,
    pub(crate) commands: Commands,
    pub(crate) data: DataStore,
    pub(crate) links: Links,
    pub(crate) devices: Devices,
    /// For what happens apart from commands; never for secrets.
    pub(crate) rng: fastrand::Rng,
    /// For commands and requests.
    pub(crate) decisions: Decisions,
}

/// The profiles that every sandbox serves: their fixed ids (a durable queue has to keep its name) and user names.
const RESIDENTS: [(&str, &str); 2] = [
    ("prf-01KE6M0DEM0000000000000000", super::DEMO_USERNAME),
    ("prf-01KE6MAVD1T000000000000000", super::AUDIT_USERNAME),
];

impl State {
    /// The state of a sandbox that has just started: the two profiles, with their keys registered.
    pub(crate) fn new(seed: u64, decisions: Decisions) -> Self {
        let mut profiles = Profiles::default();
        let mut rng = fastrand::Rng::with_seed(seed);
        for (id, username) in RESIDENTS {
            let id = ProfileId::new(id);
            let registered = profiles
                .register(id.clone(), username, super::PASSWORD)
                .and_then(|()| profiles.set_public_key(&id, public_key(&mut rng)));
            debug_assert!(registered.is_ok(), "the resident profiles have different names");
        }
        Self {
            profiles,
            commands: Commands::default(),
            data: DataStore::default(),
            links: Links::default(),
            devices: Devices::default(),
            rng,
            decisions,
        }
    }
}

/// A key in the vendor's format: 200 hex digits, of which the first 8 are the version tag.
pub(crate) fn public_key(rng: &mut fastrand::Rng) -> String {
    let digits = (0..192).map(|_| char::from_digit(rng.u32(0..16), 16).unwrap_or('0'));
    "31420500".chars().chain(digits).collect()
}
