//! Draws the table of activities: `show` the whole, `header`, `row` and `gap_row` its parts, `row_menu` and `copy` what is done
//! with the selection. Position and selection are kept in `ui::view_state::table`.
//!
//! Positions are in rows of 28 px, counted in `f64`, so a million rows scroll as exactly as ten. Rows are selected by id and
//! never by index, so the selection survives filters and sorting. When the table is scrolled away from the newest row, new rows
//! do not move it.

pub(crate) mod cell;
pub(crate) mod copy;
pub(crate) mod empty_state;
pub(crate) mod gap_row;
pub(crate) mod header;
pub(crate) mod row;
pub(crate) mod row_menu;
pub(crate) mod show;
pub(crate) mod status_word;
