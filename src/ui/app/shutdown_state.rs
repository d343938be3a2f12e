//! How far closing the window is.

use std::time::Instant;

/// How far closing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// The window is open.
    No,
    /// The engine has been asked to stop, or will be as soon as it listens.
    Leaving {
        /// When the window stops waiting for it.
        until: Instant,
        /// Whether the engine has taken the wish.
        asked: bool,
    },
    /// Nothing is left to wait for.
    Done,
}
