//! Signing in, renewing, and watching when a token expires.

pub(crate) mod sign_in;
pub(crate) mod token_expiry;
