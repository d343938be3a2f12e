//! The main task by key presses alone. The accessibility tree is only read, to find the focus and the screen's content.

use std::fs;

use atspi::{Role, State};

use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::input::{press, type_text};
use crate::monitor::Monitor;
use crate::portal::{self, Hands};
use crate::privicore;
use crate::wait::until;
use crate::{COMMAND, REQUEST};

/// More Tab stops than any form has.
const MOST_STOPS: usize = 40;

#[test]
fn the_main_job_is_done_by_key_presses_alone() -> Outcome<()> {
    let stage = Stage::set()?;
    let Stage { desktop, privicore, home, .. } = &stage;
    let monitor = stage.start()?;

    // Sign in: Tab from field to field, Enter to send.
    for (role, name, text) in privicore.sign_in_fields() {
        tab_to(&monitor, role, name)?;
        press("ctrl+a")?;
        type_text(&text)?;
    }
    press("Return")?;
    monitor.wait_connection("Live")?;

    // An outcome, then ready data: the newest row is the first.
    privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    let payload = privicore::payload();
    privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    press("Home")?;
    press("d")?;
    let target = home.saved().join("by keys.bin");
    portal::save_by(desktop, &target.display().to_string(), Hands::Keys)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes than Privicore sent")?;

    // The details, the filter, and back one step at a time.
    press("Return")?;
    monitor.wait_part(Role::Panel, "Details")?;
    press("Escape")?;
    monitor.wait_gone(Role::Panel, "Details")?;
    press("ctrl+f")?;
    type_text("kind:data")?;
    monitor.wait_row_gone(&format!("Command {COMMAND}, Succeeded"))?;
    press("Escape")?;
    press("Escape")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;

    // The palette finds any command by a few letters.
    press("ctrl+k")?;
    monitor.wait_part(Role::Dialog, "Command palette")?;
    type_text("keybo")?;
    press("Return")?;
    monitor.wait_part(Role::Dialog, "Keyboard shortcuts")?;
    press("Escape")?;
    monitor.wait_gone(Role::Dialog, "Keyboard shortcuts")?;
    press("alt+F4")?;
    let exit = monitor.ended()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}

/// Presses Tab until a part has the focus.
fn tab_to(monitor: &Monitor, role: Role, name: &str) -> Outcome<()> {
    let part = monitor.part(role, name)?;
    for _ in 0..MOST_STOPS {
        if part.has(State::Focused)? {
            return Ok(());
        }
        let before = monitor.focused();
        press("Tab")?;
        until("the focus to move", || Ok((monitor.focused() != before).then_some(())))?;
    }
    Err(Failure::new(format!("Tab does not lead to `{name}`")))
}
