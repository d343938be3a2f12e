//! Storage devices: the devices that a profile's payloads are distributed to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::DataStore;
use super::devices::Devices;
use super::profiles::ProfileId;
use super::reason::Reason;

#[derive(Clone)]
struct StorageDevice {
    owner: ProfileId,
    registered_at: String,
    synchronised_at: Option<String>,
    /// It holds the payloads of the data tokens issued from this number on; see [`DataStore::issued`].
    holds_from: u64,
}

/// A storage device as its profile reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    device_id: &'a str,
    device_name: &'a str,
    status: &'static str,
    registered_at: &'a str,
    synchronised_at: Option<&'a str>,
    /// How many data tokens the device holds the payloads of.
    stored_tokens: usize,
    /// How many it would hold after a synchronisation.
    total_tokens: usize,
}

/// All storage devices, by device id. Their number is limited by that of the devices.
#[derive(Clone, Default)]
pub(crate) struct StorageDevices(BTreeMap<String, StorageDevice>);

impl StorageDevices {
    /// Registers an approved device. It receives the payloads that are stored from now on; earlier ones when it is
    /// synchronised.
    pub(crate) fn register(
        &mut self,
        owner: &ProfileId,
        id: String,
        devices: &Devices,
        data: &DataStore,
        now: String,
    ) -> Result<(), Reason> {
        devices.approved(owner, &id)?;
        if self.0.contains_key(&id) {
            return Err("storage.already_registered");
        }
        let device = StorageDevice {
            owner: owner.clone(),
            registered_at: now,
            synchronised_at: None,
            holds_from: data.issued(),
        };
        self.0.insert(id, device);
        Ok(())
    }

    /// Gives a storage device the payloads that it does not have.
    pub(crate) fn synchronise(&mut self, owner: &ProfileId, id: &str, now: String) -> Result<(), Reason> {
        let device = self.own(owner, id)?;
        device.holds_from = 0;
        device.synchronised_at = Some(now);
        Ok(())
    }

    /// Takes a device out of the distribution.
    pub(crate) fn remove(&mut self, owner: &ProfileId, id: &str) -> Result<(), Reason> {
        self.own(owner, id)?;
        self.0.remove(id);
        Ok(())
    }

    /// Removes a device that no longer exists.
    pub(crate) fn device_removed(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// A profile's storage devices, in the order of their ids.
    pub(crate) fn list<'a>(&'a self, owner: &ProfileId, devices: &'a Devices, data: &DataStore) -> Vec<Listed<'a>> {
        let own = self.0.iter().filter(|(_, device)| device.owner == *owner);
        own.map(|(id, device)| Listed {
            device_id: id,
            device_name: devices.approved(owner, id).unwrap_or_default(),
            status: "active",
            registered_at: &device.registered_at,
            synchronised_at: device.synchronised_at.as_deref(),
            stored_tokens: data.count_from(owner, device.holds_from),
            total_tokens: data.count_from(owner, 0),
        })
        .collect()
    }

    fn own(&mut self, owner: &ProfileId, id: &str) -> Result<&mut StorageDevice, Reason> {
        let device = self.0.get_mut(id).ok_or("storage.not_found")?;
        if device.owner == *owner { Ok(device) } else { Err("profile.not_an_owner") }
    }
}
