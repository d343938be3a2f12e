//! The journal's file: `schema` opens it, `row` reads and writes entries, `lock` allows one writer; `private_file`, `file_id` and
//! `generation` track the file itself.

pub(crate) mod file_id;
pub(crate) mod generation;
pub(crate) mod lock;
pub(crate) mod private_file;
pub(crate) mod row;
pub(crate) mod schema;
