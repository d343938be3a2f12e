//! The bars and panels around the table.

pub(crate) mod banner;
pub(crate) mod competing_consumer;
pub(crate) mod downloads;
pub(crate) mod export_bar;
pub(crate) mod live_region;
pub(crate) mod notices;
pub(crate) mod older_search;
pub(crate) mod saved_filters;
pub(crate) mod status_bar;
pub(crate) mod status_filters;
pub(crate) mod toolbar;
pub(crate) mod top_bar;
