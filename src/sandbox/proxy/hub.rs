//! Who has joined which profile's channel, and the pump that carries a profile's queue to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sandbox::queues::Queues;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::tasks::Tasks;

/// Messages on their way to one client.
pub(super) struct Parcel {
    /// The frames, in order.
    pub(super) frames: Arc<[Utf8Bytes]>,
    /// Told once all of them are written to the socket; dropped if they were not.
    pub(super) written: oneshot::Sender<()>,
}

/// How many parcels wait for one client. The pump waits while it is full; a client that takes none is disconnected by
/// its connection's deadline, so the others wait a bounded time.
const PARCELS: usize = 2;

/// A joined client.
struct Member {
    id: u64,
    parcels: mpsc::Sender<Parcel>,
}

/// One profile's channel.
#[derive(Default)]
struct Channel {
    members: Vec<Member>,
    /// Whether the profile's pump runs. It is started by the first to join and ends once nobody is left.
    pumping: bool,
    left: Arc<Notify>,
}

#[derive(Default)]
struct Channels {
    by_profile: BTreeMap<ProfileId, Channel>,
    next_member: u64,
}

/// The meeting point of connections and queues.
pub(crate) struct Hub {
    queues: Arc<dyn Queues>,
    tasks: Tasks,
    channels: Mutex<Channels>,
}

/// A place in a channel; dropping it leaves.
pub(super) struct Membership {
    hub: Arc<Hub>,
    profile: ProfileId,
    id: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut channels = self.hub.channels();
        if let Some(channel) = channels.by_profile.get_mut(&self.profile) {
            channel.members.retain(|member| member.id != self.id);
            channel.left.notify_one();
        }
    }
}

impl Hub {
    /// A hub in which nobody has joined yet.
    pub(crate) fn new(queues: Arc<dyn Queues>, tasks: Tasks) -> Self {
        Self { queues, tasks, channels: Mutex::default() }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many clients have joined the profile's channel.
    pub(crate) fn joined(&self, profile: &ProfileId) -> usize {
        self.channels().by_profile.get(profile).map_or(0, |channel| channel.members.len())
    }

    /// Joins. From now on the profile's messages come on the receiver, those first that waited in its queue.
    pub(super) fn join(self: &Arc<Self>, profile: &ProfileId) -> (Membership, mpsc::Receiver<Parcel>) {
        let (parcels, inbox) = mpsc::channel(PARCELS);
        let mut channels = self.channels();
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

    /// Carries the queue's messages to everyone joined until nobody is.
    async fn pump(self: Arc<Self>, profile: ProfileId, left: Arc<Notify>) {
        while !self.rest_if_empty(&profile) {
            let mut deliveries = self.queues.consume(&profile);
            while self.joined(&profile) > 0 {
                let frames = tokio::select! {
                    biased;
                    () = left.notified() => continue,
                    frames = deliveries.next() => frames,
                };
                if !self.deliver(&profile, frames.into()).await {
                    // Nobody was left to write to: the queue gets them back when `deliveries` is dropped.
                    break;
                }
                deliveries.settle().await;
            }
        }
    }

    /// Marks the pump as ended if nobody is joined; a later join starts another.
    fn rest_if_empty(&self, profile: &ProfileId) -> bool {
        let mut channels = self.channels();
        let Some(channel) = channels.by_profile.get_mut(profile) else { return true };
        channel.pumping = !channel.members.is_empty();
        !channel.pumping
    }

    /// Sends the frames to every member of the channel. True if they were written to at least one.
    async fn deliver(&self, profile: &ProfileId, frames: Arc<[Utf8Bytes]>) -> bool {
        let members: Vec<_> = match self.channels().by_profile.get(profile) {
            Some(channel) => channel.members.iter().map(|member| member.parcels.clone()).collect(),
            None => Vec::new(),
        };
        let sent = members.into_iter().map(async |parcels| {
            let (written, heard) = oneshot::channel();
            let parcel = Parcel { frames: Arc::clone(&frames), written };
            parcels.send(parcel).await.is_ok() && heard.await.is_ok()
        });
        join_all(sent).await.into_iter().any(|written| written)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::queues::memory::MemoryQueues;
    use crate::sandbox::tasks::TaskOwner;

    async fn hub_with(messages: &[&str]) -> (TaskOwner, Arc<Hub>, ProfileId) {
        let (owner, tasks) = TaskOwner::new();
        let (queues, profile) = (Arc::new(MemoryQueues::default()), ProfileId::new("p"));
        for message in messages {
            queues.publish(&profile, (*message).to_owned()).await.unwrap();
        }
        (owner, Arc::new(Hub::new(queues, tasks)), profile)
    }

    /// The next parcel. Under a paused clock the deadline strikes as soon as nothing else can happen.
    async fn next(inbox: &mut mpsc::Receiver<Parcel>) -> Parcel {
        let parcel = tokio::time::timeout(Duration::from_mins(1), inbox.recv()).await;
        parcel.expect("nothing is on its way").expect("the hub let go of the client")
    }

    fn texts(parcel: &Parcel) -> Vec<&str> {
        parcel.frames.iter().map(Utf8Bytes::as_str).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_written_is_given_to_the_next_who_joins() {
        let (_owner, hub, profile) = hub_with(&["1", "2"]).await;
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
        let (_owner, hub, profile) = hub_with(&["1"]).await;
        let (broken, mut first) = hub.join(&profile);
        let (_membership, mut second) = hub.join(&profile);
        drop((next(&mut first).await, broken, first));
        next(&mut second).await.written.send(()).unwrap();
        hub.queues.publish(&profile, "2".to_owned()).await.unwrap();
        assert_eq!(texts(&next(&mut second).await), ["2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pump_rests_when_nobody_is_left_and_wakes_with_the_next() {
        let (_owner, hub, profile) = hub_with(&[]).await;
        let (membership, _inbox) = hub.join(&profile);
        assert_eq!(hub.joined(&profile), 1);
        drop(membership);
        assert_eq!(hub.joined(&profile), 0);
        // The pump's turn to notice: it has nothing to wait for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!hub.channels().by_profile[&profile].pumping, "it pumps for nobody");
        hub.queues.publish(&profile, "late".to_owned()).await.unwrap();
        let (_membership, mut inbox) = hub.join(&profile);
        assert_eq!(texts(&next(&mut inbox).await), ["late"]);
    }
}
