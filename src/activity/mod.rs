//! What the operator watches: activities, one row each, and what is known of them.
//!
//! An [`Entry`] is one line of the journal. [`Activities`] holds one compact row an activity and applies entries in any
//! order to the same end, so that history can be restored newest first behind a live stream. A [`View`] is which rows
//! are shown in which order. No I/O, no clock, no egui.

mod activities;
pub mod completeness;
mod entry;
mod evicted;
mod filter;
mod growth;
mod insight;
mod ledger;
mod moment;
mod openness;
mod path_text;
mod patience;
mod pool;
mod read;
pub mod record;
mod reference;
mod row;
mod since;
mod status;
mod throughput;
mod unkept;
mod view;

pub use activities::{Activities, Incomplete, LOOKED_UP, Place, ROWS_IN_MEMORY, RowId};
pub use completeness::{Answer, CompetingConsumer, GapState};
pub use entry::{
    ActivityKey, Decryption, Deed, Enquiry, Entry, Fact, Gap, GapCause, Kind, NotSaved, Receipt, Requested, Seq,
};
pub use filter::{Field, Filter, FilterError, Problem, Slip};
pub use insight::{BINS, BINS_A_DECADE, Insight, Stretch, bin_start};
pub use ledger::Ledger;
pub use moment::Moment;
pub use openness::{Openness, command_is_pending, expiry_of, is_lasting_outcome};
pub use path_text::{path_of_text, text_of_path};
pub use patience::Patience;
pub use read::{Activity, Source, bytes};
pub use reference::TimeReference;
pub use since::{NoTime, Since};
pub use status::{Chip, Counts, Status};
pub use view::{Column, Refresh, View};

#[cfg(test)]
mod evicting_tests;
#[cfg(test)]
mod tests;
