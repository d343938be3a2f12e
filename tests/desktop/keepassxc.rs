//! `KeePassXC` as the Secret Service, on a private bus: a profile stays signed in, and a locked database is reported until
//! it is unlocked.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::bus::{AccessibilityService, PrivateBus};
use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::input;
use crate::monitor::Monitor;
use crate::process::Process;

/// Protects nothing: the database is deleted at the end.
const PASSWORD: &str = "desktop";

/// Programs on the bus see its group.
const DATABASE: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<KeePassFile>
  <Meta>
    <CustomData>
      <Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{01020304-0506-0708-090a-0b0c0d0e0f10}</Value></Item>
    </CustomData>
  </Meta>
  <Root><Group><UUID>AQIDBAUGBwgJCgsMDQ4PEA==</UUID><Name>ops</Name></Group></Root>
</KeePassFile>
"#;

/// Serves programs without asking. It does not ask for a password on a search, so searches of a locked database find
/// nothing.
const SETTINGS: &str = "[General]
ConfigVersion=2
UpdateCheckMessageShown=true
[GUI]
CheckForUpdates=false
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=false
UnlockBeforeSearch=false
";

/// A database and settings.
struct KeePassXc {
    folder: TempDir,
}

impl KeePassXc {
    fn new() -> Outcome<Self> {
        let made = Self { folder: TempDir::with_prefix("keepassxc-")? };
        let xml = made.path("ops.xml");
        File::create_new(&xml)?.write_all(DATABASE.as_bytes())?;
        File::create_new(made.path("settings.ini"))?.write_all(SETTINGS.as_bytes())?;
        let mut import = Command::new("keepassxc-cli");
        import.args(["import", "--quiet", "--set-password"]).args([&xml, &made.path("ops.kdbx")]);
        let import = give(&mut import, &format!("{PASSWORD}\n{PASSWORD}\n"))?;
        let done = import.wait_with_output()?;
        ensure(done.status.success(), format!("no database: {}", String::from_utf8_lossy(&done.stderr)))?;
        Ok(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it on a bus and waits for its window.
    fn start(&self, bus: &PrivateBus, unlocked: bool) -> Outcome<Process> {
        let mut command = Command::new("keepassxc");
        command.arg("--config").arg(self.path("settings.ini")).arg("--localconfig").arg(self.path("local.ini"));
        command.env("DBUS_SESSION_BUS_ADDRESS", bus.address());
        if unlocked {
            command.arg("--pw-stdin");
        }
        let child = give(command.arg(self.path("ops.kdbx")), &format!("{PASSWORD}\n"))?;
        let process = Process(child);
        input::raise_window(if unlocked { "ops.kdbx - KeePassXC" } else { LOCKED })?;
        Ok(process)
    }
}

/// The title of its window while the database is locked.
const LOCKED: &str = "ops.kdbx [Locked] - KeePassXC";

/// Starts a program with a text on its standard input.
fn give(command: &mut Command, text: &str) -> Outcome<std::process::Child> {
    let program = Path::new(command.get_program()).display().to_string();
    let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| Failure::new(format!("{program} (Debian: keepassxc): {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    Ok(child)
}

#[test]
fn keepassxc_keeps_a_profile_signed_in_and_is_named_while_it_is_locked() -> Outcome<()> {
    let stage = Stage::set()?;
    let bus = PrivateBus::start()?;
    let _accessibility = AccessibilityService::start(&bus)?;
    let keepassxc = KeePassXc::new()?;
    let start = || Monitor::start_on(&stage.desktop, &stage.home, bus.address());
    let end = |monitor: Monitor| {
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("the program ended with {exit}"))
    };

    let unlocked = keepassxc.start(&bus, true)?;
    let monitor = start()?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    end(monitor)?;
    let monitor = start()?;
    monitor.wait_connection("Live")?;
    end(monitor)?;
    drop(unlocked);

    let _locked = keepassxc.start(&bus, false)?;
    let monitor = start()?;
    monitor.part_where("a notice", |node| {
        node.name.contains("is locked or has no default collection") && node.name.contains("asked again")
    })?;
    monitor.wait_connection("Signed out")?;
    input::raise_window(LOCKED)?;
    input::type_text(PASSWORD)?;
    input::press("Return")?;
    monitor.wait_connection("Live")?;
    end(monitor)
}
