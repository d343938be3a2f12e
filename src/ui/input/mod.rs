//! Keys (`keys`), menus (`menu`), and when each command can run (`availability`).

pub(crate) mod availability;
pub(crate) mod keys;
pub(crate) mod menu;
