//! Which certificate authorities TLS trusts (`config`, `ca_files`, `certificates`, `system_roots`), and what its errors mean
//! (`failure`).

pub(crate) mod ca_files;
pub(crate) mod certificates;
pub(crate) mod config;
pub(crate) mod failure;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) mod system_roots;
