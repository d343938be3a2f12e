//! Policies: which events wait for a vote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::profiles::ProfileId;
use super::reason::Reason;

/// How many policies a profile may have.
const PER_PROFILE: usize = 200;

/// An event that policies can hold. Each is the effect of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    DataExchanged,
    DataRequested,
    DataUpdated,
    DataDeleted,
    DeviceApproved,
    DeviceRemoved,
    PasswordChanged,
}

impl Event {
    pub(crate) const ALL: [Self; 7] = [
        Self::DataExchanged,
        Self::DataRequested,
        Self::DataUpdated,
        Self::DataDeleted,
        Self::DeviceApproved,
        Self::DeviceRemoved,
        Self::PasswordChanged,
    ];

    /// The id with which `applyingEventIds` names it.
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::DataExchanged => 101,
            Self::DataRequested => 102,
            Self::DataUpdated => 103,
            Self::DataDeleted => 104,
            Self::DeviceApproved => 201,
            Self::DeviceRemoved => 202,
            Self::PasswordChanged => 301,
        }
    }

    /// The event with this id.
    pub(crate) fn from_id(id: &str) -> Option<Self> {
        let id: u32 = id.parse().ok()?;
        Self::ALL.into_iter().find(|event| event.id() == id)
    }

    fn name(self) -> &'static str {
        match self {
            Self::DataExchanged => "data_token.data_exchanged",
            Self::DataRequested => "data_token.data_requested",
            Self::DataUpdated => "data_token.data_updated",
            Self::DataDeleted => "data_token.data_deleted",
            Self::DeviceApproved => "device.device_approved",
            Self::DeviceRemoved => "device.device_removed",
            Self::PasswordChanged => "profile.password_changed",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A policy template.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Template {
    #[serde(rename = "templateId")]
    id: &'static str,
    name: &'static str,
    description: &'static str,
    /// The ids of its events, by their names.
    events: BTreeMap<&'static str, u32>,
    /// The keys that its configuration usually has.
    configuration: [&'static str; 2],
    voting_attributes: [&'static str; 2],
}

/// The templates, which are the same for every profile.
pub(crate) fn templates() -> Vec<Template> {
    let template = |id, name, description, prefix: &str| Template {
        id,
        name,
        description,
        events: Event::ALL
            .into_iter()
            .filter(|event| event.name().starts_with(prefix))
            .map(|event| (event.name(), event.id()))
            .collect(),
        configuration: ["reason", "classification"],
        voting_attributes: ["title", "question"],
    };
    vec![
        template("tpl-data", "data_access", "Holds what happens to stored data until it is approved.", "data_token."),
        template("tpl-device", "device_trust", "Holds changes to devices until they are approved.", "device."),
        template(
            "tpl-profile",
            "account_protection",
            "Holds changes to the profile until they are approved.",
            "profile.",
        ),
    ]
}

#[derive(Clone)]
struct Policy {
    id: String,
    configuration: Map<String, Value>,
    voting_configuration: String,
    events: BTreeSet<Event>,
    is_active: bool,
}

/// What a client sets in a policy.
pub(crate) struct NewPolicy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) configuration: Map<String, Value>,
    pub(crate) voting_configuration: String,
    pub(crate) events: BTreeSet<Event>,
}

/// A policy as its profile reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    policy_id: &'a str,
    name: &'a str,
    status: &'static str,
    configuration: &'a Map<String, Value>,
    voting_configuration_id: &'a str,
    applying_event_ids: Vec<u32>,
}

/// An active policy that holds an event.
pub(crate) struct Holding {
    pub(crate) name: String,
    pub(crate) voting_configuration: String,
}

/// All policies, by profile and name.
#[derive(Clone, Default)]
pub(crate) struct Policies(BTreeMap<ProfileId, BTreeMap<String, Policy>>);

impl Policies {
    /// Adds a policy, which holds nothing before it is activated.
    pub(crate) fn register(&mut self, owner: &ProfileId, new: NewPolicy) -> Result<(), Reason> {
        let own = self.0.entry(owner.clone()).or_default();
        if own.contains_key(&new.name) {
            return Err("policy.already_exists");
        }
        if own.len() >= PER_PROFILE {
            return Err("policy.limit_reached");
        }
        let NewPolicy { id, name, configuration, voting_configuration, events } = new;
        own.insert(name, Policy { id, configuration, voting_configuration, events, is_active: false });
        Ok(())
    }

    /// Makes a policy hold its events.
    pub(crate) fn activate(&mut self, owner: &ProfileId, name: &str) -> Result<(), Reason> {
        let policy = self.own(owner, name)?;
        if policy.is_active {
            return Err("policy.already_active");
        }
        policy.is_active = true;
        Ok(())
    }

    /// Makes a policy hold nothing any more. Events that it holds already stay held.
    pub(crate) fn deactivate(&mut self, owner: &ProfileId, name: &str) -> Result<(), Reason> {
        let policy = self.own(owner, name)?;
        if !policy.is_active {
            return Err("policy.not_active");
        }
        policy.is_active = false;
        Ok(())
    }

    /// Deletes a policy, active or not.
    pub(crate) fn delete(&mut self, owner: &ProfileId, name: &str) -> Result<(), Reason> {
        self.own(owner, name)?;
        if let Some(own) = self.0.get_mut(owner) {
            own.remove(name);
        }
        Ok(())
    }

    /// The profile's active policies that hold an event, by name.
    pub(crate) fn holding(&self, owner: &ProfileId, event: Event) -> Vec<Holding> {
        let own = self.0.get(owner).into_iter().flatten();
        own.filter(|(_, policy)| policy.is_active && policy.events.contains(&event))
            .map(|(name, policy)| Holding {
                name: name.clone(),
                voting_configuration: policy.voting_configuration.clone(),
            })
            .collect()
    }

    /// A profile's policies, by name.
    pub(crate) fn list(&self, owner: &ProfileId) -> Vec<Listed<'_>> {
        let own = self.0.get(owner).into_iter().flatten();
        own.map(|(name, policy)| Listed {
            policy_id: &policy.id,
            name,
            status: if policy.is_active { "active" } else { "inactive" },
            configuration: &policy.configuration,
            voting_configuration_id: &policy.voting_configuration,
            applying_event_ids: policy.events.iter().map(|event| event.id()).collect(),
        })
        .collect()
    }

    fn own(&mut self, owner: &ProfileId, name: &str) -> Result<&mut Policy, Reason> {
        self.0.get_mut(owner).and_then(|own| own.get_mut(name)).ok_or("policy.not_found")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_in_one_template_and_found_by_its_id() {
        let named: Vec<_> = templates().into_iter().flat_map(|template| template.events).collect();
        assert_eq!(named.len(), Event::ALL.len());
        for event in Event::ALL {
            assert_eq!(Event::from_id(&event.id().to_string()), Some(event));
            assert!(named.contains(&(event.name(), event.id())), "{event}");
        }
        assert_eq!(Event::from_id("0"), None);
    }
}
