//! Runs the test program again, as a child whose role is set by its environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable with the child's folder. A test that finds it set is the child.
const FOLDER: &str = "JOURNAL_TEST_FOLDER";

/// The folder in which this process works, if it is a child.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// A command that runs one test of this program as a child in a folder. The parent reads its output.
pub(crate) fn command(wrapper: &[&str], test: &str, folder: &Path) -> Command {
    let program = std::env::current_exe().expect("this program");
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

/// Runs the test of that name as a child with private mounts: as root, or as root of a user namespace. If the system grants
/// neither, prints that; other tests check the same guarantees with bounds of their own.
#[cfg(target_os = "linux")]
pub(crate) fn with_mounts(test: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let allowed = |wrapper: &[&str]| {
        let (program, arguments) = wrapper.split_first().expect("a program");
        let probe = ["sh", "-c", "mount -t tmpfs -o size=64k none \"$0\""];
        Command::new(program)
            .args(arguments)
            .args(probe)
            .arg(folder.path())
            .output()
            .is_ok_and(|out| out.status.success())
    };
    let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--user", "--map-root-user", "--mount"]];
    let Some(wrapper) = ways.into_iter().find(|wrapper| allowed(wrapper)) else {
        println!("{test} was not run: this system lets nobody mount a small disk");
        return;
    };
    let output = command(wrapper, test, folder.path()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the child ran something else: {said}");
    if let Some((_, what)) = said.split_once("left out: ") {
        println!("left out: {}", what.lines().next().unwrap_or_default());
    }
}

/// Mounts a small disk in memory, in such a child.
#[cfg(target_os = "linux")]
pub(crate) fn mount(options: &str, folder: &Path) {
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder).status().expect("it runs");
    assert!(mounted.success(), "mount {options}: {mounted}");
}
