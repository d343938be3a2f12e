//! When links expire, and which are ready.

use std::ops::Bound;
use std::time::Duration;

use crate::activity::activity_values::NO_EXPIRY;
use crate::activity::entry::ActivityKey;
use crate::activity::time::time_reference::TimeReference;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::RequestId;

use super::Activities;
use super::row_id::RowId;

impl Activities {
    /// Sets the default lifetime of links, including links received earlier.
    pub fn set_link_lifetime(&mut self, lifetime: Duration) {
        if lifetime == self.link_lifetime {
            return;
        }
        self.link_lifetime = lifetime;
        self.set_deadlines();
        self.recount();
    }

    /// Sets how the times of the entries and of [`Activities::expire`] relate to the server's clock. Links of earlier runs, and
    /// expiry times given by the server's clock, are judged by it; while the relation is unknown they do not expire.
    pub fn set_reference(&mut self, reference: TimeReference) {
        if reference == self.reference {
            return;
        }
        // Only usable links depend on it.
        let judged: Vec<(u32, _)> = self.deadlines.iter().map(|&(_, at)| (at, self.counted(at))).collect();
        let before = std::mem::replace(&mut self.reference, reference);
        if before.ahead != reference.ahead {
            // A filter may test a time of day.
            self.change_everything();
        }
        self.deadlines.clear();
        for (at, before) in judged {
            self.set_deadline(at, None);
            self.update_counts(at, before);
            let place = self.first_seq(at);
            self.list_change(at, place);
        }
    }

    /// The value last set by [`Activities::set_reference`].
    pub fn reference(&self) -> TimeReference {
        self.reference
    }

    /// The lifetime of a link whose message does not give one.
    pub fn link_lifetime(&self) -> Duration {
        self.link_lifetime
    }

    /// Marks links of earlier runs as still usable. Can be called before or after the requests have rows.
    pub fn restore_links(&mut self, requests: &[RequestId]) {
        for request in requests {
            let Some(RowId { slot: at, .. }) = self.find(&ActivityKey::Data(request.clone())) else {
                self.restored_links.insert(request.as_str().into());
                continue;
            };
            let (before, place, deadline) = (self.counted(at), self.first_seq(at), self.deadline(at));
            if let Some(data) = self.rows.get(at).and_then(|row| self.data.get_mut(row.data)) {
                data.link_restored = true;
            }
            self.set_deadline(at, deadline);
            self.update_counts(at, before);
            self.list_change(at, place);
        }
    }

    /// Marks links past their expiry as expired, and undoes that if the time has moved back. Returns when the next link expires.
    pub fn expire(&mut self, now: Timestamp) -> Option<Timestamp> {
        if now != self.now {
            let (earlier, later) = (now.min(self.now), now.max(self.now));
            let between = (Bound::Excluded((earlier, u32::MAX)), Bound::Included((later, u32::MAX)));
            let turned: Vec<u32> = self.deadlines.range(between).map(|&(_, at)| at).collect();
            let before: Vec<_> = turned.iter().map(|&at| self.counted(at)).collect();
            let went_back = now < self.now;
            self.now = now;
            for (at, before) in turned.into_iter().zip(before) {
                self.update_counts(at, before);
                let place = self.first_seq(at);
                self.list_change(at, place);
            }
            if went_back {
                // A filter's result may depend on the time as well.
                self.change_everything();
            }
            self.throughput.prune(now);
            self.outcomes.prune(now);
        }
        self.usable_links().next().map(|&(at, _)| at).filter(|&at| at != NO_EXPIRY)
    }

    /// The usable links by expiry.
    fn usable_links(&self) -> impl Iterator<Item = &(Timestamp, u32)> {
        self.deadlines.range((Bound::Excluded((self.now, u32::MAX)), Bound::Unbounded))
    }

    /// The rows with usable links, earliest expiry first.
    pub fn ready(&self) -> impl Iterator<Item = RowId> + '_ {
        self.usable_links().filter_map(|&(_, at)| self.id(at))
    }

    /// When a row's link expires or expired; `None` if the row has no usable link.
    pub(crate) fn deadline(&self, at: u32) -> Option<Timestamp> {
        self.get_at(at).and_then(|activity| activity.deadline())
    }

    /// Lists a row under its new deadline. `before` is its previous one.
    pub(crate) fn set_deadline(&mut self, at: u32, before: Option<Timestamp>) {
        let deadline = self.deadline(at);
        if deadline == before {
            return;
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before, at));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, at));
        }
    }

    pub(crate) fn set_deadlines(&mut self) {
        self.deadlines.clear();
        for index in 0..self.order.len() {
            if let Some(at) = self.order.get(index).copied() {
                self.set_deadline(at, None);
            }
        }
    }
}
