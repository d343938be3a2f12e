//! `track`: sends command ids to the process that holds the journal, or writes them itself if no process holds it.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::events::track_request::{RequestError, TrackRequest};
use crate::engine::ipc::request::IpcError;
use crate::engine::{Clock, EngineClock, ipc};
use crate::journal::handle::{Journal, Opened};
use crate::journal::{DataDirLock, JournalError};
use crate::settings::{Directories, ProfileId, Store};

use super::environment::Environment;
use super::error::CliError;
use super::profiles::{EnvProfile, ProfileNames};
use super::subcommand::Track;

/// How long a process that starts or ends may take until it listens, or until the journal is free.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Tracks commands from now on. Returns how many.
///
/// # Errors
///
/// If no process accepted them, with the reason.
pub fn run(
    arguments: &Track,
    profile: Option<&str>,
    directories: &Directories,
    environment: &Environment,
    clock: Clock,
) -> Result<usize, CliError> {
    let tracking = TrackRequest::new(profile.map(str::to_owned), &arguments.ids, arguments.label.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::System)?;
    runtime.block_on(async {
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match DataDirLock::take(directories.data()) {
                Ok(holder) => {
                    let count = write(tracking, directories, environment, clock).await;
                    drop(holder);
                    return count;
                }
                Err(JournalError::Locked { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            match ipc::request_tracking(directories.data(), &tracking) {
                Ok(Ok(count)) => return Ok(count),
                Ok(Err(RequestError::Usage(why))) => return Err(CliError::Usage(why)),
                Ok(Err(RequestError::Failed(why))) => return Err(CliError::NotTracked(why)),
                // The other process is starting or ending: soon either it listens, or the journal is free.
                Err(IpcError::NotRunning) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// Writes the ids into the journal. The caller holds its lock.
async fn write(
    tracking: TrackRequest,
    directories: &Directories,
    environment: &Environment,
    clock: Clock,
) -> Result<usize, CliError> {
    let profile = profile_to_track(&tracking, directories, environment)?;
    let Opened { journal, clock: kept, .. } = Journal::open(directories.data())?;
    let now = EngineClock::resumed(kept.as_ref(), clock).now();
    let count = tracking.len();
    let written = journal.append(profile, tracking.into_entries(now)).await;
    journal.close().await;
    written?;
    Ok(count)
}

/// The profile that the ids belong to: the one named by `--profile`, the one that the environment signs in, or the only one.
fn profile_to_track(
    tracking: &TrackRequest,
    directories: &Directories,
    environment: &Environment,
) -> Result<ProfileId, CliError> {
    let (_store, settings, said) = Store::open_read_only(directories)?;
    if let Some(sentence) = &said {
        super::print_status(sentence);
    }
    let guest = EnvProfile::of(environment, &settings, tracking.profile.as_deref());
    if let Some(guest) = guest {
        return Ok(guest.profile.id);
    }
    let names = ProfileNames::of(&settings, None);
    if let Some(name) = &tracking.profile {
        return names.find(name).ok_or_else(|| CliError::UnknownProfile(name.clone()));
    }
    let mut ids = names.ids();
    match (ids.next(), ids.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(CliError::NoProfile),
        (Some(_), Some(_)) => Err(CliError::SeveralProfiles),
    }
}
