//! The kinds of faults.

use std::time::Duration;

/// When a fault that waits for its victims is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After so many victims.
    Times(u32),
    /// After so long.
    During(Duration),
    /// After so many victims or so long, whichever comes first.
    Either(u32, Duration),
}

/// Frames that are not of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Text that is no JSON. The connection goes on.
    NotJson,
    /// A binary frame. The connection goes on.
    Binary,
    /// A message of more than 1 MiB, the limit of most clients, which then end the connection.
    Oversized,
    /// A text frame that is not UTF-8, on which a client has to end the connection (RFC 6455, section 8.1).
    InvalidUtf8,
}
