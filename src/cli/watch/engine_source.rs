//! The engine, if `watch` runs it in this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cli::error::CliError;
use crate::cli::print_status;
use crate::cli::profiles::{EnvProfile, ProfileNames};
use crate::engine::{Action, Engine, EngineError, EngineHandle, EngineOptions, Event, EventReceiver, Waker};
use crate::settings::Settings;

use super::connections::{Connections, format_notice};
use super::model::Model;

/// How long leaving and committing may take: slightly longer than the engine's own limit.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// The engine and its events.
pub(crate) struct EngineSource {
    engine: EngineHandle,
    events: EventReceiver,
    wake: Arc<Notify>,
    connections: Connections,
}

impl EngineSource {
    /// Takes the journal's lock and starts the engine.
    pub(crate) fn start(
        make: impl FnOnce(Waker) -> EngineOptions,
        env_profile: Option<EnvProfile>,
        settings: &Settings,
        only: Option<&str>,
    ) -> Result<Self, EngineError> {
        let wake = Arc::new(Notify::new());
        let ring = wake.clone();
        let (engine, events) = Engine::start(make(Arc::new(move || ring.notify_one())))?;
        Ok(Self { engine, events, wake, connections: Connections::new(env_profile, settings, only) })
    }

    /// Waits for an event of the engine or for a due action, and handles it.
    pub(crate) async fn wait(&mut self, names: &mut ProfileNames, model: &mut Model) -> Result<(), CliError> {
        let never = Instant::now() + Duration::from_hours(24);
        let due = self.connections.due().unwrap_or(never);
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep_until(due) => {}
        }
        self.poll(names, model)
    }

    /// Handles pending events and due actions without waiting.
    pub(crate) fn poll(&mut self, names: &mut ProfileNames, model: &mut Model) -> Result<(), CliError> {
        if let Some(sign_in) = self.connections.sign_in_now()
            && self.engine.send(Action::SignInEphemeral(Box::new(sign_in))).is_err()
        {
            self.connections.schedule_sign_in();
        }
        self.handle_events(names, model)?;
        self.connections.fatal_error().map_or(Ok(()), Err)
    }

    /// Leaves every channel, commits and stops. Blocks until that is done, at most [`STOP_TIMEOUT`].
    pub(crate) fn stop(&self) {
        self.engine.quit();
        if !self.engine.join(STOP_TIMEOUT) {
            tracing::warn!("the engine did not stop in time");
        }
    }

    /// Reads the current status and handles pending events. The entries themselves are read from the journal.
    fn handle_events(&mut self, names: &mut ProfileNames, model: &mut Model) -> Result<(), CliError> {
        if let Some(status) = self.events.status() {
            for line in self.connections.update(&status, names, |profile| model.include(profile)) {
                print_status(&line);
            }
        }
        while let Some(event) = self.events.try_next() {
            match event {
                Event::Notice(notice) => print_status(&format_notice(&notice, names)),
                Event::Stopped => return Err(CliError::EngineStopped),
                _ => {}
            }
        }
        Ok(())
    }
}
