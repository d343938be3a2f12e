//! Whether the desktop wants reduced motion, according to a simulated portal on a private bus.

use atspi::{Role, State};

use crate::bus::{Portal, PrivateBus};
use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::monitor::Monitor;

/// How often a machine may be too slow to show a window before the program stops waiting for the answer, after five
/// seconds.
const ATTEMPTS: usize = 8;

#[test]
fn the_desktops_request_for_reduced_motion_is_followed() -> Outcome<()> {
    let stage = Stage::set()?;
    for reduced in [true, false] {
        let bus = PrivateBus::start()?;
        let _portal = Portal::open(&bus, Some(reduced))?;
        let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
        ensure_motion(&monitor, reduced)?;
        let exit = monitor.terminate()?;
        ensure(exit.success(), format!("the program ended with {exit}"))?;
    }
    Ok(())
}

#[test]
fn a_portal_that_never_answers_does_not_delay_the_window() -> Outcome<()> {
    let stage = Stage::set()?;
    for _ in 0..ATTEMPTS {
        let bus = PrivateBus::start()?;
        let portal = Portal::open(&bus, None)?;
        let monitor = Monitor::start_on(&stage.desktop, &stage.home, bus.address())?;
        // The window is open while the question is still pending: the program did not wait for the answer.
        if portal.is_waited_for()? {
            return ensure_motion(&monitor, false);
        }
        monitor.terminate()?;
    }
    Err(Failure::new(format!("in {ATTEMPTS} starts no window came before the question was given up")))
}

/// Checks that the settings show what the desktop asks for.
fn ensure_motion(monitor: &Monitor, reduced: bool) -> Outcome<()> {
    monitor.click_button("Menu")?;
    monitor.click_button("Settings")?;
    let name = if reduced { "Reduce motion (the system asks for it)" } else { "Reduce motion" };
    let checked = monitor.part(Role::CheckBox, name)?.has(State::Checked)?;
    ensure(checked == reduced, format!("`{name}` is {}checked", if checked { "" } else { "not " }))
}
