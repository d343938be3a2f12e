//! The only thread that changes the file: `writer` runs it, `database` is what it has open; `retention` and `cleanup` remove
//! entries, `repair` and `salvage` replace a damaged file.

pub(crate) mod append;
pub(crate) mod cleanup;
pub(crate) mod database;
pub(crate) mod free_pages;
pub(crate) mod repair;
pub(crate) mod retention;
pub(crate) mod salvage;

pub(crate) mod writer;
