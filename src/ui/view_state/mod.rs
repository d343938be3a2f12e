//! The state of each view: what is selected, folded, scrolled to or typed. A profile's tab holds one of each.

pub(crate) mod apply_entries;
pub(crate) mod columns;
pub(crate) mod completeness;
pub(crate) mod details;
pub(crate) mod insight;
pub(crate) mod older_search;
pub(crate) mod pending_entries;
pub(crate) mod pending_selection;
pub(crate) mod row_owners;
pub(crate) mod sign_in_form;
pub(crate) mod table;
pub(crate) mod unpersisted;
