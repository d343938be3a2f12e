//! One file for each table of the journal besides that of entries, and one each for the helpers of gaps (`gap_rows`, `open_gaps`)
//! and of sealing (`seal`).

pub(crate) mod clock;
pub(crate) mod earlier_links;
pub(crate) mod gap_rows;
pub(crate) mod notices;
pub(crate) mod open_activity;
pub(crate) mod open_gaps;
pub(crate) mod pending_work;
pub(crate) mod profile_names;
pub(crate) mod seal;
pub(crate) mod secrets;
