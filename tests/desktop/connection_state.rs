//! What the window shows about the connection and completeness is true, however late the join is answered and the settings
//! are written, and in whichever order.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use atspi::{Role, State};

use crate::COMMAND;
use crate::failure::{Outcome, ensure};
use crate::fixture::Stage;
use crate::monitor::{Home, Monitor};
use crate::slow_disk::SlowDisk;
use crate::tree::Node;
use crate::wait::until;

/// The delays of the join's answer, in milliseconds.
const ANSWERED_AFTER: [u64; 3] = [0, 50, 500];

/// How the operator signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Password,
    Token,
}

/// How long the disk takes to flush the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Fast,
    Slow,
}

#[test]
fn signed_in_by_token_the_window_is_live_and_complete() -> Outcome<()> {
    sign_in_each_way(By::Token, Disk::Fast)
}

#[test]
fn signed_in_by_token_on_a_slow_disk_the_window_is_live_and_complete() -> Outcome<()> {
    sign_in_each_way(By::Token, Disk::Slow)
}

#[test]
fn signed_in_by_password_the_window_is_live_and_complete() -> Outcome<()> {
    sign_in_each_way(By::Password, Disk::Fast)
}

#[test]
fn signed_in_by_password_on_a_slow_disk_the_window_is_live_and_complete() -> Outcome<()> {
    sign_in_each_way(By::Password, Disk::Slow)
}

fn sign_in_each_way(by: By, disk: Disk) -> Outcome<()> {
    let stage = Stage::set()?;
    for kept in [true, false] {
        for late in ANSWERED_AFTER {
            let case = format!("by {by:?}, kept: {kept}, the join answered after {late} ms, {disk:?} disk");
            sign_in(&stage, (by, kept), Duration::from_millis(late), disk).map_err(|failure| failure.with(&case))?;
        }
    }
    Ok(())
}

/// Signs in on a new machine, and observes the window until the sign-in has finished.
fn sign_in(stage: &Stage, (by, kept): (By, bool), late: Duration, disk: Disk) -> Outcome<()> {
    let Stage { privicore, .. } = stage;
    let home = Home::new()?;
    let slow = if disk == Disk::Slow { Some(SlowDisk::below(&home)?) } else { None };
    let monitor = start(stage, &home, late, slow.as_ref())?;
    fill_in(&monitor, stage, by, kept)?;
    monitor.click_button("Sign in")?;

    // The connection states that the window shows, in order.
    let said = RefCell::new(Vec::new());
    let note = || {
        let words = monitor.connection();
        if said.borrow().last() != words.as_ref() {
            said.borrow_mut().extend(words);
        }
    };
    let wait = |what: &str, fits: &dyn Fn(&Node) -> bool| {
        until(what, || {
            note();
            Ok(monitor.part_now(fits))
        })
        .map_err(|failure| failure.with(&monitor.dump()))
    };
    until("the channel to be joined", || Ok((privicore.joined()? == 1).then_some(())))?;
    privicore.report_command(COMMAND, 2)?;
    let row = format!("Command {COMMAND}, Succeeded");
    wait("the row", &|node| node.role == Role::TableRow && node.name == row)?;
    // Nobody can receive without being live: as soon as there is a row, no other state is true.
    let now = until("the state of the connection", || Ok(monitor.connection()))?;
    ensure(now == "Live", format!("a row is there, and the window says {now}"))?;
    note();
    wait("that no acknowledgement is missing", &|node| {
        node.role == Role::Button && node.name.starts_with("No acknowledgement missing since ")
    })?;
    until("the profile to be in the settings' file", || {
        note();
        let settings = fs::read_to_string(home.config().join("settings.toml"))?;
        Ok(settings.contains("[[profiles]]").then_some(()))
    })?;
    note();
    let wrong = monitor.part_now(|node| node.name.starts_with("Not receiving"));
    ensure(wrong.is_none(), format!("it says that nothing is received: {}", monitor.dump()))?;
    let said = said.into_inner();
    let since_live: Vec<_> = said.iter().skip_while(|words| *words != "Live").collect();
    ensure(since_live == ["Live"], format!("the window said {said:?}"))?;
    if let Some(slow) = slow {
        ensure(slow.flushes() > 0, "the disk was not slow")?;
    }
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("the program ended with {exit}"))?;
    privicore.wait_nobody_joined()
}

/// Starts the program with the form's values in its environment.
fn start(stage: &Stage, home: &Home, late: Duration, slow: Option<&SlowDisk>) -> Outcome<Monitor> {
    let Stage { desktop, privicore, .. } = stage;
    let websocket = if late.is_zero() { privicore.websocket() } else { privicore.websocket_with_late_join(late)? };
    let mut environment = vec![("PRIVICORE_API_URL", privicore.api()), ("PRIVICORE_WS_URL", websocket)];
    environment.extend(slow.iter().flat_map(|slow| slow.environment()));
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Monitor::start_as(desktop, home, &environment)
}

/// Fills in the rest of the form.
fn fill_in(monitor: &Monitor, stage: &Stage, by: By, kept: bool) -> Outcome<()> {
    if by == By::Token {
        monitor.part(Role::RadioButton, "Authorization token")?.click()?;
        monitor.part(Role::PasswordText, "Authorization token")?.set_text(&stage.privicore.token()?)?;
    }
    for (role, name, text) in stage.privicore.sign_in_fields() {
        let is_left = match name {
            "API address" | "WebSocket address" => false,
            "Username" | "Password" => by == By::Password,
            _ => true,
        };
        if is_left {
            monitor.part(role, name)?.set_text(&text)?;
        }
    }
    let keep = monitor.part(Role::CheckBox, "Keep me signed in (system keyring)")?;
    if keep.has(State::Checked)? != kept {
        keep.click()?;
    }
    until("`Keep me signed in` to be as wanted", || Ok((keep.has(State::Checked)? == kept).then_some(())))
}

#[test]
fn a_setting_changed_just_before_the_end_is_saved_on_a_slow_disk() -> Outcome<()> {
    let stage = Stage::set()?;
    let slow = SlowDisk::below(&stage.home)?;
    let monitor = start(&stage, &stage.home, Duration::ZERO, Some(&slow))?;
    monitor.click_button("Menu")?;
    monitor.click_button("Settings")?;
    let choice = monitor.part(Role::CheckBox, "Reduce motion")?;
    choice.click()?;
    until("the choice to be made", || Ok(choice.has(State::Checked)?.then_some(())))?;
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("the program ended with {exit}"))?;
    ensure(slow.flushes() > 0, "the disk was not slow")?;
    let settings = fs::read_to_string(stage.home.config().join("settings.toml"))?;
    ensure(settings.contains("motion = \"reduced\""), format!("the choice is not in the settings: {settings}"))
}
