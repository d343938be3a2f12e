//! Counts over all activities.

pub mod completeness;
pub(crate) mod outcome_counts;
pub(crate) mod summary;
pub(crate) mod throughput;
