//! What another program finds on the clipboard after a copy.

use atspi::Role;
use serde_json::Value;

use crate::REQUEST;
use crate::failure::{Failure, Outcome, ensure};
use crate::fixture::Stage;
use crate::input::{press, run};
use crate::leftovers;
use crate::wait::until;

/// The format whose value `secret` keeps a text out of the clipboard history of Klipper and others.
const HINT: &str = "x-kde-passwordManagerHint";

#[test]
fn a_secret_is_copied_past_the_clipboards_history() -> Outcome<()> {
    let stage = Stage::set()?;
    let monitor = stage.start_live()?;
    let link = stage.privicore.offer(REQUEST, b"payload")?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;
    monitor.part(Role::TableRow, &format!("Data request {REQUEST}, Ready"))?.click()?;
    press("Return")?;
    monitor.wait_part(Role::Panel, "Details")?;

    // Text that is not secret may stay in the history.
    monitor.click_button("Copy id")?;
    until("the id to be on the clipboard", || Ok((paste("UTF8_STRING")? == REQUEST).then_some(())))?;
    ensure(!formats()?.iter().any(|format| format == HINT), "what is no secret is kept out of the history")?;

    monitor.click_button("Show secrets")?;
    let copy = monitor.part_where("the button that copies a message with its secrets", |node| {
        node.role == Role::Button && node.name.starts_with("Copy JSON of ") && node.name.ends_with(" with its secrets")
    })?;
    copy.click()?;
    until("the hint to be on the clipboard", || Ok(formats()?.iter().any(|format| format == HINT).then_some(())))?;
    ensure(paste(HINT)? == "secret", "the hint says otherwise")?;
    let message: Value = serde_json::from_str(&paste("UTF8_STRING")?)?;
    let copied = message.pointer("/data/body").and_then(Value::as_str);
    // The failure message leaves out the copied text, because it is secret.
    ensure(copied == Some(link.expose()), "the link that was copied is another than came")?;

    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;
    leftovers::ensure_untold(&stage.home, &[crate::privicore::auth_of(&link)?])
}

/// The formats that the clipboard offers.
fn formats() -> Outcome<Vec<String>> {
    Ok(paste("TARGETS")?.lines().map(str::to_owned).collect())
}

/// The clipboard's content in a format.
///
/// # Errors
///
/// Fails if the clipboard has nothing in this format, or its owner does not answer.
fn paste(format: &str) -> Outcome<String> {
    // The clipboard's owner may be busy, and xclip would wait for ever.
    run("timeout", &["20", "xclip", "-selection", "clipboard", "-out", "-target", format])
        .map_err(|failure| Failure::new(format!("nothing can be pasted as {format}: {failure}")))
}
