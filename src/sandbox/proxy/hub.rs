//! The clients of each profile's channel, and how the profile's queue is delivered to them: by one consumer that writes to
//! all of them, or by one consumer for each of them.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::sandbox::options::Delivery;
use crate::sandbox::queues::{Deliveries, Queues};
use crate::sandbox::runtime::tasks::Tasks;
use crate::sandbox::state::profiles::ProfileId;

/// Messages for one client.
pub(crate) struct DeliveryBatch {
    /// The frames, in order.
    pub(crate) frames: Arc<[Utf8Bytes]>,
    /// Completed after all frames are written to the socket; dropped if they were not.
    pub(crate) written: oneshot::Sender<()>,
}

/// Capacity of a client's channel, in batches. The pump waits while it is full. A client that reads nothing is disconnected
/// at its connection's deadline, so the wait of the others is bounded.
const BATCHES: usize = 2;

/// A joined client.
struct Member {
    id: u64,
    batches: mpsc::Sender<DeliveryBatch>,
}

/// One profile's channel.
#[derive(Default)]
struct Channel {
    members: Vec<Member>,
    /// Whether the profile's pump runs, if clients do not compete. The first client to join starts it; it ends when nobody
    /// is left.
    pumping: bool,
    left: Arc<Notify>,
    /// How many messages this sandbox has put into the queue.
    queued: u64,
    /// How many messages were written to clients. More than were queued, if a durable queue had some from before.
    written: u64,
}

#[derive(Default)]
struct Channels {
    by_profile: BTreeMap<ProfileId, Channel>,
    next_member: u64,
}

/// Connects client connections with the queues.
pub(crate) struct Hub {
    queues: Arc<dyn Queues>,
    tasks: Tasks,
    delivery: Delivery,
    channels: Mutex<Channels>,
    /// Notified by each join.
    joins: Notify,
    /// Notified after messages were written, and when a client leaves.
    progress: Notify,
}

/// A client's membership of a channel; dropping it leaves the channel.
pub(crate) struct Membership {
    hub: Arc<Hub>,
    profile: ProfileId,
    id: u64,
    /// Ends the client's own consumer, if clients compete.
    _left: DropGuard,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut channels = self.hub.channels.lock();
        if let Some(channel) = channels.by_profile.get_mut(&self.profile) {
            channel.members.retain(|member| member.id != self.id);
            channel.left.notify_one();
        }
        drop(channels);
        self.hub.progress.notify_waiters();
    }
}

impl Hub {
    /// A hub without clients.
    pub(crate) fn new(queues: Arc<dyn Queues>, tasks: Tasks, delivery: Delivery) -> Self {
        Self { queues, tasks, delivery, channels: Mutex::default(), joins: Notify::new(), progress: Notify::new() }
    }

    /// How many clients have joined the profile's channel.
    pub(crate) fn joined(&self, profile: &ProfileId) -> usize {
        self.channels.lock().by_profile.get(profile).map_or(0, |channel| channel.members.len())
    }

    /// Waits until a client has joined one of these profiles.
    pub(crate) async fn until_joined(&self, profiles: &[ProfileId]) {
        loop {
            let mut joins = pin!(self.joins.notified());
            // A join between the look and the wait is not missed.
            joins.as_mut().enable();
            if profiles.iter().any(|profile| self.joined(profile) > 0) {
                return;
            }
            joins.await;
        }
    }

    /// Counts a message that was put into the profile's queue.
    pub(crate) fn was_queued(&self, profile: &ProfileId) {
        self.channels.lock().by_profile.entry(profile.clone()).or_default().queued += 1;
    }

    /// Counts messages of the profile that were written to clients.
    fn were_written(&self, profile: &ProfileId, count: usize) {
        if let Some(channel) = self.channels.lock().by_profile.get_mut(profile) {
            channel.written = channel.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.progress.notify_waiters();
    }

    /// Forgets what the queues contained.
    pub(crate) fn forget_undelivered(&self) {
        for channel in self.channels.lock().by_profile.values_mut() {
            (channel.queued, channel.written) = (0, 0);
        }
    }

    /// Waits until everything that is in the profile's queue now was written, or nobody is joined any more.
    pub(crate) async fn until_delivered(&self, profile: &ProfileId) {
        let queued = self.channels.lock().by_profile.get(profile).map_or(0, |channel| channel.queued);
        loop {
            let mut progress = pin!(self.progress.notified());
            // What is written between the look and the wait is not missed.
            progress.as_mut().enable();
            let is_delivered = self
                .channels
                .lock()
                .by_profile
                .get(profile)
                .is_none_or(|channel| channel.written >= queued || channel.members.is_empty());
            if is_delivered {
                return;
            }
            progress.await;
        }
    }

    /// Whether nobody is joined and no queue is consumed for all clients of a profile.
    pub(crate) fn is_resting(&self) -> bool {
        self.channels.lock().by_profile.values().all(|channel| channel.members.is_empty() && !channel.pumping)
    }

    /// Joins. The receiver gets the profile's messages from now on, beginning with those that waited in the queue.
    pub(crate) fn join(self: &Arc<Self>, profile: &ProfileId) -> (Membership, mpsc::Receiver<DeliveryBatch>) {
        let (batches, inbox) = mpsc::channel(BATCHES);
        let left = CancellationToken::new();
        let mut channels = self.channels.lock();
        let id = channels.next_member;
        channels.next_member += 1;
        let channel = channels.by_profile.entry(profile.clone()).or_default();
        channel.members.push(Member { id, batches });
        match self.delivery {
            Delivery::FanOut if channel.pumping => {}
            Delivery::FanOut => {
                channel.pumping = true;
                let pump = Arc::clone(self).pump(profile.clone(), Arc::clone(&channel.left));
                self.tasks.spawn("pump of a profile's queue", pump);
            }
            Delivery::Competing => {
                let deliveries = self.queues.consume(profile, format!("privicore-sandbox.{profile}.client-{id}"));
                let compete = Arc::clone(self).compete(profile.clone(), id, deliveries, left.clone());
                self.tasks.spawn("consumer of a client", compete);
            }
        }
        drop(channels);
        self.joins.notify_waiters();
        let membership = Membership { hub: Arc::clone(self), profile: profile.clone(), id, _left: left.drop_guard() };
        (membership, inbox)
    }

    /// Delivers the queue's messages to all joined clients until nobody is joined.
    async fn pump(self: Arc<Self>, profile: ProfileId, left: Arc<Notify>) {
        while !self.rest_if_empty(&profile) {
            let mut deliveries = self.queues.consume(&profile, format!("privicore-sandbox.{profile}"));
            while self.joined(&profile) > 0 {
                let frames = tokio::select! {
                    biased;
                    () = left.notified() => continue,
                    frames = deliveries.next() => frames,
                };
                let count = frames.len();
                let written = self.fan_out(&profile, frames.into()).await;
                deliveries.settle(&vec![written; count]).await;
                if written {
                    self.were_written(&profile, count);
                } else {
                    // Nobody was left to write to: dropping `deliveries` returns the messages to the queue.
                    break;
                }
            }
        }
    }

    /// Delivers what the queue gives to one of several competing clients until that client leaves.
    async fn compete(
        self: Arc<Self>,
        profile: ProfileId,
        id: u64,
        mut deliveries: Box<dyn Deliveries>,
        left: CancellationToken,
    ) {
        loop {
            let frames = tokio::select! {
                biased;
                () = left.cancelled() => return,
                frames = deliveries.next() => frames,
            };
            let count = frames.len();
            // The sender is not kept while this waits; `hand_over` says why.
            let Some(member) = self.member(&profile, id) else { return };
            if !hand_over(member, frames.into()).await {
                return;
            }
            deliveries.settle(&vec![true; count]).await;
            self.were_written(&profile, count);
        }
    }

    /// Marks the pump as ended if nobody is joined; a later join starts another.
    fn rest_if_empty(&self, profile: &ProfileId) -> bool {
        let mut channels = self.channels.lock();
        let Some(channel) = channels.by_profile.get_mut(profile) else { return true };
        channel.pumping = !channel.members.is_empty();
        !channel.pumping
    }

    /// Sends the frames to every member of the channel. Returns whether at least one has written them.
    async fn fan_out(&self, profile: &ProfileId, frames: Arc<[Utf8Bytes]>) -> bool {
        let sent = self.members(profile).into_iter().map(|member| hand_over(member, Arc::clone(&frames)));
        join_all(sent).await.into_iter().any(|written| written)
    }

    fn member(&self, profile: &ProfileId, id: u64) -> Option<mpsc::Sender<DeliveryBatch>> {
        let channels = self.channels.lock();
        let member = channels.by_profile.get(profile)?.members.iter().find(|member| member.id == id)?;
        Some(member.batches.clone())
    }

    fn members(&self, profile: &ProfileId) -> Vec<mpsc::Sender<DeliveryBatch>> {
        let channels = self.channels.lock();
        let members = channels.by_profile.get(profile).map(|channel| channel.members.as_slice()).unwrap_or_default();
        members.iter().map(|member| member.batches.clone()).collect()
    }
}

/// Sends frames to a member's connection and waits. Returns whether the connection has written them.
async fn hand_over(member: mpsc::Sender<DeliveryBatch>, frames: Arc<[Utf8Bytes]>) -> bool {
    let (written, heard) = oneshot::channel();
    let sent = member.send(DeliveryBatch { frames, written }).await.is_ok();
    // A batch that was sent just when the connection dropped its inbox stays in the channel as long as a sender exists.
    // Holding this sender would therefore wait for ever.
    drop(member);
    sent && heard.await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::sandbox::queues::memory::MemoryQueues;
    use crate::sandbox::runtime::tasks::TaskOwner;

    async fn hub_with(delivery: Delivery, messages: &[&str]) -> (TaskOwner, Arc<Hub>, ProfileId) {
        let (owner, tasks) = TaskOwner::new();
        let profile = ProfileId::new("p");
        let hub = Arc::new(Hub::new(Arc::new(MemoryQueues::default()), tasks, delivery));
        publish(&hub, &profile, messages).await;
        (owner, hub, profile)
    }

    async fn publish(hub: &Hub, profile: &ProfileId, messages: &[&str]) {
        for message in messages {
            hub.queues.publish(profile, (*message).to_owned()).await.unwrap();
        }
    }

    /// The next batch. Under a paused clock the deadline passes as soon as nothing else can happen.
    async fn next(inbox: &mut mpsc::Receiver<DeliveryBatch>) -> DeliveryBatch {
        let batch = tokio::time::timeout(Duration::from_mins(1), inbox.recv()).await;
        batch.expect("nothing is on its way").expect("the hub let go of the client")
    }

    fn texts(batch: &DeliveryBatch) -> Vec<&str> {
        batch.frames.iter().map(Utf8Bytes::as_str).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_written_is_given_to_the_next_who_joins() {
        let (_owner, hub, profile) = hub_with(Delivery::FanOut, &["1", "2"]).await;
        let (membership, mut inbox) = hub.join(&profile);
        let batch = next(&mut inbox).await;
        assert_eq!(texts(&batch), ["1", "2"]);
        // The connection broke before it had written them.
        drop((batch, inbox, membership));
        let (_membership, mut inbox) = hub.join(&profile);
        assert_eq!(texts(&next(&mut inbox).await), ["1", "2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_of_two_clients_has_written_does_not_come_again() {
        let (_owner, hub, profile) = hub_with(Delivery::FanOut, &["1"]).await;
        let (broken, mut first) = hub.join(&profile);
        let (_membership, mut second) = hub.join(&profile);
        drop((next(&mut first).await, broken, first));
        next(&mut second).await.written.send(()).unwrap();
        hub.queues.publish(&profile, "2".to_owned()).await.unwrap();
        assert_eq!(texts(&next(&mut second).await), ["2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pump_rests_when_nobody_is_left_and_wakes_with_the_next() {
        let (_owner, hub, profile) = hub_with(Delivery::FanOut, &[]).await;
        let (membership, _inbox) = hub.join(&profile);
        assert_eq!(hub.joined(&profile), 1);
        drop(membership);
        assert_eq!(hub.joined(&profile), 0);
        // Gives the pump time to notice; nothing signals that.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!hub.channels.lock().by_profile[&profile].pumping, "it pumps for nobody");
        hub.queues.publish(&profile, "late".to_owned()).await.unwrap();
        let (_membership, mut inbox) = hub.join(&profile);
        assert_eq!(texts(&next(&mut inbox).await), ["late"]);
    }

    #[tokio::test(start_paused = true)]
    async fn competing_clients_get_one_message_each_in_turn() {
        let (_owner, hub, profile) = hub_with(Delivery::Competing, &[]).await;
        let (_stays, mut first) = hub.join(&profile);
        let (_stays_too, mut second) = hub.join(&profile);
        publish(&hub, &profile, &["1", "2", "3", "4", "5"]).await;
        let (one, other) = (next(&mut first).await, next(&mut second).await);
        assert_eq!((texts(&one), texts(&other)), (vec!["1", "3", "5"], vec!["2", "4"]));
        one.written.send(()).unwrap();
        other.written.send(()).unwrap();
        hub.queues.publish(&profile, "6".to_owned()).await.unwrap();
        assert_eq!(texts(&next(&mut second).await), ["6"], "it was the second's turn");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dying_competitor_did_not_write_goes_to_another_and_the_rest_does_not_come_again() {
        let (_owner, hub, profile) = hub_with(Delivery::Competing, &[]).await;
        let (dying, mut first) = hub.join(&profile);
        let (membership, mut second) = hub.join(&profile);
        publish(&hub, &profile, &["1", "2", "3", "4"]).await;
        next(&mut second).await.written.send(()).unwrap();
        drop((next(&mut first).await, dying, first));
        assert_eq!(texts(&next(&mut second).await), ["1", "3"], "they went with the client that died");
        // The second connection breaks as well before it has written them, and nobody is left.
        drop((second, membership));
        let (_membership, mut third) = hub.join(&profile);
        assert_eq!(texts(&next(&mut third).await), ["1", "3"], "not those alone that nobody has written");
    }

    /// The race is a matter of chance; this repeats often enough to hit it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "two threads meet here, and the patience is the machine's")]
    fn a_batch_that_meets_the_end_of_its_connection_is_not_waited_for_for_ever() {
        let (connections, ends) = std::sync::mpsc::sync_channel(0);
        let ending = std::thread::spawn(move || ends.into_iter().for_each(drop));
        for round in 0..4_000 {
            let (member, inbox) = mpsc::channel(BATCHES);
            let mut handing_over = std::pin::pin!(hand_over(member, Arc::new([])));
            connections.send(inbox).unwrap();
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            // It is polled once more after the inbox is gone, if necessary.
            let deadline = std::time::Instant::now() + Duration::from_secs(10);
            while (&mut handing_over).now_or_never().is_none() {
                assert!(std::time::Instant::now() < deadline, "it waits for nobody, in round {round}");
            }
        }
        drop(connections);
        ending.join().unwrap();
    }
}
