//! Queues in memory, lost when the sandbox ends. They deliver as RabbitMQ does: to the consumers in turn, and again in the
//! old order what a consumer did not settle.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::state::profiles::ProfileId;

use super::{BATCH, CAPACITY, Deliveries, QueueError, Queues};

/// Messages by their number, in the order in which they were published.
type Numbered = BTreeMap<u64, Utf8Bytes>;

/// One profile's queue.
#[derive(Default)]
struct Queue {
    /// For nobody yet.
    waiting: Numbered,
    published: u64,
    /// By age.
    consumers: Vec<Consumer>,
    consumers_before: u64,
    /// The consumer that gets the next message.
    turn: usize,
}

struct Consumer {
    id: u64,
    /// Messages that it has not taken yet.
    given: Numbered,
    /// Messages that it has taken and not settled.
    taken: usize,
    arrived: Arc<Notify>,
}

impl Queue {
    /// Gives waiting messages to consumers that have fewer than [`BATCH`], in turn.
    fn distribute(&mut self) {
        while let Some(message) = self.waiting.first_entry() {
            let count = self.consumers.len();
            let mut in_turn = (0..count).filter_map(|after| (self.turn + after).checked_rem(count));
            let is_free = |consumer: &Consumer| consumer.given.len() + consumer.taken < BATCH;
            let Some(next) = in_turn.find(|place| self.consumers.get(*place).is_some_and(is_free)) else { return };
            let (number, message) = message.remove_entry();
            self.turn = next + 1;
            if let Some(consumer) = self.consumers.get_mut(next) {
                consumer.given.insert(number, message);
                consumer.arrived.notify_one();
            }
        }
    }

    fn consumer(&mut self, id: u64) -> Option<&mut Consumer> {
        self.consumers.iter_mut().find(|consumer| consumer.id == id)
    }
}

/// All queues.
#[derive(Default)]
pub(crate) struct MemoryQueues {
    by_profile: Mutex<HashMap<ProfileId, Arc<Mutex<Queue>>>>,
}

impl MemoryQueues {
    fn queue(&self, profile: &ProfileId) -> Arc<Mutex<Queue>> {
        let mut queues = self.by_profile.lock();
        Arc::clone(queues.entry(profile.clone()).or_default())
    }
}

impl Queues for MemoryQueues {
    fn publish<'a>(&'a self, profile: &'a ProfileId, message: String) -> BoxFuture<'a, Result<(), QueueError>> {
        let queue = self.queue(profile);
        let mut queue = queue.lock();
        let published = if queue.waiting.len() >= CAPACITY {
            Err(QueueError::Full(profile.clone()))
        } else {
            let number = queue.published;
            queue.published += 1;
            queue.waiting.insert(number, message.into());
            queue.distribute();
            Ok(())
        };
        drop(queue);
        std::future::ready(published).boxed()
    }

    fn clear(&self, profiles: Vec<ProfileId>) -> BoxFuture<'_, ()> {
        let mut queues = self.by_profile.lock();
        for profile in &profiles {
            queues.remove(profile);
        }
        std::future::ready(()).boxed()
    }

    fn consume(&self, profile: &ProfileId, _name: String) -> Box<dyn Deliveries> {
        let shared = self.queue(profile);
        let arrived = Arc::new(Notify::new());
        let mut queue = shared.lock();
        let id = queue.consumers_before;
        queue.consumers_before += 1;
        queue.consumers.push(Consumer { id, given: Numbered::new(), taken: 0, arrived: Arc::clone(&arrived) });
        queue.distribute();
        drop(queue);
        Box::new(MemoryDeliveries { queue: shared, id, arrived, in_hand: Numbered::new() })
    }
}

/// What a consumer takes from its queue.
struct MemoryDeliveries {
    queue: Arc<Mutex<Queue>>,
    id: u64,
    arrived: Arc<Notify>,
    /// Taken and not settled.
    in_hand: Numbered,
}

impl MemoryDeliveries {
    /// Takes what the queue has given to this consumer. Returns whether that was anything.
    fn take(&mut self) -> bool {
        let mut queue = self.queue.lock();
        let Some(consumer) = queue.consumer(self.id) else { return false };
        let mut given = std::mem::take(&mut consumer.given);
        consumer.taken += given.len();
        drop(queue);
        let any = !given.is_empty();
        self.in_hand.append(&mut given);
        any
    }
}

impl Deliveries for MemoryDeliveries {
    fn next(&mut self) -> BoxFuture<'_, Vec<Utf8Bytes>> {
        async {
            while !self.take() {
                self.arrived.notified().await;
            }
            self.in_hand.values().cloned().collect()
        }
        .boxed()
    }

    fn settle<'a>(&'a mut self, written: &'a [bool]) -> BoxFuture<'a, ()> {
        let mut written = written.iter();
        self.in_hand.retain(|_, _| !written.next().copied().unwrap_or(false));
        let mut queue = self.queue.lock();
        if let Some(consumer) = queue.consumer(self.id) {
            consumer.taken = self.in_hand.len();
        }
        queue.distribute();
        drop(queue);
        std::future::ready(()).boxed()
    }
}

impl Drop for MemoryDeliveries {
    fn drop(&mut self) {
        let mut queue = self.queue.lock();
        if let Some(place) = queue.consumers.iter().position(|consumer| consumer.id == self.id) {
            let mut consumer = queue.consumers.remove(place);
            if place < queue.turn {
                queue.turn -= 1;
            }
            queue.waiting.append(&mut consumer.given);
        }
        queue.waiting.append(&mut self.in_hand);
        queue.distribute();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &[Utf8Bytes]) -> Vec<&str> {
        batch.iter().map(Utf8Bytes::as_str).collect()
    }

    fn consumer(queues: &MemoryQueues, profile: &ProfileId) -> Box<dyn Deliveries> {
        queues.consume(profile, String::new())
    }

    #[tokio::test]
    async fn what_a_consumer_did_not_settle_is_given_again_in_order() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        for message in ["1", "2", "3"] {
            queues.publish(&profile, message.into()).await.unwrap();
        }
        let mut first = consumer(&queues, &profile);
        assert_eq!(texts(&first.next().await), ["1", "2", "3"]);
        drop(first);
        queues.publish(&profile, "4".into()).await.unwrap();
        let mut second = consumer(&queues, &profile);
        assert_eq!(texts(&second.next().await), ["1", "2", "3", "4"]);
        second.settle(&[true, false, true, true]).await;
        drop(second);
        queues.publish(&profile, "5".into()).await.unwrap();
        assert_eq!(
            texts(&consumer(&queues, &profile).next().await),
            ["2", "5"],
            "not those alone that were not settled"
        );
    }

    #[tokio::test]
    async fn a_waiting_consumer_hears_what_arrives() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        let mut deliveries = consumer(&queues, &profile);
        let (batch, published) = tokio::join!(deliveries.next(), queues.publish(&profile, "late".into()));
        published.unwrap();
        assert_eq!(texts(&batch), ["late"]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_keeps_what_it_has() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        for n in 0..CAPACITY {
            queues.publish(&profile, n.to_string()).await.unwrap();
        }
        let refused = queues.publish(&profile, "one too many".into()).await;
        assert!(matches!(refused, Err(QueueError::Full(_))), "a full queue took another message");
        assert_eq!(texts(&consumer(&queues, &profile).next().await).first(), Some(&"0"), "the oldest was lost");
    }

    #[tokio::test]
    async fn consumers_get_messages_in_turn_and_none_gets_more_than_a_batch_that_it_has_not_settled() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        let (mut first, mut second) = (consumer(&queues, &profile), consumer(&queues, &profile));
        for n in 0..3 * BATCH {
            queues.publish(&profile, n.to_string()).await.unwrap();
        }
        let (ours, theirs) = (first.next().await, second.next().await);
        assert_eq!((ours.len(), theirs.len()), (BATCH, BATCH));
        assert_eq!((texts(&ours)[..2].to_vec(), texts(&theirs)[..2].to_vec()), (vec!["0", "2"], vec!["1", "3"]));
        assert!(second.next().now_or_never().is_none(), "it got more than it may hold");
        second.settle(&[true; BATCH]).await;
        assert_eq!(second.next().await.len(), BATCH, "what it settled did not make room");
        // What the first held goes to the second once that has room.
        drop(first);
        second.settle(&[true; BATCH]).await;
        assert_eq!(second.next().await, ours);
    }
}
