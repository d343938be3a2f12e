//! Failures of what the window depends on: the portal, the session bus, the display, the keyring, the disk. The operator is
//! told what to do, the channel is left properly and nothing is lost.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use atspi::Role;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::ConnectionExt as _;

use crate::bus::{AccessibilityService, Backend, FileChooser, PrivateBus, Reply};
use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::input;
use crate::leftovers::stored_token;
use crate::monitor::Monitor;
use crate::portal;
use crate::preload;
use crate::privicore;
use crate::process::Process;
use crate::secrets::Secrets;
use crate::tree::{self, Node};
use crate::{COMMAND, REQUEST};

/// A private X server.
struct Display {
    server: Process,
    name: String,
}

impl Display {
    fn start(arguments: &[&str]) -> Outcome<Self> {
        let mut server = Process(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"])
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?,
        );
        let said = server.0.stdout.take().ok_or_else(|| Failure::new("the X server can't be heard"))?;
        let mut number = String::new();
        BufReader::new(said).read_line(&mut number)?;
        Ok(Self { server, name: format!(":{}", number.trim()) })
    }

    /// Ends it, or the connection of the only window on it.
    fn end(mut self, how: DisplayEnd) -> Outcome<()> {
        match how {
            DisplayEnd::Crash => self.server.0.kill()?,
            DisplayEnd::LogOut => drop(input::run("kill", &["-TERM", &self.server.0.id().to_string()])?),
            DisplayEnd::ForcedQuit => {
                let (connection, screen) = x11rb::connect(Some(&self.name))?;
                let root = connection.setup().roots.get(screen).ok_or_else(|| Failure::new("no screen"))?.root;
                let windows = connection.query_tree(root)?.reply()?.children;
                for window in windows {
                    connection.kill_client(window)?.check()?;
                }
                return Ok(());
            }
        }
        Ok(self.server.0.wait().map(drop)?)
    }
}

/// How a program loses its display.
#[derive(Debug, Clone, Copy)]
enum DisplayEnd {
    /// The X server is killed.
    Crash,
    /// The X server ends in order, as at the end of a desktop session.
    LogOut,
    /// The X server goes on and closes the program's connection, as `xkill` has it do.
    ForcedQuit,
}

/// Whether this element is a notice with these words.
fn says(node: &Node, words: &str) -> bool {
    node.name.contains(words)
}

/// Signs in with the desktop's own services, so that the keyring keeps the token, and ends the program.
fn signed_in(stage: &Stage) -> Outcome<()> {
    let monitor = stage.start_live()?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

/// The names in the program's own dialog: its title, its field and its button.
const FILE: [&str; 3] = ["Choose a file", "File path", "Save"];
const FOLDER: [&str; 3] = ["Choose a folder", "Folder path", "Choose"];

/// Types a path into the program's own dialog.
fn type_path(monitor: &Monitor, [title, field, button]: [&str; 3], path: &Path) -> Outcome<()> {
    let path = path.display().to_string();
    monitor.wait_part(Role::Dialog, title)?;
    monitor.part_where("what to install", |node| says(node, "Install xdg-desktop-portal"))?;
    let field = monitor.part(Role::Entry, field)?;
    field.focus()?;
    input::press("ctrl+a")?;
    input::type_text(&path)?;
    field.wait_text(&path)?;
    monitor.click_button(button)
}

#[test]
fn without_a_portal_the_window_asks_for_the_path_itself() -> Outcome<()> {
    let stage = Stage::set()?;
    for (number, reply) in [None, Some(Reply::Fail), Some(Reply::Never)].into_iter().enumerate() {
        let bus = PrivateBus::start()?;
        let _accessibility = AccessibilityService::start(&bus)?;
        let _portal = reply.map(|reply| FileChooser::open(&bus, reply)).transpose()?;
        let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
        monitor.sign_in(&stage.privicore)?;
        monitor.wait_connection("Live")?;
        let request = format!("{REQUEST}-{number}");
        let payload = privicore::payload();
        stage.privicore.offer(&request, &payload)?;
        monitor.wait_row(&format!("Data request {request}, Ready"))?;
        monitor.click_button(&format!("Download {request}"))?;
        let target = stage.home.saved().join(format!("typed {number}.bin"));
        type_path(&monitor, FILE, &target)?;
        monitor.wait_row(&format!("Data request {request}, Saved"))?;
        ensure(fs::read(&target)? == payload, format!("{reply:?}: the saved file holds other bytes"))?;
        // A folder is asked for in the same way.
        let request = format!("{request}-folder");
        stage.privicore.offer(&request, &payload)?;
        monitor.wait_row(&format!("Data request {request}, Ready"))?;
        monitor.click_button("Menu")?;
        monitor.click_button("Download all ready…")?;
        let folder = stage.home.saved().join(format!("folder {number}"));
        fs::create_dir(&folder)?;
        type_path(&monitor, FOLDER, &folder)?;
        monitor.wait_row(&format!("Data request {request}, Saved"))?;
        let files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        let [file] = &*files else { return Err(Failure::new(format!("{reply:?}: {files:?} are saved"))) };
        ensure(fs::read(file.path())? == payload, format!("{reply:?}: the file in the folder holds other bytes"))?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("{reply:?}: the program ended with {exit}"))?;
        fs::remove_dir_all(stage.home.config())?;
        fs::create_dir(stage.home.config())?;
    }
    Ok(())
}

#[test]
fn without_a_portal_zenity_asks_for_the_path() -> Outcome<()> {
    let stage = Stage::set()?;
    let bus = PrivateBus::start()?;
    let _accessibility = AccessibilityService::start(&bus)?;
    let target = stage.home.saved().join("chosen with zenity.bin");
    // In place of zenity, which draws a dialog of GTK: it chooses a file, and stores what it was asked for.
    let program = stage.home.root().join("zenity");
    let asked = stage.home.root().join("asked");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\necho '{}'\n", asked.display(), target.display());
    File::create_new(&program)?.write_all(script.as_bytes())?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let path = format!("{}:{}", stage.home.root().display(), env::var("PATH")?);
    let tree = tree::address()?;
    let environment =
        [("DBUS_SESSION_BUS_ADDRESS", bus.address()), ("AT_SPI_BUS_ADDRESS", tree.as_str()), ("PATH", path.as_str())];
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &environment)?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    let payload = privicore::payload();
    stage.privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    monitor.click_button(&format!("Download {REQUEST}"))?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes")?;
    let asked = fs::read_to_string(asked)?;
    ensure(asked.starts_with("--file-selection\n") && asked.contains("\n--save\n"), format!("zenity got {asked}"))?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

#[test]
fn a_portal_its_backend_or_a_bus_that_ends_with_its_dialog_open_cancels_that_dialog_alone() -> Outcome<()> {
    let stage = Stage::set()?;
    let bus = PrivateBus::start()?;
    let _accessibility = AccessibilityService::start(&bus)?;
    let portal = FileChooser::open(&bus, Reply::Accept)?;
    let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    let payload = privicore::payload();
    stage.privicore.offer(REQUEST, &payload)?;
    let ready = format!("Data request {REQUEST}, Ready");
    monitor.wait_row(&ready)?;
    let download = format!("Download {REQUEST}");
    monitor.click_button(&download)?;
    portal.wait_for_requests(1)?;
    drop(portal);
    monitor.part_where("a notice", |node| says(node, "ended without an answer"))?;
    // The next dialog opens, and the program that draws it ends alone.
    let portal = FileChooser::open(&bus, Reply::Accept)?;
    let backend = Backend::start(&bus)?;
    monitor.click_button(&download)?;
    portal.wait_for_requests(1)?;
    backend.end()?;
    portal.report_end()?;
    monitor.part_where("a notice", |node| says(node, "(2 times)") && says(node, "ended without an answer"))?;
    // The next dialog opens, and its bus ends.
    monitor.click_button(&download)?;
    portal.wait_for_requests(2)?;
    bus.end();
    monitor.part_where("a notice", |node| says(node, "(3 times)") && says(node, "ended without an answer"))?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    // No portal is left to ask.
    let target = stage.home.saved().join("typed.bin");
    monitor.click_button(&download)?;
    type_path(&monitor, FILE, &target)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes")?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;
    stage.privicore.wait_nobody_joined()
}

#[test]
fn a_bus_that_stops_answering_does_not_delay_the_window() -> Outcome<()> {
    let stage = Stage::set()?;
    let bus = PrivateBus::start()?;
    let _accessibility = AccessibilityService::start(&bus)?;
    let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    let payload = privicore::payload();
    stage.privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    bus.freeze()?;
    monitor.click_button(&format!("Download {REQUEST}"))?;
    let target = stage.home.saved().join("typed.bin");
    type_path(&monitor, FILE, &target)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes")?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;
    stage.privicore.wait_nobody_joined()
}

#[test]
fn the_end_of_the_display_leaves_the_channel_and_loses_nothing() -> Outcome<()> {
    let stage = Stage::set()?;
    signed_in(&stage)?;
    for (number, how) in [DisplayEnd::Crash, DisplayEnd::LogOut, DisplayEnd::ForcedQuit].into_iter().enumerate() {
        let row = format!("Command {COMMAND}-{number}, Succeeded");
        let display = Display::start(&[])?;
        let monitor = Monitor::start_beside(&stage.desktop, &stage.home, &[("DISPLAY", &display.name)])?;
        monitor.wait_connection("Live")?;
        stage.privicore.report_command(&format!("{COMMAND}-{number}"), 2)?;
        monitor.wait_row(&row)?;
        display.end(how)?;
        let exit = monitor.ended()?;
        let said = stage.home.last_log()?;
        ensure(exit.code() == Some(1), format!("{how:?}: the program ended with {exit}"))?;
        ensure(said.contains("The display was closed"), format!("{how:?}: nothing is said of the display"))?;
        stage.privicore.wait_nobody_joined()?;
        let monitor = stage.start()?;
        monitor.wait_row(&row)?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("{how:?}: the program ended with {exit}"))?;
    }
    Ok(())
}

#[test]
fn a_display_that_can_not_be_used_is_named_before_anything_is_joined() -> Outcome<()> {
    let stage = Stage::set()?;
    signed_in(&stage)?;
    let bare = Display::start(&["-extension", "RANDR"])?;
    for (environment, named) in [
        (&[("DISPLAY", bare.name.as_str())][..], "RANDR"),
        (&[("DISPLAY", ":999")], "DISPLAY is :999"),
        (&[("DISPLAY", ""), ("WAYLAND_DISPLAY", "nobody-0")], "WAYLAND_DISPLAY is nobody-0"),
    ] {
        let (exit, said) = Monitor::run(&stage.home, environment)?;
        ensure(exit.code() == Some(1), format!("{named}: the program ended with {exit}"))?;
        ensure(said.contains(named), format!("{named}: it says {said}"))?;
        ensure(!said.contains("panicked") && !said.contains("connecting"), format!("{named}: it went on: {said}"))?;
    }
    // If X also answers, X is used.
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &[("WAYLAND_DISPLAY", "nobody-0")])?;
    monitor.wait_connection("Live")?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

#[test]
fn a_keyring_without_a_default_collection_is_named_and_signs_in_once_it_is_unlocked() -> Outcome<()> {
    let stage = Stage::set()?;
    signed_in(&stage)?;
    let token = stored_token(&stage.home)?;
    let bus = PrivateBus::start()?;
    let _accessibility = AccessibilityService::start(&bus)?;
    let secrets = Secrets::locked(&bus, &token)?;
    let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
    monitor.part_where("a notice", |node| {
        says(node, "is locked or has no default collection") && says(node, "asked again")
    })?;
    monitor.wait_connection("Signed out")?;
    secrets.unlock();
    monitor.wait_connection("Live")?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

#[test]
fn a_disk_without_permissions_and_shared_memory_is_usable() -> Outcome<()> {
    let stage = Stage::set()?;
    let library = preload::build(&stage.home, "refusing_disk", include_str!("refusing_disk.c"))?;
    let library = library.display().to_string();
    let refusing = [("LD_PRELOAD", library.as_str())];
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &refusing)?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;
    // Back on a disk that accepts writes, and then on the other again.
    for environment in [&[][..], &refusing] {
        let monitor = Monitor::start_as(&stage.desktop, &stage.home, environment)?;
        monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
        ensure(monitor.part_now(is_open_to_others).is_none(), "others can't read it")?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("the program ended with {exit}"))?;
    }
    // A disk that has the files of all users open says so, unless the program can close them.
    for (environment, is_told) in [(&refusing[..], true), (&[], false)] {
        stage.home.open_to_others()?;
        let monitor = Monitor::start_as(&stage.desktop, &stage.home, environment)?;
        monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
        if is_told {
            monitor.part_where("the warning", is_open_to_others)?;
        }
        ensure(monitor.part_now(is_open_to_others).is_some() == is_told, "the warning is wrong")?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("the program ended with {exit}"))?;
    }
    Ok(())
}

#[test]
fn a_download_is_saved_on_a_disk_that_supports_no_permissions() -> Outcome<()> {
    let stage = Stage::set()?;
    let library = preload::build(&stage.home, "refusing_disk", include_str!("refusing_disk.c"))?;
    let library = library.display().to_string();
    let unsupported = [("LD_PRELOAD", library.as_str()), ("NO_PERMISSIONS", "1")];
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &unsupported)?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    let target = stage.home.saved().join("invoices.bin");
    let payload = privicore::payload();
    stage.privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    monitor.click_button(&format!("Download {REQUEST}"))?;
    portal::save_as(&stage.desktop, &target.display().to_string())?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes")?;
    let files = fs::read_dir(stage.home.saved())?.count();
    ensure(files == 1, format!("{files} files are beside each other"))?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &unsupported)?;
    monitor.wait_connection("Live")?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

/// Whether this is the warning that others can read the journal.
fn is_open_to_others(node: &Node) -> bool {
    says(node, "Other users of this computer can read the data directory") && says(node, "--data-dir")
}
