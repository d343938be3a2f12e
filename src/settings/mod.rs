//! What the operator chose and what is remembered of it: profiles, addresses, preferences, and where files live.
//!
//! Kept as TOML in the OS's configuration directory, written atomically ([`atomic`]). Never holds a secret.

pub(crate) mod address;
pub mod atomic;
pub(crate) mod change;
pub(crate) mod directories;
pub(crate) mod error;
pub(crate) mod layout;
pub(crate) mod lenient;
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
pub use profile::{DownloadSettings, Profile, ProfileId};
pub use proxy::{ProxyChoice, ProxyChoiceError};
pub use store::Store;

/// Everything that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How the program behaves.
    pub preferences: Preferences,
    /// The profiles, in the order of their tabs.
    pub profiles: Vec<Profile>,
}

impl Settings {
    /// A profile by its id.
    #[must_use]
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
    /// The largest message that is read, in bytes; a larger one ends the connection.
    pub message_limit: usize,
    /// How long a link is taken to live when the message does not say, in seconds.
    pub link_lifetime: u32,
    /// How many downloads run at once, one of [`DOWNLOADS_AT_ONCE`]; the others wait, what expires first in front.
    pub downloads_at_once: u32,
    /// After how long without a byte a download is given up, in seconds: one of [`IDLE_LIMITS`].
    pub idle_limit: u32,
    /// How many days an entry of the journal is kept; 0 for as long as there is room.
    pub retention_days: u32,
    /// How many bytes the journal may grow to before its oldest entries go; 0 for no bound.
    pub retention_bytes: u64,
    /// How many rows of each profile are in memory; see [`Preferences::rows_in_memory`].
    pub rows_in_memory: u32,
    /// How times are told.
    pub times: Times,
    /// How the activities of each profile were looked at last.
    pub looks: BTreeMap<ProfileId, TableLayout>,
    /// How Insight is looked at, for all profiles.
    pub insight: InsightLayout,
    /// Looks with names, for all profiles.
    pub saved_filters: Vec<SavedFilter>,
    /// How large everything is drawn, in per cent of the system's size: one of [`SCALES`].
    pub scale: u16,
    /// Whether changes are shown with motion.
    pub motion: Motion,
    /// Whether the desktop is told of failures while the window has not the focus.
    pub notify_failed: bool,
    /// Whether it is told of ready data.
    pub notify_ready: bool,
    /// How the window was left, where it was open before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowGeometry>,
    /// The folder that the save dialog opened last. One whose name is no text is not kept: TOML has no form for it.
    #[serde(skip_serializing_if = "is_no_text")]
    pub last_folder: Option<std::path::PathBuf>,
    /// The proxy that connections go through.
    pub proxy: ProxyChoice,
    /// A file with certificate authorities to trust beside the system's, in PEM or DER form. One whose name is no text is not kept.
    #[serde(skip_serializing_if = "is_no_text")]
    pub authority_file: Option<std::path::PathBuf>,
}

impl Preferences {
    /// How long a link is taken to live when the message does not say.
    #[must_use]
    pub fn link_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.link_lifetime))
    }

    /// How many rows of each profile are in memory. Beyond it, the settled ones that were seen first are in the journal only.
    #[must_use]
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

/// How many downloads may run at once.
pub const DOWNLOADS_AT_ONCE: std::ops::RangeInclusive<u32> = 1..=16;

/// How many rows of each profile may be in memory.
pub const ROWS_IN_MEMORY: std::ops::RangeInclusive<u32> = 10_000..=100_000_000;

/// After how long a silence a download may be given up, in seconds.
pub const IDLE_LIMITS: std::ops::RangeInclusive<u32> = 5..=3_600;

/// The scales that there are, in per cent.
pub const SCALES: std::ops::RangeInclusive<u16> = 100..=200;

/// How the window was left. No position: the screen that it was on may be gone, and systems place windows well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WindowGeometry {
    /// Its inner width in points at a scale of 100 %, before it was maximised.
    pub width: u16,
    /// Its inner height, likewise.
    pub height: u16,
    /// Whether it filled the screen.
    pub maximised: bool,
}

/// Whether changes are shown with motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// As the system has it.
    #[default]
    System,
    /// None, whatever the system says.
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
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}
