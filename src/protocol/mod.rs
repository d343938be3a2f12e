//! The wire protocol: what Privicore sends and what this program sends.
//!
//! Contains the WebSocket frames in both directions ([`incoming`], [`outgoing`]), the shapes of REST responses ([`rest`]), the
//! masking of secrets in raw text ([`redact`]), safe file names ([`file_name`]), the clean-up of pasted text ([`pasted`]), and the
//! types that enforce the protocol's rules. Liberal in what it accepts, exact in what it sends; no server sends a schema version,
//! so shape decides. Never does I/O and never reads a clock.

pub(crate) mod data_token;
pub mod disposition;
pub(crate) mod expiry;
pub mod file_name;
pub(crate) mod ids;
pub mod incoming;
pub(crate) mod lenient;
pub mod outgoing;
pub mod pasted;
pub(crate) mod plural;
pub mod redact;
pub mod rest;
pub(crate) mod sanitize;
pub(crate) mod secret;

pub use data_token::{DataToken, DataTokenPage, StoredData, data_token_page};
pub use expiry::{Expiry, http_date};
pub use ids::{ChannelId, CommandId, CorrelationId, RequestId};
pub use incoming::message::{
    Body, CommandReport, CommandStatus, DataBody, DataReport, Incoming, LinkExpiry, Message, Reply, StreamReport,
    UnreadableReason, Unrecognised,
};
pub(crate) use plural::{counted, plural};
pub use sanitize::sanitize;
pub(crate) use sanitize::{is_hidden, is_terminal_control};
pub use secret::{AuthorizationToken, DataKey, Link, StreamToken, UnmaskedMessage};
