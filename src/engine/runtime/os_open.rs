//! Opens saved files with the system's program for them or the file manager. No child process inherits secrets.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::settings::atomic::describe_io;

/// The prefix of this program's environment variables; some hold secrets.
const ENV_PREFIX: &str = "PRIVICORE_";

/// How long the system's opener may take to report a failure. On some desktops it is the viewer itself, or waits for it: an
/// opener that still runs after this time has opened the file.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(10);

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// With the system's default program.
    Open,
    /// In the system's file manager, which shows the folder.
    ShowInFolder,
}

impl OpenMode {
    /// Opens a file. If that fails, calls `failed` at most once with a sentence for the operator. The future ends with the
    /// program that it started, so that no zombie remains; if it is dropped earlier, the program continues.
    pub(crate) async fn run(self, path: PathBuf, failed: impl FnOnce(String)) {
        run(self.command(&path), &path, FAILURE_TIMEOUT, failed).await;
    }

    fn command(self, path: &Path) -> Command {
        let shows = self == Self::ShowInFolder;
        if cfg!(target_os = "macos") {
            command("open", shows.then_some(OsStr::new("-R")).into_iter().chain([path.as_os_str()]))
        } else if cfg!(windows) {
            let mut target = OsString::from(if shows { "/select," } else { "" });
            target.push(path);
            command("explorer", [target.as_os_str()])
        } else {
            let target = if shows { path.parent().unwrap_or(path) } else { path };
            command("xdg-open", [target.as_os_str()])
        }
    }
}

/// A command without this program's environment variables and streams.
pub(crate) fn command<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A signal from this program's terminal, such as Ctrl+C, must not reach the viewer.
    #[cfg(unix)]
    command.process_group(0);
    scrub_env(&mut command, std::env::vars_os().map(|(name, _)| name));
    command
}

fn scrub_env(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| name.to_string_lossy().starts_with(ENV_PREFIX)) {
        command.env_remove(name);
    }
}

async fn run(mut command: Command, path: &Path, verdict: Duration, failed: impl FnOnce(String)) {
    match tokio::fs::metadata(path).await {
        Ok(_there) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return failed(missing_file(path)),
        Err(error) => return failed(format!("{} can't be opened: {}.", path.display(), describe_io(&error))),
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return failed(format!(
                "The system's opener, {}, is not installed, so {} can't be opened from here. Install it, or open the file in \
                 your file manager.",
                command.as_std().get_program().display(),
                path.display()
            ));
        }
        Err(error) => return failed(format!("{} can't be opened: {}.", path.display(), describe_io(&error))),
    };
    match tokio::time::timeout(verdict, child.wait()).await {
        Ok(Ok(status)) => {
            if let Some(sentence) = failure(status, path) {
                failed(sentence);
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "it is not known how the system's opener ended"),
        Err(_still_running) => {
            let ended = child.wait().await;
            tracing::debug!(?ended, "a viewer has ended");
        }
    }
}

/// The error sentence for the exit status of the system's opener, if it means that nothing was opened.
fn failure(status: ExitStatus, path: &Path) -> Option<String> {
    // Explorer exits with 1 on success.
    if status.success() || cfg!(windows) {
        return None;
    }
    let file = path.display();
    // The exit codes of xdg-open.
    let sentence = match status.code().filter(|_code| cfg!(not(target_os = "macos"))) {
        Some(2) => missing_file(path),
        Some(3) => {
            format!("The system has no program to open {file} with. Install one, or open the file from that program.")
        }
        Some(4) => {
            format!("The program that the system opens {file} with failed. Open the file in your file manager instead.")
        }
        Some(code) => {
            format!(
                "The system's opener could not open {file} (code {code}). Open the file in your file manager instead."
            )
        }
        None => format!("The system's opener was ended before it had opened {file}. Try again."),
    };
    Some(sentence)
}

fn missing_file(path: &Path) -> String {
    format!("{} is not there any more.", path.display())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn a_child_inherits_none_of_our_environment_variables() {
        let mut command = OpenMode::Open.command(Path::new("/tmp/x"));
        let names = ["PATH", "PRIVICORE_PASSWORD", "HOME", "PRIVICORE_ANYTHING"];
        scrub_env(&mut command, names.into_iter().map(OsString::from));
        let changed = command.as_std().get_envs();
        let taken: Vec<_> = changed.map(|(name, value)| (name.to_owned(), value.is_none())).collect();
        for name in ["PRIVICORE_PASSWORD", "PRIVICORE_ANYTHING"] {
            assert!(taken.contains(&(name.into(), true)), "{name} stays: {taken:?}");
        }
        assert!(!taken.iter().any(|(name, _)| name == "PATH" || name == "HOME"), "{taken:?}");
    }

    /// The sentence when the opener is a shell with this script.
    #[cfg(unix)]
    async fn failure_of(script: &str, path: &Path, verdict: Duration) -> Option<String> {
        let mut failure = None;
        run(command("sh", ["-c", script].map(OsStr::new)), path, verdict, |sentence| failure = Some(sentence)).await;
        failure
    }

    /// Long enough for any shell to end.
    const LONG: Duration = Duration::from_hours(1);

    #[cfg(all(unix, not(target_os = "macos")))]
    #[tokio::test]
    async fn each_exit_code_of_the_opener_has_its_sentence() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        assert_eq!(failure_of("exit 0", path, LONG).await, None);
        for (code, says) in [
            ("1", "could not open"),
            ("2", "is not there any more"),
            ("3", "no program to open"),
            ("4", "failed"),
            ("127", "(code 127)"),
        ] {
            let sentence = failure_of(&format!("exit {code}"), path, LONG).await.unwrap();
            assert!(sentence.contains(says) && sentence.contains(&*path.to_string_lossy()), "{code}: {sentence}");
            assert_eq!(sentence.contains("no program"), code == "3", "{code}: {sentence}");
        }
        let killed = failure_of("kill -9 $$", path, LONG).await.unwrap();
        assert!(killed.contains("was ended before"), "{killed}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_viewer_that_keeps_running_counts_as_success_and_leaves_no_zombie() {
        let folder = tempfile::tempdir().unwrap();
        let (file, process, end) = (folder.path().join("a"), folder.path().join("process"), folder.path().join("end"));
        crate::settings::atomic::write(&file, b"").unwrap();
        let made = std::process::Command::new("mkfifo").arg(&end).status().unwrap();
        assert!(made.success());
        // The script prints its process id, runs until it is told to end, and then fails.
        let script =
            format!("echo $$ > {0}.new; mv {0}.new {0}; read line < {1}; exit 3", process.display(), end.display());
        let mut viewing = Box::pin(failure_of(&script, &file, Duration::ZERO));
        while !process.exists() {
            assert!(viewing.as_mut().now_or_never().is_none(), "it ended before its viewer");
            tokio::task::yield_now().await;
        }
        // It can't end yet, so after this pause the time in which its exit status would count is over.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(viewing.as_mut().now_or_never().is_none(), "it ended before its viewer");
        let number = std::fs::read_to_string(&process).unwrap();
        let there = Path::new("/proc").join(number.trim());
        assert!(there.exists());
        let mut told = tokio::fs::File::options().write(true).open(&end).await.unwrap();
        told.write_all(b"end\n").await.unwrap();
        told.flush().await.unwrap();
        drop(told);
        assert_eq!(viewing.await, None, "a viewer that was closed is told as a failure");
        assert!(!there.exists(), "a zombie is left");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_missing_file_and_a_missing_opener_are_reported() {
        let sentence = failure_of("exit 0", Path::new("/nowhere/at/all.bin"), LONG).await.unwrap();
        assert_eq!(sentence, "/nowhere/at/all.bin is not there any more.");
        let mut failure = None;
        let missing = command("no-such-opener", []);
        run(missing, Path::new("/"), LONG, |sentence| failure = Some(sentence)).await;
        assert!(failure.unwrap().contains("no-such-opener, is not installed"));
    }
}
