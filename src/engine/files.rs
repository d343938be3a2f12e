//! Hands saved files to the system: the program for it, or the file manager. No child process inherits what is secret.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What every variable of ours begins with; some hold secrets.
const OURS: &str = "PRIVICORE_";

/// Opens a file with the system's program for it. Blocks until the system's opener has done its part.
///
/// # Errors
///
/// A sentence for the operator.
pub(super) fn open(path: &Path) -> Result<(), String> {
    run(opener(path), path)
}

/// Shows a file in the system's file manager. Blocks like [`open`].
///
/// # Errors
///
/// A sentence for the operator.
pub(super) fn show_in_folder(path: &Path) -> Result<(), String> {
    run(shower(path), path)
}

#[cfg(target_os = "macos")]
fn opener(path: &Path) -> Command {
    command("open", [path.as_os_str()])
}

#[cfg(target_os = "macos")]
fn shower(path: &Path) -> Command {
    command("open", [OsStr::new("-R"), path.as_os_str()])
}

#[cfg(windows)]
fn opener(path: &Path) -> Command {
    command("explorer", [path.as_os_str()])
}

#[cfg(windows)]
fn shower(path: &Path) -> Command {
    let mut select = OsString::from("/select,");
    select.push(path);
    command("explorer", [select.as_os_str()])
}

#[cfg(not(any(target_os = "macos", windows)))]
fn opener(path: &Path) -> Command {
    command("xdg-open", [path.as_os_str()])
}

#[cfg(not(any(target_os = "macos", windows)))]
fn shower(path: &Path) -> Command {
    command("xdg-open", [path.parent().unwrap_or(path).as_os_str()])
}

/// A command with nothing of ours in its environment and on its streams.
fn command<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    take_out_ours(&mut command, std::env::vars_os().map(|(name, _)| name));
    command
}

fn take_out_ours(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| name.to_string_lossy().starts_with(OURS)) {
        command.env_remove(name);
    }
}

fn run(mut command: Command, path: &Path) -> Result<(), String> {
    if std::fs::metadata(path).is_err() {
        return Err(format!("{} is not there any more.", path.display()));
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        // Explorer exits with 1 when all went well.
        Ok(_) if cfg!(windows) => Ok(()),
        Ok(_) => Err(format!("The system has no program to open {} with.", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
            "The system's opener, {}, is not installed, so {} can't be opened from here.",
            command.get_program().to_string_lossy(),
            path.display()
        )),
        Err(error) => Err(format!("{} can't be opened: {error}.", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_inherits_nothing_of_ours() {
        let mut command = opener(Path::new("/tmp/x"));
        let names = ["PATH", "PRIVICORE_PASSWORD", "HOME", "PRIVICORE_ANYTHING"];
        take_out_ours(&mut command, names.into_iter().map(OsString::from));
        let taken: Vec<_> = command.get_envs().map(|(name, value)| (name.to_owned(), value.is_none())).collect();
        for name in ["PRIVICORE_PASSWORD", "PRIVICORE_ANYTHING"] {
            assert!(taken.contains(&(name.into(), true)), "{name} stays: {taken:?}");
        }
        assert!(!taken.iter().any(|(name, _)| name == "PATH" || name == "HOME"), "{taken:?}");
    }

    #[test]
    fn a_file_that_is_gone_is_said() {
        let sentence = open(Path::new("/nowhere/at/all.bin")).unwrap_err();
        assert_eq!(sentence, "/nowhere/at/all.bin is not there any more.");
    }
}
