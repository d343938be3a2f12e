//! What everything in the engine runs on: the clock, tasks with an owner, programs of the desktop.

pub(crate) mod clock;
pub(crate) mod disk_space;
pub(crate) mod os_open;
pub(crate) mod tasks;
pub(crate) mod transfer_rate;
