//! Keys, and when each command can run.

pub(crate) mod availability;
pub(crate) mod keys;
pub(crate) mod menu;
