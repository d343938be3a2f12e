//! Why a step of the test failed: a sentence that names what was expected and what was found.

use std::error::Error;
use std::fmt;

/// The result of a step of the test.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a step failed.
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with this sentence.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// The same failure with more detail, such as the tree at that time.
    pub(crate) fn with(self, more: &str) -> Self {
        Self(format!("{}\n{more}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    /// Prints the plain sentence: the test runner prints a failed test by its `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Fails with a sentence unless the condition holds.
///
/// # Errors
///
/// The sentence.
pub(crate) fn ensure(condition: bool, sentence: impl Into<String>) -> Outcome<()> {
    if condition { Ok(()) } else { Err(Failure::new(sentence)) }
}
