//! The tokio side: sessions, REST, downloads. [`Action`] in, [`Event`] out.
//!
//! ```text
//!  window ── Action ─▶ hub ── Wish ─▶ session ── entries ─▶ scribe ── commit ─▶ journal
//!    ▲                  │ ▲                │                   │
//!    │                  │ └─── Report ◀────┤                   │ first durable,
//!    └───── Event ◀─ outbox ◀──────────────┴───────────────────┘ then visible
//! ```
//!
//! * The hub owns settings, tokens and what belongs to each profile. It never waits for the network, the keyring or the
//!   window; tasks do, and report.
//! * One session a profile owns its socket as a state machine (`session`), told its aim and never a sequence of steps.
//! * One scribe a profile commits what was heard and only then tells the window (`scribe`).
//! * What is true now (connections, tokens, downloads, problems) is a value, not an event: the newest is there whenever the
//!   window or `watch` looks (`status`).
//! * What goes wrong is an enum from where it arises (`connect_error`, `rest_error`, `reasons`, `problem`): by its kind the engine
//!   decides, and it becomes a sentence where it is shown.
//! * Every task has an owner that stops it and waits for it (`spawn`). What must outlive a quit is written into the journal
//!   first and finished at the next start (`hub/pending`).
//! * A connection is made in one place (`connector`): `proxies` decides whether it goes through a proxy, `tunnel` asks that proxy,
//!   `trust` checks certificates and `upgrade` makes it a WebSocket. `http1` reads the answers of both requests.
//! * A path from the desktop's file dialogs, or typed where there are none, is checked before it is used (`file_dialog`).
//! * The outbox is bounded and never holds the engine up (`mailbox`); links and tokens never get into it (`vault`,
//!   `reading`), but for those that the operator asks to see (`reveal`).
//!
//! May use every room above `ui`; knows nothing of egui. Runs on threads of its own, started by [`Engine::start`].

pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod context;
pub(crate) mod download;
pub(crate) mod events;
pub(crate) mod file_dialog;
pub mod ipc;
pub(crate) mod network;
pub(crate) mod reconciliation;
pub(crate) mod runtime;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod storage;
pub(crate) mod supervisor;
#[cfg(test)]
mod test_support;

pub use client::connector::{Connector, NetworkConnector};
pub use context::options::{EngineOptions, SandboxAddresses, SandboxFailure, SandboxLauncher, SettingsAccess};
pub use events::action::{Action, Credential, CutText, DATA_TOKENS_A_PAGE, Export, LinkPermission, SignIn};
pub use events::connection_reason::{
    ConnectionFailure, DisconnectReason, PolicyCloses, RetryReason, SignInError, TokenRefusal,
};
pub use events::error::EngineError;
pub use events::event::{
    ConnectionState, DownloadProgress, DownloadStage, Event, ExportProgress, Notice, SearchEnd, Severity, SignInState,
    WaitingDownload,
};
pub use events::event_queue::{EventReceiver, NOTICES_LOG, Waker};
pub use events::problem::{LateDownload, NeedsToken, Problem, ProblemKind, ProblemReason, SharedError};
pub use events::status::{ConnectionHealth, DataKeyStatus, EngineStatus, ProfileStatus, SignInStatus, TokenStatus};
pub use file_dialog::check::PathCheck;
pub use file_dialog::{FileDialogError, FileKind, FileRequest};
pub use network::connect_error::{ConnectError, HandshakeError, Refusal};
pub use network::connect_failure::NoConnection;
pub use network::endpoints::{EndpointError, Target};
pub use network::proxy::{ProxyEnvironment, ProxyError};
pub use network::rest_error::RestError;
pub use network::retry_after::RetryAfter;
pub use network::system_error::SystemError;
pub use network::tls::config::Shortfall;
pub use network::transport::Transport;
pub use runtime::clock::Clock;
pub use supervisor::handle::{Engine, EngineClock, EngineHandle, SendError, WindowPanicked};
