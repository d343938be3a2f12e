//! Links of the two file stores: single-use, valid for ten minutes.

use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::payload::Payload;

use super::bounded_map::BoundedMap;
use super::secrets;

/// How long a link is valid.
pub(crate) const LINK_LIFE: Duration = Duration::from_mins(10);

/// How many links are remembered; older ones are unknown to the stores.
const REMEMBERED: usize = 10_000;

/// What a link is for.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// Downloading a payload from the downstream store.
    Download(Payload),
    /// Filling a reservation through the upstream store.
    Upload {
        /// The reservation's temporary token.
        reservation: String,
    },
}

/// Why a link is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not a link of this store, or not good yet.
    Unknown,
    /// It has been used, or its data was deleted.
    Used,
    /// Its ten minutes are over.
    Expired,
}

#[derive(Clone)]
struct Link {
    purpose: Purpose,
    expires: Instant,
    used: bool,
    /// Whether it is good yet: a client may know it before.
    is_open: bool,
    /// The data token that it leads to, if it is one.
    data_token: Option<String>,
}

/// All links.
#[derive(Clone, Default)]
pub(crate) struct Links(BoundedMap<String, Link, REMEMBERED>);

impl Links {
    /// Creates a link. Returns the part after `?auth=`.
    pub(crate) fn grant(&mut self, purpose: Purpose, now: Instant) -> String {
        self.add(Link { purpose, expires: now + LINK_LIFE, used: false, is_open: true, data_token: None })
    }

    /// Creates a download link that is good once it is opened. It ends with the data token that it leads to.
    pub(crate) fn announce(&mut self, payload: Payload, data_token: Option<&str>, now: Instant) -> String {
        let (purpose, data_token) = (Purpose::Download(payload), data_token.map(str::to_owned));
        self.add(Link { purpose, expires: now + LINK_LIFE, used: false, is_open: false, data_token })
    }

    fn add(&mut self, link: Link) -> String {
        let auth = secrets::link_auth();
        self.0.insert(auth.clone(), link);
        auth
    }

    /// Makes an announced link good, for its whole time. Returns whether it still exists.
    pub(crate) fn open(&mut self, auth: &str, now: Instant) -> bool {
        let Some(link) = self.0.get_mut(auth).filter(|link| !link.used) else { return false };
        (link.is_open, link.expires) = (true, now + LINK_LIFE);
        true
    }

    /// Uses up every link to a data token.
    pub(crate) fn revoke(&mut self, data_token: &str) {
        for link in self.0.values_mut().filter(|link| link.data_token.as_deref() == Some(data_token)) {
            link.used = true;
        }
    }

    /// Uses up a download link and returns its payload.
    pub(crate) fn take_download(&mut self, auth: &str, now: Instant) -> Result<Payload, Refused> {
        self.take(auth, now, |purpose| match purpose {
            Purpose::Download(payload) => Some(payload.clone()),
            Purpose::Upload { .. } => None,
        })
    }

    /// Uses up an upload link and returns the reservation that it fills.
    pub(crate) fn take_upload(&mut self, auth: &str, now: Instant) -> Result<String, Refused> {
        self.take(auth, now, |purpose| match purpose {
            Purpose::Download(_) => None,
            Purpose::Upload { reservation } => Some(reservation.clone()),
        })
    }

    fn take<T>(&mut self, auth: &str, now: Instant, fits: impl Fn(&Purpose) -> Option<T>) -> Result<T, Refused> {
        let link = self.0.get_mut(auth).ok_or(Refused::Unknown)?;
        let taken = fits(&link.purpose).ok_or(Refused::Unknown)?;
        if link.used {
            return Err(Refused::Used);
        }
        if !link.is_open {
            return Err(Refused::Unknown);
        }
        if now >= link.expires {
            return Err(Refused::Expired);
        }
        link.used = true;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::payload::Content;

    fn payload() -> Payload {
        Payload { content: Content::Generated { seed: 1, len: 1 }, file_name: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_opens_once_within_ten_minutes_and_only_its_own_store() {
        let mut links = Links::default();
        let now = Instant::now();
        let used = links.grant(Purpose::Download(payload()), now);
        assert!(links.take_download(&used, now).is_ok());
        assert_eq!(links.take_download(&used, now).err(), Some(Refused::Used));
        let late = links.grant(Purpose::Download(payload()), now);
        assert_eq!(links.take_download(&late, now + LINK_LIFE).err(), Some(Refused::Expired));
        assert_eq!(links.take_upload(&late, now).err(), Some(Refused::Unknown), "a download link uploaded");
        assert_eq!(links.take_download("no such link", now).err(), Some(Refused::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn an_announced_link_is_good_from_its_opening_on_until_its_data_is_deleted() {
        let mut links = Links::default();
        let now = Instant::now();
        let early = links.announce(payload(), None, now);
        assert_eq!(links.take_download(&early, now).err(), Some(Refused::Unknown));
        let later = now + LINK_LIFE;
        assert!(links.open(&early, later) && links.take_download(&early, later).is_ok(), "it is not good");
        let deleted = links.announce(payload(), Some("dtk-1"), now);
        let other = links.announce(payload(), Some("dtk-2"), now);
        links.revoke("dtk-1");
        assert!(!links.open(&deleted, now) && links.open(&other, now), "the wrong one ended");
        assert_eq!(links.take_download(&deleted, now).err(), Some(Refused::Used));
    }
}
