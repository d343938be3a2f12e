//! What happens between an accepted command and its outcome: votes, and the delivery of payloads.

pub(crate) mod approval;
pub(crate) mod data_request;
