//! The writer thread: the only one that changes the file.

pub(crate) mod cleanup;
pub(crate) mod database;
pub(crate) mod free_pages;
pub(crate) mod repair;
pub(crate) mod retention;
pub(crate) mod salvage;
pub(crate) mod write_request;
pub(crate) mod writer;
