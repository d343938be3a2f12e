//! `track`: sends command ids to the process that holds the journal, or writes them itself if no process holds it.

mod lines;
mod standard_input;
mod tracker;

use crate::engine::Clock;
use crate::engine::events::track_request::TrackRequest;
use crate::settings::Directories;

use super::environment::Environment;
use super::error::CliError;
use super::subcommand::Track;

use tracker::Tracker;

/// Tracks commands from now on.
///
/// # Errors
///
/// If no process accepted all of them, with the reason.
pub fn run(
    arguments: &Track,
    profile: Option<&str>,
    directories: &Directories,
    environment: &Environment,
    clock: Clock,
) -> Result<(), CliError> {
    let mut tracker = Tracker::new(profile.map(str::to_owned), directories, environment, clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::System)?;
    if arguments.reads_standard_input() {
        return runtime.block_on(standard_input::run(&mut tracker, arguments.label.clone()));
    }
    let request = TrackRequest::new(tracker.profile.clone(), &arguments.ids, arguments.label.as_deref())?;
    runtime.block_on(tracker.track(request))?;
    Ok(())
}
