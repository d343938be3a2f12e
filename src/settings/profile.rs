//! A profile in the settings: the addresses of its Privicore, and how it signs in. No secrets.

use std::fmt;
use std::path::PathBuf;

use super::address::Address;

/// Identifies a profile in the settings, the keyring and the journal. Chosen by this program, not by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ProfileId(uuid::Uuid);

impl ProfileId {
    /// A new random id.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// The id with this number, for the journal.
    pub fn from_u128(number: u128) -> Self {
        Self(uuid::Uuid::from_u128(number))
    }

    /// Its number, for the journal.
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
    /// The downstream store's address, `http(s)`, to which a bare download token is appended.
    pub download: Address,
    /// The user name for signing in; empty if only a token was given.
    pub username: String,
    /// Whether the keyring stores the token.
    pub keep_signed_in: bool,
    /// Whether a token is renewed before it expires. Only if the keyring stores it: a token typed in for one session is left to
    /// expire.
    pub renew_automatically: bool,
    /// Hosts beyond loopback to which the operator allowed unencrypted connections, for this profile.
    pub allow_unencrypted: Vec<String>,
    /// How ready data is saved, and which hosts it may be fetched from.
    pub saving: DownloadSettings,
}

/// How a profile's ready data is saved. A link is hostile input: whoever can write to the profile's queue chooses its host.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DownloadSettings {
    /// The folder into which ready data is saved automatically; `None`, the default, turns that off. A path that is not UTF-8 is
    /// not stored, because TOML can't represent it.
    #[serde(skip_serializing_if = "super::is_no_text")]
    pub folder: Option<PathBuf>,
    /// Hosts that data is fetched from without a click, besides the host of the download address.
    pub automatic_hosts: Vec<String>,
    /// Hosts that may resolve to this machine or a private network, although the profile's API is elsewhere.
    pub private_hosts: Vec<String>,
    /// Whether payloads are decrypted while they are saved, with the operator's key.
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
    /// The hosts that this profile would use in plain text without the operator's consent, which is why it may not connect yet.
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
