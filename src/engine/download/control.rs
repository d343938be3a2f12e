//! How the operator reaches a download under way.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::{Failed, Stop};

/// Orders that wait for a download. Full: the order is not taken; one of the same kind is waiting already.
const ORDERS: usize = 4;

/// What can be asked of a download that waits for room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Look again whether there is room.
    Resume,
    /// Save to this path instead.
    Move(PathBuf),
}

/// The hub's end. Dropping it ends the download with what has come kept.
#[derive(Debug)]
pub(crate) struct Reins {
    stop: Option<oneshot::Sender<()>>,
    orders: mpsc::Sender<Order>,
}

/// The download's end.
#[derive(Debug)]
pub(crate) struct Control {
    stop: oneshot::Receiver<()>,
    stopped: Option<Stop>,
    orders: mpsc::Receiver<Order>,
}

/// Both ends.
pub(crate) fn control() -> (Reins, Control) {
    let (stop, stopping) = oneshot::channel();
    let (orders, given) = mpsc::channel(ORDERS);
    (Reins { stop: Some(stop), orders }, Control { stop: stopping, stopped: None, orders: given })
}

impl Reins {
    /// Stops the download.
    pub(crate) fn cancel(&mut self) {
        if let Some(stop) = self.stop.take()
            && stop.send(()).is_err()
        {
            tracing::debug!("the download has ended already");
        }
    }

    /// Gives an order.
    pub(crate) fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("a download has its orders already");
        }
    }
}

impl Control {
    /// Waits until it is to stop.
    pub(crate) async fn stopped(&mut self) -> Stop {
        if let Some(stop) = self.stopped {
            return stop;
        }
        let stop = if (&mut self.stop).await.is_ok() { Stop::Cancelled } else { Stop::Closing };
        self.stopped = Some(stop);
        stop
    }

    /// Waits for the next order, or until it is to stop.
    pub(crate) async fn order(&mut self) -> Result<Order, Stop> {
        if let Some(stop) = self.stopped {
            return Err(stop);
        }
        tokio::select! {
            biased;
            stop = &mut self.stop => {
                let stop = if stop.is_ok() { Stop::Cancelled } else { Stop::Closing };
                self.stopped = Some(stop);
                Err(stop)
            }
            Some(order) = self.orders.recv() => Ok(order),
        }
    }
}

/// Waits until it makes sense to look at the disk again; says where to go on, if the operator chose another place.
pub(crate) async fn wait(control: &mut Control) -> Result<Option<Order>, Failed> {
    match tokio::time::timeout(LOOK_AGAIN, control.order()).await {
        Ok(Ok(order)) => Ok(Some(order)),
        Ok(Err(stop)) => Err(stop.after()),
        Err(_elapsed) => Ok(None),
    }
}

/// How often it is looked whether there is room again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);
