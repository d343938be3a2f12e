//! Readers of the file, beside the writer and offline.

pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod read_only;
pub(crate) mod reader;
