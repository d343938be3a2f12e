//! A local Privicore for trials, and for tests against the real wire format: the REST API, the queues, the WebSocket proxy
//! and the two file stores.
//!
//! It uses `protocol` only, and no other module depends on it: callers start it with [`start`] and connect over the
//! network, as to any server. It never logs a token, a password or a link, and listens on loopback unless configured
//! otherwise.
//!
//! | module | contents |
//! |---|---|
//! | `options`, `error`, `handle` | the public interface: [`Options`] in, [`SandboxHandle`] and [`Control`] out |
//! | `command` | the program `privicore-sandbox` |
//! | `backend` | what the parts share; how a write becomes an outcome on the socket |
//! | `state` | profiles, tokens, commands, data tokens, links, devices, votes, policies, OAuth applications |
//! | `rest` | the REST API, one file per endpoint family, each with the list of its endpoints |
//! | `stores`, `payload` | the upstream and downstream stores, and the bytes that they serve |
//! | `outcomes` | what follows an accepted command: votes, and the delivery of payloads |
//! | `queues` | one queue per profile, in memory or on a RabbitMQ |
//! | `proxy` | connections, channels, and the pump from queue to clients |
//! | `scenario` | the demo's messages, and the replay of a file |
//! | `faults` | injected faults |
//! | `runtime` | tokio's clock anchored to the wall clock; named tasks with an owner; the order of what happens; what chance decides |

pub(crate) mod backend;
pub(crate) mod cli;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod handle;
pub(crate) mod options;
pub(crate) mod outcomes;
pub(crate) mod payload;
pub(crate) mod proxy;
pub(crate) mod queues;
pub(crate) mod rest;
pub(crate) mod runtime;
pub(crate) mod scenario;
pub(crate) mod state;
pub(crate) mod stores;

pub use cli::run;
pub use error::SandboxError;
pub use faults::Fault;
pub use faults::downloads::DownloadFault;
pub use faults::types::{Garbage, HttpRefusal, Limit};
pub use handle::{Account, Control, ControlError, SandboxHandle, start};
pub use options::time::{Latency, TimeError};
pub use options::{Delivery, Dialect, Options, OutputFormat, Scenario};
pub use rest::call::endpoint::{Access, Endpoint, Phase};
pub use rest::endpoints;
pub use runtime::open_files::raise_open_file_limit;

/// User name of the busier of the two profiles that every sandbox serves.
pub const DEMO_USERNAME: &str = "demo@example.com";

/// User name of the calmer of the two profiles that every sandbox serves.
pub const AUDIT_USERNAME: &str = "audit@example.com";

/// The password of both profiles.
pub const PASSWORD: &str = "demo";
