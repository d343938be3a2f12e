//! A damaged journal is moved aside, and what can be read of it goes into a fresh one.
//!
//! The fresh one is made whole beside it first, under a name with `salvaged` in it; then the database, its log and the
//! fresh one are renamed, in this order. A crash between any two steps is finished by [`finish`] at the next start.

#![expect(clippy::disallowed_methods, reason = "whole databases are renamed, with their logs")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::Connection;

use crate::journal::error::{JournalError, RepairReport};
use crate::journal::file::schema;
use crate::settings::atomic;

use super::salvage;

/// What the name of the fresh journal has in it until it is in place.
const SALVAGED: &str = ".salvaged-";

/// What the name of the damaged journal has in it.
const BROKEN: &str = ".broken-";

/// Puts a fresh journal in the place of a damaged one. No connection of this process may write to it meanwhile.
///
/// # Errors
///
/// Where the fresh one can't be written or the damaged one not be moved: it then stays where it is.
pub(crate) fn mend(path: &Path) -> Result<RepairReport, JournalError> {
    let aside = atomic::name_aside(path);
    let fresh = renamed(&aside, BROKEN, SALVAGED);
    tracing::warn!(journal = %path.display(), "the journal is damaged; what can be read of it is copied");
    let failed = |source| JournalError::of(&fresh, source);
    remove(&fresh).map_err(|source| JournalError::File { path: fresh.clone(), source })?;
    let mut new = schema::open_for_writing(&fresh)?;
    let salvaged = {
        let damaged = schema::open_for_reading(path).ok();
        salvage::copy(damaged.as_ref(), &mut new, size(path)).map_err(failed)?
    };
    whole(new).map_err(failed)?;
    let moved = || -> io::Result<()> {
        fs::rename(path, &aside)?;
        put_in_place(path, &aside, &fresh)
    };
    moved().map_err(|source| JournalError::NotMoved { path: path.to_owned(), source })?;
    Ok(RepairReport { moved_to: aside, salvaged })
}

/// Finishes what a crash interrupted: a fresh journal is put in its place where the damaged one has been moved already, and
/// is taken away where it has not.
pub(crate) fn finish(path: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let fresh = salvaged_beside(path).map_err(failed)?;
    let missing = fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    for fresh in fresh {
        if missing {
            put_in_place(path, &renamed(&fresh, SALVAGED, BROKEN), &fresh).map_err(failed)?;
        } else {
            remove(&fresh).map_err(failed)?;
        }
    }
    Ok(())
}

/// Moves the log of the damaged journal to it, and the fresh journal to where the damaged one was. A log that stayed would
/// be taken for the fresh one's.
fn put_in_place(path: &Path, aside: &Path, fresh: &Path) -> io::Result<()> {
    if_there(fs::rename(schema::log_of(path), schema::log_of(aside)))?;
    if_there(fs::remove_file(schema::index_of(path)))?;
    fs::rename(fresh, path)?;
    if let Err(error) = atomic::sync_folder(path.parent().unwrap_or(Path::new("."))) {
        // It is in its place. Only a crash of the machine could take that back, and [`finish`] or another repair then follows.
        tracing::warn!(%error, "the folder of a repaired journal could not be flushed");
    }
    Ok(())
}

/// Moves everything into the one file and closes it.
fn whole(connection: Connection) -> rusqlite::Result<()> {
    schema::checkpoint(&connection)?;
    connection.close().map_err(|(_connection, error)| error)
}

/// Takes a fresh journal away that was not finished.
fn remove(fresh: &Path) -> io::Result<()> {
    [schema::log_of(fresh), schema::index_of(fresh), fresh.to_owned()]
        .iter()
        .try_for_each(|file| if_there(fs::remove_file(file)))
}

/// The fresh journals that are not in place, in order.
fn salvaged_beside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else { return Ok(Vec::new()) };
    let start = format!("{}{SALVAGED}", stem.to_string_lossy());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_database = Path::new(&name).extension() == path.extension();
        if is_database && name.to_string_lossy().starts_with(&start) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The same path with another word in the name of the file.
fn renamed(path: &Path, from: &str, to: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().replacen(from, to, 1);
    path.with_file_name(name)
}

/// The bytes of the database and its log.
fn size(path: &Path) -> u64 {
    let of = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    of(path).saturating_add(of(&schema::log_of(path)))
}

/// Lets a file be that is not there.
fn if_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
