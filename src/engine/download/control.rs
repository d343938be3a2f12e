//! How the operator reaches a download under way.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::{DownloadError, StopReason};

/// Orders that wait for a download. Full: the order is not taken; one of the same kind is waiting already.
const ORDERS: usize = 4;

/// What can be asked of a download that waits for room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DownloadCommand {
    /// Look again whether there is room.
    Resume,
    /// Save to this path instead.
    Move(PathBuf),
}

/// The hub's end. Dropping it ends the download with what has come kept.
#[derive(Debug)]
pub(crate) struct DownloadHandle {
    stop: Option<oneshot::Sender<()>>,
    orders: mpsc::Sender<DownloadCommand>,
}

/// The download's end.
#[derive(Debug)]
pub(crate) struct DownloadControl {
    stop: oneshot::Receiver<()>,
    stopped: Option<StopReason>,
    orders: mpsc::Receiver<DownloadCommand>,
}

/// Both ends.
pub(crate) fn control() -> (DownloadHandle, DownloadControl) {
    let (stop, stopping) = oneshot::channel();
    let (orders, given) = mpsc::channel(ORDERS);
    (DownloadHandle { stop: Some(stop), orders }, DownloadControl { stop: stopping, stopped: None, orders: given })
}

impl DownloadHandle {
    /// Stops the download.
    pub(crate) fn cancel(&mut self) {
        if let Some(stop) = self.stop.take()
            && stop.send(()).is_err()
        {
            tracing::debug!("the download has ended already");
        }
    }

    /// Gives an order.
    pub(crate) fn order(&self, order: DownloadCommand) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("a download has its orders already");
        }
    }
}

impl DownloadControl {
    /// Waits until it is to stop.
    pub(crate) async fn stopped(&mut self) -> StopReason {
        if let Some(stop) = self.stopped {
            return stop;
        }
        let stop = if (&mut self.stop).await.is_ok() { StopReason::Cancelled } else { StopReason::Closing };
        self.stopped = Some(stop);
        stop
    }

    /// Waits for the next order, or until it is to stop.
    pub(crate) async fn order(&mut self) -> Result<DownloadCommand, StopReason> {
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
            Some(order) = self.orders.recv() => Ok(order),
        }
    }
}

/// Waits until it makes sense to look at the disk again; says where to go on, if the operator chose another place.
pub(crate) async fn wait(control: &mut DownloadControl) -> Result<Option<DownloadCommand>, DownloadError> {
    match tokio::time::timeout(LOOK_AGAIN, control.order()).await {
        Ok(Ok(order)) => Ok(Some(order)),
        Ok(Err(stop)) => Err(stop.after()),
        Err(_elapsed) => Ok(None),
    }
}

/// How often it is looked whether there is room again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);
