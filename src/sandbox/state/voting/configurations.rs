//! Voting configurations: who votes, how votes are counted, and how long a vote takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::authenticators::Authenticators;
use super::strategy::Strategy;

/// How many voting configurations a profile may have.
const PER_PROFILE: usize = 200;

/// What a client sets in a voting configuration.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) strategy: Strategy,
    /// How many authenticators have to vote; by default as many as the strategy needs.
    pub(crate) quorum: Option<usize>,
    /// How long authenticators may take, for each attempt.
    pub(crate) time_limit: Duration,
    /// How often the ballots are sent if too few authenticators vote in time.
    pub(crate) attempts: u32,
    /// The devices that vote; all authenticators if empty.
    pub(crate) devices: Vec<String>,
}

#[derive(Clone)]
struct Configuration {
    owner: ProfileId,
    name: String,
    rules: Rules,
}

/// A voting configuration as its profile reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    voting_configuration_id: &'a str,
    name: &'a str,
    strategy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage_required: Option<u8>,
    quorum: Option<usize>,
    time_limit: u64,
    attempts: u32,
    device_identifiers: &'a [String],
}

/// All voting configurations, by id.
#[derive(Clone, Default)]
pub(crate) struct Configurations(BTreeMap<String, Configuration>);

impl Configurations {
    /// Adds a voting configuration. Names are unique within a profile.
    pub(crate) fn register(
        &mut self,
        owner: &ProfileId,
        id: String,
        name: String,
        rules: Rules,
        authenticators: &Authenticators,
    ) -> Result<(), Reason> {
        if rules.devices.iter().any(|device| !authenticators.is_of(owner, device)) {
            return Err("verified_authenticator.not_found");
        }
        let own = self.0.values().filter(|configuration| configuration.owner == *owner);
        let (count, taken) = own.fold((0, false), |(count, taken), own| (count + 1, taken || own.name == name));
        if taken {
            return Err("voting_configuration.already_exists");
        }
        if count >= PER_PROFILE {
            return Err("voting_configuration.limit_reached");
        }
        self.0.insert(id, Configuration { owner: owner.clone(), name, rules });
        Ok(())
    }

    /// The rules of a profile's voting configuration.
    pub(crate) fn rules(&self, owner: &ProfileId, id: &str) -> Option<&Rules> {
        self.0.get(id).filter(|configuration| configuration.owner == *owner).map(|configuration| &configuration.rules)
    }

    /// A profile's voting configurations, in the order of their ids.
    pub(crate) fn list(&self, owner: &ProfileId) -> Vec<Listed<'_>> {
        let own = self.0.iter().filter(|(_, configuration)| configuration.owner == *owner);
        own.map(|(id, Configuration { name, rules, .. })| Listed {
            voting_configuration_id: id,
            name,
            strategy: rules.strategy.name(),
            percentage_required: match rules.strategy {
                Strategy::MinimumPercentage(percent) => Some(percent),
                Strategy::Unanimous | Strategy::Consensus | Strategy::Affirmative => None,
            },
            quorum: rules.quorum,
            time_limit: rules.time_limit.as_secs(),
            attempts: rules.attempts,
            device_identifiers: &rules.devices,
        })
        .collect()
    }
}
