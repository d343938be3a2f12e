//! What can go wrong with the journal, in words for the operator.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::activity::Entry;
use crate::settings::atomic::in_words;

/// The journal did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds the data folder.
    #[error(
        "Privicore Monitor is already running with this data directory ({}). Use its window, or start this one with \
         another --data-dir.",
        folder.display()
    )]
    Held {
        /// The folder.
        folder: PathBuf,
    },
    /// A file can't be made, locked or changed.
    #[error("{} could not be opened: {}. Check the folder, or choose another with --data-dir.", path.display(), in_words(source))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "The journal {} was written by a newer version of Privicore Monitor (format {found}; this one knows {known}). It \
         was left as it is: use the newer version, or start with another --data-dir.",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format that it has.
        found: i64,
        /// The newest format that this version knows.
        known: i64,
    },
    /// It is some other file.
    #[error(
        "{} is not a journal of Privicore Monitor. It was left as it is: move it away, or start with another --data-dir.",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("The journal {} can't grow: the disk is full. Free some space; what has not been written is kept in memory.",
        path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// It is damaged.
    #[error(
        "The journal {} is damaged. Quit, move it and the files beside it away, and start again; the damaged one can be \
         read by SQLite's tools.",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Another program has locked it for too long.
    #[error("The journal {} is locked by another program. Close whatever else has it open.", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Anything else that SQLite says.
    #[error("The journal {} could not be used: {source}. Check the disk and the folder.", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// It has been closed.
    #[error("The journal is closed. Start Privicore Monitor again.")]
    Closed,
}

impl JournalError {
    /// Tells SQLite's errors apart.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, source },
            Some(_) | None => Self::Sqlite { path, source },
        }
    }
}

/// Entries that could not be committed: none of them is in the journal.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct NotAppended {
    /// All of them, as they were handed over.
    pub entries: Vec<Entry>,
    /// Why.
    pub source: JournalError,
}
