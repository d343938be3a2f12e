//! What all endpoints share: their description, the caller's token, the fields, and the responses.

pub(crate) mod command;
pub(crate) mod endpoint;
pub(crate) mod fields;
pub(crate) mod responses;
