//! The links that were already requested, recognised when a server repeats a message, even in a later run.
//!
//! Only a fingerprint of a link and its request is stored, never the link.

use std::collections::{HashSet, VecDeque};

use ring::digest::{Context, SHA256};

use crate::protocol::RequestId;

/// How many fingerprints are stored; beyond, the oldest is dropped.
const MAX_STORED: usize = 100_000;

/// The fingerprint of a link, or of a part that a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a link or a stream token of a request.
    pub(crate) fn of(request: &RequestId, secret: &str) -> Self {
        let mut digest = Context::new(&SHA256);
        for part in ["link", request.as_str(), secret] {
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        let first = digest.finish().as_ref().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }

    /// The form that the journal stores.
    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.0)
    }

    /// Parses the form that the journal stores.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

/// The links of a profile that were already requested.
#[derive(Debug, Default)]
pub(crate) struct UsedLinks {
    all: HashSet<Fingerprint>,
    by_age: VecDeque<Fingerprint>,
}

impl UsedLinks {
    /// Adds a link whose GET is about to be sent, or was sent in an earlier run.
    pub(crate) fn add(&mut self, link: Fingerprint) {
        if self.all.insert(link) {
            self.by_age.push_back(link);
        }
        while self.by_age.len() > MAX_STORED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.all.remove(&oldest);
        }
    }

    /// Removes a link whose GET was not sent after all.
    pub(crate) fn remove(&mut self, link: Fingerprint) {
        if self.all.remove(&link) {
            // Search from the end, because it is nearly always the newest.
            if let Some(at) = self.by_age.iter().rposition(|other| *other == link) {
                self.by_age.remove(at);
            }
        }
    }

    /// Whether the link was requested.
    pub(crate) fn has(&self, link: Fingerprint) -> bool {
        self.all.contains(&link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_recognised_only_for_its_request_and_survives_the_journal() {
        let of = |request: &str, link: &str| Fingerprint::of(&RequestId::from(request), link);
        assert_eq!(of("r", "https://h/?auth=1"), of("r", "https://h/?auth=1"));
        for other in [of("r", "https://h/?auth=2"), of("q", "https://h/?auth=1"), of("rh", "ttps://h/?auth=1")] {
            assert_ne!(of("r", "https://h/?auth=1"), other);
        }
        let link = of("r", "x");
        assert_eq!(Fingerprint::parse(&link.text()), Some(link));
        assert_eq!(Fingerprint::parse("no"), None);
    }

    #[test]
    fn a_server_can_not_make_it_grow_without_limit() {
        let mut used = UsedLinks::default();
        for n in 0..=MAX_STORED as u64 {
            used.add(Fingerprint(n));
        }
        assert_eq!((used.all.len(), used.by_age.len()), (MAX_STORED, MAX_STORED));
        assert!(!used.has(Fingerprint(0)) && used.has(Fingerprint(1)));
        used.remove(Fingerprint(1));
        assert!(!used.has(Fingerprint(1)));
        assert_eq!(used.by_age.len(), MAX_STORED - 1);
    }
}
