//! The journal's file: its schema, its rows, its lock.

pub(crate) mod file_id;
pub(crate) mod generation;
pub(crate) mod lock;
pub(crate) mod private_file;
pub(crate) mod row;
pub(crate) mod schema;
