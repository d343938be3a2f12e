//! `export`: writes what the journal has to standard output or into a file, beside a running window too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::activity::export_record::Format as LineFormat;
use crate::activity::{StatusFilter, Suggestion};
use crate::credentials::{Keyring, StoreError};
use crate::engine::{Clock, EngineClock};
use crate::journal::{DataDirLock, EarlierLinks, Export as Lines, JournalError, LinkOpener, ReadOnlyJournal};
use crate::settings::{Directories, Settings, Store};

use super::environment::Environment;
use super::error::CliError;
use super::output::{Output, Reader};
use super::profiles::{EnvProfile, ProfileNames};
use super::signals;
use super::subcommand::{Export, Format};

/// Writes what was asked for.
///
/// # Errors
///
/// Where it can't be read or written, or there is no such profile.
pub fn run(
    wanted: &Export,
    profile: Option<&str>,
    directories: &Directories,
    environment: &Environment,
    (clock, keyring): (Clock, &Keyring),
) -> Result<(), CliError> {
    let settings = match Store::open_read_only(directories) {
        Ok((_store, settings, said)) => {
            if let Some(sentence) = &said {
                super::say(sentence);
            }
            settings
        }
        // What the journal has comes out all the same: its profiles have their ids instead of their names.
        Err(error) if profile.is_none() => {
            super::say(&error.to_string());
            Settings::default()
        }
        Err(error) => return Err(error.into()),
    };
    let guest = EnvProfile::of(environment, &settings, profile);
    let mut names = ProfileNames::of(&settings, guest.as_ref());
    let known = profile.and_then(|name| names.find(name));
    // A file that is not finished must not stay behind.
    let cancelled: Arc<AtomicBool> =
        if wanted.file.is_some() { signals::ends().map_err(CliError::System)? } else { Arc::default() };
    let mut archive = ReadOnlyJournal::open(directories.data())?;
    names.learn_kept(archive.as_ref().map(ReadOnlyJournal::names).unwrap_or_default());
    let only = match profile {
        Some(name) => {
            let found = known.or_else(|| names.find(name));
            Some(found.ok_or_else(|| CliError::UnknownProfile(name.to_owned()))?)
        }
        None => None,
    };
    let clock = EngineClock::beside(archive.as_ref(), clock)?;
    let links = match &archive {
        Some(archive) => archive.earlier_links(&opener(archive, directories, keyring)?)?,
        None => EarlierLinks::default(),
    };
    let mut output = Output::open(wanted.file.as_deref())?;
    let (now, reference) = (clock.now(), clock.reference());
    let printed = Lines {
        format: match wanted.format {
            Format::Csv => LineFormat::Csv,
            Format::Ndjson => LineFormat::Ndjson,
        },
        only,
        filter: wanted.filter.clone().unwrap_or_default(),
        status_filter: StatusFilter::All,
        since: wanted.since.map(|since| since.moment(reference.shown(now))),
        messages: wanted.messages,
        bom: wanted.bom,
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
        Reader::Listens => {
            count += 1;
            Ok(())
        }
        Reader::Gone => Err(Stop::ReaderGone),
    });
    let header = u64::from(printed.format == LineFormat::Csv);
    match written {
        // Whatever was read then has ended with an error of its own.
        _ if is_cancelled() => Err(CliError::Cancelled),
        Ok(()) => {
            if count <= header
                && let Some(slip) = Suggestion::find(&printed.filter.to_string())
            {
                super::say(&format!("Nothing matches. {}", slip.question()));
            }
            output.finish()
        }
        Err(Stop::ReaderGone) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Who opens the links of earlier runs: the run that is under way, else the next one, if the keyring is as it is now.
fn opener(archive: &ReadOnlyJournal, directories: &Directories, keyring: &Keyring) -> Result<LinkOpener, CliError> {
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
                StoreError::Missing | StoreError::Stopped | StoreError::Failed(_) => LinkOpener::NotKnown,
                _ => LinkOpener::NextRun(None),
            }
        }
    })
}

/// Why writing ends early.
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
