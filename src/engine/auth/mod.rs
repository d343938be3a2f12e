//! Signs in, renews tokens, and watches when they expire.

pub(crate) mod sign_in;
pub(crate) mod token_expiry;
