//! Activities: what the operator watches, one row each.
//!
//! An [`Entry`] is one line of the journal. [`Activities`] holds one compact row for each activity and gives the same result for
//! any order of entries, so that history can be restored newest first while live entries arrive. A [`View`] selects and orders the
//! rows to show. No I/O, no clock, no egui.

pub(crate) mod activities;
pub(crate) mod activity_values;
pub(crate) mod collections;
pub(crate) mod entry;
pub mod export_record;
pub(crate) mod filter;
pub(crate) mod row;
pub mod stats;
pub(crate) mod status;
pub(crate) mod status_rules;
pub(crate) mod time;
pub(crate) mod view;

pub use activities::Activities;
pub use activities::eviction_state::{Incomplete, ROWS_IN_MEMORY};
pub use activities::gaps::RecoveredGaps;
pub use activities::lookup_result::{LOOKUP_BATCH, RowHint};
pub use activities::row_id::RowId;
pub use activity_values::{Activity, Evidence, bytes};
pub use collections::path_text::{path_of_text, text_of_path};
pub use entry::{
    ActivityKey, Decryption, DownloadFailure, DownloadReceipt, Entry, Fact, Gap, GapCause, Kind, LocalEvent, Requested,
    Seq, StatusCheck,
};
pub use filter::error::{FilterError, Problem};
pub use filter::evaluate::WholeTexts;
pub use filter::expression::Filter;
pub use filter::fields::Field;
pub use filter::suggestion::Suggestion;
pub use stats::completeness::{CompetingConsumer, GapState, OpenItemState};
pub use stats::outcome_counts::OutcomeCounts;
pub use stats::summary::{BINS, BINS_PER_DECADE, Insight, TimeRange, bin_start};
pub use status::{Counts, Status, StatusFilter};
pub use status_rules::{OpenState, command_is_pending, expiry_of, is_lasting_outcome};
pub use time::latency::ExpectedLatency;
pub use time::time_reference::TimeReference;
pub use time::time_spec::{ParseTimeError, TimeSpec};
pub use time::timestamp::Timestamp;
pub use view::sort_order::SortKey;
pub use view::{Refresh, View};

#[cfg(test)]
mod tests;
