//! The part file: beside its target from before the GET, and under the target's name only when it is whole.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::settings::atomic;

/// A file that is not whole yet. Dropping it takes it off the disk.
#[derive(Debug)]
pub(super) struct Part {
    file: NamedTempFile,
    to: PathBuf,
}

impl Part {
    /// Makes the part file of a target, mode 0600.
    ///
    /// # Errors
    ///
    /// A sentence for the operator.
    pub(super) fn create(to: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| sentence(to, &error);
        if to.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        // The name is random and the mode 0600 from the first byte on: that is `tempfile`'s default.
        let file =
            tempfile::Builder::new().prefix(".privicore-").suffix(".part").tempfile_in(folder).map_err(failed)?;
        Ok(Self { file, to: to.to_owned() })
    }

    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// A sentence for the operator.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| sentence(&self.to, &error))
    }

    /// Makes it the target, replacing what was there: on the disk when this returns.
    ///
    /// # Errors
    ///
    /// A sentence for the operator; the target is then as it was.
    pub(super) fn finish(self) -> Result<(), String> {
        let Self { file, to } = self;
        let failed = |error: io::Error| sentence(&to, &error);
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&to).map_err(|refused| failed(refused.error))?;
        if let Some(folder) = to.parent()
            && let Err(error) = atomic::sync_folder(folder)
        {
            // The file is whole and under its name; only a crash of the machine could still take the name away.
            tracing::warn!(%error, "the folder could not be flushed");
        }
        Ok(())
    }
}

/// What a disk error means for the operator.
pub(super) fn sentence(to: &Path, error: &io::Error) -> String {
    format!("It can't be written to {}: {}. Choose another place.", to.display(), atomic::in_words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_beside_its_target_and_gone_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("data.bin");
        let mut part = Part::create(&to).unwrap();
        part.write(b"half").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the part file");
        assert!(!to.exists(), "the target must not be there before it is whole");
        drop(part);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_whole_part_replaces_the_target_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("data.bin");
        for content in ["old", "new and longer"] {
            let mut part = Part::create(&to).unwrap();
            part.write(content.as_bytes()).unwrap();
            part.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&to).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_place_that_can_not_be_written_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        for to in [folder.path().to_owned(), folder.path().join("missing").join("x"), PathBuf::from("x")] {
            let sentence = Part::create(&to).unwrap_err();
            assert!(sentence.ends_with("Choose another place."), "{sentence}");
        }
    }
}
