//! Journal errors, worded for the operator.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use rusqlite::ErrorCode;

use crate::activity::Entry;
use crate::journal::tables::secrets::Secrets;
use crate::settings::atomic::describe_io;

/// Why a journal operation failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has locked the data folder.
    #[error(
        "Privicore Monitor is already running with this data directory ({}). Use its window, or start this one with \
         another --data-dir.",
        folder.display()
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },
    /// A file can't be created, locked or changed.
    #[error("{} could not be opened: {}. Check the folder, or choose another with --data-dir.", path.display(), describe_io(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A newer version wrote the journal.
    #[error(
        "The journal {} was written by a newer version of Privicore Monitor (format {found}; this one knows {known}). It \
         was left as it is: use the newer version, or start with another --data-dir.",
        path.display()
    )]
    NewerFormat {
        /// The database.
        path: PathBuf,
        /// The journal's format.
        found: i64,
        /// The newest format that this version knows.
        known: i64,
    },
    /// The file is not a journal.
    #[error(
        "{} is not a journal of Privicore Monitor. It was left as it is: move it away, or start with another --data-dir.",
        path.display()
    )]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("The journal {} can't grow: the disk is full. Free some space; what has not been written is kept in memory.",
        path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// The journal is read-only.
    #[error(
        "The journal {} is read-only. Make it and its folder writable; what has not been written is kept in memory until \
         then.",
        path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// The disk reports I/O errors.
    #[error(
        "The disk did not do what the journal {} needs: {source}. Check the disk and the folder; what has not been written \
         is kept in memory until then.",
        path.display()
    )]
    Disk {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// The open file is no longer at its path; another one has replaced it. Retrying works.
    #[error(
        "The journal {} was moved, deleted or replaced while it was in use. What is written from now on goes into the one \
         that is there now, which may lack earlier activity.",
        path.display()
    )]
    Replaced {
        /// The database.
        path: PathBuf,
    },
    /// The journal was damaged and a fresh one has replaced it. Retrying works.
    #[error("{0}")]
    Repaired(RepairReport),
    /// The journal is damaged.
    #[error(
        "The journal {} is damaged. Start Privicore Monitor again: the journal is then moved aside, and what can be read \
         of it is kept.",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// The journal is damaged and could not be moved aside.
    #[error(
        "The journal {} is damaged and could not be moved aside: {}. Move it and the files beside it away yourself, and \
         start again.",
        path.display(), describe_io(source)
    )]
    NotMoved {
        /// The database.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another program has kept it locked for too long.
    #[error("The journal {} is locked by another program. Close whatever else has it open.", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// Any other error from SQLite.
    #[error("The journal {} could not be used: {source}. Check the disk and the folder.", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// The error from SQLite.
        source: rusqlite::Error,
    },
    /// The journal has been closed.
    #[error("The journal is closed. Start Privicore Monitor again.")]
    Closed,
}

impl JournalError {
    /// Classifies an error from SQLite.
    pub(crate) fn of(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
        };
        let path = path.to_owned();
        // The tables are strict, and the queried rows always exist, so these errors mean changed bytes.
        if matches!(
            source,
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | QueryReturnedNoRows
        ) {
            return Self::Damaged { path, source };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path, source },
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Disk { path, source },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, source },
            Some(_) | None => Self::Sqlite { path, source },
        }
    }
}

/// A failed append: nothing of it is in the journal.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct NotAppended {
    /// All entries, as they were passed in.
    pub entries: Vec<Entry>,
    /// All secrets, as they were passed in.
    pub secrets: Secrets,
    /// The cause.
    pub source: JournalError,
}

/// How a damaged journal was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairReport {
    /// The new path of the damaged file; its log is beside it.
    pub moved_to: PathBuf,
    /// Number of entries that could be read; the fresh journal has them under their old numbers.
    pub salvaged: u64,
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = match self.salvaged {
            0 => "Nothing in it could be read, so a new one was begun".to_owned(),
            1 => "1 entry could be read and is in a new one".to_owned(),
            many => format!("{many} entries could be read and are in a new one"),
        };
        write!(
            f,
            "The journal was damaged and was moved to {}. {entries}; keep the damaged one if something is missing, and check \
             the disk.",
            self.moved_to.display()
        )
    }
}
