//! The state that the supervisor owns, one file for each concern.

pub(crate) mod data_key;
pub(crate) mod expected_downloads;
pub(crate) mod export_progress;
pub(crate) mod link_encryption;
pub(crate) mod local_events;
pub(crate) mod profile_state;
pub(crate) mod search_handle;
pub(crate) mod settings_writer;
