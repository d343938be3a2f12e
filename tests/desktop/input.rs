//! The operator's input: real key and pointer events, and the window manager's close button.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome, ensure};
use crate::wait::until;

/// Runs a program and returns its output as text.
///
/// # Errors
///
/// Fails with the program's error output if it is missing or fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome<String> {
    Ok(String::from_utf8_lossy(&output(program, arguments)?).into_owned())
}

/// Runs a program and returns its output.
///
/// # Errors
///
/// Fails with the program's error output if it is missing or fails.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Outcome<Vec<u8>> {
    let output = Command::new(program).args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success(), format!("`{program}` failed ({}): {said}", output.status))?;
    Ok(output.stdout)
}

/// Types a text, key by key, into whatever has the keyboard focus.
pub(crate) fn type_text(text: &str) -> Outcome<()> {
    // Passwords are typed too: they go through standard input, so that no command line shows them.
    let mut child = Command::new("xdotool")
        .args(["type", "--clearmodifiers", "--delay", "4", "--file", "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let status = child.wait()?;
    ensure(status.success(), format!("`xdotool type` failed ({status})"))
}

/// Presses a key or a chord in xdotool's notation, such as `ctrl+a`.
pub(crate) fn press(chord: &str) -> Outcome<()> {
    run("xdotool", &["key", "--clearmodifiers", chord]).map(drop)
}

/// Closes a window as its close button does: the window manager asks the program to close.
pub(crate) fn close_window(title: &str) -> Outcome<()> {
    run("wmctrl", &["-F", "-c", title]).map(drop)
}

/// Waits for a window, raises it and gives it the keyboard focus.
pub(crate) fn raise_window(title: &str) -> Outcome<()> {
    until(&format!("the window `{title}`"), || run("wmctrl", &["-F", "-a", title]).map(Some)).map(drop)
}

/// The window's id on the X server.
pub(crate) fn window_id(title: &str) -> Outcome<String> {
    let found = run("xdotool", &["search", "--onlyvisible", "--name", title])?;
    found.lines().next().map(str::to_owned).ok_or_else(|| Failure::new(format!("no window `{title}` is on the screen")))
}
