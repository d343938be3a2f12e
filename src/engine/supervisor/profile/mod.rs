//! One profile: its lifecycle, sign-in and keys.

pub(crate) mod auth;
pub(crate) mod data_key;
pub(crate) mod lifecycle;
pub(crate) mod link_encryption;
#[cfg(test)]
pub(crate) mod locked_keyring_tests;
#[cfg(test)]
pub(crate) mod retry_after_tests;
pub(crate) mod sandbox;
pub(crate) mod token_renewal;
