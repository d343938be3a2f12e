//! Exports what the journal has into a file, beside everything else that goes on.

use std::io::{self, Write as _};
use std::path::Path;

use crate::activity::record::Format;
use crate::engine::action::{Action, Export};
use crate::engine::event::{Notice, Severity};
use crate::journal::{Archive, Export as Lines, JournalError};
use crate::settings::atomic::{NewFile, WriteError, in_words};

use super::Hub;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// The journal can't be read.
    #[error("Nothing was exported. {0}")]
    Journal(#[from] JournalError),
    /// The file can't be written.
    #[error("Nothing was exported, because the file could not be written: {}. Choose another place.", in_words(.0))]
    File(#[from] io::Error),
    /// The file is there, but a crash of the machine could still take it away.
    #[error("The export is written, but the system did not confirm it: {}. After a crash of the computer it may be gone.", in_words(.0))]
    NotConfirmed(#[source] io::Error),
}

impl From<WriteError> for ExportError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotWritten(source) => Self::File(source),
            WriteError::NotConfirmed(source) => Self::NotConfirmed(source),
        }
    }
}

impl Hub {
    /// Writes what was asked for; how it went is a notice.
    pub(super) fn export(&self, wanted: Export) {
        let lines = Lines {
            format: wanted.format,
            only: wanted.profile,
            filter: wanted.filter,
            chip: wanted.chip,
            since: None,
            messages: wanted.messages,
            link_lifetime: self.settings.preferences.link_lifetime(),
            now: (self.tools.clock)(),
            names: self.settings.profiles.iter().map(|profile| (profile.id, profile.name.clone())).collect(),
        };
        let (data, outbox) = (self.data.clone(), self.tools.outbox.clone());
        let work = move || {
            let notice = match write(&lines, &data, &wanted.to) {
                Ok(count) => Notice {
                    severity: Severity::Info,
                    profile: None,
                    sentence: format!("{} exported to {}.", counted(count), wanted.to.display()),
                    remedy: Some(("Show in folder".to_owned(), Action::ShowInFolder(wanted.to))),
                },
                Err(error) => Notice::new(Severity::Error, None, error.to_string()),
            };
            outbox.notice(notice);
        };
        let spawner = self.tools.spawner.clone();
        self.tools.spawner.spawn("exporting", async move { _ = spawner.blocking("exporting", work).await });
    }
}

/// Writes the lines into a file that is there once all of them are in it. Returns how many there are, without a header.
fn write(lines: &Lines, data: &Path, to: &Path) -> Result<u64, ExportError> {
    let archive = Archive::open(data)?;
    let mut file = NewFile::begin(to)?;
    let mut count = 0;
    lines.write(archive.as_ref(), |line| {
        count += 1;
        file.write_all(line.as_bytes()).map_err(ExportError::from)
    })?;
    file.finish()?;
    Ok(if lines.format == Format::Csv { count - 1 } else { count })
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}
