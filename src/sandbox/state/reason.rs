//! The reason for a failure.

/// Why a command failed: the machine-readable key that a live server puts into `body`.
pub(crate) type Reason = &'static str;
