//! The sandbox's tasks, its clock, the order of what happens, and what chance decides.

pub(crate) mod clock;
pub(crate) mod open_files;
pub(crate) mod seeded_random;
pub(crate) mod tasks;
pub(crate) mod turns;
