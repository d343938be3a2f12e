//! The queues: one per profile, in memory or on a RabbitMQ. The backend publishes, the proxy consumes.
//!
//! A message leaves its queue only after its consumer has settled it, so that a message that was not written to a client
//! waits for the next client. Delivery is at least once: after a consumer ends, its unsettled messages are delivered again.

#[cfg(feature = "rabbitmq")]
pub(crate) mod amqp;
pub(crate) mod memory;

use futures_util::future::BoxFuture;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::state::profiles::ProfileId;

/// The capacity of a queue in messages. A full queue refuses the message and returns an error to its publisher.
pub(crate) const CAPACITY: usize = 100_000;

/// The largest number of messages per delivery to a consumer, and of its unsettled messages.
pub(crate) const BATCH: usize = 64;

/// Why a message could not be queued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The queue is full.
    #[error("the queue of {0} is full: no client has joined it for a long time")]
    Full(ProfileId),
    /// The sandbox is stopping. Queues in memory have no task that could end before their publisher.
    #[cfg(feature = "rabbitmq")]
    #[error("the sandbox stops")]
    Stopping,
}

/// All queues.
pub(crate) trait Queues: Send + Sync {
    /// Appends a message to a profile's queue. Resolves when the queue has stored it for good.
    fn publish<'a>(&'a self, profile: &'a ProfileId, message: String) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Deletes the queues of these profiles with everything in them. Their consumers have to end first.
    fn clear(&self, profiles: Vec<ProfileId>) -> BoxFuture<'_, ()>;

    /// Starts to consume a profile's queue. Each message goes to one of the queue's consumers, in turn, as long as it has
    /// fewer than [`BATCH`] unsettled ones. `name` tells consumers apart in the broker's tools.
    fn consume(&self, profile: &ProfileId, name: String) -> Box<dyn Deliveries>;
}

/// A consumer's deliveries. Dropping it returns everything unsettled to the queue, in order.
pub(crate) trait Deliveries: Send {
    /// Waits for the next messages: at least one and at most [`BATCH`]. May be dropped while it waits. Settle them before
    /// the next call.
    fn next(&mut self) -> BoxFuture<'_, Vec<Utf8Bytes>>;

    /// Removes from the queue those messages of the last call that were written to a client. If others are left, drop this
    /// next: they return to the queue.
    fn settle<'a>(&'a mut self, written: &'a [bool]) -> BoxFuture<'a, ()>;
}
