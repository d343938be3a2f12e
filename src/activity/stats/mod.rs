//! Statistics over all activities: `completeness` of gaps, `outcome_counts`, `summary` by minute, and `throughput`.

pub mod completeness;
pub(crate) mod outcome_counts;
pub(crate) mod summary;
pub(crate) mod throughput;
