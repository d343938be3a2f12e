//! The main task in a real window: sign in by typing, watch an outcome arrive, save ready data through the desktop's own
//! dialog, quit, come back.
//!
//! The real program runs in a real desktop (`tests/desktop/session`, in which `tests/run` starts this) against a sandbox in
//! this process. The tests read the accessibility tree, as a screen reader would, and act with real keys, the tree's own
//! actions and the window manager. Nothing here runs outside such a desktop, so it is only built with the feature
//! `desktop-tests`.
//!
//! | file | contents |
//! |---|---|
//! | `by_tree`, `by_keys` | the main task again, through the tree alone and by keys alone |
//! | `clock` | the window while the wall clock is set |
//! | `ends` | how the program ends: killed, asked to end, with a server, a keyring or a file that does not answer |
//! | `connection_state` | the connection and the completeness that the window shows, however late the server and the disk are |
//! | `notifications`, `reduced_motion`, `clipboard` | notifications, the desktop's motion setting, the clipboard |
//! | `keepassxc` | another Secret Service than the desktop's |
//! | `fixture` | the environment that every test starts with |
//! | `tree` | the accessibility tree: elements by role and name |
//! | `input` | keys, windows |
//! | `monitor`, `process` | the program: its process and its window's parts |
//! | `bus`, `secrets` | simulated desktop services |
//! | `portal` | the save dialog |
//! | `privicore` | the sandbox and its messages |
//! | `leftovers` | what is left on disk and in the keyring |
//! | `pictures` | the screenshots of the README |
//! | `preload`, `slow_disk` | libraries that change the system's behaviour: a disk that flushes the settings slowly |
//! | `failing_services` | a portal, a bus, a display, a keyring and a disk that fail |
//! | `wait`, `failure` | deadlines, and why a step failed |

mod bus;
mod by_keys;
mod by_tree;
mod clipboard;
mod clock;
mod connection_state;
mod ends;
mod failing_services;
mod failure;
mod fixture;
mod input;
mod keepassxc;
mod leftovers;
mod monitor;
mod notifications;
mod pictures;
mod portal;
mod preload;
mod privicore;
mod process;
mod reduced_motion;
mod secrets;
mod slow_disk;
mod tree;
mod wait;

use std::fs;

use failure::{Outcome, ensure};
use fixture::Stage;

/// A command of this profile, with the server's id.
const COMMAND: &str = "23f7978a-5561-4718-84ca-c38d7db0843c";
/// A request of this profile, with the server's id.
const REQUEST: &str = "b24b68f6-9d1e-4b9b-8a50-0f6a1f1f6c11";

#[test]
fn an_operator_signs_in_watches_saves_quits_and_comes_back() -> Outcome<()> {
    let stage = Stage::set()?;
    let Stage { desktop, privicore, home, .. } = &stage;

    // The first start: the form opens automatically, and signs in.
    let monitor = stage.start_live()?;

    // An outcome: first pending, then settled, in one row.
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

    // The token is in the keyring and nowhere else.
    let token = leftovers::stored_token(home)?;
    let auth = privicore::auth_of(&link)?;
    ensure(!monitor.command_line()?.contains(&token), "the token is on the command line")?;
    leftovers::ensure_untold(home, &[&token, auth])?;

    // Closed by its window, the program ends well and leaves nothing behind.
    let exit = monitor.close()?;
    ensure(exit.success(), format!("closing the window ended with {exit}"))?;
    privicore.wait_nobody_joined()?;
    leftovers::ensure_untold(home, &[&token, auth])?;

    // The second start: live without a question, with the earlier activity.
    let monitor = stage.start()?;
    monitor.wait_connection("Live")?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;

    // Asked to stop by the system, the program ends well too.
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("SIGTERM ended with {exit}"))?;
    privicore.wait_nobody_joined()?;
    leftovers::ensure_untold(home, &[&token, auth])
}
