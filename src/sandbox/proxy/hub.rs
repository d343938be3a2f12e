//! The clients of each profile's channel, and the pump that delivers a profile's queue to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::options::Delivery;
use crate::sandbox::queues::Queues;
use crate::sandbox::runtime::tasks::Tasks;
use crate::sandbox::state::profiles::ProfileId;

/// Messages for one client.
pub(crate) struct DeliveryBatch {
    /// The frames, in order.
    pub(crate) frames: Arc<[Utf8Bytes]>,
    /// Completed after all frames are written to the socket; dropped if they were not.
    pub(crate) written: oneshot::Sender<()>,
}

/// A member, and its share of a batch: frames with their indices.
type Share = (mpsc::Sender<DeliveryBatch>, Vec<(usize, Utf8Bytes)>);

/// Capacity of a client's channel, in batches. The pump waits while it is full. A client that reads nothing is disconnected
/// at its connection's deadline, so the wait of the others is bounded.
const PARCELS: usize = 2;

/// A joined client.
struct Member {
    id: u64,
    parcels: mpsc::Sender<DeliveryBatch>,
}

/// One profile's channel.
#[derive(Default)]
struct Channel {
    members: Vec<Member>,
    /// Whether the profile's pump runs. The first client to join starts it; it ends when nobody is left.
    pumping: bool,
    left: Arc<Notify>,
    /// The next member, if clients compete.
    turn: usize,
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
}

/// A client's membership of a channel; dropping it leaves the channel.
pub(crate) struct Membership {
    hub: Arc<Hub>,
    profile: ProfileId,
    id: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut channels = self.hub.channels.lock();
        if let Some(channel) = channels.by_profile.get_mut(&self.profile) {
            channel.members.retain(|member| member.id != self.id);
            channel.left.notify_one();
        }
    }
}

impl Hub {
    /// A hub without clients.
    pub(crate) fn new(queues: Arc<dyn Queues>, tasks: Tasks, delivery: Delivery) -> Self {
        Self { queues, tasks, delivery, channels: Mutex::default() }
    }

    /// How many clients have joined the profile's channel.
    pub(crate) fn joined(&self, profile: &ProfileId) -> usize {
        self.channels.lock().by_profile.get(profile).map_or(0, |channel| channel.members.len())
    }

    /// Joins. The receiver gets the profile's messages from now on, beginning with those that waited in the queue.
    pub(crate) fn join(self: &Arc<Self>, profile: &ProfileId) -> (Membership, mpsc::Receiver<DeliveryBatch>) {
        let (parcels, inbox) = mpsc::channel(PARCELS);
        let mut channels = self.channels.lock();
        let id = channels.next_member;
        channels.next_member += 1;
        let channel = channels.by_profile.entry(profile.clone()).or_default();
        channel.members.push(Member { id, parcels });
        if !channel.pumping {
            channel.pumping = true;
            let pump = Arc::clone(self).pump(profile.clone(), Arc::clone(&channel.left));
            self.tasks.spawn("pump of a profile's queue", pump);
        }
        drop(channels);
        (Membership { hub: Arc::clone(self), profile: profile.clone(), id }, inbox)
    }

    /// Delivers the queue's messages to the joined clients until nobody is joined.
    async fn pump(self: Arc<Self>, profile: ProfileId, left: Arc<Notify>) {
        while !self.rest_if_empty(&profile) {
            let mut deliveries = self.queues.consume(&profile);
            while self.joined(&profile) > 0 {
                let frames = tokio::select! {
                    biased;
                    () = left.notified() => continue,
                    frames = deliveries.next() => frames,
                };
                let written = match self.delivery {
                    Delivery::FanOut => self.fan_out(&profile, frames.into()).await,
                    Delivery::Competing => self.share(&profile, &frames).await,
                };
                deliveries.settle(&written).await;
                if written.contains(&false) {
                    // Nobody was left to write to: dropping `deliveries` returns the rest to the queue.
                    break;
                }
            }
        }
    }

    /// Marks the pump as ended if nobody is joined; a later join starts another.
    fn rest_if_empty(&self, profile: &ProfileId) -> bool {
        let mut channels = self.channels.lock();
        let Some(channel) = channels.by_profile.get_mut(profile) else { return true };
        channel.pumping = !channel.members.is_empty();
        !channel.pumping
    }

    /// Sends the frames to every member of the channel. They count as written if at least one member has written them.
    async fn fan_out(&self, profile: &ProfileId, frames: Arc<[Utf8Bytes]>) -> Vec<bool> {
        let sent = self.members(profile).into_iter().map(|member| hand_over(member, Arc::clone(&frames)));
        let written = join_all(sent).await.into_iter().any(|written| written);
        vec![written; frames.len()]
    }

    /// Sends each frame to one member of the channel, in turn. A frame that one member did not write goes to another.
    /// Returns which frames were written: all, as long as a member is left.
    async fn share(&self, profile: &ProfileId, frames: &[Utf8Bytes]) -> Vec<bool> {
        let mut written = vec![false; frames.len()];
        loop {
            let shares = self.shares(profile, frames, &written);
            if shares.is_empty() {
                return written;
            }
            let sent = shares.into_iter().map(|(member, share)| async move {
                let (places, frames): (Vec<usize>, Vec<Utf8Bytes>) = share.into_iter().unzip();
                if hand_over(member, frames.into()).await { places } else { Vec::new() }
            });
            for place in join_all(sent).await.into_iter().flatten() {
                if let Some(written) = written.get_mut(place) {
                    *written = true;
                }
            }
        }
    }

    /// Distributes the unwritten frames, with their indices: one per member in turn, continuing after the last call. Empty
    /// if nobody is joined or nothing is left.
    fn shares(&self, profile: &ProfileId, frames: &[Utf8Bytes], written: &[bool]) -> Vec<Share> {
        let mut channels = self.channels.lock();
        let Some(Channel { members, turn, .. }) = channels.by_profile.get_mut(profile) else { return Vec::new() };
        let mut shares: Vec<_> = members.iter().map(|member| (member.parcels.clone(), Vec::new())).collect();
        let left = frames.iter().zip(written).enumerate().filter(|(_, (_, written))| !**written);
        for (place, (frame, _)) in left {
            let whose = turn.checked_rem(shares.len()).unwrap_or(0);
            *turn = turn.wrapping_add(1);
            if let Some((_, share)) = shares.get_mut(whose) {
                share.push((place, frame.clone()));
            }
        }
        shares.retain(|(_, share)| !share.is_empty());
        shares
    }

    fn members(&self, profile: &ProfileId) -> Vec<mpsc::Sender<DeliveryBatch>> {
        let channels = self.channels.lock();
        let members = channels.by_profile.get(profile).map(|channel| channel.members.as_slice()).unwrap_or_default();
        members.iter().map(|member| member.parcels.clone()).collect()
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
        let (queues, profile) = (Arc::new(MemoryQueues::default()), ProfileId::new("p"));
        for message in messages {
            queues.publish(&profile, (*message).to_owned()).await.unwrap();
        }
        (owner, Arc::new(Hub::new(queues, tasks, delivery)), profile)
    }

    /// The next batch. Under a paused clock the deadline passes as soon as nothing else can happen.
    async fn next(inbox: &mut mpsc::Receiver<DeliveryBatch>) -> DeliveryBatch {
        let parcel = tokio::time::timeout(Duration::from_mins(1), inbox.recv()).await;
        parcel.expect("nothing is on its way").expect("the hub let go of the client")
    }

    fn texts(parcel: &DeliveryBatch) -> Vec<&str> {
        parcel.frames.iter().map(Utf8Bytes::as_str).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_written_is_given_to_the_next_who_joins() {
        let (_owner, hub, profile) = hub_with(Delivery::FanOut, &["1", "2"]).await;
        let (membership, mut inbox) = hub.join(&profile);
        let parcel = next(&mut inbox).await;
        assert_eq!(texts(&parcel), ["1", "2"]);
        // The connection broke before it had written them.
        drop((parcel, inbox, membership));
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
        let (_owner, hub, profile) = hub_with(Delivery::Competing, &["1", "2", "3", "4", "5"]).await;
        let (_stays, mut first) = hub.join(&profile);
        let (_stays_too, mut second) = hub.join(&profile);
        let (one, other) = (next(&mut first).await, next(&mut second).await);
        assert_eq!((texts(&one), texts(&other)), (vec!["1", "3", "5"], vec!["2", "4"]));
        one.written.send(()).unwrap();
        other.written.send(()).unwrap();
        hub.queues.publish(&profile, "6".to_owned()).await.unwrap();
        assert_eq!(texts(&next(&mut second).await), ["6"], "it was the second's turn");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dying_competitor_did_not_write_goes_to_another_and_the_rest_does_not_come_again() {
        let (_owner, hub, profile) = hub_with(Delivery::Competing, &["1", "2", "3", "4"]).await;
        let (dying, mut first) = hub.join(&profile);
        let (membership, mut second) = hub.join(&profile);
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
    fn a_parcel_that_meets_the_end_of_its_connection_is_not_waited_for_for_ever() {
        let (connections, ends) = std::sync::mpsc::sync_channel(0);
        let ending = std::thread::spawn(move || ends.into_iter().for_each(drop));
        for round in 0..4_000 {
            let (member, inbox) = mpsc::channel(PARCELS);
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
