//! Tracks commands with whichever process holds the journal, or without one.

use std::time::Duration;

use tokio::time::Instant;

use crate::cli::environment::Environment;
use crate::cli::error::CliError;
use crate::cli::profiles::{EnvProfile, ProfileNames};
use crate::engine::events::track_request::{RequestError, TrackRequest};
use crate::engine::ipc::request::IpcError;
use crate::engine::{Clock, EngineClock, ipc};
use crate::journal::handle::{Journal, Opened};
use crate::journal::{DataDirLock, JournalError};
use crate::settings::{Directories, ProfileId, Store};

/// How long a process that starts or ends may take until it listens, or until the journal is free.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// The pause after the journal was written by this process, in which others that wait for it find it free: longer than [`PAUSE`] and
/// than the pause of `watch`.
const FREE_TIME: Duration = Duration::from_millis(50);

/// Tracks one request after the other. Between two requests it holds nothing, so that the window or `watch` can start.
pub(super) struct Tracker<'a> {
    /// The value of `--profile`.
    pub(super) profile: Option<String>,
    directories: &'a Directories,
    environment: &'a Environment,
    clock: Clock,
    /// Whether the problems of the settings file have been printed.
    settings_reported: bool,
    /// When this process may take the journal again.
    free_until: Option<Instant>,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(
        profile: Option<String>,
        directories: &'a Directories,
        environment: &'a Environment,
        clock: Clock,
    ) -> Self {
        Self { profile, directories, environment, clock, settings_reported: false, free_until: None }
    }

    /// Tracks the commands of a request. Returns how many.
    pub(super) async fn track(&mut self, request: TrackRequest) -> Result<usize, CliError> {
        if let Some(free_until) = self.free_until.take() {
            tokio::time::sleep_until(free_until).await;
        }
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match DataDirLock::take(self.directories.data()) {
                Ok(holder) => {
                    let count = self.write(request).await;
                    drop(holder);
                    self.free_until = Some(Instant::now() + FREE_TIME);
                    return count;
                }
                Err(JournalError::Locked { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            match ipc::request_tracking(self.directories.data(), &request).await {
                Ok(Ok(count)) => return Ok(count),
                Ok(Err(RequestError::Usage(why))) => return Err(CliError::Usage(why)),
                Ok(Err(RequestError::Failed(why))) => return Err(CliError::NotTracked(why)),
                // The other process is starting or ending: soon either it listens, or the journal is free.
                Err(IpcError::NotRunning) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes the ids into the journal. The caller holds its lock.
    async fn write(&mut self, request: TrackRequest) -> Result<usize, CliError> {
        let profile = self.profile_to_track()?;
        let Opened { journal, clock: stored_clock, .. } = Journal::open(self.directories.data())?;
        let now = EngineClock::resumed(stored_clock.as_ref(), self.clock.clone()).now();
        let count = request.len();
        let written = journal.append(profile, request.into_entries(now)).await;
        journal.close().await;
        written?;
        Ok(count)
    }

    /// The profile that the ids belong to: the one named by `--profile`, the one that the environment signs in, or the only one.
    fn profile_to_track(&mut self) -> Result<ProfileId, CliError> {
        let (_store, settings, notice) = Store::open_read_only(self.directories)?;
        if let Some(sentence) = notice
            && !std::mem::replace(&mut self.settings_reported, true)
        {
            crate::cli::print_status(&sentence);
        }
        let env_profile = EnvProfile::of(self.environment, &settings, self.profile.as_deref());
        if let Some(env_profile) = env_profile {
            return Ok(env_profile.profile.id);
        }
        let names = ProfileNames::of(&settings, None);
        if let Some(name) = &self.profile {
            return names.find(name).ok_or_else(|| CliError::UnknownProfile(name.clone()));
        }
        let mut ids = names.ids();
        match (ids.next(), ids.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(CliError::NoProfile),
            (Some(_), Some(_)) => Err(CliError::SeveralProfiles),
        }
    }
}
