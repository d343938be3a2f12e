//! Writes files completely or not at all.
//!
//! The only code that replaces files: it writes a temporary file beside the target, flushes it to the disk, and renames it over the
//! target. A crash at any moment leaves the old content or the new one, never a mixture. Also chooses backup names and creates
//! folders.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The prefix of an unfinished file's name.
pub const NEW_PREFIX: &str = ".new-";

/// Why a file may not be on the disk.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder or the disk refused: the earlier content is unchanged.
    #[error(transparent)]
    NotWritten(#[from] io::Error),
    /// The file is complete and has its name, but the system did not confirm that the name is on the disk: after a crash of the
    /// machine the earlier file may be back.
    #[error("the file is written, but its folder could not be flushed: {0}")]
    NotConfirmed(#[source] io::Error),
}

/// Writes a complete file: mode 0600 if modes exist, flushed to the disk on return.
///
/// If `path` is a symbolic link, its target is replaced and the link stays.
///
/// # Errors
///
/// See [`WriteError`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_not_there_yet| path.to_owned());
    let folder = folder_of(&target);
    // `tempfile` gives it a random name and mode 0600 from the first byte on.
    let mut temporary = tempfile::Builder::new().prefix(NEW_PREFIX).tempfile_in(&folder)?;
    temporary.write_all(bytes)?;
    rename_to_target(temporary, &target, sync_folder)
}

/// Flushes a file and gives it its name. After the rename it exists, and a later failure does not undo that.
fn rename_to_target(
    file: tempfile::NamedTempFile,
    target: &Path,
    sync_folder: impl Fn(&Path) -> io::Result<()>,
) -> Result<(), WriteError> {
    file.as_file().sync_all()?;
    file.persist(target).map_err(|refused| refused.error)?;
    sync_folder(&folder_of(target)).map_err(WriteError::NotConfirmed)
}

/// A file that is written incrementally and gets its name when it is complete. If it is dropped before, it never existed.
#[derive(Debug)]
pub struct NewFile {
    file: io::BufWriter<tempfile::NamedTempFile>,
    target: PathBuf,
}

impl NewFile {
    /// Starts a file beside its target: mode 0600 if modes exist. If `path` is a symbolic link, its target will be replaced.
    ///
    /// # Errors
    ///
    /// If the folder refuses.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let target = fs::canonicalize(path).unwrap_or_else(|_not_there_yet| path.to_owned());
        let file = tempfile::Builder::new().prefix(NEW_PREFIX).tempfile_in(folder_of(&target))?;
        Ok(Self { file: io::BufWriter::new(file), target })
    }

    /// Its path until then: a hidden file, whose name starts with [`NEW_PREFIX`].
    pub fn path(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// Gives it its name; it is on the disk on return.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn finish(self) -> Result<(), WriteError> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        rename_to_target(file, &self.target, sync_folder)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Flushes a folder, so that a rename, creation or removal in it survives a crash of the machine.
///
/// # Errors
///
/// If the folder can't be opened or flushed. Windows has no such call; there this does nothing.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

/// A backup name for a broken file: its modification time in UTC, and a number if that is taken. `journal.sqlite` becomes
/// `journal.broken-20260802T101500Z.sqlite`.
pub fn backup_name(path: &Path) -> PathBuf {
    let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let changed = changed.ok().and_then(|time| jiff::Timestamp::try_from(time).ok()).unwrap_or_default();
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let stem = format!("{stem}.broken-{}", changed.strftime("%Y%m%dT%H%M%SZ"));
    let mut aside = path.with_file_name(format!("{stem}.{extension}"));
    let mut number = 2_u32;
    while fs::symlink_metadata(&aside).is_ok() {
        aside = path.with_file_name(format!("{stem}-{number}.{extension}"));
        number = number.saturating_add(1);
    }
    aside
}

/// Creates a folder and its parents for their owner only (mode 0700). An existing folder keeps its mode.
///
/// # Errors
///
/// If one can't be created.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The folder of a file; a bare name is in the current one.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Describes a file error as the end of a sentence.
pub fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission was denied".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "your disk quota is used up".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of this path is not a folder".to_owned(),
        io::ErrorKind::IsADirectory => "there is a folder of that name".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_completely_and_no_other_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write(&path, b"one, and longer").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names_in(folder.path()), ["a.toml"], "a temporary file was left behind");
    }

    #[test]
    fn a_file_that_can_not_be_replaced_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        // A folder that is not empty can't be renamed over, so the write fails at its very last step.
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::create_dir(path.join("inside")).unwrap();
        write(&path, b"new").unwrap_err();
        assert!(path.join("inside").is_dir(), "what was there is gone");
        assert_eq!(names_in(folder.path()), ["taken"], "a temporary file was left behind");
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_for_its_owner_only_even_if_it_was_readable_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"1").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        write(&path, b"2").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_backup_gets_an_unused_name_with_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        write(&path, b"").unwrap();
        let modified = std::time::UNIX_EPOCH + std::time::Duration::from_mins(29_761_095);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        for expected in ["journal.broken-20260802T101500Z.sqlite", "journal.broken-20260802T101500Z-2.sqlite"] {
            let aside = backup_name(&path);
            assert_eq!(aside, folder.path().join(expected));
            write(&aside, b"").unwrap();
        }
    }

    #[test]
    fn a_failed_flush_after_the_rename_is_reported_as_not_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write(&path, b"old").unwrap();
        let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        file.write_all(b"new").unwrap();
        let refuses = |flushed: &Path| {
            assert_eq!(flushed, folder.path());
            Err(io::ErrorKind::PermissionDenied.into())
        };
        let error = rename_to_target(file, &path, refuses).unwrap_err();
        assert!(matches!(error, WriteError::NotConfirmed(_)), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["a.toml"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        write(&real, b"1").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"2").unwrap();
        assert!(link.is_symlink(), "the link was replaced by a file");
        assert_eq!(fs::read(&real).unwrap(), b"2");
    }
}
