//! How the program ends, and what the next start makes of that.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::{env, fs};

use atspi::Role;

use crate::failure::{Outcome, ensure};
use crate::fixture::Stage;
use crate::input;
use crate::monitor::Monitor;
use crate::wait::until;
use crate::{COMMAND, leftovers, preload};

#[test]
fn rows_shown_before_a_kill_are_restored_at_the_next_start() -> Outcome<()> {
    let stage = Stage::set()?;
    let monitor = stage.start_live()?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.kill()?;

    let monitor = stage.start()?;
    monitor.wait_connection("Live")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    let gap = monitor.part_where("the gap", |node| node.role == Role::TableRow && node.name.starts_with("Gap "))?;
    ensure(gap.name.contains(" to "), format!("the gap does not end: {}", gap.name))?;
    end_well(monitor)
}

#[test]
fn a_kill_right_after_signing_out_leaves_the_profile_signed_out_and_its_token_revoked() -> Outcome<()> {
    let stage = Stage::set()?;
    let monitor = stage.start_live()?;
    let token = leftovers::stored_token(&stage.home)?;
    monitor.click_button("Menu")?;
    monitor.click_button("Sign out")?;
    monitor.part(Role::Dialog, "Sign out")?;
    let revoke = monitor.part(Role::CheckBox, "Revoke the token on the server too")?;
    if !revoke.has(atspi::State::Checked)? {
        revoke.click()?;
    }
    input::press("Return")?;
    monitor.wait_connection("Signed out")?;
    monitor.kill()?;

    let monitor = stage.start()?;
    monitor.wait_connection("Signed out")?;
    until("the token to be revoked", || Ok((!stage.privicore.is_good(&token)?).then_some(())))?;
    until("the keyring to be without it", || Ok(leftovers::stored_token(&stage.home).is_err().then_some(())))?;
    ensure(stage.privicore.joined()? == 0, "it signed in again")?;
    end_well(monitor)
}

#[test]
fn a_kill_right_after_a_profile_was_removed_leaves_nothing_of_it() -> Outcome<()> {
    let stage = Stage::set()?;
    let monitor = stage.start_live()?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.part(Role::ToggleButton, "Profile Ops")?.click()?;
    monitor.click_button("Remove profile…")?;
    monitor.part(Role::Dialog, "Remove profile")?;
    monitor.click_button("Remove profile")?;
    // Without a profile, the sign-in form opens.
    monitor.wait_part(Role::Entry, "Profile name")?;
    monitor.kill()?;

    let monitor = stage.start()?;
    monitor.wait_part(Role::Entry, "Profile name")?;
    until("the settings to be without it", || {
        let settings = fs::read_to_string(stage.home.config().join("settings.toml"))?;
        Ok((!settings.contains("[[profiles]]")).then_some(()))
    })?;
    end_well(monitor)?;
    for file in fs::read_dir(stage.home.root().join("data"))? {
        let path = file?.path();
        let bytes = if path.is_file() { fs::read(&path)? } else { Vec::new() };
        let found = memchr::memmem::find(&bytes, COMMAND.as_bytes());
        ensure(found.is_none(), format!("{} still has its activity", path.display()))?;
    }
    Ok(())
}

/// The source of a library that breaks the clock of the program's main thread once, which makes it panic.
const BROKEN_CLOCK: &str = include_str!("broken_clock.c");

#[test]
fn a_panic_in_the_window_leaves_the_channel_and_loses_nothing() -> Outcome<()> {
    let stage = Stage::set()?;
    let library = preload::build(&stage.home, "broken_clock", BROKEN_CLOCK)?.display().to_string();
    let breaks = stage.home.root().join("breaks");
    let environment = [("LD_PRELOAD", &*library), ("CLOCK_BREAKS_WITH", &*breaks.display().to_string())];
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &environment)?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    stage.privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    fs::OpenOptions::new().write(true).create_new(true).open(&breaks)?;
    // Something to draw.
    stage.privicore.report_command("9d3c1f0a-2b7e-4d11-8f6a-0c5e7b9a1d22", 2)?;
    let exit = monitor.ended()?;
    ensure(exit.code() == Some(1), format!("the program ended with {exit}"))?;
    let said = stage.home.last_log()?;
    ensure(said.contains("panicked at") && said.contains("Something went wrong in the window"), said)?;
    stage.privicore.wait_nobody_joined()?;

    let monitor = stage.start()?;
    monitor.wait_connection("Live")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    end_well(monitor)
}

#[test]
fn a_silent_server_does_not_delay_the_shutdown() -> Outcome<()> {
    let stage = Stage::set()?;
    let (websocket, silence) = stage.privicore.websocket_that_falls_silent()?;
    let environment = [("PRIVICORE_WS_URL", &*websocket)];
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &environment)?;
    for (role, name, text) in stage.privicore.sign_in_fields() {
        if name != "WebSocket address" {
            monitor.part(role, name)?.set_text(&text)?;
        }
    }
    monitor.click_button("Sign in")?;
    monitor.wait_connection("Live")?;
    silence.send_replace(true);
    end_well(monitor)
}

#[test]
fn an_unreadable_certificate_file_is_named_and_delays_neither_connection_nor_shutdown() -> Outcome<()> {
    let stage = Stage::set()?;
    let pipe = stage.home.root().join("on a dead mount.pem");
    input::run("mkfifo", &[&pipe.display().to_string()])?;
    let path = pipe.display().to_string();
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &[("PRIVICORE_CA_FILE", &path)])?;
    monitor.sign_in(&stage.privicore)?;
    monitor.wait_connection("Live")?;
    monitor.part_where("the notice that names the file", |node| {
        node.name.contains(&path) && node.name.contains("could not be read within 5 s")
    })?;
    end_well(monitor)?;

    // Also while the program still waits for the file.
    let monitor = Monitor::start_as(&stage.desktop, &stage.home, &[("PRIVICORE_CA_FILE", &path)])?;
    end_well(monitor)
}

#[test]
fn a_locked_keyring_does_not_delay_the_shutdown_and_its_work_is_done_at_the_next_start() -> Outcome<()> {
    let stage = Stage::set()?;
    let monitor = stage.start_live()?;
    let locked = LockedKeyring::new()?;
    monitor.click_button("Menu")?;
    monitor.click_button("Sign out")?;
    monitor.part(Role::Dialog, "Sign out")?;
    input::press("Return")?;
    monitor.wait_connection("Signed out")?;
    end_well(monitor)?;
    drop(locked);
    leftovers::stored_token(&stage.home)?;

    let monitor = stage.start()?;
    monitor.wait_connection("Signed out")?;
    until("the keyring to be without it", || Ok(leftovers::stored_token(&stage.home).is_err().then_some(())))?;
    ensure(stage.privicore.joined()? == 0, "it signed in again")?;
    end_well(monitor)
}

/// The session's keyring, locked: a request to it waits for a password that nobody types. Unlocked when dropped.
struct LockedKeyring;

impl LockedKeyring {
    fn new() -> Outcome<Self> {
        let login = "['/org/freedesktop/secrets/collection/login']";
        let lock = "org.freedesktop.Secret.Service.Lock";
        let (service, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
        let call = ["call", "--session", "--dest", service, "--object-path", path, "--method", lock, login];
        input::run("gdbus", &call)?;
        Ok(Self)
    }
}

impl Drop for LockedKeyring {
    fn drop(&mut self) {
        // A locked daemon can only be unlocked by a prompt. A replacement accepts the password of `session`.
        let control = format!("--control-directory={}/keyring", env::var("XDG_RUNTIME_DIR").unwrap_or_default());
        let daemon = Command::new("gnome-keyring-daemon")
            .args(["--replace", "--unlock", "--daemonize", "--components=secrets", &control])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = daemon else { return };
        if let Some(mut password) = daemon.stdin.take() {
            _ = password.write_all(b"desktop");
        }
        _ = daemon.wait();
    }
}

fn end_well(monitor: Monitor) -> Outcome<()> {
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("the program ended with {exit}"))
}
