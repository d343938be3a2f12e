//! Receives a payload from the network into the part file, and handles progress, stalls and failures.

pub(crate) mod body;
pub(crate) mod coding;
pub(crate) mod decrypt;
pub(crate) mod disk_writer;
pub(crate) mod post_process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::events::event::{DownloadProgress, DownloadStage, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::runtime::disk_space::RESERVE;
use crate::engine::runtime::transfer_rate::{PROGRESS_INTERVAL, ProgressMeter, time_for};
use crate::protocol::plural;
use crate::settings::atomic;

use super::control::{CHECK_INTERVAL, DownloadCommand, DownloadControl, wait_for_command};
use super::error::{DownloadError, StopReason};
use super::part_file::{Destination, PartFile};
use super::save_error::{SaveError, WriteError};
use super::{DownloadJob, fetching};

use body::{OpenedDownload, TransferError};
use disk_writer::{WriterHandle, channel};

/// A silence on the network is shown from this length on.
const STALL_THRESHOLD: Duration = Duration::from_secs(5);

/// How many bytes of a payload of unknown length may arrive between two checks of the free space.
const SPACE_CHECK_INTERVAL: u64 = 32 * 1024 * 1024;
/// Pieces in flight between network and disk. When full, the network is not read until the disk has caught up.
const MAX_CHUNKS_IN_FLIGHT: usize = 16;

/// Where a transfer is saved, unless the operator moves it.
#[derive(Debug)]
pub(crate) struct TransferTarget<'a> {
    destination: &'a mut Destination,
    /// The path of the part file.
    part: PathBuf,
    /// The link's fingerprints.
    links: Vec<String>,
}

impl DownloadJob {
    /// Receives a payload into its part file. Returns that file however it ends, unless writing it panicked.
    pub(crate) async fn receive(
        &self,
        opened: &mut OpenedDownload,
        part: PartFile,
        destination: &mut Destination,
        control: &mut DownloadControl,
    ) -> (Result<(), DownloadError>, Option<PartFile>) {
        let (pieces, arriving) = mpsc::channel::<Bytes>(MAX_CHUNKS_IN_FLIGHT);
        let (patience, waiting) = channel::<PartFile>();
        let mut place = TransferTarget { destination, part: part.path().to_owned(), links: opened.links.clone() };
        let mut writer = self.context.spawner.blocking("saving a file", move || {
            let mut part = part;
            let written = waiting.write_all(arriving, CHECK_INTERVAL, &mut part);
            (part, written.err())
        });
        let began = Instant::now();
        let mut meter = ProgressMeter::new(began);
        let mut received = self.pump(opened, pieces, &mut place, control, (&mut meter, &patience)).await;
        // If the network transfer was given up, so is the disk; otherwise the received bytes still wait for space.
        let mut patience = received.is_ok().then_some(patience);
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        let written = loop {
            tokio::select! {
                written = &mut writer => break written,
                order = control.next_command(), if patience.is_some() => if let Some(waits) = &patience
                    && let Err(failed) = self.execute_command(order, &mut place, opened.total, (waits, None), control).await
                {
                    received = Err(failed);
                    patience = None;
                },
                _ = ticks.tick() => if let Some(patience) = &patience {
                    self.wait_for_free_space(place.destination, (&meter, opened.total), patience).await;
                },
            }
        };
        let Some((part, trouble)) = written else {
            return (Err(DownloadError::broken("The file could not be written. The link is used up.")), None);
        };
        if let (Ok(()), Some(error)) = (&received, trouble) {
            let sentence = format!(
                "It can't be written to {}: {}. The link is used up.",
                destination.folder.display(),
                atomic::describe_io(&error)
            );
            return (Err(DownloadError::broken(sentence)), Some(part));
        }
        self.context.downloader.rates.learn(part.size(), began.elapsed());
        (received, Some(part))
    }

    /// Moves bytes until the end. Dropping `pieces` ends the writer.
    async fn pump(
        &self,
        opened: &mut OpenedDownload,
        chunks: mpsc::Sender<Bytes>,
        place: &mut TransferTarget<'_>,
        control: &mut DownloadControl,
        (meter, patience): (&mut ProgressMeter, &WriterHandle<PartFile>),
    ) -> Result<(), DownloadError> {
        let total = opened.total;
        self.publish_progress(place.destination, meter, total, DownloadStage::Receiving);
        let (mut received, mut last, mut looked) = (0_u64, Instant::now(), 0_u64);
        // The ticks also report what arrived last before a pause, and that nothing arrives.
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            let piece = tokio::select! {
                piece = opened.source.next() => piece,
                stop = control.stopped() => return Err(stop.after()),
                now = ticks.tick() => {
                    self.report_stall(place.destination, (&mut *meter, received, total), now.saturating_duration_since(last))?;
                    continue;
                }
            };
            let piece = match piece {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(what) => return Err(transfer_failed(what, received, total)),
            };
            received = received.saturating_add(piece.len() as u64);
            let permit = loop {
                tokio::select! {
                    permit = chunks.reserve() => break permit,
                    order = control.next_command() => {
                        self.execute_command(order, place, total, (patience, Some(&chunks)), control).await?;
                    }
                    _ = ticks.tick() => self.wait_for_free_space(place.destination, (&*meter, total), patience).await,
                }
            };
            // The writer stopped; its result says why.
            let Ok(permit) = permit else { return Ok(()) };
            permit.send(piece);
            if meter.add(received, Instant::now()) {
                self.publish_progress(place.destination, meter, total, DownloadStage::Receiving);
            }
            if total.is_none() && received.saturating_sub(looked) >= SPACE_CHECK_INTERVAL {
                looked = received;
                while let Some(short) = self.space_shortage(&place.destination.folder, RESERVE).await {
                    self.publish_progress(place.destination, meter, total, short);
                    if let Some(order) = wait_for_command(control).await? {
                        self.execute_command(Ok(order), place, total, (patience, Some(&chunks)), control).await?;
                    }
                }
            }
            last = Instant::now();
        }
        match total.filter(|&total| received < total) {
            Some(_) => Err(transfer_failed(TransferError::BrokenOff, received, total)),
            None => Ok(()),
        }
    }

    /// Executes a command during a transfer: moves the file, with what was received, to another place. If that place can't be used, it
    /// shows a notice and changes nothing. `pieces` wakes a writer that may be waiting for the next piece.
    async fn execute_command(
        &self,
        command: Result<DownloadCommand, StopReason>,
        place: &mut TransferTarget<'_>,
        total: Option<u64>,
        (patience, pieces): (&WriterHandle<PartFile>, Option<&mpsc::Sender<Bytes>>),
        control: &mut DownloadControl,
    ) -> Result<(), DownloadError> {
        let DownloadCommand::Move(to) = command.map_err(StopReason::after)? else { return Ok(()) };
        let (spot, part) = match self.create_elsewhere(&to, total.unwrap_or(RESERVE)).await {
            Ok(elsewhere) => elsewhere,
            Err(error) => {
                self.notice(Severity::Warning, NoticeReason::NotMoved(error.into()), None);
                return Ok(());
            }
        };
        let path = part.path().to_owned();
        // Recorded first, so that after a crash at any point the journal names a part file that is incomplete.
        if !self.record(fetching(&spot, &path, &place.links)).await {
            return Err(StopReason::Closing.after());
        }
        let Some(answer) = patience.move_to(part) else { return Ok(()) };
        // If it is full, the writer has a next piece anyway.
        let woken = pieces.is_none_or(|pieces| pieces.try_send(Bytes::new()).is_ok());
        tracing::debug!(woken, "a download goes on at another place");
        let moved = tokio::select! {
            moved = answer => moved,
            stop = control.stopped() => return Err(stop.after()),
        };
        match moved {
            Ok(Ok(())) => {
                *place.destination = spot;
                place.part = path;
                return Ok(());
            }
            Ok(Err(source)) => {
                self.notice(Severity::Warning, NoticeReason::NotMoved(WriteError { to, source }.into()), None);
            }
            Err(_ended) => tracing::debug!("everything was written before the other place was there"),
        }
        if self.record(fetching(place.destination, &place.part, &place.links)).await {
            Ok(())
        } else {
            Err(StopReason::Closing.after())
        }
    }

    /// Creates a part file at another place, if there is enough space.
    async fn create_elsewhere(&self, to: &Path, needed: u64) -> Result<(Destination, PartFile), SaveError> {
        let spot = Destination::from_path(to)?;
        let part = self.create(&spot).await?;
        if let Some(DownloadStage::NoSpace { needed, free, folder }) = self.space_shortage(&spot.folder, needed).await {
            return Err(SaveError::NoSpace { folder, needed, free });
        }
        Ok((spot, part))
    }

    /// Nothing arrived for a while: reports it, and fails once it exceeds the limit.
    fn report_stall(
        &self,
        destination: &Destination,
        measured: (&mut ProgressMeter, u64, Option<u64>),
        silent: Duration,
    ) -> Result<(), DownloadError> {
        let (meter, received, total) = measured;
        let limit = self.context.downloader.idle.get();
        if silent >= limit {
            return Err(transfer_failed(TransferError::Silent { seconds: silent.as_secs() }, received, total));
        }
        let (before, rate) = (meter.received(), meter.rate());
        let changed = meter.add(received, Instant::now()) && (before != received || rate > 0.0);
        if silent >= STALL_THRESHOLD {
            self.publish_progress(destination, meter, total, DownloadStage::Stalled { silent, limit });
        } else if changed {
            self.publish_progress(destination, meter, total, DownloadStage::Receiving);
        }
        Ok(())
    }

    /// Reports that the disk is full, while the writer waits for space.
    async fn wait_for_free_space(
        &self,
        destination: &Destination,
        (meter, total): (&ProgressMeter, Option<u64>),
        writer_handle: &WriterHandle<PartFile>,
    ) {
        if !writer_handle.is_waiting() {
            return;
        }
        let needed = total.map_or(RESERVE, |total| total.saturating_sub(meter.received()).max(1));
        // The system may report free space that only others can use: the writer knows better.
        let free = match self.space_shortage(&destination.folder, u64::MAX).await {
            Some(DownloadStage::NoSpace { free, .. }) => free,
            _ => 0,
        };
        self.publish_progress(
            destination,
            meter,
            total,
            DownloadStage::NoSpace { needed, free, folder: destination.folder.clone() },
        );
    }

    /// The missing space on the disk of a folder, if any. A disk that can't be asked is assumed to have enough.
    pub(crate) async fn space_shortage(&self, folder: &Path, needed: u64) -> Option<DownloadStage> {
        let (disk, at) = (self.context.downloader.disk.clone(), folder.to_owned());
        let asked = self.context.spawner.blocking("looking for room on the disk", move || disk(&at));
        let free = asked.await?.ok()?;
        (free < needed).then(|| DownloadStage::NoSpace { needed, free, folder: folder.to_owned() })
    }

    /// Publishes the progress.
    pub(crate) fn publish_progress(
        &self,
        destination: &Destination,
        meter: &ProgressMeter,
        total: Option<u64>,
        stage: DownloadStage,
    ) {
        let (received, rate) = (meter.received(), meter.rate());
        let left = total.and_then(|total| time_for(total.checked_sub(received)?, rate));
        let file_name = destination.name.to_string_lossy().into_owned();
        self.shown.update(DownloadProgress { file_name, received, total, rate, left, stage });
    }
}

/// The error of a transfer that broke.
fn transfer_failed(what: TransferError, received: u64, total: Option<u64>) -> DownloadError {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let what = what.to_string();
    let mut words = what.chars();
    let what: String = words.next().map(|first| first.to_uppercase().chain(words).collect()).unwrap_or_default();
    let bytes = plural(total.unwrap_or(received), "byte");
    DownloadError::broken(format!("{what} after {received}{of} {bytes}. The link is used up."))
}

#[cfg(test)]
mod tests;
