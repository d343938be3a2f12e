//! Exports the journal into a file in the background, with progress, until it ends or is cancelled.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::activity::export_record::Format;
use crate::engine::context::EngineContext;
use crate::engine::events::action::{Action, ExportRequest};
use crate::engine::events::event::{Event, ExportProgress, Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::pending_work::{complete_work, record_work};
use crate::engine::supervisor::state::export_progress::RunningExport;
use crate::journal::{EarlierLinks, ExportOptions, JournalError, PendingWork, ReadOnlyJournal};
use crate::settings::atomic::{NewFile, WriteError, describe_io};

/// How often progress is published.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// The journal can't be read.
    #[error("Nothing was exported. {0}")]
    Journal(#[from] JournalError),
    /// The file can't be written.
    #[error("Nothing was exported, because the file could not be written: {}. Choose another place.", describe_io(.0))]
    File(#[from] io::Error),
    /// The file exists, but a crash of the machine could still undo its creation.
    #[error("The export is written, but the system did not confirm it: {}. After a crash of the computer it may be gone.", describe_io(.0))]
    NotConfirmed(#[source] io::Error),
    /// The operator or the end of the program cancelled it.
    #[error("The export was cancelled, and no file was written.")]
    Cancelled,
}

impl From<WriteError> for ExportError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotWritten(source) => Self::File(source),
            WriteError::NotConfirmed(source) => Self::NotConfirmed(source),
        }
    }
}

impl Supervisor {
    /// Starts an export; a notice reports the result.
    pub(crate) fn export(&mut self, wanted: ExportRequest) {
        if self.exporting.strong_count() > 0 {
            return self.notify(None, Severity::Warning, NoticeReason::AlreadyExporting);
        }
        let lines = ExportOptions {
            format: wanted.format,
            only: wanted.profile,
            filter: wanted.filter,
            status_filter: wanted.status_filter,
            since: None,
            messages: wanted.messages,
            bom: wanted.bom,
            rows: wanted.rows,
            link_lifetime: self.settings.preferences.link_lifetime(),
            now: self.context.clocks.now().at,
            reference: self.context.clocks.reference(),
            links: EarlierLinks { live_from: self.live_from, stored: self.context.event_sender.restored_links() },
            names: self.settings.profiles.iter().map(|profile| (profile.id, profile.name.clone())).collect(),
        };
        let running = Arc::new(RunningExport::default());
        self.exporting = Arc::downgrade(&running);
        let task = export(self.context.clone(), lines, self.data.clone(), wanted.to, running);
        // When the engine stops, the export is cancelled and waited for, so that it leaves no partial file.
        self.context.spawner.spawn_to_completion("exporting", Box::pin(task));
    }

    /// Cancels the running export, if there is one.
    pub(crate) fn cancel_export(&self) {
        if let Some(running) = self.exporting.upgrade() {
            running.cancelled.store(true, Ordering::Relaxed);
        }
    }
}

/// Exports, and publishes the progress and the result.
async fn export(context: EngineContext, lines: ExportOptions, data: PathBuf, to: PathBuf, running: Arc<RunningExport>) {
    let name = to.file_name().unwrap_or(to.as_os_str()).to_string_lossy().into_owned();
    let tell = |read| {
        let total = running.total.load(Ordering::Relaxed);
        context.event_sender.send(Event::Export(Some(ExportProgress { file_name: name.clone(), read, total })));
    };
    tell(0);
    let written = async {
        let place = to.clone();
        let file = context.spawner.blocking("exporting", move || NewFile::begin(&place)).await;
        let file = file.unwrap_or_else(|| Err(io::ErrorKind::Other.into()))?;
        let unfinished = vec![PendingWork::DeleteFile(file.path().to_owned())];
        let work = record_work(&context, unfinished).await.into_iter().next();
        let under_way = running.clone();
        let writing = context.spawner.blocking("exporting", move || write(&lines, &data, file, &under_way));
        tokio::pin!(writing);
        let mut reported = 0;
        let written = loop {
            tokio::select! {
                written = &mut writing => break written,
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                    let read = running.read.load(Ordering::Relaxed);
                    if std::mem::replace(&mut reported, read) != read {
                        tell(read);
                    }
                }
            }
        };
        complete_work(&context, work).await;
        written.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::Other).into()))
    };
    let notice = match written.await {
        Ok(count) => Notice {
            severity: Severity::Info,
            profile: None,
            reason: NoticeReason::Exported { lines: count, to: to.clone() },
            remedy: Some(("Show in folder".to_owned(), Action::ShowInFolder(to))),
        },
        Err(error) => {
            let is_failure = !matches!(error, ExportError::Cancelled);
            let severity = if is_failure { Severity::Error } else { Severity::Info };
            Notice::new(severity, None, NoticeReason::NotExported(error.into()))
        }
    };
    // Another one may begin as soon as this is published.
    drop(running);
    context.event_sender.send(Event::Export(None));
    context.event_sender.send_notice(notice);
}

/// Writes the lines into a file that appears once it is complete. Returns the number of lines, without a header.
fn write(lines: &ExportOptions, data: &Path, mut file: NewFile, running: &RunningExport) -> Result<u64, ExportError> {
    let mut archive = ReadOnlyJournal::open(data)?;
    let mut lines = lines.clone();
    for (profile, name) in archive.iter().flat_map(ReadOnlyJournal::names) {
        lines.names.entry(profile).or_insert(name);
    }
    if let Some(archive) = &mut archive {
        running.total.store(archive.count(lines.only)?, Ordering::Relaxed);
        archive.observe(running.read.clone(), running.cancelled.clone())?;
    }
    let is_cancelled = || running.cancelled.load(Ordering::Relaxed);
    let mut count = 0;
    let written = lines.write(archive.as_ref(), |line| {
        count += 1;
        if is_cancelled() { Err(ExportError::Cancelled) } else { Ok(file.write_all(line.as_bytes())?) }
    });
    if is_cancelled() {
        // The read was interrupted, and failed with an error of its own.
        return Err(ExportError::Cancelled);
    }
    written?;
    file.finish()?;
    Ok(if lines.format == Format::Csv { count - 1 } else { count })
}
