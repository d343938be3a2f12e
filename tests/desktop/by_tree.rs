//! The main task through the accessibility tree alone, as with a screen reader or a switch: no keys, no pointer.

use std::fs;

use atspi::Role;

use crate::failure::{Outcome, ensure};
use crate::fixture::Stage;
use crate::portal::{self, Hands};
use crate::privicore;
use crate::{COMMAND, REQUEST};

#[test]
fn the_main_job_is_done_through_the_accessibility_tree_alone() -> Outcome<()> {
    let stage = Stage::set()?;
    let Stage { desktop, privicore, home, .. } = &stage;
    let monitor = stage.start()?;

    // Sign in: each field states its name and accepts its value.
    for (role, name, text) in privicore.sign_in_fields() {
        let field = monitor.part(role, name)?;
        field.set_text(&text)?;
        if role == Role::Entry {
            field.wait_text(&text)?;
        }
    }
    monitor.click_button("Sign in")?;
    monitor.wait_connection("Live")?;

    // Watch, and query which actions are available.
    privicore.report_command(COMMAND, 1)?;
    monitor.wait_row(&format!("Command {COMMAND}, Pending"))?;
    monitor.part(Role::TableRow, &format!("Command {COMMAND}, Pending"))?.click()?;
    privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;

    // Find: the filter accepts text, and clearing it shows everything again.
    let filter = monitor.part(Role::Entry, "Filter")?;
    filter.set_text("status:failed")?;
    monitor.wait_row_gone(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.click_button("Clear filter")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;

    // Save ready data.
    let payload = privicore::payload();
    privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    monitor.click_button(&format!("Download {REQUEST}"))?;
    let target = home.saved().join("by tree.bin");
    portal::save_by(desktop, &target.display().to_string(), Hands::Tree)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes than Privicore sent")?;

    // A dialog opens and closes, and states its name.
    monitor.click_button("Menu")?;
    monitor.click_button("Settings")?;
    monitor.wait_part(Role::Dialog, "Settings")?;
    monitor.click_button("Close")?;
    monitor.wait_gone(Role::Dialog, "Settings")?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))
}
