//! Points in time (`timestamp`), relations between clocks (`time_reference`), times as typed (`since`), and expected latencies
//! (`latency`).

pub(crate) mod latency;
pub(crate) mod time_reference;
pub(crate) mod time_spec;
pub(crate) mod timestamp;
