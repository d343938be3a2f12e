//! The kinds of faults, their limits, and how requests are refused.

use std::time::Duration;

/// When an armed fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After it has affected this many events.
    Times(u32),
    /// After this time.
    During(Duration),
    /// After this many events or this time, whichever comes first.
    Either(u32, Duration),
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    /// The status of the answer, from 400 to 599.
    pub status: u16,
    /// The header `Retry-After`, in whole seconds, if there is one.
    pub retry_after: Option<Duration>,
}

/// Frames that violate the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Text that is not JSON. The connection goes on.
    NotJson,
    /// A binary frame. The connection goes on.
    Binary,
    /// A message of more than 1 MiB, the limit of most clients, which then close the connection.
    Oversized,
    /// A text frame that is not UTF-8, on which a client has to close the connection (RFC 6455, section 8.1).
    InvalidUtf8,
}
