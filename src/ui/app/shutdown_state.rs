//! The stages of closing the window.

use std::time::Instant;

/// The stage of closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// The window is open.
    Open,
    /// The engine was asked to stop, or will be as soon as it takes actions again.
    Closing {
        /// When the window stops waiting for the engine.
        until: Instant,
        /// Whether the engine has taken the request to stop.
        requested: bool,
    },
    /// There is nothing left to wait for.
    Done,
}
