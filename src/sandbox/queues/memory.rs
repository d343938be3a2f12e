//! Queues in memory, lost when the sandbox ends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::state::profiles::ProfileId;

use super::{BATCH, CAPACITY, Deliveries, QueueError, Queues};

/// One profile's queue.
#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Utf8Bytes>>,
    arrived: Notify,
}

/// All queues.
#[derive(Default)]
pub(crate) struct MemoryQueues {
    by_profile: Mutex<HashMap<ProfileId, Arc<Queue>>>,
}

impl MemoryQueues {
    fn queue(&self, profile: &ProfileId) -> Arc<Queue> {
        let mut queues = self.by_profile.lock();
        Arc::clone(queues.entry(profile.clone()).or_default())
    }
}

impl Queues for MemoryQueues {
    fn publish<'a>(&'a self, profile: &'a ProfileId, message: String) -> BoxFuture<'a, Result<(), QueueError>> {
        let queue = self.queue(profile);
        let mut waiting = queue.waiting.lock();
        let published = if waiting.len() >= CAPACITY {
            Err(QueueError::Full(profile.clone()))
        } else {
            waiting.push_back(message.into());
            Ok(())
        };
        drop(waiting);
        queue.arrived.notify_one();
        std::future::ready(published).boxed()
    }

    fn consume(&self, profile: &ProfileId) -> Box<dyn Deliveries> {
        Box::new(MemoryDeliveries { queue: self.queue(profile), in_hand: Vec::new() })
    }
}

/// A consumer of one queue.
struct MemoryDeliveries {
    queue: Arc<Queue>,
    in_hand: Vec<Utf8Bytes>,
}

impl Deliveries for MemoryDeliveries {
    fn next(&mut self) -> BoxFuture<'_, Vec<Utf8Bytes>> {
        async {
            loop {
                {
                    let mut waiting = self.queue.waiting.lock();
                    let count = waiting.len().min(BATCH);
                    if count > 0 {
                        self.in_hand.extend(waiting.drain(..count));
                        return self.in_hand.clone();
                    }
                }
                self.queue.arrived.notified().await;
            }
        }
        .boxed()
    }

    fn settle<'a>(&'a mut self, written: &'a [bool]) -> BoxFuture<'a, ()> {
        let mut written = written.iter();
        self.in_hand.retain(|_| !written.next().copied().unwrap_or(false));
        std::future::ready(()).boxed()
    }
}

impl Drop for MemoryDeliveries {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        for message in self.in_hand.drain(..).rev() {
            waiting.push_front(message);
        }
        drop(waiting);
        self.queue.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &[Utf8Bytes]) -> Vec<&str> {
        batch.iter().map(Utf8Bytes::as_str).collect()
    }

    #[tokio::test]
    async fn what_a_consumer_did_not_settle_is_given_again_in_order() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        for message in ["1", "2", "3"] {
            queues.publish(&profile, message.into()).await.unwrap();
        }
        let mut first = queues.consume(&profile);
        assert_eq!(texts(&first.next().await), ["1", "2", "3"]);
        drop(first);
        queues.publish(&profile, "4".into()).await.unwrap();
        let mut second = queues.consume(&profile);
        assert_eq!(texts(&second.next().await), ["1", "2", "3", "4"]);
        second.settle(&[true, false, true, true]).await;
        drop(second);
        queues.publish(&profile, "5".into()).await.unwrap();
        assert_eq!(texts(&queues.consume(&profile).next().await), ["2", "5"], "not those alone that were not settled");
    }

    #[tokio::test]
    async fn a_waiting_consumer_hears_what_arrives() {
        let (queues, profile) = (MemoryQueues::default(), ProfileId::new("p"));
        let mut deliveries = queues.consume(&profile);
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
        assert_eq!(texts(&queues.consume(&profile).next().await).first(), Some(&"0"), "the oldest was lost");
    }
}
