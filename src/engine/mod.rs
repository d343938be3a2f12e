//! The asynchronous core: sessions, REST calls, downloads and the journal's writers. [`Action`] in, [`Event`] out.
//!
//! ```text
//!  window ─ Action ─▶ supervisor ─ DesiredState ─▶ session ─ batches ─▶ journal_writer ─ commit ─▶ journal
//!    ▲                  │    ▲                        │                      │
//!    │                  │    └──── InternalEvent ─────┤                      │ only after
//!    │                  ▼                             ▼                      ▼ the commit
//!    └──── Event ───────┴──────── event_queue ◀───────┴──────────────────────┘
//! ```
//!
//! * `supervisor` owns the settings, the tokens and each profile's state. It never waits for the network, the keyring or the
//!   window: tasks wait, and send an `InternalEvent` with the result.
//! * `session` runs one state machine per profile, which owns the profile's socket. It gets a `DesiredState`, never a sequence
//!   of steps.
//! * `storage` reads and writes the journal. One `journal_writer` task per profile publishes entries only after the commit.
//! * `events` is the interface to the window. The `event_queue` is bounded and never blocks the engine. Current state
//!   (connections, tokens, downloads, problems) is a value in `status`, so that the window and `watch` always read the newest.
//!   Errors are enums (`connection_reason`, `problem`), so that the engine decides by kind; they become sentences when shown.
//! * `state` holds what is known of a profile. Links and tokens never enter the `event_queue`: the `frame_decoder` masks them
//!   and the `link_store` holds them. The exception is what the operator asks to see (`storage::reveal_secrets`).
//! * `client` opens the sockets (`connector`), calls the REST API and builds the HTTP clients. `network` has the layers below:
//!   `proxy` chooses a proxy and opens tunnels, `tls` checks certificates, `websocket_upgrade` upgrades, and `http1` parses the
//!   responses to both requests.
//! * `download` saves data to files, `auth` signs in, and `reconciliation` checks the status of open commands.
//! * `runtime` has the clocks and the tasks. Every task has an owner that stops it and waits for it (`tasks`). Work that must
//!   outlive the program is recorded in the journal first and finished at the next start (`supervisor::pending_work`).
//! * `context` bundles what all tasks share, `ipc` takes requests of other processes, and `file_dialog` asks for paths and
//!   checks them, whether chosen in the desktop's dialog or typed.
//!
//! May use every module above `engine` in the list in `lib.rs`, and not egui. [`Engine::start`] starts it on threads of its own.

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
pub use events::action::{Action, Credential, CutText, DATA_TOKENS_PER_PAGE, ExportRequest, LinkPermission, SignIn};
pub use events::cause::Cause;
pub use events::clock_jump::ClockJump;
pub use events::connection_reason::{
    ConnectionFailure, DisconnectReason, PolicyCloses, RetryReason, SignInError, TokenRefusal,
};
pub use events::error::EngineError;
pub use events::event::{
    ConnectionState, DownloadProgress, DownloadStage, Event, ExportProgress, Notice, SearchEnd, Severity, SignInState,
    WaitingDownload,
};
pub use events::event_queue::{EventReceiver, NOTICES_LOG_TARGET, Waker};
pub use events::lasting_problem::Problem;
pub use events::notice_reason::{NoMessage, NoticeReason, PersistentReason, Unshown};
pub use events::problem::{LateDownload, NeedsToken, ProblemKind, ProblemReason, SharedError};
pub use events::status::{ConnectionHealth, DataKeyStatus, EngineStatus, ProfileStatus, SignInStatus, TokenStatus};
pub use file_dialog::check::PathCheck;
#[cfg(all(unix, not(target_os = "macos")))]
pub use file_dialog::portal_reply::{OPEN_TIMEOUT, PortalDialog, PortalReply};
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
