//! `export`: writes the journal's content to standard output or to a file. It also works while a window runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::activity::export_record::Format as LineFormat;
use crate::activity::{StatusFilter, Suggestion};
use crate::credentials::{Keyring, StoreError};
use crate::engine::{Clock, EngineClock};
use crate::journal::{DataDirLock, EarlierLinks, ExportOptions, JournalError, LinkOpener, ReadOnlyJournal};
use crate::settings::{Directories, Settings, Store};

use super::environment::Environment;
use super::error::CliError;
use super::output::{Output, PipeState};
use super::profiles::{EnvProfile, ProfileNames};
use super::signals;
use super::subcommand::{ExportArguments, Format};

/// Runs the export.
///
/// # Errors
///
/// If something can't be read or written, or no profile has that name.
pub fn run(
    arguments: &ExportArguments,
    profile: Option<&str>,
    directories: &Directories,
    environment: &Environment,
    (clock, keyring): (Clock, &Keyring),
) -> Result<(), CliError> {
    let settings = match Store::open_read_only(directories) {
        Ok((_store, settings, notice)) => {
            if let Some(sentence) = &notice {
                super::print_status(sentence);
            }
            settings
        }
        // Export anyway: without the settings, records show profile ids instead of names.
        Err(error) if profile.is_none() => {
            super::print_status(&error.to_string());
            Settings::default()
        }
        Err(error) => return Err(error.into()),
    };
    let env_profile = EnvProfile::of(environment, &settings, profile);
    let mut names = ProfileNames::of(&settings, env_profile.as_ref());
    let known = profile.and_then(|name| names.find(name));
    // Catch the signals that end the program, so that no unfinished file stays behind.
    let cancelled: Arc<AtomicBool> =
        if arguments.file.is_some() { signals::end_flag().map_err(CliError::System)? } else { Arc::default() };
    let mut archive = ReadOnlyJournal::open(directories.data())?;
    names.add_stored(archive.as_ref().map(ReadOnlyJournal::names).unwrap_or_default());
    let only = match profile {
        Some(name) => {
            let found = known.or_else(|| names.find(name));
            Some(found.ok_or_else(|| CliError::UnknownProfile(name.to_owned()))?)
        }
        None => None,
    };
    let clock = EngineClock::of_writer(archive.as_ref(), clock)?;
    let links = match &archive {
        Some(archive) => archive.earlier_links(&link_opener(archive, directories, keyring)?)?,
        None => EarlierLinks::default(),
    };
    let mut output = Output::open(arguments.file.as_deref())?;
    let (now, reference) = (clock.now(), clock.reference());
    let printed = ExportOptions {
        format: match arguments.format {
            Format::Csv => LineFormat::Csv,
            Format::Ndjson => LineFormat::Ndjson,
        },
        only,
        filter: arguments.filter.clone().unwrap_or_default(),
        status_filter: StatusFilter::All,
        since: arguments.since.map(|since| since.resolve(reference.displayed(now))),
        messages: arguments.messages,
        bom: arguments.bom,
        rows: None,
        link_lifetime: settings.preferences.link_lifetime(),
        now,
        reference,
        links,
        names: names.into_map(),
    };
    if let Some(archive) = &mut archive {
        archive.observe(Arc::default(), cancelled.clone())?;
    }
    let is_cancelled = || cancelled.load(Ordering::Relaxed);
    let mut count = 0_u64;
    let written = printed.write(archive.as_ref(), |line| match output.write(line)? {
        _ if is_cancelled() => Err(Stop::Failed(CliError::Cancelled)),
        PipeState::Open => {
            count += 1;
            Ok(())
        }
        PipeState::Closed => Err(Stop::ReaderGone),
    });
    let header = u64::from(printed.format == LineFormat::Csv);
    match written {
        // A read that was interrupted by the signal has returned an error of its own; report the cancellation instead.
        _ if is_cancelled() => Err(CliError::Cancelled),
        Ok(()) => {
            if count <= header
                && let Some(suggestion) = Suggestion::find(&printed.filter.to_string())
            {
                super::print_status(&format!("Nothing matches. {}", suggestion.question()));
            }
            output.finish()
        }
        Err(Stop::ReaderGone) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Which run can decrypt the links that earlier runs saved: the one that is running, otherwise the next one if the keyring
/// stays as it is.
fn link_opener(
    archive: &ReadOnlyJournal,
    directories: &Directories,
    keyring: &Keyring,
) -> Result<LinkOpener, CliError> {
    if DataDirLock::is_held(directories.data())? {
        return Ok(LinkOpener::Run);
    }
    let Some(journal) = archive.sealed_as()? else { return Ok(LinkOpener::NextRun(None)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(CliError::System)?;
    Ok(match runtime.block_on(keyring.known_seal_key(journal)) {
        Ok(key) => LinkOpener::NextRun(key),
        Err(error) => {
            tracing::info!(%error, "links that were kept can't be opened");
            match error.cause() {
                StoreError::Missing | StoreError::Stopped | StoreError::Failed(_) => LinkOpener::Unknown,
                _ => LinkOpener::NextRun(None),
            }
        }
    })
}

/// Why writing stops early.
enum Stop {
    ReaderGone,
    Failed(CliError),
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.into())
    }
}
