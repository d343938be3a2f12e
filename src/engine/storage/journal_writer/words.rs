//! What the operator is told of a journal that refuses.

use crate::journal::JournalError;

/// What the operator is told if the journal refuses to the end.
pub(crate) fn loss(count: usize, why: &JournalError) -> String {
    let (messages, are) = if count == 1 { ("1 message", "is") } else { (&*format!("{count} messages"), "are") };
    format!("{messages} could not be written to the journal before Privicore Monitor closed, and {are} lost: {why}")
}
