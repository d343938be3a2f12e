//! Keys (`keys`), one press per frame (`press_queue`), menus (`menu`), and when each command can run (`availability`).

pub(crate) mod availability;
pub(crate) mod keys;
pub(crate) mod menu;
pub(crate) mod press_queue;
