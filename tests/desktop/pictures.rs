//! Takes the README's screenshots: the real window in four states, dark and light.
//!
//! `assets/screenshots/make` runs this. It is not a test, because its output is for people.

use std::path::Path;

use atspi::Role;

use crate::failure::Outcome;
use crate::input;
use crate::monitor::{Home, Monitor, TITLE};
use crate::privicore::{Privicore, SlowStore};
use crate::tree::{Desktop, Node};
use crate::wait::until;

/// Rows of the table in the first picture.
const ROWS: usize = 28;

#[test]
#[ignore = "makes the pictures in assets/screenshots; run by the script there"]
fn make() -> Outcome<()> {
    for theme in ["dark", "light"] {
        pictures(theme)?;
    }
    Ok(())
}

/// The four pictures in one theme.
fn pictures(theme: &str) -> Outcome<()> {
    let desktop = Desktop::join()?;
    let privicore = Privicore::start_demo()?;
    let home = Home::new()?;
    home.choose_theme(theme)?;

    let monitor = Monitor::start(&desktop, &home)?;
    monitor.fill_in(&privicore)?;
    picture("sign-in", theme)?;
    monitor.click_button("Sign in")?;
    monitor.wait_connection("Live")?;
    // A few more than fill the table, so that the first rows are no longer tinted as new.
    let shown = |node: &Node| node.name.strip_prefix("Show all (")?.strip_suffix(')')?.parse::<usize>().ok();
    monitor.part_where("a table that is full", |node| shown(node).is_some_and(|count| count >= ROWS))?;
    picture("main", theme)?;

    // A payload slow enough for its progress to be visible.
    let store = SlowStore::start(&privicore)?;
    let request = "6f1c2a54-0f1e-4d8e-9a7c-2b1d5e8f9a10";
    privicore.announce(request, "invoices/2026-Q1", store.link())?;
    monitor.wait_row(&format!("Data request {request}, Ready"))?;
    monitor.click_button(&format!("Download {request}"))?;
    crate::portal::save_as(&desktop, &home.saved().join("invoices-2026-Q1.bin").display().to_string())?;
    monitor.wait_row(&format!("Data request {request}, Downloading"))?;
    store.wait_until_paused()?;
    picture("downloading", theme)?;
    store.go_on();
    monitor.wait_row(&format!("Data request {request}, Saved"))?;

    // Its details, by keyboard: the newest row, opened.
    input::press("Home")?;
    input::press("Return")?;
    monitor.wait_part(Role::Panel, "Details")?;
    picture("details", theme)?;
    monitor.close().map(drop)
}

/// Writes a picture of the window once it has stopped changing.
fn picture(name: &str, theme: &str) -> Outcome<()> {
    let id = input::window_id(TITLE)?;
    // Moves the pointer out of the window, so that nothing is hovered.
    input::run("xdotool", &["mousemove", "1590", "990"])?;
    let look = || input::output("import", &["-silent", "-window", &id, "-depth", "8", "rgb:-"]);
    let mut before = look()?;
    until("the window to stand still", || {
        let now = look()?;
        let still = now == before;
        before = now;
        Ok(still.then_some(()))
    })?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/screenshots/{name}-{theme}.png"));
    let (path, level) = (path.display().to_string(), "png:compression-level=9");
    input::run("import", &["-silent", "-window", &id, "-strip", "-define", level, &path]).map(drop)
}
