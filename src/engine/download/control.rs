//! Connects the operator's commands to a running download.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::{DownloadError, StopReason};

/// Commands that may wait for a download. A command beyond this is dropped, because one of the same kind is already waiting.
const COMMAND_QUEUE: usize = 4;

/// A command to a running download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DownloadCommand {
    /// Check the free space again.
    Resume,
    /// Save to this path instead.
    Move(PathBuf),
}

/// The supervisor's side. Dropping it stops the download; the received bytes are kept.
#[derive(Debug)]
pub(crate) struct DownloadHandle {
    stop: Option<oneshot::Sender<()>>,
    commands: mpsc::Sender<DownloadCommand>,
}

/// The download's side.
#[derive(Debug)]
pub(crate) struct DownloadControl {
    stop: oneshot::Receiver<()>,
    stopped: Option<StopReason>,
    commands: mpsc::Receiver<DownloadCommand>,
}

/// Creates both sides.
pub(crate) fn control() -> (DownloadHandle, DownloadControl) {
    let (stop, stopping) = oneshot::channel();
    let (commands, given) = mpsc::channel(COMMAND_QUEUE);
    (DownloadHandle { stop: Some(stop), commands }, DownloadControl { stop: stopping, stopped: None, commands: given })
}

impl DownloadHandle {
    pub(crate) fn cancel(&mut self) {
        if let Some(stop) = self.stop.take()
            && stop.send(()).is_err()
        {
            tracing::debug!("the download has ended already");
        }
    }

    /// Sends a command.
    pub(crate) fn send(&self, command: DownloadCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("a download has its orders already");
        }
    }
}

impl DownloadControl {
    /// Waits until the download has to stop.
    pub(crate) async fn stopped(&mut self) -> StopReason {
        if let Some(stop) = self.stopped {
            return stop;
        }
        let stop = if (&mut self.stop).await.is_ok() { StopReason::Cancelled } else { StopReason::Closing };
        self.stopped = Some(stop);
        stop
    }

    /// Waits for the next command, or until the download has to stop.
    pub(crate) async fn next_command(&mut self) -> Result<DownloadCommand, StopReason> {
        if let Some(stop) = self.stopped {
            return Err(stop);
        }
        tokio::select! {
            biased;
            stop = &mut self.stop => {
                let stop = if stop.is_ok() { StopReason::Cancelled } else { StopReason::Closing };
                self.stopped = Some(stop);
                Err(stop)
            }
            Some(order) = self.commands.recv() => Ok(order),
        }
    }
}

/// Waits until the free space should be checked again. Returns the new path if the operator moved the download.
pub(crate) async fn wait_for_command(control: &mut DownloadControl) -> Result<Option<DownloadCommand>, DownloadError> {
    match tokio::time::timeout(CHECK_INTERVAL, control.next_command()).await {
        Ok(Ok(order)) => Ok(Some(order)),
        Ok(Err(stop)) => Err(stop.after()),
        Err(_elapsed) => Ok(None),
    }
}

/// How often the free space is checked while a download waits for it.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_secs(2);
