//! The operator's requests, one file for each kind.

pub(crate) mod clear_history;
pub(crate) mod data_requests;
pub(crate) mod downloads;
pub(crate) mod export;
#[cfg(test)]
pub(crate) mod look_up_tests;
pub(crate) mod queries;
pub(crate) mod search;
pub(crate) mod track;
