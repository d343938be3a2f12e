//! The test program once more, as a child that is told what to be by its environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the folder to a child; a test that finds it set is the child.
const FOLDER: &str = "JOURNAL_TEST_FOLDER";

/// The folder that this process was told to work in, where it is a child.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// This program, to run one test alone as a child in a folder. What it prints goes to the parent.
pub(crate) fn command(wrapper: &[&str], test: &str, folder: &Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        [] => Command::new(program),
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(FOLDER, folder).stdin(Stdio::null());
    command
}
