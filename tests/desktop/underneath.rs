//! Failures of what the window depends on: the portal, the session bus, the display, the keyring, the disk. The operator is
//! told what to do, the channel is left properly and nothing is lost.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use atspi::Role;

use crate::bus::{AccessibilityService, FileChooser, PrivateBus, Reply};
use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::input;
use crate::leftovers::stored_token;
use crate::monitor::Monitor;
use crate::preload;
use crate::privicore;
use crate::process::Process;
use crate::secrets::Secrets;
use crate::tree::Node;
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

    /// Ends it, as at the end of a desktop session.
    fn end(mut self) -> Outcome<()> {
        self.server.0.kill()?;
        Ok(self.server.0.wait().map(drop)?)
    }
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

/// Types a path into the program's own file dialog.
fn type_path(monitor: &Monitor, path: &str) -> Outcome<()> {
    monitor.wait_part(Role::Dialog, "Choose a file")?;
    monitor.part_where("what to install", |node| says(node, "Install xdg-desktop-portal"))?;
    let field = monitor.part(Role::Entry, "File path")?;
    field.focus()?;
    input::press("ctrl+a")?;
    input::type_text(path)?;
    field.wait_text(path)?;
    monitor.click_button("Save")
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
        type_path(&monitor, &target.display().to_string())?;
        monitor.wait_row(&format!("Data request {request}, Saved"))?;
        ensure(fs::read(&target)? == payload, format!("{reply:?}: the saved file holds other bytes"))?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("{reply:?}: the program ended with {exit}"))?;
        fs::remove_dir_all(stage.home.config())?;
        fs::create_dir(stage.home.config())?;
    }
    Ok(())
}

#[test]
fn a_portal_or_a_bus_that_ends_with_its_dialog_open_cancels_that_dialog_alone() -> Outcome<()> {
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
    portal.wait_asked()?;
    drop(portal);
    monitor.part_where("a notice", |node| says(node, "ended without an answer"))?;
    // The next dialog opens, and its bus ends.
    let portal = FileChooser::open(&bus, Reply::Accept)?;
    monitor.click_button(&download)?;
    portal.wait_asked()?;
    bus.end();
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    // No portal is left to ask.
    let target = stage.home.saved().join("typed.bin");
    monitor.click_button(&download)?;
    type_path(&monitor, &target.display().to_string())?;
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
    let display = Display::start(&[])?;
    let monitor = Monitor::start_beside(&stage.desktop, &stage.home, &[("DISPLAY", &display.name)])?;
    monitor.wait_connection("Live")?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    display.end()?;
    let exit = monitor.ended()?;
    let said = stage.home.last_log()?;
    ensure(exit.code() == Some(1), format!("the program ended with {exit}"))?;
    ensure(said.contains("The display was closed"), "nothing is said of the display")?;
    stage.privicore.wait_nobody_joined()?;
    let monitor = stage.start()?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
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
fn a_disk_that_refuses_permissions_and_shared_memory_is_worked_with() -> Outcome<()> {
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
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("the program ended with {exit}"))?;
    }
    Ok(())
}
