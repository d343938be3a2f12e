//! A process of a test.

use std::process::Child;

/// A process that does not outlive the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended by itself unless the test failed before.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
