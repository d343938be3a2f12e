//! The folders for data and for settings.

use std::path::{Path, PathBuf};

use super::atomic;
use super::error::SettingsError;

/// The program's name in paths.
const NAME: &str = "privicore-monitor";

/// The two folders that contain all files. Both exist; new ones are for their owner only (mode 0700).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    data: PathBuf,
    config: PathBuf,
}

impl Directories {
    /// The operating system's standard folders: on Linux `~/.local/share/privicore-monitor` and `~/.config/privicore-monitor`, or
    /// according to `XDG_DATA_HOME` and `XDG_CONFIG_HOME`.
    ///
    /// # Errors
    ///
    /// If there is no home folder, or a folder can't be created.
    pub fn standard() -> Result<Self, SettingsError> {
        Self::choose(None, None)
    }

    /// The given folders, with standard folders for those that are not given.
    ///
    /// # Errors
    ///
    /// If a folder can't be created, or one is not given and there is no home folder.
    pub fn choose(data: Option<PathBuf>, config: Option<PathBuf>) -> Result<Self, SettingsError> {
        if let (Some(data), Some(config)) = (&data, &config) {
            return Self::at(data, config);
        }
        let standard = ::directories::ProjectDirs::from("", "", NAME).ok_or(SettingsError::NoHome)?;
        // The journal belongs to this machine: on Windows it does not roam with the user.
        let data = data.unwrap_or_else(|| standard.data_local_dir().to_owned());
        let config = config.unwrap_or_else(|| standard.config_dir().to_owned());
        Self::at(data, config)
    }

    /// The given folders.
    ///
    /// # Errors
    ///
    /// If one can't be created.
    pub fn at(data: impl Into<PathBuf>, config: impl Into<PathBuf>) -> Result<Self, SettingsError> {
        let directories = Self { data: data.into(), config: config.into() };
        for path in [&directories.data, &directories.config] {
            atomic::make_folder(path).map_err(|source| SettingsError::Folder { path: path.clone(), source })?;
        }
        Ok(directories)
    }

    /// The folder of the journal and the lock.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder of the settings.
    pub fn config(&self) -> &Path {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_created_for_their_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::at(root.path().join("a/data"), root.path().join("b/config")).unwrap();
        assert!(directories.data().is_dir(), "no data folder");
        assert!(directories.config().is_dir(), "no configuration folder");
        #[cfg(unix)]
        for path in [directories.data(), directories.config(), &root.path().join("a")] {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", path.display());
        }
        assert_eq!(Directories::at(directories.data(), directories.config()).unwrap(), directories);
    }

    #[test]
    fn a_folder_that_can_not_be_created_is_named_in_the_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        atomic::write(&file, b"").unwrap();
        let error = Directories::at(file.join("data"), root.path()).unwrap_err().to_string();
        assert!(error.contains("file/data") || error.contains("file\\data"), "the folder is not named: {error}");
        assert!(error.ends_with('.'), "not a sentence: {error}");
    }

    #[test]
    fn the_standard_folders_are_named_after_the_program() {
        let standard = ::directories::ProjectDirs::from("", "", NAME).unwrap();
        for path in [standard.data_local_dir(), standard.config_dir()] {
            assert!(path.to_string_lossy().contains(NAME), "{}", path.display());
        }
    }
}
