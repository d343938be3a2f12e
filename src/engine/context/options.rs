//! What the engine is started with.

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

/// Starts a sandbox. `main` hands it in, so that the engine needs to know nothing of the sandbox.
pub type SandboxLauncher = Arc<dyn Fn() -> BoxFuture<'static, Result<SandboxAddresses, SandboxFailure>> + Send + Sync>;

/// Why a sandbox was not started: the sandbox's own error, which the engine does not know. Its text is for the operator.
pub type SandboxFailure = Box<dyn std::error::Error + Send + Sync>;

/// Where a sandbox that was started listens, and how one signs in.
pub struct SandboxAddresses {
    /// Its backend, `http`.
    pub api: Address,
    /// Its WebSocket proxy, `ws`.
    pub websocket: Address,
    /// Its downstream store, `http`.
    pub download: Address,
    /// A user name that it knows.
    pub username: String,
    /// The password, known to everybody.
    pub password: String,
    /// The sandbox itself: it ends when this is dropped.
    pub keep_alive: Box<dyn Any + Send>,
}

impl fmt::Debug for SandboxAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxAddresses").field("api", &self.api).finish_non_exhaustive()
    }
}

/// What the engine may do with the settings' file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettingsAccess {
    /// Read it, and write it whenever the settings change. One that can't be read is moved aside.
    #[default]
    ReadWrite,
    /// Only read it: the engine does not start if it can't, and changes hold until the end.
    ReadOnly,
}

/// What the engine is started with.
pub struct EngineOptions {
    /// Where settings and journal live.
    pub directories: Directories,
    /// What may be done with the settings' file.
    pub settings: SettingsAccess,
    /// Where tokens are kept.
    pub keyring: Keyring,
    /// Whether links outlive the run, sealed under a key of the keyring: not where that keyring is one of this run only.
    pub keeps_links: bool,
    /// How a sandbox is started; `None` where the program has none.
    pub sandbox: Option<SandboxLauncher>,
    /// Whether to start the sandbox at once and sign in to it.
    pub start_in_sandbox: bool,
    /// The name of the one profile to connect at the start; `None` for all of them.
    pub profile: Option<String>,
    /// How sockets are connected; [`crate::engine::NetworkConnector`] unless a test stands in.
    pub connector: Option<Arc<dyn Connector>>,
    /// A file with further certificate authorities to trust, in PEM or DER form.
    pub extra_authority: Option<PathBuf>,
    /// What the environment says of proxies; nothing of it counts where the settings choose otherwise.
    pub proxies: ProxyEnvironment,
    /// The time of day.
    pub clock: Clock,
    /// Called when there is something in [`crate::engine::EventReceiver`] that was not there before: once for a burst.
    pub waker: Waker,
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("start_in_sandbox", &self.start_in_sandbox)
            .field("profile", &self.profile)
            .field("extra_authority", &self.extra_authority)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}
