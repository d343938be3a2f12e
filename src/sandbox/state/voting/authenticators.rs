//! Verified authenticators: the devices that vote.

use std::collections::BTreeMap;

use crate::sandbox::state::devices::Devices;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

/// The owners of all authenticators, by device id. Their number is limited by that of the devices.
#[derive(Clone, Default)]
pub(crate) struct Authenticators(BTreeMap<String, ProfileId>);

impl Authenticators {
    /// Makes an approved device an authenticator.
    pub(crate) fn register(&mut self, owner: &ProfileId, id: String, devices: &Devices) -> Result<(), Reason> {
        devices.approved(owner, &id)?;
        if self.0.contains_key(&id) {
            return Err("verified_authenticator.already_registered");
        }
        self.0.insert(id, owner.clone());
        Ok(())
    }

    /// Removes a device that no longer exists.
    pub(crate) fn device_removed(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Whether a device is an authenticator of this profile.
    pub(crate) fn is_of(&self, owner: &ProfileId, id: &str) -> bool {
        self.0.get(id) == Some(owner)
    }

    /// The device ids of a profile's authenticators.
    pub(crate) fn all_of(&self, owner: &ProfileId) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, profile)| *profile == owner).map(|(id, _)| id.as_str())
    }
}
