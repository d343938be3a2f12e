//! The open connections, and how faults reach them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::sandbox::state::profiles::ProfileId;

use super::garbage;
use super::kinds::Garbage;

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
    Deaf(Duration),
    /// It sends these frames.
    Litter(Vec<Garbage>),
    /// It leaves its channel and sends a close frame.
    Close { code: u16, reason: Arc<str> },
}

/// The faults that reach a connection.
pub(crate) struct Orders {
    /// Ends the connection, even while it is stalled.
    pub(crate) cut: Arc<Notify>,
    /// Stalls the connection for this time.
    pub(crate) stalls: mpsc::Receiver<Duration>,
    /// All others, which the connection's own loop applies.
    pub(crate) inner: mpsc::Receiver<ConnectionFault>,
}

/// An open connection.
struct Open {
    profile: Option<ProfileId>,
    cut: Arc<Notify>,
    stalls: mpsc::Sender<Duration>,
    inner: mpsc::Sender<ConnectionFault>,
}

#[derive(Default)]
struct Registry {
    next: u64,
    /// By age.
    open: BTreeMap<u64, Open>,
    /// Which kind of garbage comes next.
    turn: usize,
}

/// All open connections.
#[derive(Default)]
pub(crate) struct Connections(Arc<Mutex<Registry>>);

/// A connection's registration; dropping it removes the connection from the registry.
pub(crate) struct Place {
    id: u64,
    registry: Arc<Mutex<Registry>>,
}

impl Connections {
    /// Registers a connection that has not joined.
    pub(crate) fn enter(&self) -> (Place, Orders) {
        let (stalls, stalled) = mpsc::channel(WAITING);
        let (inner, heeded) = mpsc::channel(WAITING);
        let cut = Arc::new(Notify::new());
        let open = Open { profile: None, cut: Arc::clone(&cut), stalls, inner };
        let mut registry = self.0.lock();
        let id = registry.next;
        registry.next += 1;
        registry.open.insert(id, open);
        drop(registry);
        (Place { id, registry: Arc::clone(&self.0) }, Orders { cut, stalls: stalled, inner: heeded })
    }

    /// Whether no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().open.is_empty()
    }

    /// Applies a fault to a profile's connections, or to all, at most `count` of them. Returns how many it reached.
    pub(crate) fn inject(&self, profile: Option<&ProfileId>, count: Option<u32>, trouble: &ConnectionFault) -> usize {
        let most = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let registry = self.0.lock();
        let meant = registry.open.values().filter(|open| profile.is_none() || open.profile.as_ref() == profile);
        meant.filter(|open| open.take(trouble.clone())).take(most).count()
    }

    /// Makes joined connections send garbage. Returns how many it reached.
    pub(crate) fn litter(&self, profile: Option<&ProfileId>, frames: u32, kind: Option<Garbage>) -> usize {
        let mut registry = self.0.lock();
        let Registry { open, turn, .. } = &mut *registry;
        let joined = open.values().filter(|open| match profile {
            Some(_) => open.profile.as_ref() == profile,
            None => open.profile.is_some(),
        });
        let litter = joined.filter(|open| {
            let kinds = (0..frames).map(|_| {
                kind.unwrap_or_else(|| {
                    *turn = turn.wrapping_add(1);
                    garbage::kind_of(turn.wrapping_sub(1))
                })
            });
            open.take(ConnectionFault::Litter(kinds.collect()))
        });
        litter.count()
    }
}

impl Open {
    /// Returns whether the fault reached the connection.
    fn take(&self, trouble: ConnectionFault) -> bool {
        match trouble {
            ConnectionFault::Cut => {
                self.cut.notify_one();
                true
            }
            ConnectionFault::Stalled(lasting) => self.stalls.try_send(lasting).is_ok(),
            inner @ (ConnectionFault::Deaf(_) | ConnectionFault::Litter(_) | ConnectionFault::Close { .. }) => {
                self.inner.try_send(inner).is_ok()
            }
        }
    }
}

impl Place {
    /// Sets the profile whose channel the connection is in: `None` after a leave.
    pub(crate) fn joined(&self, profile: Option<ProfileId>) {
        if let Some(open) = self.registry.lock().open.get_mut(&self.id) {
            open.profile = profile;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_reaches_the_oldest_of_those_that_are_meant_and_none_that_have_gone() {
        let connections = Connections::default();
        let meant = ProfileId::new("meant");
        let mut places: Vec<_> = (0..4).map(|_| connections.enter()).collect();
        for (place, _) in places.iter().skip(1) {
            place.joined(Some(meant.clone()));
        }
        drop(places.remove(1));
        let second = Duration::from_secs(1);
        assert_eq!(connections.inject(Some(&meant), Some(1), &ConnectionFault::Stalled(second)), 1);
        assert_eq!(connections.inject(None, None, &ConnectionFault::Deaf(second)), 3);
        assert_eq!(connections.litter(None, 1, None), 2, "one has not joined");
        let stalled: Vec<_> = places.iter_mut().map(|(_, orders)| orders.stalls.try_recv().is_ok()).collect();
        assert_eq!(stalled, [false, true, false]);
    }

    #[test]
    fn a_connection_that_heeds_nothing_is_not_counted_for_ever() {
        let connections = Connections::default();
        let (_place, _orders) = connections.enter();
        let reached: usize =
            (0..WAITING + 3).map(|_| connections.inject(None, None, &ConnectionFault::Deaf(Duration::ZERO))).sum();
        assert_eq!(reached, WAITING);
    }
}
