//! The details of one activity: every message in order, the JSON as it came, and what can be done next.
//!
//! The messages are read from the journal by the engine, anew whenever the activity has changed, one reading at a time.

pub(crate) mod descriptions;
pub(crate) mod gap;
pub(crate) mod json_keys;
pub(crate) mod json_page;
pub(crate) mod next_steps;
pub(crate) mod pane;
pub(crate) mod receipt;
pub(crate) mod secrets;
pub(crate) mod show;
pub(crate) mod timeline;
