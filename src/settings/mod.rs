//! The operator's settings and what the program stores with them: profiles, addresses, preferences, and folders.
//!
//! Stored as TOML in the OS's configuration directory, written atomically ([`atomic`]). Never contains a secret.

pub(crate) mod address;
pub mod atomic;
pub(crate) mod change;
pub(crate) mod directories;
pub(crate) mod error;
pub(crate) mod layout;
pub(crate) mod lenient;
pub(crate) mod limits;
pub(crate) mod profile;
pub(crate) mod proxy;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::time::Duration;

pub use address::{Address, AddressError, Protocol, is_loopback, parse_url};
pub use change::{PreferenceChange, SavingChange};
pub use directories::Directories;
pub use error::SettingsError;
pub use layout::{ColumnLayout, InsightLayout, InsightSpan, SavedFilter, SortLayout, TableColumn, TableLayout, Times};
pub use limits::{DOWNLOADS_AT_ONCE, IDLE_LIMITS, MESSAGE_LIMITS, ROWS_IN_MEMORY, SCALES};
pub use profile::{DownloadSettings, Profile, ProfileId};
pub use proxy::{ProxyChoice, ProxyChoiceError};
pub use store::Store;

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How the program behaves.
    pub preferences: Preferences,
    /// The profiles, in the order of their tabs.
    pub profiles: Vec<Profile>,
}

impl Settings {
    /// The profile with this id.
    pub fn profile(&self, id: ProfileId) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
    }
}

/// How the program behaves.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Light, dark, or as the system has it.
    pub theme: Theme,
    /// Maximum size of a message in bytes, one of [`MESSAGE_LIMITS`]; a larger one closes the connection.
    #[serde(deserialize_with = "limits::message_limit")]
    pub message_limit: usize,
    /// Lifetime of a link whose message does not give one, in seconds.
    pub link_lifetime: u32,
    /// Number of simultaneous downloads, one of [`DOWNLOADS_AT_ONCE`]; others wait, earliest expiry first.
    #[serde(deserialize_with = "limits::downloads_at_once")]
    pub downloads_at_once: u32,
    /// Number of seconds without data after which a download is cancelled: one of [`IDLE_LIMITS`].
    #[serde(deserialize_with = "limits::idle_limit")]
    pub idle_limit: u32,
    /// Number of days for which a journal entry is kept; 0 for no age limit.
    pub retention_days: u32,
    /// Maximum size of the journal in bytes, beyond which its oldest entries are removed; 0 for no limit.
    pub retention_bytes: u64,
    /// Maximum number of each profile's rows in memory; see [`Preferences::rows_in_memory`].
    #[serde(deserialize_with = "limits::rows_in_memory")]
    pub rows_in_memory: u32,
    /// How times are shown.
    pub times: Times,
    /// The last table layout of each profile.
    pub looks: BTreeMap<ProfileId, TableLayout>,
    /// How Insight is shown, for all profiles.
    pub insight: InsightLayout,
    /// Named layouts, for all profiles.
    pub saved_filters: Vec<SavedFilter>,
    /// The scale in per cent of the system's size: one of [`SCALES`].
    #[serde(deserialize_with = "limits::scale")]
    pub scale: u16,
    /// Whether changes are animated.
    pub motion: Motion,
    /// Whether failures cause desktop notifications while the window is unfocused.
    pub notify_failed: bool,
    /// Whether ready data does.
    pub notify_ready: bool,
    /// The window's last size, if it was open before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowGeometry>,
    /// The folder that the save dialog opened last. A path that is not UTF-8 is not stored, because TOML can't represent it.
    #[serde(skip_serializing_if = "is_no_text")]
    pub last_folder: Option<std::path::PathBuf>,
    /// The proxy for connections.
    pub proxy: ProxyChoice,
    /// A file with certificate authorities to trust besides the system's, in PEM or DER form. A path that is not UTF-8 is not
    /// stored.
    #[serde(skip_serializing_if = "is_no_text")]
    pub authority_file: Option<std::path::PathBuf>,
}

impl Preferences {
    /// The lifetime of a link whose message does not give one.
    pub fn link_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.link_lifetime))
    }

    /// Maximum number of each profile's rows in memory. Beyond it, settled rows are only in the journal, oldest first seen first.
    pub fn rows_in_memory(&self) -> usize {
        let (least, most) = ROWS_IN_MEMORY.into_inner();
        usize::try_from(self.rows_in_memory.clamp(least, most)).unwrap_or(usize::MAX)
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            message_limit: 1024 * 1024,
            link_lifetime: 600,
            downloads_at_once: 3,
            idle_limit: 60,
            retention_days: 90,
            retention_bytes: 1024 * 1024 * 1024,
            rows_in_memory: 1_000_000,
            times: Times::default(),
            looks: BTreeMap::new(),
            insight: InsightLayout::default(),
            saved_filters: Vec::new(),
            scale: *SCALES.start(),
            motion: Motion::System,
            notify_failed: true,
            notify_ready: true,
            window: None,
            last_folder: None,
            proxy: ProxyChoice::System,
            authority_file: None,
        }
    }
}

/// The window's last size. No position: its screen may be gone, and systems place windows well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WindowGeometry {
    /// Its inner width in points at a scale of 100 %, before it was maximised.
    pub width: u16,
    /// Its inner height, in the same units.
    pub height: u16,
    /// Whether it was maximised.
    pub maximised: bool,
}

/// Whether changes are animated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// As the system is set.
    #[default]
    System,
    /// Not animated, whatever the system says.
    Reduced,
}

/// Whether there is no path, or one that is not UTF-8.
#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn is_no_text(path: &Option<std::path::PathBuf>) -> bool {
    path.as_deref().and_then(std::path::Path::to_str).is_none()
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system is set.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}
