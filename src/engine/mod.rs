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

mod action;
mod book;
mod ca_files;
mod certificates;
mod chunk;
mod cleanup;
mod clocks;
mod close_frame;
mod connect_error;
mod connector;
mod download;
mod endpoints;
mod engine_error;
mod event;
mod file_dialog;
mod files;
mod gaps;
mod handle;
mod history;
mod http1;
mod hub;
mod journal_store;
mod lasting;
mod lifetime;
pub mod local;
mod mailbox;
mod no_connection;
mod no_proxy;
mod options;
mod outcomes;
mod problem;
mod proxies;
mod reading;
mod reasons;
mod reconcile;
mod report;
mod request_data;
mod rest;
mod rest_error;
mod restore;
mod retention;
mod retry_after;
mod reveal;
mod scribe;
mod session;
mod sign_in;
mod spawn;
mod status;
mod suspend;
mod system_error;
#[cfg(all(unix, not(target_os = "macos")))]
mod system_roots;
#[cfg(test)]
mod testing;
mod tls_failure;
mod tools;
mod trust;
mod tunnel;
mod upgrade;
mod used_links;
mod vault;
mod way;

pub use action::{Action, Credential, CutText, DATA_TOKENS_A_PAGE, Export, Permission, SignIn};
pub use connect_error::{ConnectError, HandshakeError, Refusal};
pub use connector::{Connector, Network, Transport};
pub use endpoints::{EndpointError, Target};
pub use engine_error::EngineError;
pub use event::{
    ConnectionState, Event, Exporting, Notice, Progress, SearchEnd, Severity, SignInState, Stage, Waiting,
};
pub use file_dialog::{FileDialogError, FileKind, FileRequest, PathCheck};
pub use handle::{Busy, Engine, EngineClock, EngineHandle, WindowPanicked};
pub use mailbox::{Events, NOTICES_LOG, Waker};
pub use no_connection::NoConnection;
pub use options::{Clock, EngineOptions, SandboxAddresses, SandboxFailure, SandboxLauncher, SettingsAccess};
pub use problem::{LateDownload, NeedsToken, Problem, ProblemKind, ProblemReason, SharedError};
pub use proxies::{ProxyError, ProxyVariables};
pub use reasons::{ConnectionFailure, DisconnectReason, PolicyCloses, RetryReason, SignInError, TokenRefusal};
pub use rest_error::RestError;
pub use retry_after::RetryAfter;
pub use status::{ConnectionHealth, DataKeyStatus, EngineStatus, ProfileStatus, SignInStatus, TokenStatus};
pub use system_error::SystemError;
pub use trust::Shortfall;
