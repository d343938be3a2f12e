//! A local Privicore: the REST API, the queues, the WebSocket proxy and the two file stores, for trying things out and for
//! tests against the real wire.
//!
//! It may use `protocol` alone, and no other room needs it: whoever wants one starts it with [`start`] and talks to it over
//! the network, as to any server. It never logs a token, a password or a link, and listens on loopback unless told otherwise.
//!
//! | part | holds |
//! |---|---|
//! | `options`, `error`, `running` | the door: [`Options`] in, [`SandboxHandle`] and [`Control`] out |
//! | `command` | the program `privicore-sandbox` |
//! | `backend` | what the parts share; how a write becomes an outcome on the socket |
//! | `state` | profiles, tokens, commands, data tokens, links, devices |
//! | `rest` | the REST API, one file a family |
//! | `stores`, `payload` | upstream and downstream stores, and the bytes they serve |
//! | `retrieval` | what follows `request-data` |
//! | `queues` | one queue a profile, in memory or on a RabbitMQ |
//! | `proxy` | connections, channels, and the pump from queue to clients |
//! | `scenario` | what happens by itself |
//! | `faults` | what goes wrong on purpose |
//! | `clock`, `tasks` | tokio's clock anchored to the wall clock; tasks with names and an owner |

pub(crate) mod backend;
pub(crate) mod command;
pub(crate) mod data_request;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod options;
pub(crate) mod payload;
pub(crate) mod proxy;
pub(crate) mod queues;
pub(crate) mod rest;
pub(crate) mod running;
pub(crate) mod runtime;
pub(crate) mod scenario;
pub(crate) mod state;
pub(crate) mod stores;

pub use command::run;
pub use error::SandboxError;
pub use faults::Fault;
pub use faults::downloads::DownloadFault;
pub use faults::kinds::{Garbage, Limit};
pub use options::{Delivery, Options, Scenario};
pub use running::{Control, ControlError, SandboxHandle, start};

/// User name of the busier of the two profiles that every sandbox serves.
pub const DEMO_USERNAME: &str = "demo@example.com";

/// User name of the calmer of the two profiles that every sandbox serves.
pub const AUDIT_USERNAME: &str = "audit@example.com";

/// The password of both.
pub const PASSWORD: &str = "demo";
