//! A profile as the settings keep it: where its Privicore is and how it signs in. No secrets.

use std::fmt;
use std::path::PathBuf;

use super::address::Address;

/// Names a profile in the settings, the keyring and the journal. Ours, not the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ProfileId(uuid::Uuid);

impl ProfileId {
    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// From its number, for the journal.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(uuid::Uuid::from_u128(number))
    }

    /// Its number, for the journal.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// The operator's name for it; shown on its tab.
    pub name: String,
    /// The backend's address, `http(s)`.
    pub api: Address,
    /// The WebSocket proxy's address, `ws(s)`.
    pub websocket: Address,
    /// The downstream store's address, `http(s)`: what a bare download token is added to.
    pub download: Address,
    /// Whom it signs in as; empty where only a token was given.
    pub username: String,
    /// Whether the token is kept in the keyring.
    pub keep_signed_in: bool,
    /// Whether a new token is asked for before the old one ends. Only where it is kept: a token that is typed in for one
    /// sitting is left to end.
    pub renew_automatically: bool,
    /// Hosts beyond loopback to which the operator allowed unencrypted connections, for this profile.
    pub allow_unencrypted: Vec<String>,
    /// What is done with ready data, and which hosts it may be fetched from.
    pub saving: DownloadSettings,
}

/// What is done with a profile's ready data. A link is hostile input: whoever can write to the profile's queue chooses the
/// host that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DownloadSettings {
    /// The folder into which ready data is saved by itself; `None`, the default, where it is not. One whose name is no text
    /// is not kept: TOML has no form for it.
    #[serde(skip_serializing_if = "super::is_no_text")]
    pub folder: Option<PathBuf>,
    /// Hosts that data is fetched from without a click, beside the host of the download address.
    pub automatic_hosts: Vec<String>,
    /// Hosts that may lead to this machine or into a private network, although the profile's API is elsewhere.
    pub private_hosts: Vec<String>,
    /// Whether payloads are decrypted on their way to the disk, with the key that the operator gave.
    pub decrypt: bool,
}

impl Default for Profile {
    /// The vendor's local defaults.
    fn default() -> Self {
        Self {
            id: ProfileId::random(),
            name: String::new(),
            api: Address::new("http://localhost:8009"),
            websocket: Address::new("ws://localhost:8083"),
            download: Address::new("http://localhost:8011"),
            username: String::new(),
            keep_signed_in: true,
            renew_automatically: true,
            allow_unencrypted: Vec::new(),
            saving: DownloadSettings::default(),
        }
    }
}

impl Profile {
    /// The hosts that this profile would speak to in plain text and that the operator has not allowed: the reason why it
    /// may not connect yet.
    #[must_use]
    pub fn hosts_without_consent(&self) -> Vec<String> {
        let mut hosts: Vec<String> = [&self.api, &self.websocket, &self.download]
            .into_iter()
            .filter_map(Address::host_in_plain_text)
            .filter(|host| !self.allow_unencrypted.contains(host))
            .collect();
        hosts.dedup();
        hosts
    }
}
