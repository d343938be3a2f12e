//! Moves a damaged journal aside and copies its readable data into a fresh one.
//!
//! The fresh one is completed beside it first, under a name with `salvaged` in it; then the database, its log and the fresh one are
//! renamed, in this order. If a crash interrupts this, [`finish`] completes it at the next start.

#![expect(clippy::disallowed_methods, reason = "whole databases are renamed, with their logs")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::Connection;

use crate::journal::error::{JournalError, RepairReport};
use crate::journal::file::schema;
use crate::settings::atomic;

use super::salvage;

/// Part of the fresh journal's file name until it is in place.
const SALVAGED: &str = ".salvaged-";

/// Part of the damaged journal's file name.
const BROKEN: &str = ".broken-";

/// Replaces a damaged journal by a fresh one. No connection of this process may write to it meanwhile.
///
/// # Errors
///
/// If the fresh one can't be written or the damaged one can't be moved; the damaged one then stays in place.
pub(crate) fn repair(path: &Path) -> Result<RepairReport, JournalError> {
    let aside = atomic::backup_name(path);
    let fresh = renamed(&aside, BROKEN, SALVAGED);
    tracing::warn!(journal = %path.display(), "the journal is damaged; what can be read of it is copied");
    let failed = |source| JournalError::of(&fresh, source);
    remove(&fresh).map_err(|source| JournalError::File { path: fresh.clone(), source })?;
    let mut new = schema::open_for_writing(&fresh)?;
    let salvaged = {
        let damaged = schema::open_for_reading(path).ok();
        salvage::copy(damaged.as_ref(), &mut new, size(path)).map_err(failed)?
    };
    merge_log(new).map_err(failed)?;
    let moved = || -> io::Result<()> {
        fs::rename(path, &aside)?;
        put_in_place(path, &aside, &fresh)
    };
    moved().map_err(|source| JournalError::NotMoved { path: path.to_owned(), source })?;
    Ok(RepairReport { moved_to: aside, salvaged })
}

/// Completes an interrupted repair: moves the fresh journal into place if the damaged one has already been moved, and deletes it
/// otherwise.
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

/// Moves the damaged journal's log aside and the fresh journal into place. Otherwise SQLite would use the old log with the fresh
/// database.
fn put_in_place(path: &Path, aside: &Path, fresh: &Path) -> io::Result<()> {
    if_there(fs::rename(schema::log_of(path), schema::log_of(aside)))?;
    if_there(fs::remove_file(schema::index_of(path)))?;
    fs::rename(fresh, path)?;
    if let Err(error) = atomic::sync_folder(path.parent().unwrap_or(Path::new("."))) {
        // It is in place. Only a crash of the machine could undo that, and then [`finish`] or another repair follows.
        tracing::warn!(%error, "the folder of a repaired journal could not be flushed");
    }
    Ok(())
}

/// Moves everything into the one file and closes it.
fn merge_log(connection: Connection) -> rusqlite::Result<()> {
    schema::checkpoint(&connection)?;
    connection.close().map_err(|(_connection, error)| error)
}

/// Deletes an unfinished fresh journal.
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

/// The path with a part of the file name replaced.
fn renamed(path: &Path, from: &str, to: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().replacen(from, to, 1);
    path.with_file_name(name)
}

/// The total size of the database and its log in bytes.
fn size(path: &Path) -> u64 {
    let of = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    of(path).saturating_add(of(&schema::log_of(path)))
}

/// Ignores the error if the file does not exist.
fn if_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
