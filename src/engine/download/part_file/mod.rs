//! The part file: created beside its target before the GET, and renamed to the target only when it is complete.

pub(crate) mod naming;
pub(crate) mod provenance;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tempfile::NamedTempFile;

use crate::engine::download::transfer::disk_writer::WriterTask;
use crate::protocol::file_name;
use crate::settings::atomic;

use super::save_error::WriteError;

/// How many numbers are tried if a name is taken.
const MAX_NUMBER: u32 = 10_000;

/// After this many bytes the system is asked to flush them; otherwise it would flush everything at the end.
const FLUSH_INTERVAL: u64 = 8 * 1024 * 1024;

/// The folder and name of a file to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) folder: PathBuf,
    /// The name, which may not be UTF-8: one that the operator chose is used byte by byte.
    pub(crate) name: OsString,
    /// Whether to replace a file of that name, which a dialog must have confirmed. Otherwise the name gets a number.
    pub(crate) replace: bool,
}

impl Destination {
    /// The destination that the operator chose by its full path.
    ///
    /// # Errors
    ///
    /// If the path can't name a file.
    pub(crate) fn from_path(to: &Path) -> Result<Self, WriteError> {
        let error = |kind: io::ErrorKind| WriteError { to: to.to_owned(), source: kind.into() };
        if to.is_dir() {
            return Err(error(io::ErrorKind::IsADirectory));
        }
        match (to.parent().filter(|folder| !folder.as_os_str().is_empty()), to.file_name()) {
            (Some(folder), Some(name)) => Ok(Self { folder: folder.to_owned(), name: name.to_owned(), replace: true }),
            _ => Err(error(io::ErrorKind::NotFound)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Wraps a system error for this path.
    pub(crate) fn error(&self, source: io::Error) -> WriteError {
        WriteError { to: self.path(), source }
    }
}

/// An incomplete file. Dropping it deletes it.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: NamedTempFile,
    digest: Digest,
    size: u64,
    /// How many of its bytes the system was asked to flush.
    flushed: u64,
}

/// The running SHA-256 of the written bytes.
struct Digest(Context);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

/// A complete file under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedFile {
    /// The full path.
    pub(crate) to: PathBuf,
    /// The size in bytes.
    pub(crate) size: u64,
    /// 64 hex digits.
    pub(crate) sha256: String,
}

impl PartFile {
    /// Creates a part file in a folder with mode 0600, which proves that the folder is writable.
    ///
    /// # Errors
    ///
    /// If the folder refuses the file, or the target's name.
    pub(crate) fn create(spot: &Destination) -> Result<Self, WriteError> {
        // The random name and the mode 0600 from the first byte on are `tempfile`'s defaults.
        let made = tempfile::Builder::new().prefix(".privicore-").suffix(".new").tempfile_in(&spot.folder);
        let file = made.and_then(|file| test_rename(file, spot)).map_err(|source| spot.error(source))?;
        Ok(Self { file, digest: Digest(Context::new(&SHA256)), size: 0, flushed: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes, and removes from `bytes` what was written, so that the rest can be retried after an error.
    pub(crate) fn write(&mut self, bytes: &mut Bytes) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    let taken = bytes.split_to(taken.min(bytes.len()));
                    self.digest.0.update(&taken);
                    self.size = self.size.saturating_add(taken.len() as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.size.saturating_sub(self.flushed) >= FLUSH_INTERVAL {
            push(self.file.as_file(), self.flushed, self.size);
            self.flushed = self.size;
        }
        Ok(())
    }

    /// Copies everything into an empty part file elsewhere and becomes that one; the old file is deleted.
    fn relocate(&mut self, mut place: Self) -> io::Result<()> {
        let copied = io::copy(&mut self.reopen()?, place.file.as_file_mut())?;
        if copied != self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file = place.file;
        self.flushed = 0;
        Ok(())
    }

    /// Opens the file for reading.
    pub(crate) fn reopen(&self) -> io::Result<File> {
        self.file.reopen()
    }

    /// Renames it to the target, and returns when the data is on the disk. `host` is where it came from.
    ///
    /// # Errors
    ///
    /// Returns the part file; the target is unchanged.
    pub(crate) fn finish(self, spot: &Destination, host: &str) -> Result<SavedFile, (WriteError, Box<Self>)> {
        let Self { file, digest, size, flushed: pushed } = self;
        let back = |file, digest, source| (spot.error(source), Box::new(Self { file, digest, size, flushed: pushed }));
        provenance::mark(file.as_file(), host);
        if let Err(error) = file.as_file().sync_all() {
            return Err(back(file, digest, error));
        }
        let to = match rename_to_target(file, spot) {
            Ok(to) => to,
            Err((file, error)) => return Err(back(file, digest, error)),
        };
        if let Err(error) = atomic::sync_folder(&spot.folder) {
            // The file is complete and has its name; only a crash of the machine could still undo the rename.
            tracing::warn!(%error, "the folder could not be flushed");
        }
        provenance::mark_named(&to, host);
        Ok(SavedFile { to, size, sha256: hex(digest.0.finish().as_ref()) })
    }

    /// Keeps the bytes of a broken transfer as `<name>.part` beside the target; `None` if there are none, or they can't be
    /// kept.
    pub(crate) fn keep(self, spot: &Destination) -> Option<PathBuf> {
        if self.size == 0 {
            return None;
        }
        keep_file(self.file, &spot.folder, with_extension(&spot.name, ".part"))
    }
}

impl WriterTask for PartFile {
    fn write(&mut self, piece: &mut Bytes) -> io::Result<()> {
        self.write(piece)
    }

    fn move_to(&mut self, place: Self) -> io::Result<()> {
        self.relocate(place)
    }
}

/// Adds an extension to a name, and makes the result valid for a new file.
pub(crate) fn with_extension(name: &OsStr, extension: &str) -> OsString {
    let safe = name.to_str().and_then(|name| file_name::safe_name(&format!("{name}{extension}")));
    safe.map_or_else(
        || {
            let mut longer = name.to_owned();
            longer.push(extension);
            longer
        },
        OsString::from,
    )
}

/// Adds a number to a name that is taken.
fn numbered(name: &OsStr, number: u32) -> OsString {
    if let Some(name) = name.to_str() {
        return file_name::numbered(name, number).into();
    }
    let path = Path::new(name);
    let mut numbered = path.file_stem().unwrap_or(name).to_owned();
    numbered.push(format!(" ({number})"));
    if let Some(extension) = path.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    numbered
}

/// Shortens a name so that encrypted folders accept it, which use part of its length themselves.
fn shortened(name: &OsStr) -> OsString {
    file_name::shortened(&name.to_string_lossy()).into()
}

/// Keeps a file under a name, or under the next free one.
fn keep_file(file: NamedTempFile, folder: &Path, name: OsString) -> Option<PathBuf> {
    match rename_to_target(file, &Destination { folder: folder.to_owned(), name, replace: false }) {
        Ok(path) => Some(path),
        Err((file, error)) => {
            tracing::warn!(%error, "a part-file could not be named");
            // Under its random name it is still better than nothing.
            file.keep().ok().map(|(_file, path)| path)
        }
    }
}

/// Keeps a part file that an earlier run left behind.
pub(crate) fn keep_leftover(part: &Path, to: &Path) -> Option<PathBuf> {
    let size = std::fs::symlink_metadata(part).ok().filter(std::fs::Metadata::is_file)?.len();
    let (folder, name) = (to.parent()?, to.file_name()?);
    let file = NamedTempFile::from_parts(File::open(part).ok()?, tempfile::TempPath::try_from_path(part).ok()?);
    if size == 0 { None } else { keep_file(file, folder, with_extension(name, ".part")) }
}

/// Makes the system start to flush a range of bytes, without waiting for it.
#[cfg(target_os = "linux")]
fn push(file: &File, from: u64, to: u64) {
    let Some(length) = std::num::NonZeroU64::new(to.saturating_sub(from)) else { return };
    // Linux starts to write out pages that are said to be no longer needed, and drops none that is not on the disk yet.
    if let Err(error) = rustix::fs::fadvise(file, from, Some(length), rustix::fs::Advice::DontNeed) {
        tracing::debug!(%error, "the system does not begin to flush a file");
    }
}

/// Other systems flush when they decide to.
#[cfg(not(target_os = "linux"))]
fn push(_file: &File, _from: u64, _to: u64) {}

/// Names the empty part file as the complete one will be named, so that a folder that refuses it does so before the link is used.
fn test_rename(file: NamedTempFile, spot: &Destination) -> io::Result<NamedTempFile> {
    // A name that is too long or invalid for the file system can't be looked up either.
    match std::fs::symlink_metadata(spot.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let to = file.path().with_extension("part");
    let named = naming::rename_new(file, &to).map_err(|(_file, error)| error)?;
    Ok(NamedTempFile::from_parts(named, tempfile::TempPath::try_from_path(to)?))
}

/// Gives a file its name; if that is taken and must not be replaced, the next free one: ` (2)`, ` (3)`, …
fn rename_to_target(mut file: NamedTempFile, spot: &Destination) -> Result<PathBuf, (NamedTempFile, io::Error)> {
    let mut to = spot.path();
    if spot.replace {
        return match file.persist(&to) {
            Ok(_file) => Ok(to),
            Err(refused) => Err((refused.file, refused.error)),
        };
    }
    let mut name = spot.name.clone();
    for number in 2..MAX_NUMBER {
        match naming::rename_new(file, &to) {
            Ok(_file) => return Ok(to),
            Err((refused, error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                file = refused;
                to = spot.folder.join(numbered(&name, number));
            }
            // Some file systems take shorter names than most, and the server's name arrives after the GET.
            Err((refused, error)) if error.kind() == io::ErrorKind::InvalidFilename && name == spot.name => {
                file = refused;
                name = shortened(&name);
                to = spot.folder.join(&name);
            }
            Err(refused) => return Err(refused),
        }
    }
    Err((file, io::ErrorKind::AlreadyExists.into()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        if write!(text, "{byte:02x}").is_err() {
            tracing::error!("a text could not be written to");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(folder: &Path, name: &str, replace: bool) -> Destination {
        Destination { folder: folder.to_owned(), name: name.into(), replace }
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn part(spot: &Destination, content: &str) -> PartFile {
        let mut part = PartFile::create(spot).unwrap();
        part.write(&mut Bytes::copy_from_slice(content.as_bytes())).unwrap();
        part
    }

    #[test]
    fn a_part_file_is_beside_its_target_and_deleted_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "data.bin", true);
        let part = part(&spot, "half");
        assert_eq!(names_in(folder.path()).len(), 1, "the part file");
        assert!(!spot.path().exists(), "the target must not be there before it is whole");
        drop(part);
        assert_eq!(names_in(folder.path()), [""; 0]);
    }

    #[test]
    fn a_complete_file_replaces_the_confirmed_one_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "data.bin", true);
        for content in ["old", "new and longer"] {
            let finished = part(&spot, content).finish(&spot, "h").unwrap();
            assert_eq!(std::fs::read_to_string(&finished.to).unwrap(), content);
        }
        assert_eq!(names_in(folder.path()), ["data.bin"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(spot.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_existing_file_is_left_alone_and_the_new_one_gets_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "data.bin", false);
        let ends: Vec<_> = ["one", "two", "three"].map(|text| part(&spot, text).finish(&spot, "h").unwrap().to).into();
        assert_eq!(names_in(folder.path()), ["data (2).bin", "data (3).bin", "data.bin"]);
        assert_eq!(
            ends.iter().map(|to| std::fs::read_to_string(to).unwrap()).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
    }

    #[test]
    fn a_finished_file_has_the_sha_256_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "abc", false);
        let mut part = part(&spot, "a");
        part.write(&mut Bytes::from_static(b"bc")).unwrap();
        let finished = part.finish(&spot, "h").unwrap();
        assert_eq!(finished.size, 3);
        // FIPS 180-2, appendix B.1.
        assert_eq!(finished.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_broken_transfer_is_kept_under_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "data.bin", true);
        let kept = part(&spot, "half").keep(&spot).unwrap();
        assert_eq!(kept, folder.path().join("data.bin.part"));
        let again = part(&spot, "other half").keep(&spot).unwrap();
        assert_eq!(again, folder.path().join("data.bin (2).part"));
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "half", "the first part was lost");
        assert_eq!(PartFile::create(&spot).unwrap().keep(&spot), None, "nothing had come");
        assert_eq!(names_in(folder.path()), ["data.bin (2).part", "data.bin.part"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_chosen_name_that_is_not_utf_8_is_used_byte_by_byte() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let chosen = |bytes: &[u8]| folder.path().join(OsStr::from_bytes(bytes));
        // The name that a lossy conversion to text would give: another file, which nobody chose to replace.
        let other = chosen("r\u{fffd}sum\u{fffd}.pdf".as_bytes());
        atomic::write(&other, b"mine").unwrap();
        let to = chosen(b"r\xe9sum\xe9.pdf");
        let spot = Destination::from_path(&to).unwrap();
        assert_eq!(part(&spot, "data").finish(&spot, "h").unwrap().to, to);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "data");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine", "another file was replaced");

        let numbered = Destination { replace: false, ..spot.clone() };
        let again = part(&numbered, "again").finish(&numbered, "h").unwrap().to;
        assert_eq!(again, chosen(b"r\xe9sum\xe9 (2).pdf"));
        assert_eq!(part(&spot, "half").keep(&spot).unwrap(), chosen(b"r\xe9sum\xe9.pdf.part"));
        let (_file, left) = part(&spot, "left behind").file.keep().unwrap();
        assert_eq!(keep_leftover(&left, &to).unwrap(), chosen(b"r\xe9sum\xe9.pdf (2).part"));
    }

    #[test]
    fn a_moved_part_file_takes_the_received_bytes_along() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut moved = part(&spot(here.path(), "data.bin", true), "half ");
        let to = spot(there.path(), "data.bin", true);
        moved.relocate(PartFile::create(&to).unwrap()).unwrap();
        assert_eq!(names_in(here.path()), [""; 0], "a part-file was left behind");
        moved.write(&mut Bytes::from_static(b"and half")).unwrap();
        let finished = moved.finish(&to, "h").unwrap();
        assert_eq!(std::fs::read_to_string(&finished.to).unwrap(), "half and half");
        let whole = part(&to, "half and half").finish(&to, "h").unwrap();
        assert_eq!((finished.size, finished.sha256), (whole.size, whole.sha256));
    }

    #[test]
    fn a_target_that_can_not_be_created_gives_the_part_file_back() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "taken", true);
        std::fs::create_dir_all(spot.path().join("inside")).unwrap();
        let (error, part) = part(&spot, "whole").finish(&spot, "h").unwrap_err();
        assert!(error.to_string().ends_with("Choose another place."), "{error}");
        assert_eq!(std::fs::read_to_string(part.path()).unwrap(), "whole");
    }

    #[test]
    fn a_folder_that_can_not_be_written_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let too_long = folder.path().join("x".repeat(300));
        for to in [folder.path().to_owned(), folder.path().join("missing").join("x"), PathBuf::from("x"), too_long] {
            let sentence =
                Destination::from_path(&to).and_then(|spot| PartFile::create(&spot)).unwrap_err().to_string();
            assert!(sentence.ends_with("Choose another place."), "{sentence}");
        }
    }

    #[test]
    fn a_name_from_a_server_that_is_too_long_for_the_disk_is_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), &format!("{}.csv", "ü".repeat(200)), false);
        // The name arrives after the GET, so it could not be tried before.
        let part = part(&Destination { name: "data".into(), ..spot.clone() }, "whole");
        let finished = part.finish(&spot, "h").unwrap();
        assert_eq!(finished.to, folder.path().join(format!("{}.csv", "ü".repeat(58))));
        assert_eq!(std::fs::read_to_string(finished.to).unwrap(), "whole");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_saved_file_is_marked_with_its_origin_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let spot = spot(folder.path(), "data.bin", false);
        let finished = part(&spot, "x").finish(&spot, "download.example.com").unwrap();
        let mut value = [0_u8; 200];
        match rustix::fs::getxattr(&finished.to, "user.xdg.origin.url", &mut value[..]) {
            Ok(length) => assert_eq!(&value[..length], b"https://download.example.com/"),
            // Not every file system supports these: `tmpfs` of older kernels does not.
            Err(error) => assert_eq!(error, rustix::io::Errno::OPNOTSUPP),
        }
    }
}
