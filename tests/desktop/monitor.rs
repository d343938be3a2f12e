//! The program under test: its process, and its window's parts by the names that an operator knows.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use atspi::{Role, State};
use tempfile::TempDir;

use crate::failure::{Outcome, ensure};
use crate::input;
use crate::privicore::Privicore;
use crate::process::Process;
use crate::tree::{self, Desktop, Node};
use crate::wait::{timed, until};

/// The program's name on the accessibility bus.
const PROGRAM: &str = "privicore-monitor";
/// Part of the window's title.
pub(crate) const TITLE: &str = "Privicore Monitor";
/// The folders of one operator; deleted at the end.
pub(crate) struct Home {
    root: TempDir,
}

impl Home {
    /// Empty folders.
    pub(crate) fn new() -> Outcome<Self> {
        let home = Self { root: TempDir::with_prefix("monitor-")? };
        for folder in [home.data(), home.config(), home.saved(), home.logs()] {
            fs::create_dir(folder)?;
        }
        Ok(home)
    }

    /// Contains only files of the program, or files written for it.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The settings' folder.
    pub(crate) fn config(&self) -> PathBuf {
        self.root().join("config")
    }

    /// Lets all users read the data folder and the files in it.
    ///
    /// # Errors
    ///
    /// Fails if the permissions can't be changed.
    pub(crate) fn open_to_others(&self) -> Outcome<()> {
        for file in fs::read_dir(self.data())? {
            fs::set_permissions(file?.path(), fs::Permissions::from_mode(0o644))?;
        }
        Ok(fs::set_permissions(self.data(), fs::Permissions::from_mode(0o755))?)
    }

    /// Where the operator saves files.
    pub(crate) fn saved(&self) -> PathBuf {
        self.root().join("saved")
    }

    fn logs(&self) -> PathBuf {
        self.root().join("logs")
    }

    /// Sets a theme before the first start, by its name in the settings.
    pub(crate) fn choose_theme(&self, theme: &str) -> Outcome<()> {
        let mut settings = File::create_new(self.config().join("settings.toml"))?;
        Ok(write!(settings, "[preferences]\ntheme = \"{theme}\"\n")?)
    }

    /// A file for the output of the program's next run, beside those of earlier runs.
    fn next_log(&self) -> Outcome<(usize, File)> {
        let number = fs::read_dir(self.logs())?.count();
        Ok((number, File::create_new(self.log(number))?))
    }

    fn log(&self, number: usize) -> PathBuf {
        self.logs().join(format!("run-{number}.log"))
    }

    /// The whole output of the last run.
    pub(crate) fn last_log(&self) -> Outcome<String> {
        let runs = fs::read_dir(self.logs())?.count();
        Ok(fs::read_to_string(self.log(runs.saturating_sub(1)))?)
    }

    /// The end of a run's output, for a failure message.
    fn last_words(&self, number: usize) -> String {
        let said = fs::read_to_string(self.log(number)).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let end = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
        format!("the end of what the program said:\n{}", end.join("\n"))
    }
}

/// The running program.
pub(crate) struct Monitor {
    process: Process,
    window: Node,
}

impl Monitor {
    /// Starts the program with full logging and waits for its window.
    ///
    /// # Errors
    ///
    /// Fails if no window appears.
    pub(crate) fn start(desktop: &Desktop, home: &Home) -> Outcome<Self> {
        Self::start_as(desktop, home, &[])
    }

    /// The same with another session bus than the desktop's. Its accessibility tree is on the desktop's accessibility bus.
    ///
    /// # Errors
    ///
    /// Fails if no window appears.
    pub(crate) fn start_on(desktop: &Desktop, home: &Home, bus: &str) -> Outcome<Self> {
        let tree = tree::address()?;
        Self::start_as(desktop, home, &[("DBUS_SESSION_BUS_ADDRESS", bus), ("AT_SPI_BUS_ADDRESS", &tree)])
    }

    /// The same with additional environment variables.
    ///
    /// # Errors
    ///
    /// Fails if no window appears.
    pub(crate) fn start_as(desktop: &Desktop, home: &Home, environment: &[(&str, &str)]) -> Outcome<Self> {
        let monitor = Self::start_beside(desktop, home, environment)?;
        input::raise_window(TITLE)?;
        Ok(monitor)
    }

    /// The same, wherever its window is: it may be on another display.
    ///
    /// # Errors
    ///
    /// Fails if no window appears.
    pub(crate) fn start_beside(desktop: &Desktop, home: &Home, environment: &[(&str, &str)]) -> Outcome<Self> {
        let (number, process) = Self::spawn(home, environment)?;
        let window = desktop.application(PROGRAM);
        let window = window.map_err(|failure| failure.with(&home.last_words(number)))?;
        Ok(Self { process, window })
    }

    /// Starts the program, which is not expected to open a window, and waits for its end. Returns its exit status and its
    /// output.
    ///
    /// # Errors
    ///
    /// Fails if it does not end.
    pub(crate) fn run(home: &Home, environment: &[(&str, &str)]) -> Outcome<(ExitStatus, String)> {
        let (number, mut process) = Self::spawn(home, environment)?;
        let exit = until("the program to end", || Ok(process.0.try_wait()?))?;
        Ok((exit, fs::read_to_string(home.log(number))?))
    }

    fn spawn(home: &Home, environment: &[(&str, &str)]) -> Outcome<(usize, Process)> {
        let (number, log) = home.next_log()?;
        let process = Process(
            Command::new(env!("CARGO_BIN_EXE_privicore-monitor"))
                .arg("--data-dir")
                .arg(home.data())
                .arg("--config-dir")
                .arg(home.config())
                .args(["--log", "trace"])
                .envs(environment.iter().copied())
                .current_dir(home.saved())
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?,
        );
        Ok((number, process))
    }

    /// Fills in the open sign-in form with real keys, and chooses to stay signed in.
    ///
    /// # Errors
    ///
    /// Fails if a part of the form is missing or does not accept the typed text.
    pub(crate) fn fill_in(&self, privicore: &Privicore) -> Outcome<()> {
        for (role, name, text) in privicore.sign_in_fields() {
            let field = self.window.find(role, name)?;
            retype(&field, &text)?;
            if role == Role::Entry {
                field.wait_text(&text)?;
            }
        }
        let keep = self.window.find(Role::CheckBox, "Keep me signed in (system keyring)")?;
        if !keep.has(State::Checked)? {
            keep.click()?;
        }
        until("`Keep me signed in` to be checked", || Ok(keep.has(State::Checked)?.then_some(())))
    }

    /// Fills in the sign-in form and submits it.
    ///
    /// # Errors
    ///
    /// Fails if a part of the form is missing or does not accept the typed text.
    pub(crate) fn sign_in(&self, privicore: &Privicore) -> Outcome<()> {
        self.fill_in(privicore)?;
        self.click_button("Sign in")
    }

    /// Waits until the window shows this connection state, in its own words.
    pub(crate) fn wait_connection(&self, state: &str) -> Outcome<()> {
        self.window.find(Role::Label, &format!("Connection: {state}")).map(drop)
    }

    /// The connection state that the window shows now, if any.
    pub(crate) fn connection(&self) -> Option<String> {
        let label = self.window.now(|node| node.role == Role::Label && node.name.starts_with("Connection: "))?;
        label.name.strip_prefix("Connection: ").map(str::to_owned)
    }

    /// The first part of the window that matches, if there is one now.
    pub(crate) fn part_now(&self, fits: impl Fn(&Node) -> bool) -> Option<Node> {
        self.window.now(fits)
    }

    /// Every part of the window that matches now.
    pub(crate) fn parts_now(&self, fits: impl Fn(&Node) -> bool) -> Vec<Node> {
        self.window.all_now(fits)
    }

    /// Everything in the window, for a failure message.
    pub(crate) fn dump(&self) -> String {
        self.window.dump()
    }

    /// Waits for a row of the table by its whole name.
    pub(crate) fn wait_row(&self, name: &str) -> Outcome<()> {
        let fits = |node: &Node| node.role == Role::TableRow && node.name == name;
        until(&format!("the row `{name}`"), || Ok(self.window.now(fits)))
            .map(drop)
            .map_err(|failure| failure.with(&self.window.dump()))
    }

    /// Waits until no row has this name.
    pub(crate) fn wait_row_gone(&self, name: &str) -> Outcome<()> {
        self.window.wait_gone(Role::TableRow, name)
    }

    /// Waits for a part of the window by its role and whole name.
    pub(crate) fn wait_part(&self, role: Role, name: &str) -> Outcome<()> {
        self.window.find(role, name).map(drop)
    }

    /// A part of the window by its role and whole name. Waits for it.
    pub(crate) fn part(&self, role: Role, name: &str) -> Outcome<Node> {
        self.window.find(role, name)
    }

    /// The first part of the window that matches. Waits for it.
    pub(crate) fn part_where(&self, what: &str, fits: impl Fn(&Node) -> bool) -> Outcome<Node> {
        self.window.find_where(what, fits)
    }

    /// Waits until no part of the window has this role and name.
    pub(crate) fn wait_gone(&self, role: Role, name: &str) -> Outcome<()> {
        self.window.wait_gone(role, name)
    }

    /// The role and the name of the part with the keyboard focus.
    pub(crate) fn focused(&self) -> Option<(Role, String)> {
        self.window.now(|node| node.states.contains(State::Focused)).map(|node| (node.role, node.name))
    }

    /// Minimises the window, and waits until the program knows.
    pub(crate) fn minimise(&self) -> Outcome<()> {
        self.lose_focus(|| input::run("xdotool", &["windowminimize", &input::window_id(TITLE)?]).map(drop))
    }

    /// Gives another program's window the focus as long as that program runs; this window stays visible.
    pub(crate) fn focus_another_window(&self) -> Outcome<Process> {
        input::raise_window(TITLE)?;
        self.lose_focus(|| Ok(Process(Command::new("xmessage").arg("Something else").stderr(Stdio::null()).spawn()?)))
    }

    fn lose_focus<T>(&self, by: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let active = |node: &Node| node.states.contains(State::Active);
        self.window.find_where("the window to have the focus", active)?;
        let done = by()?;
        until("the window to lose the focus", || Ok(self.window.now(active).is_none().then_some(())))?;
        Ok(done)
    }

    /// Waits for the program to end by itself.
    pub(crate) fn ended(self) -> Outcome<ExitStatus> {
        self.wait_end()
    }

    /// Clicks a button by its whole name.
    pub(crate) fn click_button(&self, name: &str) -> Outcome<()> {
        self.window.find(Role::Button, name)?.click()
    }

    /// The program's command line, as anybody on the machine can read it.
    pub(crate) fn command_line(&self) -> Outcome<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.process.0.id()))?;
        ensure(!line.is_empty(), "the program is not running any more")?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Closes the window and waits for the program to end.
    pub(crate) fn close(self) -> Outcome<ExitStatus> {
        input::close_window(TITLE)?;
        self.wait_end()
    }

    /// Asks the program to end, as the system does when it shuts down, and waits for it.
    pub(crate) fn terminate(self) -> Outcome<ExitStatus> {
        timed("SIGTERM to the end", || {
            input::run("kill", &["-TERM", &self.process.0.id().to_string()])?;
            self.wait_end()
        })
    }

    /// Kills the program without giving it time for anything.
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.process.0.kill()?;
        self.process.0.wait()?;
        Ok(())
    }

    fn wait_end(mut self) -> Outcome<ExitStatus> {
        until("the program to end", || Ok(self.process.0.try_wait()?))
    }
}

/// Replaces a field's text by typing.
fn retype(field: &Node, text: &str) -> Outcome<()> {
    field.focus()?;
    input::press("ctrl+a")?;
    input::type_text(text)
}
