//! Writing to the journal and reading from it: the writer task (`journal_writer`), restoring history (`history_loader`),
//! deleting old entries (`retention`) and cleared ones (`clear_history`).

pub(crate) mod adaptive_chunk;
pub(crate) mod clear_history;
pub(crate) mod decoded_batch;
pub(crate) mod history_loader;
pub(crate) mod journal_writer;
pub(crate) mod persistent_notices;
pub(crate) mod retention;
pub(crate) mod reveal_secrets;
