//! Setting the wall clock while the program runs changes nothing that the window shows, and is reported once.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use atspi::Role;

use crate::COMMAND;
use crate::failure::{Outcome, ensure};
use crate::fixture::Stage;
use crate::monitor::{Home, Monitor};
use crate::preload;
use crate::privicore::payload;
use crate::tree::Node;
use crate::wait::until;
use crate::{REQUEST, portal};

/// The source of the library that sets the clock, for the C compiler that also links the program.
const SOURCE: &str = include_str!("set_clock.c");

/// The program's clock.
struct WallClock {
    library: PathBuf,
    ahead: PathBuf,
}

impl WallClock {
    /// A clock that shows the computer's time.
    fn of(home: &Home) -> Outcome<Self> {
        let clock = Self { library: preload::build(home, "set_clock", SOURCE)?, ahead: home.root().join("ahead") };
        File::create_new(&clock.ahead)?.write_all_at(&0_i64.to_ne_bytes(), 0)?;
        Ok(clock)
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.library.display().to_string()), ("CLOCK_AHEAD", self.ahead.display().to_string())]
    }

    /// Sets the clock this many hours ahead of the computer's.
    fn set(&self, hours: i64) -> Outcome<()> {
        // Written in place: the program has the file mapped.
        let file = OpenOptions::new().write(true).open(&self.ahead)?;
        Ok(file.write_all_at(&(hours * 3_600).to_ne_bytes(), 0)?)
    }
}

#[test]
fn a_clock_set_two_hours_forward_is_reported_once_and_changes_nothing_else() -> Outcome<()> {
    set_by(2)
}

#[test]
fn a_clock_set_two_hours_back_is_reported_once_and_changes_nothing_else() -> Outcome<()> {
    set_by(-2)
}

fn set_by(hours: i64) -> Outcome<()> {
    let stage = Stage::set()?;
    let Stage { desktop, privicore, home, .. } = &stage;
    let clock = WallClock::of(home)?;
    let environment = clock.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let monitor = Monitor::start_as(desktop, home, &environment)?;
    monitor.sign_in(privicore)?;
    monitor.wait_connection("Live")?;
    let payload = payload();
    privicore.offer(REQUEST, &payload)?;
    monitor.wait_row(&format!("Data request {REQUEST}, Ready"))?;

    clock.set(hours)?;
    let direction = if hours > 0 { "forward" } else { "back" };
    let sentence = format!("The system clock jumped {direction} by 2 h.");
    let notice = monitor.part_where(&sentence, |node| node.name.starts_with(&sentence))?;

    // Everything continues as before: new messages appear, ready data stays ready, and new data can be downloaded.
    privicore.report_command(COMMAND, 2)?;
    monitor.wait_row(&format!("Command {COMMAND}, Succeeded"))?;
    let now = monitor.connection();
    ensure(now.as_deref() == Some("Live"), format!("the window says {now:?}"))?;
    let ready = format!("Data request {REQUEST}, Ready");
    let is_ready = |node: &Node| node.role == Role::TableRow && node.name == ready;
    ensure(monitor.part_now(is_ready).is_some(), format!("the link is not ready any more: {}", monitor.dump()))?;
    let wrong = monitor.part_now(|node| node.name.starts_with("Not receiving") || node.name == "Token has expired");
    ensure(wrong.is_none(), format!("it says {:?}", wrong.map(|node| node.name)))?;
    let again = |node: &Node| node.role == notice.role && node.name.contains("system clock");
    let notices: Vec<_> = monitor.parts_now(again).into_iter().map(|node| node.name).collect();
    ensure(notices == [notice.name.clone()], format!("it is told as {notices:?}: {}", monitor.dump()))?;

    monitor.click_button(&format!("Download {REQUEST}"))?;
    let target = home.saved().join("after the jump.bin");
    portal::save_as(desktop, &target.display().to_string())?;
    monitor.wait_row(&format!("Data request {REQUEST}, Saved"))?;
    until("the file", || Ok((fs::read(&target)? == payload).then_some(())))?;
    let exit = monitor.terminate()?;
    ensure(exit.code() == Some(0), format!("the program ended with {exit}"))
}
