//! Draws the details of one activity: `timeline` has every message in order, `json_page` the JSON as received, `receipt` the
//! saved file, `next_steps` what the operator can do.
//!
//! The engine reads the messages from the journal again whenever the activity has changed, one read at a time.

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
