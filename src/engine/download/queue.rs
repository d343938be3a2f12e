//! The download queue: what expires first is downloaded first.

use std::path::PathBuf;
use std::time::Duration;

use crate::activity::Timestamp;
use crate::engine::events::event::WaitingDownload;
use crate::engine::runtime::transfer_rate::TransferRates;
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::SaveTarget;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedDownload {
    pub(crate) profile: ProfileId,
    pub(crate) request: RequestId,
    pub(crate) target: SaveTarget,
    /// Whether it was queued without a click.
    pub(crate) automatic: bool,
    /// When its link expires; `None` for an inline payload, which does not expire.
    pub(crate) expires: Option<Timestamp>,
    /// Its size in bytes, if it is known.
    pub(crate) size: Option<u64>,
    /// Whether the operator was warned that it will start too late.
    pub(crate) warned: bool,
}

/// The queued downloads of all profiles, in order. Bounded by what is ready: each request is queued only once.
#[derive(Debug, Default)]
pub(crate) struct DownloadQueue(Vec<QueuedDownload>);

impl DownloadQueue {
    /// Queues a download behind those that expire no later. Returns false if it was queued already.
    pub(crate) fn add(&mut self, queued: QueuedDownload) -> bool {
        if self.0.iter().any(|waiting| waiting.matches(queued.profile, &queued.request)) {
            return false;
        }
        let at = self.0.partition_point(|waiting| waiting.sort_key() <= queued.sort_key());
        self.0.insert(at, queued);
        true
    }

    /// Removes the first one.
    pub(crate) fn next(&mut self) -> Option<QueuedDownload> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Removes a download. Returns whether it was queued.
    pub(crate) fn remove(&mut self, profile: ProfileId, request: &RequestId) -> bool {
        let before = self.0.len();
        self.0.retain(|waiting| !waiting.matches(profile, request));
        self.0.len() < before
    }

    /// Whether a download of this profile is queued.
    pub(crate) fn has_profile(&self, profile: ProfileId) -> bool {
        self.0.iter().any(|waiting| waiting.profile == profile)
    }

    /// Removes the downloads of a profile.
    pub(crate) fn remove_profile(&mut self, profile: ProfileId) {
        self.0.retain(|waiting| waiting.profile != profile);
    }

    /// The downloads that will start too late at the measured rates and were not reported yet.
    pub(crate) fn take_newly_late(&mut self, now: Timestamp, rates: &TransferRates) -> Vec<(ProfileId, RequestId)> {
        let mut ahead = Duration::ZERO;
        let mut late = Vec::new();
        for waiting in &mut self.0 {
            let turn = now.plus(ahead);
            if !waiting.warned && waiting.expires.is_some_and(|expires| expires > now && expires < turn) {
                waiting.warned = true;
                late.push((waiting.profile, waiting.request.clone()));
            }
            ahead += waiting.size.and_then(|size| rates.estimate(size)).unwrap_or_default();
        }
        late
    }

    /// The queue as the window shows it, in order.
    pub(crate) fn waiting(&self) -> Vec<WaitingDownload> {
        let waiting = |queued: &QueuedDownload| WaitingDownload {
            profile: queued.profile,
            request: queued.request.clone(),
            to: match &queued.target {
                SaveTarget::File(to) | SaveTarget::Folder(to) => PathBuf::clone(to),
            },
            in_folder: matches!(queued.target, SaveTarget::Folder(_)),
            size: queued.size,
            expires: queued.expires,
            too_late: queued.warned,
        };
        self.0.iter().map(waiting).collect()
    }
}

impl QueuedDownload {
    fn matches(&self, profile: ProfileId, request: &RequestId) -> bool {
        self.profile == profile && self.request == *request
    }

    /// What never expires is sorted behind everything that does.
    fn sort_key(&self) -> (bool, Option<Timestamp>) {
        (self.expires.is_none(), self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(id: &str, expires: Option<i64>, size: u64) -> QueuedDownload {
        QueuedDownload {
            profile: ProfileId::from_u128(1),
            request: RequestId::from(id),
            target: SaveTarget::Folder("/in".into()),
            automatic: false,
            expires: expires.map(|second| Timestamp::from_millis(second * 1_000)),
            size: Some(size),
            warned: false,
        }
    }

    fn ids(queue: &DownloadQueue) -> Vec<String> {
        queue.waiting().iter().map(|waiting| waiting.request.to_string()).collect()
    }

    #[test]
    fn the_earliest_expiry_goes_first_and_a_download_without_one_goes_last() {
        let mut queue = DownloadQueue::default();
        for (id, expires) in [("inline", None), ("b", Some(20)), ("c", Some(30)), ("a", Some(10)), ("b2", Some(20))] {
            assert!(queue.add(queued(id, expires, 1)));
        }
        assert!(!queue.add(queued("b", Some(1), 1)), "it waits twice");
        assert_eq!(ids(&queue), ["a", "b", "b2", "c", "inline"]);
        assert!(queue.remove(ProfileId::from_u128(1), &RequestId::from("b")));
        assert_eq!(queue.next().map(|queued| queued.request), Some(RequestId::from("a")));
        queue.remove_profile(ProfileId::from_u128(2));
        assert_eq!(ids(&queue), ["b2", "c", "inline"], "another profile's were forgotten");
        assert!(queue.has_profile(ProfileId::from_u128(1)) && !queue.has_profile(ProfileId::from_u128(2)));
        queue.remove_profile(ProfileId::from_u128(1));
        assert!(!queue.has_profile(ProfileId::from_u128(1)));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn a_download_that_will_start_too_late_is_reported_once() {
        let mut queue = DownloadQueue::default();
        let rates = TransferRates::default();
        // 100 bytes a second.
        rates.learn(1_000, Duration::from_secs(10));
        for (id, expires, size) in [("a", 10, 2_000), ("b", 15, 2_000), ("c", 100, 1)] {
            queue.add(queued(id, Some(expires), size));
        }
        let now = Timestamp::from_millis(1_000);
        let late = queue.take_newly_late(now, &rates);
        assert_eq!(late, [(ProfileId::from_u128(1), RequestId::from("b"))], "a takes 20 s, and b lives 14 s more");
        assert_eq!(queue.take_newly_late(now, &rates), []);
        assert_eq!(queue.waiting().iter().map(|waiting| waiting.too_late).collect::<Vec<_>>(), [false, true, false]);
    }
}
