//! Services that the rest of the engine uses: clocks, tasks with an owner, disk space, transfer rates and programs of the
//! desktop.

pub(crate) mod clock;
pub(crate) mod disk_space;
pub(crate) mod os_open;
pub(crate) mod tasks;
pub(crate) mod transfer_rate;
