//! The sandbox's state: profiles, tokens, commands, data tokens, links, devices, votes, policies and OAuth applications. Plain
//! data behind one lock.
//!
//! It holds no socket, no task and no queue, and nothing in it waits. Nothing here implements `Debug`, because nearly all
//! of it is secret.

pub(crate) mod bounded_map;
pub(crate) mod commands;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod links;
pub(crate) mod oauth;
pub(crate) mod policies;
pub(crate) mod profiles;
pub(crate) mod reason;
pub(crate) mod scopes;
pub(crate) mod secrets;
pub(crate) mod storage;
pub(crate) mod voting;

use tokio::time::Instant;

use crate::sandbox::runtime::seeded_random::SeededRandom;

use commands::Commands;
use data::DataStore;
use devices::Devices;
use links::Links;
use oauth::Applications;
use policies::Policies;
use profiles::{ProfileId, Profiles};
use reason::Reason;
use storage::StorageDevices;
use voting::Voting;
use voting::pools::Question;

/// The whole state of one sandbox. A copy tells what an effect would do.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) profiles: Profiles,
    pub(crate) commands: Commands,
    pub(crate) data: DataStore,
    pub(crate) links: Links,
    pub(crate) devices: Devices,
    pub(crate) storage: StorageDevices,
    pub(crate) voting: Voting,
    pub(crate) policies: Policies,
    pub(crate) applications: Applications,
    /// For what happens apart from commands; never for secrets.
    pub(crate) rng: fastrand::Rng,
    /// For commands and requests.
    pub(crate) random: SeededRandom,
}

/// The profiles that every sandbox serves: their fixed ids (a durable queue has to keep its name) and user names.
const RESIDENTS: [(&str, &str); 2] = [
    ("prf-01KE6M0DEM0000000000000000", super::DEMO_USERNAME),
    ("prf-01KE6MAVD1T000000000000000", super::AUDIT_USERNAME),
];

impl State {
    /// The state of a sandbox that has just started: the two profiles, with their keys registered.
    pub(crate) fn new(seed: u64, random: SeededRandom) -> Self {
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
            storage: StorageDevices::default(),
            voting: Voting::default(),
            policies: Policies::default(),
            applications: Applications::default(),
            rng,
            random,
        }
    }

    /// Removes a device and the roles that it had. Pools no longer wait for its vote.
    pub(crate) fn remove_device(&mut self, owner: &ProfileId, id: &str, now: Instant) -> Result<(), Reason> {
        self.devices.remove(owner, id)?;
        self.storage.device_removed(id);
        self.voting.authenticators.device_removed(id);
        self.voting.pools.device_removed(owner, id, now);
        Ok(())
    }

    /// The roles of a device.
    pub(crate) fn roles(&self, device: &str) -> Vec<&'static str> {
        let storage = self.storage.contains(device).then_some("storage");
        let authenticator = self.voting.authenticators.contains(device).then_some("authenticator");
        storage.into_iter().chain(authenticator).collect()
    }

    /// Opens a pool for a profile's voting configuration, without ballots for the devices in `skip`. Returns its id.
    pub(crate) fn open_pool(
        &mut self,
        owner: &ProfileId,
        configuration: &str,
        question: Question,
        skip: &[String],
        now: Instant,
    ) -> Result<String, Reason> {
        let Voting { authenticators, configurations, pools } = &mut self.voting;
        let rules = configurations.rules(owner, configuration).ok_or("voting_configuration.not_found")?.clone();
        let chosen = |device: &&str| rules.devices.is_empty() || rules.devices.iter().any(|one| one == device);
        let voters = authenticators.all_of(owner).filter(chosen).map(str::to_owned);
        let voters = voters.filter(|device| !skip.contains(device)).collect();
        let id = format!("pool-{}", self.random.id().simple());
        pools.open(owner, id.clone(), question, rules, voters, now)?;
        Ok(id)
    }
}

/// A key in the vendor's format: 200 hex digits, of which the first 8 are the version tag.
pub(crate) fn public_key(rng: &mut fastrand::Rng) -> String {
    let digits = (0..192).map(|_| char::from_digit(rng.u32(0..16), 16).unwrap_or('0'));
    "31420500".chars().chain(digits).collect()
}
