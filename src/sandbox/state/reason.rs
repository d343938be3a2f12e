//! Why a request fails.

/// Why a command failed: the machine key that a live server puts into `body`.
pub(crate) type Reason = &'static str;
