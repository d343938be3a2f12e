//! The main job in a real window: sign in by typing, watch an outcome arrive, save ready data through the desktop's own dialog,
//! quit, come back.
//!
//! The real program runs in a real desktop (`tests/desktop/session`, which `tests/run` starts this in) against a sandbox of this
//! process. What is seen is read from the accessibility tree, as a screen reader would; what is done is done with real keys, the
//! tree's own actions and the window manager. Outside such a desktop nothing of this can run: the feature `desktop-tests`,
//! without which it is not built, says that there is one.
//!
//! | file | holds |
//! |---|---|
//! | `by_tree`, `by_keys` | the main job again, through the tree alone and by keys alone |
//! | `clock` | the window while the wall clock is set |
//! | `ends` | how the program ends: killed, told to, with a server, a keyring or a file that keeps silent |
//! | `honest` | the connection and the completeness that the window shows, however late the server and the disk are |
//! | `notified`, `still`, `copied` | what the desktop is told, what it asks for, what is on its clipboard |
//! | `keepassxc` | another Secret Service than the desktop's |
//! | `stage` | what every test begins with |
//! | `tree` | the accessibility tree: elements by role and name |
//! | `hands` | keys, windows |
//! | `monitor`, `process` | the program: its process and its window's parts |
//! | `bus`, `secrets` | services of the desktop that a test plays |
//! | `portal` | the save dialog |
//! | `privicore` | the sandbox, and what it is made to say |
//! | `traces` | what is left on disk and in the keyring |
//! | `pictures` | the screenshots of the README |
//! | `preload`, `slow_disk` | libraries that change what the system does: a disk that flushes the settings slowly |
//! | `underneath` | a portal, a bus, a display, a keyring and a disk that fail |
//! | `wait`, `failure` | deadlines, and why a step failed |

mod bus;
mod by_keys;
mod by_tree;
mod clipboard;
mod clock;
mod ends;
mod failure;
mod fixture;
mod honest;
mod input;
mod keepassxc;
mod leftovers;
mod monitor;
mod notified;
mod pictures;
mod portal;
mod preload;
mod privicore;
mod process;
mod reduced_motion;
mod secrets;
mod slow_disk;
mod tree;
mod underneath;
mod wait;

use std::fs;

use failure::{Outcome, ensure};
use fixture::Stage;

/// A command of ours, as the server names it.
const COMMAND: &str = "23f7978a-5561-4718-84ca-c38d7db0843c";
/// A request of ours, as the server names it.
const REQUEST: &str = "b24b68f6-9d1e-4b9b-8a50-0f6a1f1f6c11";

#[test]
fn an_operator_signs_in_watches_saves_quits_and_comes_back() -> Outcome<()> {
    let stage = Stage::set()?;
    let Stage { desktop, privicore, home, .. } = &stage;

    // The first start: the form is there by itself, and signs in.
    let monitor = stage.start_live()?;

    // An outcome: heard of, then settled, in one row.
    privicore.report_command(COMMAND, 1)?;
    monitor.wait_row(&format!("Command {COMMAND}, Pending"))?;
    privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.wait_row_gone(&format!("Command {COMMAND}, Pending"))?;

    // Ready data, saved through the desktop's dialog.
    let payload = privicore::payload();
    let link = privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    monitor.click_button(&format!("Download {REQUEST}"))?;
    let target = home.saved().join("invoices 2026-Q1.bin");
    portal::save_as(desktop, &target.display().to_string())?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    ensure(fs::read(&target)? == payload, "the saved file holds other bytes than Privicore sent")?;

    // The token is where it belongs, and nowhere else.
    let token = leftovers::stored_token(home)?;
    let auth = privicore::auth_of(&link)?;
    ensure(!monitor.command_line()?.contains(&token), "the token is on the command line")?;
    leftovers::ensure_untold(home, &[&token, auth])?;

    // Closed by its window, it ends well and leaves nothing behind.
    let exit = monitor.close()?;
    ensure(exit.success(), format!("closing the window ended with {exit}"))?;
    privicore.wait_nobody_joined()?;
    leftovers::ensure_untold(home, &[&token, auth])?;

    // The second start: live without a question, and what was seen is there.
    let monitor = stage.start()?;
    monitor.wait_connection("Live")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;

    // Told to stop by the system, it ends well too.
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("SIGTERM ended with {exit}"))?;
    privicore.wait_nobody_joined()?;
    leftovers::ensure_untold(home, &[&token, auth])
}
