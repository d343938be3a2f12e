//! The text for the operator when the journal refuses entries.

use crate::journal::JournalError;

/// The sentence that reports entries lost because the journal refused them to the end.
pub(crate) fn loss(count: usize, why: &JournalError) -> String {
    let (messages, are) = if count == 1 { ("1 message", "is") } else { (&*format!("{count} messages"), "are") };
    format!("{messages} could not be written to the journal before Privicore Monitor closed, and {are} lost: {why}")
}
