//! The notifications sent over the session bus while the window is unfocused.

use uuid::Uuid;

use crate::bus::{Board, Notice};
use crate::failure::{Outcome, ensure};
use crate::fixture::Stage;
use crate::privicore;
use crate::{COMMAND, REQUEST};

/// How many failures make a burst.
const BURST: usize = 12;

/// The expected notification.
fn notice(title: &str, body: &str) -> Notice {
    Notice {
        app: "Privicore Monitor".to_owned(),
        replaces: 0,
        icon: "privicore-monitor".to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        actions: Vec::new(),
        hints: vec![("desktop-entry".to_owned(), "privicore-monitor".to_owned())],
        expires: -1,
    }
}

/// How many failures a notification reports.
fn failures(notice: &Notice) -> usize {
    match notice.title.split_once(' ') {
        Some(("Failed:", _)) => 1,
        Some((count, "commands failed")) => count.parse().unwrap_or(0),
        _ => 0,
    }
}

#[test]
fn changes_while_the_window_is_hidden_are_notified_and_a_burst_is_merged() -> Outcome<()> {
    let stage = Stage::set()?;
    let board = Board::hang()?;
    let monitor = stage.start_live()?;
    let fail = |id: &str, why: &str| stage.privicore.report_command_with(id, 3, why);

    // Nothing is sent while the window is focused.
    let seen = Uuid::new_v4().to_string();
    fail(&seen, "seen")?;
    monitor.wait_row(&format!("Command {seen}, Failed"))?;

    // Minimised, the window continues to work. Text from a server is not interpreted as markup.
    monitor.minimise()?;
    fail(COMMAND, "<b>device.not_found</b> & \"no\"")?;
    board.wait_for("the first notification", |told| !told.is_empty())?;
    let first = notice(&format!("Failed: {COMMAND}"), "&lt;b&gt;device.not_found&lt;/b&gt; &amp; \"no\"");
    ensure(board.notices() == [first], format!("the desktop was told otherwise: {:#?}", board.notices()))?;

    // Visible but unfocused: failures arrive one after the other, and notifications are rare.
    let _elsewhere = monitor.focus_another_window()?;
    let link = stage.privicore.offer(REQUEST, b"payload")?;
    for number in 1..=BURST {
        let id = Uuid::new_v4().to_string();
        fail(&id, &format!("no {number}"))?;
        monitor.wait_row(&format!("Command {id}, Failed"))?;
    }
    board.wait_for("every failure to be told", |told| told.iter().map(failures).sum::<usize>() == 1 + BURST)?;
    let exit = monitor.terminate()?;
    ensure(exit.success(), format!("the program ended with {exit}"))?;

    let told = board.notices();
    let said = format!("{told:#?}");
    ensure(told.contains(&notice("Ready: invoices/2026-Q1", "")), format!("ready data was not told: {said}"))?;
    let of_burst = told.iter().skip(1).filter(|notice| failures(notice) > 0).count();
    // More than one is only allowed if the failures took longer to arrive than the interval between notifications.
    ensure(of_burst <= BURST / 4, format!("a burst is told as a burst: {said}"))?;
    ensure(!said.contains(privicore::auth_of(&link)?), "a notification tells a secret")
}
