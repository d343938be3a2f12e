//! The environment that every test starts with.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::Outcome;
use crate::leftovers::stored_token;
use crate::monitor::{Home, Monitor};
use crate::privicore::Privicore;
use crate::tree::Desktop;
use crate::wait::until;

/// Exclusive use of the desktop, a Privicore without a scenario, and the empty folders of one operator.
pub(crate) struct Stage {
    /// The accessibility tree.
    pub(crate) desktop: Desktop,
    /// The sandbox.
    pub(crate) privicore: Privicore,
    /// The operator's folders.
    pub(crate) home: Home,
    // Dropped last, so that a test's leftovers are gone before the next test begins.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Waits for this test's turn: there is one keyboard and one screen.
    ///
    /// # Errors
    ///
    /// Fails outside a desktop session, or if the sandbox does not start.
    pub(crate) fn set() -> Outcome<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        // The only leftover of a failed test is its window, which is closed.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { desktop: Desktop::join()?, privicore: Privicore::start()?, home: Home::new()?, _turn: turn })
    }

    /// Starts the program.
    ///
    /// # Errors
    ///
    /// Fails if no window appears.
    pub(crate) fn start(&self) -> Outcome<Monitor> {
        Monitor::start(&self.desktop, &self.home)
    }

    /// Starts the program and signs in, with real keys, until the window is live and the keyring has the token. The program writes
    /// that while messages already arrive, and a busy keyring may take longer than a quit waits for it.
    ///
    /// # Errors
    ///
    /// Fails if no window appears, it does not become live, or the token is not stored.
    pub(crate) fn start_live(&self) -> Outcome<Monitor> {
        let monitor = self.start()?;
        monitor.sign_in(&self.privicore)?;
        monitor.wait_connection("Live")?;
        until("the token in the keyring", || stored_token(&self.home).map(Some))?;
        Ok(monitor)
    }
}
