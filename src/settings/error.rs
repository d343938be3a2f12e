//! Why the settings can't be read or written.

use std::io;
use std::path::{Path, PathBuf};

use super::atomic;

/// What can go wrong with the settings and their folders, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The operating system names no home.
    #[error("There is no home folder to keep settings in. Set HOME, or say where with --data-dir and --config-dir.")]
    NoHome,
    /// A folder can't be made.
    #[error("The folder {} could not be made: {}. Make it yourself, or choose another with --data-dir or --config-dir.",
        path.display(), atomic::in_words(source))]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be written.
    #[error("The settings could not be saved to {}: {}. What you changed holds until you quit.",
        path.display(), atomic::in_words(source))]
    NotSaved {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is written, but a crash of the machine could still take that back.
    #[error("The settings are saved in {}, but the system did not confirm it: {}. After a crash of the computer the earlier \
        ones may be back. Check the disk.", path.display(), atomic::in_words(source))]
    NotConfirmed {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings have no form as TOML.
    #[error("The settings could not be put into words for {}. What you changed holds until you quit.", path.display())]
    NotTold {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: toml::ser::Error,
    },
    /// The file can't be read, and whoever asks must not move it aside.
    #[error("The settings in {} could not be read: {why}. Nothing was changed. Repair the file, then try again.",
        path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The settings were opened to be read only.
    #[error("The settings in {} are not changed by this command. Change them in the window.", path.display())]
    ReadOnly {
        /// Which.
        path: PathBuf,
    },
    /// There is a file that can neither be read nor moved aside; it is not overwritten.
    #[error(
        "The settings are not saved, because {} could neither be read nor moved aside. Repair or remove it, then start \
         again.",
        path.display()
    )]
    InTheWay {
        /// Which.
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
