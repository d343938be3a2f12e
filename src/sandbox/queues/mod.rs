//! The queues: one a profile, in memory or on a RabbitMQ. The backend publishes, the proxy consumes.
//!
//! A message leaves its queue only when its consumer has settled it, so that what was not written to a client waits for
//! the next one. Delivery is at least once: a consumer that ends unsettled is given the same messages again.

pub(crate) mod amqp;
pub(crate) mod memory;

use futures_util::future::BoxFuture;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::state::profiles::ProfileId;

/// How many messages a queue holds. A full queue refuses the message and its publisher hears of it.
pub(crate) const CAPACITY: usize = 100_000;

/// How many messages a consumer is given at a time.
pub(crate) const BATCH: usize = 64;

/// Why a message could not be queued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The queue is full.
    #[error("the queue of {0} is full: no client has joined it for a long time")]
    Full(ProfileId),
    /// The sandbox stops.
    #[error("the sandbox stops")]
    Stopping,
}

/// All queues.
pub(crate) trait Queues: Send + Sync {
    /// Puts a message at the end of a profile's queue. Resolves when the queue has it for good.
    fn publish<'a>(&'a self, profile: &'a ProfileId, message: String) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Starts to consume a profile's queue. One consumer a profile at a time.
    fn consume(&self, profile: &ProfileId) -> Box<dyn Deliveries>;
}

/// What a consumer is given. Dropping it hands everything unsettled back to the queue, in order.
pub(crate) trait Deliveries: Send {
    /// Waits for the next messages, at least one and at most [`BATCH`]. May be dropped while it waits. Settle them before
    /// the next call.
    fn next(&mut self) -> BoxFuture<'_, Vec<Utf8Bytes>>;

    /// Takes off the queue those of the messages that the last call gave which were written to a client. If there are others,
    /// drop this next: the queue gets them back.
    fn settle<'a>(&'a mut self, written: &'a [bool]) -> BoxFuture<'a, ()>;
}
