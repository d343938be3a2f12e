//! What every test begins with.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::Outcome;
use crate::monitor::{Home, Monitor};
use crate::privicore::Privicore;
use crate::tree::Desktop;

/// The desktop for this test alone, a Privicore in which nothing happens by itself, and the empty folders of one operator.
pub(crate) struct Stage {
    /// The accessibility tree.
    pub(crate) desktop: Desktop,
    /// The sandbox.
    pub(crate) privicore: Privicore,
    /// The folders.
    pub(crate) home: Home,
    // Dropped last: what a test leaves behind is gone before the next one begins.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Waits for this test's turn: there is one keyboard and one screen.
    ///
    /// # Errors
    ///
    /// Outside a desktop session, or where the sandbox does not start.
    pub(crate) fn set() -> Outcome<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        // What another test left behind when it failed is its own window, which is gone.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { desktop: Desktop::join()?, privicore: Privicore::start()?, home: Home::new()?, _turn: turn })
    }

    /// Starts the program.
    ///
    /// # Errors
    ///
    /// When no window comes.
    pub(crate) fn start(&self) -> Outcome<Monitor> {
        Monitor::start(&self.desktop, &self.home)
    }

    /// Starts the program and signs in, by real keys.
    ///
    /// # Errors
    ///
    /// When no window comes, or it does not become live.
    pub(crate) fn start_live(&self) -> Outcome<Monitor> {
        let monitor = self.start()?;
        monitor.sign_in(&self.privicore)?;
        monitor.wait_connection("Live")?;
        Ok(monitor)
    }
}
