//! How much a notice matters.

/// The severity of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information; disappears by itself.
    Info,
    /// Stays until it is dismissed.
    Warning,
    /// Something failed; stays until it is dismissed.
    Error,
}
