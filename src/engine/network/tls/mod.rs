//! Whom TLS trusts, and what its failures mean.

pub(crate) mod ca_files;
pub(crate) mod certificates;
pub(crate) mod config;
pub(crate) mod failure;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod system_roots;
