//! The profiles' devices.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::protocol::CommandId;

use super::profiles::ProfileId;
use super::reason::Reason;
use super::secrets;

/// How many devices a profile may have.
const PER_PROFILE: usize = 200;

/// A device's approval status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Approval {
    Pending,
    Approved,
    Rejected,
}

#[derive(Clone)]
struct Device {
    owner: ProfileId,
    command: CommandId,
    name: String,
    tags: Vec<String>,
    approval: Approval,
    created_at: String,
    broker_password: String,
}

/// A device as its profile reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    device_id: &'a str,
    device_name: &'a str,
    tags: &'a [String],
    status: Approval,
    /// `storage`, `authenticator`.
    roles: Vec<&'static str>,
    created_at: &'a str,
}

/// What a device needs to reach the broker. A secret: it is serialised into one response and shown nowhere else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration<'a> {
    device_id: &'a str,
    vhost: &'static str,
    username: &'a str,
    password: &'a str,
    routing_key: String,
}

/// All devices, by id.
#[derive(Clone, Default)]
pub(crate) struct Devices(BTreeMap<String, Device>);

impl Devices {
    /// Registers a device that waits for approval.
    pub(crate) fn request(
        &mut self,
        owner: &ProfileId,
        id: String,
        command: CommandId,
        name: String,
        created_at: String,
    ) -> Result<(), Reason> {
        if self.0.values().filter(|device| device.owner == *owner).count() >= PER_PROFILE {
            return Err("device.limit_reached");
        }
        let device = Device {
            owner: owner.clone(),
            command,
            name,
            tags: Vec::new(),
            approval: Approval::Pending,
            created_at,
            broker_password: secrets::opaque(),
        };
        self.0.insert(id, device);
        Ok(())
    }

    /// The device id of a settled request.
    pub(crate) fn requested(&self, owner: &ProfileId, command: &CommandId) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, device)| device.owner == *owner && device.command == *command)
            .map(|(id, _)| id.as_str())
    }

    /// Approves a waiting device.
    pub(crate) fn approve(&mut self, owner: &ProfileId, id: &str) -> Result<(), Reason> {
        self.decide(owner, id, Approval::Approved)
    }

    /// Rejects a waiting device.
    pub(crate) fn reject(&mut self, owner: &ProfileId, id: &str) -> Result<(), Reason> {
        self.decide(owner, id, Approval::Rejected)
    }

    fn decide(&mut self, owner: &ProfileId, id: &str, approval: Approval) -> Result<(), Reason> {
        let device = self.own(owner, id)?;
        match device.approval {
            Approval::Pending => device.approval = approval,
            Approval::Approved => return Err("device.already_approved"),
            Approval::Rejected => return Err("device.already_rejected"),
        }
        Ok(())
    }

    /// Renames or tags a device.
    pub(crate) fn configure(
        &mut self,
        owner: &ProfileId,
        id: &str,
        name: Option<String>,
        tags: Option<Vec<String>>,
    ) -> Result<(), Reason> {
        let device = self.own(owner, id)?;
        if let Some(name) = name {
            device.name = name;
        }
        if let Some(tags) = tags {
            device.tags = tags;
        }
        Ok(())
    }

    /// Deletes a device.
    pub(crate) fn remove(&mut self, owner: &ProfileId, id: &str) -> Result<(), Reason> {
        self.own(owner, id)?;
        self.0.remove(id);
        Ok(())
    }

    /// The name of a profile's device that has been approved.
    pub(crate) fn approved(&self, owner: &ProfileId, id: &str) -> Result<&str, Reason> {
        let device = self.0.get(id).ok_or("device.not_found")?;
        match device.approval {
            _ if device.owner != *owner => Err("profile.not_an_owner"),
            Approval::Approved => Ok(&device.name),
            Approval::Pending | Approval::Rejected => Err("device.not_approved"),
        }
    }

    /// A profile's devices, in the order of their ids, with what `roles` says of each.
    pub(crate) fn list(&self, owner: &ProfileId, roles: impl Fn(&str) -> Vec<&'static str>) -> Vec<Listed<'_>> {
        self.0
            .iter()
            .filter(|(_, device)| device.owner == *owner)
            .map(|(id, device)| Listed {
                device_id: id,
                device_name: &device.name,
                tags: &device.tags,
                status: device.approval,
                roles: roles(id),
                created_at: &device.created_at,
            })
            .collect()
    }

    /// What an approved device needs to reach the broker.
    pub(crate) fn configuration(&self, owner: &ProfileId, id: &str) -> Option<Configuration<'_>> {
        let (id, device) = self.0.get_key_value(id)?;
        if device.owner != *owner || device.approval != Approval::Approved {
            return None;
        }
        Some(Configuration {
            device_id: id,
            vhost: "/",
            username: id,
            password: &device.broker_password,
            routing_key: format!("device.{id}"),
        })
    }

    fn own(&mut self, owner: &ProfileId, id: &str) -> Result<&mut Device, Reason> {
        let device = self.0.get_mut(id).ok_or("device.not_found")?;
        if device.owner == *owner { Ok(device) } else { Err("profile.not_an_owner") }
    }
}
