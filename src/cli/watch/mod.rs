//! `watch`: the engine without a window, or beside one. Prints one event per line on standard output and the connection's state
//! on standard error.
//!
//! Lines are always read from the journal, so that everything printed is durable and is the same whichever process holds the
//! journal. If no process holds it, this one does and runs the engine. Beside a window it only reads, opens no connection, and
//! takes over when the window ends.

mod connection_status;
mod connections;
mod engine_source;
mod gap_lines;
#[cfg(test)]
mod gap_tests;
mod model;
mod older_rows;
mod printer;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::activity::Suggestion;
use crate::engine::{Clock, EngineError, EngineOptions, SettingsAccess, Waker};
use crate::journal::{DataDirLock, JournalError};
use crate::settings::{Directories, Settings, Store};

use super::environment::Environment;
use super::error::CliError;
use super::profiles::{EnvProfile, ProfileNames};
use super::signals;
use super::subcommand::Watch;

use engine_source::EngineSource;
use model::{Model, ProfileFilter};
use printer::Printer;

/// How long another process may hold the journal before it counts as running. `track` holds it briefly.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause between two checks within [`LOCK_TIMEOUT`].
const LOCK_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// How often the journal of another process is checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// The longest wait if nothing is expected.
const MAX_WAIT: Duration = Duration::from_hours(24);
/// How many checks pass between two attempts to take over.
const CHECKS_BEFORE_TAKEOVER: u32 = 4;

/// Creates an engine's options, given the waker for its listener and where tokens are kept.
pub type MakeOptions<'a> = dyn Fn(Waker, Tokens) -> EngineOptions + 'a;

/// Where an engine keeps its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// In the system keyring.
    InKeyring,
    /// In memory: the environment signs in, and the keyring is not used.
    InMemory,
}

/// What to watch, and with what.
pub struct Setup<'a> {
    /// The arguments of `watch`.
    pub arguments: Watch,
    /// The name given with `--profile`.
    pub profile: Option<String>,
    /// The folders of the settings and of the journal.
    pub directories: Directories,
    /// The values of the environment variables.
    pub environment: Environment,
    /// Whether to watch a sandbox, which signs itself in.
    pub sandbox: bool,
    /// The computer's clock.
    pub clock: Clock,
    /// Creates the engine's options.
    pub options: &'a MakeOptions<'a>,
}

/// Watches until the system asks it to end, or until the exit condition is met.
///
/// # Errors
///
/// Why it could not start, or ended early.
pub fn run(setup: Setup<'_>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::System)?;
    runtime.block_on(async {
        let mut printer = Printer::start()?;
        let mut watcher = Watcher::new(setup, printer.lines())?;
        // A signal or the end of the output cancels everything else, including a line that waits for its reader.
        let outcome = tokio::select! {
            biased;
            signal = signals::wait_for_end() => signal.map_err(CliError::System),
            stopped = printer.stopped() => stopped,
            outcome = Box::pin(watcher.watch()) => outcome,
        };
        watcher.stop().await;
        drop(watcher);
        let finished = printer.finish().await;
        outcome.and(finished)
    })
}

/// The state of a running `watch`.
struct Watcher<'a> {
    setup: Setup<'a>,
    env_profile: Option<EnvProfile>,
    settings: Settings,
    names: ProfileNames,
    model: Model,
    /// The last entry of the journal at the start.
    history_end: crate::activity::Seq,
    lines: mpsc::Sender<String>,
    /// The engine, if this process runs it.
    engine_source: Option<EngineSource>,
    /// Whether everything requested has been printed.
    done: bool,
}

impl<'a> Watcher<'a> {
    fn new(setup: Setup<'a>, lines: mpsc::Sender<String>) -> Result<Self, CliError> {
        let settings = Store::peek(&setup.directories)?;
        let env_profile =
            if setup.sandbox { None } else { EnvProfile::of(&setup.environment, &settings, setup.profile.as_deref()) };
        if let Some(env_profile) = &env_profile {
            env_profile.check()?;
        }
        let names = ProfileNames::of(&settings, env_profile.as_ref());
        let profile_filter = watched_profiles(&setup, env_profile.as_ref(), &settings, &names)?;
        let memory = (settings.preferences.link_lifetime(), settings.preferences.rows_in_memory());
        let typed = setup.arguments.filter.as_ref().map(ToString::to_string);
        if let Some(suggestion) = typed.as_deref().and_then(Suggestion::find) {
            super::print_status(&suggestion.question());
        }
        let (model, history_end) = Model::new(
            setup.directories.data(),
            profile_filter,
            setup.arguments.clone(),
            (memory, setup.clock.clone()),
        )?;
        Ok(Self { setup, env_profile, settings, names, model, history_end, lines, engine_source: None, done: false })
    }

    /// Watches until there is nothing left to watch.
    async fn watch(&mut self) -> Result<(), CliError> {
        self.start().await?;
        let trouble = self.read_history().await?;
        if let Some(lines) = self.model.lines_reached_before(&self.names)? {
            self.print(lines).await;
            self.done = true;
            return Ok(());
        }
        if let Some(error) = trouble {
            return Err(error);
        }
        let mut looks = 0_u32;
        loop {
            if self.read_new_entries().await? {
                return Ok(());
            }
            if let Some(live) = &mut self.engine_source {
                let next_check = self.model.next_gap_check().unwrap_or(MAX_WAIT);
                tokio::select! {
                    waited = live.wait(&mut self.names, &mut self.model) => waited?,
                    () = tokio::time::sleep(next_check) => {}
                }
                continue;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
            looks += 1;
            if looks.is_multiple_of(CHECKS_BEFORE_TAKEOVER) && self.take_over()? {
                super::print_status("The other Privicore Monitor has ended: this one connects now.");
            }
        }
    }

    /// Starts the engine, or reports that another process has held the journal for longer than [`LOCK_TIMEOUT`].
    async fn start(&mut self) -> Result<(), CliError> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        while !self.take_over()? {
            if Instant::now() >= deadline {
                super::print_status(
                    "Another Privicore Monitor holds the journal: its events are shown, and no connection is opened.",
                );
                return Ok(());
            }
            tokio::time::sleep(LOCK_CHECK_INTERVAL).await;
        }
        Ok(())
    }

    /// Reads what the journal had at the start, while the engine already receives; newer entries are read afterwards. If
    /// nothing can be watched any more, returns that error instead of failing, because the awaited outcome may still be in the
    /// journal.
    async fn read_history(&mut self) -> Result<Option<CliError>, CliError> {
        let mut trouble = None;
        while self.model.read_history(self.history_end)? {
            if let Some(live) = self.engine_source.as_mut().filter(|_live| trouble.is_none()) {
                trouble = live.poll(&mut self.names, &mut self.model).err();
            }
            tokio::task::yield_now().await;
        }
        Ok(trouble)
    }

    /// Prints the journal's new entries. Returns whether the exit condition is met.
    async fn read_new_entries(&mut self) -> Result<bool, CliError> {
        loop {
            let learn = || {
                let mut names = self.names.clone();
                // If the settings can't be read at this moment (for example during an edit), the profile is shown by its id.
                if let Ok(settings) = Store::peek(&self.setup.directories) {
                    names.add_settings(&settings);
                }
                names
            };
            let mut names = self.names.clone();
            let news = self.model.read_new_entries(&mut names, learn)?;
            self.names = names;
            self.print(news.lines).await;
            if news.reached {
                self.done = true;
                return Ok(true);
            }
            if !news.more {
                return Ok(false);
            }
        }
    }

    async fn print(&self, lines: String) {
        // If the printer has ended, the caller's `select!` ends this function.
        if !lines.is_empty() && self.lines.send(lines).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Starts the engine if no other process holds the journal. Returns whether it runs.
    fn take_over(&mut self) -> Result<bool, CliError> {
        if DataDirLock::is_held(self.setup.directories.data())? {
            return Ok(false);
        }
        if !self.setup.sandbox && self.env_profile.is_none() && self.settings.profiles.is_empty() {
            // There is no profile to sign in. Beside a window that is no error, because the window has one.
            return Err(CliError::NoProfile);
        }
        let tokens = if self.env_profile.is_some() { Tokens::InMemory } else { Tokens::InKeyring };
        let make = |waker| {
            let mut options = (self.setup.options)(waker, tokens);
            options.settings = SettingsAccess::ReadOnly;
            // A profile from the environment that the settings don't have can't be selected by name among theirs.
            let listed = |name: &String| self.settings.profiles.iter().any(|profile| profile.name == *name);
            options.profile = match &self.env_profile {
                Some(env_profile) => Some(env_profile.profile.name.clone()).filter(listed),
                None => self.setup.profile.clone(),
            };
            options
        };
        match EngineSource::start(make, self.env_profile.clone(), &self.settings, self.setup.profile.as_deref()) {
            Ok(live) => {
                self.engine_source = Some(live);
                Ok(true)
            }
            Err(EngineError::Journal(JournalError::Locked { .. })) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Leaves every channel and prints what arrived until then.
    async fn stop(&mut self) {
        let Some(live) = self.engine_source.take() else { return };
        live.stop();
        if self.done {
            return;
        }
        let last = async {
            if let Err(error) = self.read_new_entries().await {
                super::print_status(&error.to_string());
            }
            let lines = self.model.changed_gaps(&self.names, true);
            self.print(lines).await;
        };
        if tokio::time::timeout(CHECK_INTERVAL, last).await.is_err() {
            tracing::debug!("nobody reads the last lines");
        }
    }
}

/// The profiles whose events are printed.
fn watched_profiles(
    setup: &Setup<'_>,
    env_profile: Option<&EnvProfile>,
    settings: &Settings,
    names: &ProfileNames,
) -> Result<ProfileFilter, CliError> {
    let held = || DataDirLock::is_held(setup.directories.data());
    Ok(match (&setup.profile, env_profile) {
        (_, Some(env_profile)) => ProfileFilter::Only([env_profile.profile.id].into()),
        (None, None) if setup.sandbox || settings.profiles.is_empty() => {
            if !setup.sandbox && !held()? {
                return Err(CliError::NoProfile);
            }
            ProfileFilter::All
        }
        (None, None) => ProfileFilter::All,
        (Some(name), None) => match names.find(name) {
            Some(profile) => ProfileFilter::Only([profile].into()),
            None if settings.profiles.is_empty() && !setup.sandbox && !held()? => return Err(CliError::NoProfile),
            None if setup.sandbox => ProfileFilter::All,
            None => return Err(CliError::UnknownProfile(name.clone())),
        },
    })
}
