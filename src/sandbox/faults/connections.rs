//! The open connections, and how faults reach them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::sandbox::state::profiles::ProfileId;

use super::garbage;
use super::types::Garbage;

/// Capacity of each connection's fault queue. A fault that finds it full does not affect the connection and is not counted.
const WAITING: usize = 8;

/// What can be done to a connection.
#[derive(Clone, Debug)]
pub(crate) enum ConnectionFault {
    /// It ends at once.
    Cut,
    /// It neither reads nor writes for this time.
    Stalled(Duration),
    /// It does not read for this time.
    StopReading(Duration),
    /// It sends these frames.
    SendGarbage(Vec<Garbage>),
    /// It leaves its channel and sends a close frame.
    Close { code: u16, reason: Arc<str> },
}

/// The faults that reach a connection.
pub(crate) struct FaultReceivers {
    /// Ends the connection, even while it is stalled.
    pub(crate) cut: Arc<Notify>,
    /// Stalls the connection for this time.
    pub(crate) stalls: mpsc::Receiver<Duration>,
    /// All others, which the connection's own loop applies.
    pub(crate) inner: mpsc::Receiver<ConnectionFault>,
}

/// An open connection.
struct OpenConnection {
    profile: Option<ProfileId>,
    cut: Arc<Notify>,
    stalls: mpsc::Sender<Duration>,
    inner: mpsc::Sender<ConnectionFault>,
}

#[derive(Default)]
struct Registry {
    next: u64,
    /// By age.
    open: BTreeMap<u64, OpenConnection>,
    /// Which kind of garbage comes next.
    turn: usize,
}

/// All open connections.
#[derive(Default)]
pub(crate) struct Connections(Arc<Mutex<Registry>>);

/// A connection's registration; dropping it removes the connection from the registry.
pub(crate) struct Registration {
    id: u64,
    registry: Arc<Mutex<Registry>>,
}

impl Connections {
    /// Registers a connection that has not joined.
    pub(crate) fn register(&self) -> (Registration, FaultReceivers) {
        let (stalls, stalled) = mpsc::channel(WAITING);
        let (inner, others) = mpsc::channel(WAITING);
        let cut = Arc::new(Notify::new());
        let open = OpenConnection { profile: None, cut: Arc::clone(&cut), stalls, inner };
        let mut registry = self.0.lock();
        let id = registry.next;
        registry.next += 1;
        registry.open.insert(id, open);
        drop(registry);
        (Registration { id, registry: Arc::clone(&self.0) }, FaultReceivers { cut, stalls: stalled, inner: others })
    }

    /// Whether no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().open.is_empty()
    }

    /// Applies a fault to a profile's connections, or to all, at most `count` of them. Returns how many it reached.
    pub(crate) fn inject(&self, profile: Option<&ProfileId>, count: Option<u32>, fault: &ConnectionFault) -> usize {
        let most = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let registry = self.0.lock();
        let meant = registry.open.values().filter(|open| profile.is_none() || open.profile.as_ref() == profile);
        meant.filter(|open| open.take(fault.clone())).take(most).count()
    }

    /// Makes joined connections send garbage. Returns how many it reached.
    pub(crate) fn send_garbage(&self, profile: Option<&ProfileId>, frames: u32, kind: Option<Garbage>) -> usize {
        let mut registry = self.0.lock();
        let Registry { open, turn, .. } = &mut *registry;
        let joined = open.values().filter(|open| match profile {
            Some(_) => open.profile.as_ref() == profile,
            None => open.profile.is_some(),
        });
        let reached = joined.filter(|open| {
            let kinds = (0..frames).map(|_| {
                kind.unwrap_or_else(|| {
                    *turn = turn.wrapping_add(1);
                    garbage::kind_of(turn.wrapping_sub(1))
                })
            });
            open.take(ConnectionFault::SendGarbage(kinds.collect()))
        });
        reached.count()
    }
}

impl OpenConnection {
    /// Returns whether the fault reached the connection.
    fn take(&self, fault: ConnectionFault) -> bool {
        match fault {
            ConnectionFault::Cut => {
                self.cut.notify_one();
                true
            }
            ConnectionFault::Stalled(lasting) => self.stalls.try_send(lasting).is_ok(),
            inner @ (ConnectionFault::StopReading(_)
            | ConnectionFault::SendGarbage(_)
            | ConnectionFault::Close { .. }) => self.inner.try_send(inner).is_ok(),
        }
    }
}

impl Registration {
    /// Sets the profile whose channel the connection is in: `None` after a leave.
    pub(crate) fn joined(&self, profile: Option<ProfileId>) {
        if let Some(open) = self.registry.lock().open.get_mut(&self.id) {
            open.profile = profile;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reaches_the_oldest_of_those_that_are_meant_and_none_that_have_gone() {
        let connections = Connections::default();
        let meant = ProfileId::new("meant");
        let mut registrations: Vec<_> = (0..4).map(|_| connections.register()).collect();
        for (registration, _) in registrations.iter().skip(1) {
            registration.joined(Some(meant.clone()));
        }
        drop(registrations.remove(1));
        let second = Duration::from_secs(1);
        assert_eq!(connections.inject(Some(&meant), Some(1), &ConnectionFault::Stalled(second)), 1);
        assert_eq!(connections.inject(None, None, &ConnectionFault::StopReading(second)), 3);
        assert_eq!(connections.send_garbage(None, 1, None), 2, "one has not joined");
        let stalled: Vec<_> =
            registrations.iter_mut().map(|(_, receivers)| receivers.stalls.try_recv().is_ok()).collect();
        assert_eq!(stalled, [false, true, false]);
    }

    #[test]
    fn a_connection_that_heeds_nothing_is_not_counted_for_ever() {
        let connections = Connections::default();
        let (_registration, _receivers) = connections.register();
        let reached: usize = (0..WAITING + 3)
            .map(|_| connections.inject(None, None, &ConnectionFault::StopReading(Duration::ZERO)))
            .sum();
        assert_eq!(reached, WAITING);
    }
}
