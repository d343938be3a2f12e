//! The state of one profile: pending commands, links, gaps and credentials.

pub(crate) mod gaps;
pub(crate) mod interrupted_downloads;
pub(crate) mod link_store;
pub(crate) mod pending_commands;
pub(crate) mod ready_queue;
pub(crate) mod restore_index;
pub(crate) mod seen_outcomes;
pub(crate) mod session_credentials;
pub(crate) mod used_links;
