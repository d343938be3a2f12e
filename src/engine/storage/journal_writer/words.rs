//! The text for the operator when the journal refuses entries.

use crate::journal::JournalError;
use crate::protocol::counted;

/// The sentence that reports entries lost because the journal refused them to the end.
pub(crate) fn loss(count: usize, why: &JournalError) -> String {
    let (messages, are) = (counted(count as u64, "message"), if count == 1 { "is" } else { "are" });
    format!("{messages} could not be written to the journal before Privicore Monitor closed, and {are} lost: {why}")
}
