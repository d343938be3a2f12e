//! The progress of a running export.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};

/// A running export; dropped when it has ended.
#[derive(Debug, Default)]
pub(crate) struct RunningExport {
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) total: AtomicU64,
    pub(crate) read: Arc<AtomicU64>,
}

/// Refers to the running export, if there is one.
pub(crate) type ExportHandle = Weak<RunningExport>;
