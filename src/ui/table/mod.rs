//! The table of activities: where it stands, what is selected, and how both move.
//!
//! Positions are whole rows of 28 px counted in `f64`, so a million rows are scrolled as exactly as ten. The selection is
//! by row, never by index: it survives filters and sorting. What is scrolled away from the newest end stays where it is
//! when rows arrive.

pub(crate) mod cell;
pub(crate) mod copy;
pub(crate) mod empty_state;
pub(crate) mod gap_row;
pub(crate) mod header;
pub(crate) mod row;
pub(crate) mod row_menu;
pub(crate) mod show;
pub(crate) mod status_word;
