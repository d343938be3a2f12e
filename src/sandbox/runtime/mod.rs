//! The sandbox's tasks and its clock.

pub(crate) mod clock;
pub(crate) mod tasks;
