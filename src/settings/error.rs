//! Why the settings can't be read or written.

use std::io;
use std::path::{Path, PathBuf};

use super::atomic;

/// An error with the settings or their folders, worded for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The operating system reports no home folder.
    #[error("There is no home folder to keep settings in. Set HOME, or say where with --data-dir and --config-dir.")]
    NoHome,
    /// A folder can't be created.
    #[error("The folder {} could not be made: {}. Make it yourself, or choose another with --data-dir or --config-dir.",
        path.display(), atomic::describe_io(source))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file can't be written.
    #[error("The settings could not be saved to {}: {}. What you changed holds until you quit.",
        path.display(), atomic::describe_io(source))]
    NotSaved {
        /// The settings file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is written, but a crash of the machine could still undo that.
    #[error("The settings are saved in {}, but the system did not confirm it: {}. After a crash of the computer the earlier \
        ones may be back. Check the disk.", path.display(), atomic::describe_io(source))]
    NotConfirmed {
        /// The settings file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The settings can't be serialised as TOML.
    #[error("The settings could not be put into words for {}. What you changed holds until you quit.", path.display())]
    Serialize {
        /// The settings file.
        path: PathBuf,
        /// The cause.
        source: toml::ser::Error,
    },
    /// The file can't be read, and the caller must not move it aside.
    #[error("The settings in {} could not be read: {why}. Nothing was changed. Repair the file, then try again.",
        path.display())]
    Unreadable {
        /// The settings file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The settings were opened read-only.
    #[error("The settings in {} are not changed by this command. Change them in the window.", path.display())]
    ReadOnly {
        /// The settings file.
        path: PathBuf,
    },
    /// An existing file can neither be read nor moved aside; it is not overwritten.
    #[error(
        "The settings are not saved, because {} could neither be read nor moved aside. Repair or remove it, then start \
         again.",
        path.display()
    )]
    Blocked {
        /// The settings file.
        path: PathBuf,
    },
}

impl SettingsError {
    pub(crate) fn of(path: &Path, error: atomic::WriteError) -> Self {
        let path = path.to_owned();
        match error {
            atomic::WriteError::NotWritten(source) => Self::NotSaved { path, source },
            atomic::WriteError::NotConfirmed(source) => Self::NotConfirmed { path, source },
        }
    }
}
