//! Timestamps, and how times are told.

pub(crate) mod latency;
pub(crate) mod since;
pub(crate) mod time_reference;
pub(crate) mod timestamp;
