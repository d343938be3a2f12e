//! The export under way.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};

/// An export under way; gone when it has ended.
#[derive(Debug, Default)]
pub(crate) struct RunningExport {
    pub(crate) cancelled: Arc<AtomicBool>,
    pub(crate) total: AtomicU64,
    pub(crate) read: Arc<AtomicU64>,
}

/// The way to an export under way.
pub(crate) type ExportHandle = Weak<RunningExport>;
