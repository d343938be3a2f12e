//! The program as a process: its folders, its environment, its output and its exit.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use privicore_monitor::sandbox::{DEMO_USERNAME, PASSWORD, SandboxHandle};
use privicore_monitor::settings::ProfileId;
use serde_json::Value;
use tempfile::TempDir;

/// Only a failing test waits this long.
pub(crate) const DEADLINE: Duration = Duration::from_mins(10);

/// The wait between two polls. It leaves the processors to the process that is waited for.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks again until there is an answer: another process can't be watched by a clock of the test.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never came true that {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The empty folders of one operator.
pub(crate) struct Home {
    root: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["data", "config", "runtime"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        Self { root, environment: Vec::new() }
    }

    /// With an environment that signs in to a sandbox.
    pub(crate) fn of(running: &SandboxHandle) -> Self {
        let mut home = Self::new();
        home.environment = vec![
            ("PRIVICORE_API_URL", running.api_url()),
            ("PRIVICORE_WS_URL", running.ws_url()),
            ("PRIVICORE_USERNAME", DEMO_USERNAME.to_owned()),
            ("PRIVICORE_PASSWORD", PASSWORD.to_owned()),
        ];
        home
    }

    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
    }

    /// Removes the variables that sign in.
    pub(crate) fn remove_environment(&mut self) {
        self.environment.clear();
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes settings with profiles of these names, none of which stays signed in.
    pub(crate) fn with_profiles(&self, names: &[&str]) {
        use std::fmt::Write as _;
        let mut text = String::new();
        for (name, number) in names.iter().zip(1_u32..) {
            write!(
                text,
                "[[profiles]]\nid = \"5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f{number:02}\"\nname = \"{name}\"\n\
                 username = \"{name}@example.com\"\nkeep_signed_in = false\n"
            )
            .expect("text");
        }
        std::fs::write(self.folder("config/settings.toml"), text).expect("written");
    }

    /// The id of the profile with this index in [`Self::with_profiles`].
    pub(crate) fn profile_id(number: u32) -> ProfileId {
        ProfileId::from_u128(0x5b0e_7f3e_6f8c_4d43_9f6f_7b1b_3a1f_4f00 + u128::from(number))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privicore-monitor"));
        command.env_clear();
        command.env("HOME", self.root.path()).env("XDG_RUNTIME_DIR", self.folder("runtime"));
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command.arg("--data-dir").arg(self.folder("data")).arg("--config-dir").arg(self.folder("config"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        let output = self.command(arguments).output().expect("ran");
        Finished {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("text"),
            said: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Starts the program, with its output piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut child = self.command(arguments).spawn().expect("started");
        let lines = BufReader::new(child.stdout.take().expect("an output"));
        let mut errors = BufReader::new(child.stderr.take().expect("an error output"));
        // Read continuously, so that the program never blocks on its output.
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).expect("text");
            said
        });
        Process { child, lines: Some(lines), said: Some(said) }
    }
}

/// How a process ended.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) said: String,
}

impl Finished {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out: {}\nsaid: {}", self.out, self.said);
        self
    }

    /// Its output lines as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// A running process, killed when the test ends.
pub(crate) struct Process {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
    said: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let lines = self.lines.as_mut().expect("an output");
        if lines.buffer().is_empty() {
            wait_for_output(lines.get_ref());
        }
        let read = lines.read_line(&mut line).expect("a line");
        assert!(read > 0, "it ended without a line: {}", self.said());
        line
    }

    /// The next line as JSON.
    pub(crate) fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// The remaining whole lines, once the process has ended.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let mut text = String::new();
        self.lines.as_mut().expect("an output").read_to_string(&mut text).expect("text");
        // The last line may be incomplete.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _torn)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Closes the reading end of its output.
    pub(crate) fn close_output(&mut self) {
        self.lines = None;
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -s {signal} {}", self.child.id())]).status();
        assert!(sent.expect("a shell").success(), "the signal was not sent");
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        until("it ends", || self.child.try_wait().expect("waited"))
    }

    /// Its standard error, once it has ended.
    pub(crate) fn said(&mut self) -> String {
        self.said.take().map(|said| said.join().expect("read")).unwrap_or_default()
    }
}

/// Waits until a process has written or closed its output.
#[cfg(unix)]
fn wait_for_output(output: &ChildStdout) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let deadline = Timespec::try_from(DEADLINE).expect("a time");
    let ready = poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&deadline)).expect("polled");
    assert!(ready > 0, "no output within {} s", DEADLINE.as_secs());
}

/// Does not wait: the read that follows does.
#[cfg(not(unix))]
fn wait_for_output(_output: &ChildStdout) {}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let ended = self.child.wait();
            assert!(ended.is_ok(), "the program did not end");
        }
    }
}

/// Every file below a folder, as bytes.
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push((entry.path(), std::fs::read(entry.path()).expect("bytes")));
            }
        }
    }
    found
}
