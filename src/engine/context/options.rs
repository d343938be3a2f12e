//! The options that the engine is started with.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::credentials::Keyring;
use crate::engine::client::connector::Connector;
use crate::engine::events::event_queue::Waker;
use crate::engine::network::proxy::ProxyEnvironment;
use crate::engine::runtime::clock::Clock;
use crate::settings::{Address, Directories};

/// Starts a sandbox. `main` passes it in, so that the engine does not depend on the sandbox.
pub type SandboxLauncher = Arc<dyn Fn() -> BoxFuture<'static, Result<SandboxAddresses, SandboxFailure>> + Send + Sync>;

/// Why a sandbox was not started: the sandbox's own error, whose type the engine does not know. Its text is for the
/// operator.
pub type SandboxFailure = Box<dyn std::error::Error + Send + Sync>;

/// Where a started sandbox listens, and how to sign in to it.
pub struct SandboxAddresses {
    /// The backend, over `http`.
    pub api: Address,
    /// The WebSocket proxy, over `ws`.
    pub websocket: Address,
    /// The downstream store, over `http`.
    pub download: Address,
    /// A user name that the sandbox accepts.
    pub username: String,
    /// The password of that user. It is public.
    pub password: String,
    /// The sandbox itself; dropping this value stops it.
    pub keep_alive: Box<dyn Any + Send>,
}

impl fmt::Debug for SandboxAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxAddresses").field("api", &self.api).finish_non_exhaustive()
    }
}

/// What the engine may do with the settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingsAccess {
    /// Read it, and write it whenever the settings change. A file that can't be read is renamed.
    #[default]
    ReadWrite,
    /// Only read it. The engine does not start if it can't be read; changes last until the end of the run.
    ReadOnly,
}

/// The options that the engine is started with.
pub struct EngineOptions {
    /// The directories of the settings and the journal.
    pub directories: Directories,
    /// What the engine may do with the settings file.
    pub settings: SettingsAccess,
    /// The keyring that stores tokens.
    pub keyring: Keyring,
    /// Whether links are stored beyond this run, encrypted with a key in the keyring. Must be off if the keyring itself
    /// lasts for this run only.
    pub keeps_links: bool,
    /// Starts a sandbox; `None` if the program has none.
    pub sandbox: Option<SandboxLauncher>,
    /// Whether to start the sandbox at once and sign in to it.
    pub start_in_sandbox: bool,
    /// The name of the only profile to connect at the start; `None` for all profiles.
    pub profile: Option<String>,
    /// Connects sockets; `None` for [`crate::engine::NetworkConnector`]. Tests pass their own.
    pub connector: Option<Arc<dyn Connector>>,
    /// A file with further certificate authorities to trust, in PEM or DER form.
    pub extra_authority: Option<PathBuf>,
    /// The proxies that the environment names. The settings can override them.
    pub proxies: ProxyEnvironment,
    /// Gives the time of day.
    pub clock: Clock,
    /// Called once per burst when [`crate::engine::EventReceiver`] has something new.
    pub waker: Waker,
}
