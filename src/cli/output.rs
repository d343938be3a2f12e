//! The destination of `export`: standard output, or a file that gets its name only once it is complete.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::settings::atomic::{NewFile, WriteError, describe_io};

use super::error::CliError;

/// The destination of lines.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Standard(BufWriter<io::Stdout>),
    /// A device or a named pipe.
    Device { path: PathBuf, file: BufWriter<fs::File> },
    /// A file that gets its name only when it is complete.
    File { path: PathBuf, file: Box<NewFile> },
}

/// Whether something still reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipeState {
    /// The output accepts more lines.
    Open,
    /// The pipe is closed: stop writing.
    Closed,
}

impl Output {
    /// Opens a file, or standard output if the path is `None` or `-`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Standard(BufWriter::new(io::stdout())));
        };
        let failed = |source| CliError::File { path: path.to_owned(), source };
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok(Self::Device { path: path.to_owned(), file: BufWriter::new(file) });
        }
        let file = NewFile::begin(path).map_err(failed)?;
        Ok(Self::File { path: path.to_owned(), file: Box::new(file) })
    }

    /// Writes a line.
    pub(crate) fn write(&mut self, line: &str) -> Result<PipeState, CliError> {
        let written = self.writer().write_all(line.as_bytes());
        self.pipe_state(written)
    }

    /// Flushes, and gives a file its name.
    pub(crate) fn finish(mut self) -> Result<(), CliError> {
        let flushed = self.writer().flush();
        if self.pipe_state(flushed)? == PipeState::Closed {
            return Ok(());
        }
        let Self::File { path, file } = self else { return Ok(()) };
        match file.finish() {
            Ok(()) => Ok(()),
            Err(WriteError::NotWritten(source)) => Err(CliError::File { path, source }),
            Err(WriteError::NotConfirmed(error)) => {
                super::print_status(&format!(
                    "{} is written, but the system did not confirm it: {}. After a crash of the computer it may be gone.",
                    path.display(),
                    describe_io(&error)
                ));
                Ok(())
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(out) => out,
            Self::Device { file, .. } => file,
            Self::File { file, .. } => file,
        }
    }

    fn pipe_state(&self, written: io::Result<()>) -> Result<PipeState, CliError> {
        match (written, self) {
            (Ok(()), _) => Ok(PipeState::Open),
            (Err(error), _) if error.kind() == io::ErrorKind::BrokenPipe => Ok(PipeState::Closed),
            (Err(error), Self::Standard(_)) => Err(CliError::Output(error)),
            (Err(source), Self::Device { path, .. } | Self::File { path, .. }) => {
                Err(CliError::File { path: path.clone(), source })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut output = Output::open(Some(&path)).unwrap();
        output.write("half").unwrap();
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
        let mut output = Output::open(Some(&path)).unwrap();
        output.write("whole\n").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\n");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Output::open(Some(&folder.path().join("gone/a.csv"))).unwrap_err().to_string();
        assert!(error.contains("gone/a.csv") || error.contains("gone\\a.csv"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt as _;
        let mut output = Output::open(Some(Path::new("/dev/null"))).unwrap();
        output.write("x\n").unwrap();
        output.finish().unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device(), "a device was replaced");
    }
}
