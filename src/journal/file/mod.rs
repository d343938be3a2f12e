//! The journal's file: `schema` opens it, `entry_codec` converts entries to and from rows, `lock` allows one writer;
//! `private_file`, `file_id` and `generation` track the file itself.

pub(crate) mod entry_codec;
pub(crate) mod file_id;
pub(crate) mod generation;
pub(crate) mod lock;
pub(crate) mod private_file;
pub(crate) mod schema;
