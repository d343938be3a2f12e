//! Readers of the file: `reader` beside the writer, `read_only` for other processes; `history` reads one activity and `export`
//! writes lines.

pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod read_only;
pub(crate) mod reader;
