//! Links: until when they can be used, and when that changes.

use std::ops::Bound;
use std::time::Duration;

use crate::activity::entry::ActivityKey;
use crate::activity::read::NO_END;
use crate::activity::time::time_reference::TimeReference;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::RequestId;

use super::Activities;
use super::row_id::RowId;

impl Activities {
    /// Links are taken to live so long from now on, those that are there already too.
    pub fn set_link_lifetime(&mut self, lifetime: Duration) {
        if lifetime == self.link_lifetime {
            return;
        }
        self.link_lifetime = lifetime;
        self.set_deadlines();
        self.recount();
    }

    /// How the times of the entries and of [`Activities::expire`] relate to the server's time of day. Links of earlier runs,
    /// and ends that a server told by its own clock, are judged by it; as long as it is not known they do not expire.
    pub fn set_reference(&mut self, reference: TimeReference) {
        if reference == self.reference {
            return;
        }
        // Only links that can be used are judged by it.
        let judged: Vec<(u32, _)> = self.deadlines.iter().map(|&(_, at)| (at, self.counted(at))).collect();
        let before = std::mem::replace(&mut self.reference, reference);
        if before.ahead != reference.ahead {
            // A filter may ask for a time of day.
            self.change_everything();
        }
        self.deadlines.clear();
        for (at, before) in judged {
            self.set_deadline(at, None);
            self.recount_one(at, before);
            let place = self.place(at);
            self.list_change(at, place);
        }
    }

    /// What was last set by [`Activities::set_reference`].
    #[must_use]
    pub fn reference(&self) -> TimeReference {
        self.reference
    }

    /// How long a link is taken to live whose message does not say it.
    #[must_use]
    pub fn link_lifetime(&self) -> Duration {
        self.link_lifetime
    }

    /// The links of these requests came in an earlier run and can be used all the same. Before or after their rows.
    pub fn keep_links(&mut self, requests: &[RequestId]) {
        for request in requests {
            let Some(RowId { slot: at, .. }) = self.find(&ActivityKey::Data(request.clone())) else {
                self.kept_links.insert(request.as_str().into());
                continue;
            };
            let (before, place, deadline) = (self.counted(at), self.place(at), self.deadline(at));
            if let Some(data) = self.rows.get(at).and_then(|row| self.data.get_mut(row.data)) {
                data.kept = true;
            }
            self.set_deadline(at, deadline);
            self.recount_one(at, before);
            self.list_change(at, place);
        }
    }

    /// Turns links whose time is over into expired ones, and back where the time is earlier than it was. Returns when the
    /// next one expires.
    pub fn expire(&mut self, now: Timestamp) -> Option<Timestamp> {
        if now != self.now {
            let (earlier, later) = (now.min(self.now), now.max(self.now));
            let between = (Bound::Excluded((earlier, u32::MAX)), Bound::Included((later, u32::MAX)));
            let turned: Vec<u32> = self.deadlines.range(between).map(|&(_, at)| at).collect();
            let before: Vec<_> = turned.iter().map(|&at| self.counted(at)).collect();
            let went_back = now < self.now;
            self.now = now;
            for (at, before) in turned.into_iter().zip(before) {
                self.recount_one(at, before);
                let place = self.place(at);
                self.list_change(at, place);
            }
            if went_back {
                // What a filter says of rows may depend on the time as well.
                self.change_everything();
            }
            self.throughput.prune(now);
            self.outcomes.prune(now);
        }
        self.to_come().next().map(|&(at, _)| at).filter(|&at| at != NO_END)
    }

    /// The links that can be used, by their ends.
    fn to_come(&self) -> impl Iterator<Item = &(Timestamp, u32)> {
        self.deadlines.range((Bound::Excluded((self.now, u32::MAX)), Bound::Unbounded))
    }

    /// The rows whose links can be used, what expires first in front.
    pub fn ready(&self) -> impl Iterator<Item = RowId> + '_ {
        self.to_come().filter_map(|&(_, at)| self.id(at))
    }

    /// When the link of a row expires or expired; `None` if it has none that can be used.
    pub(crate) fn deadline(&self, at: u32) -> Option<Timestamp> {
        self.get_at(at).and_then(|activity| activity.deadline())
    }

    /// Lists a row under its deadline. `before` is the one that it had.
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
