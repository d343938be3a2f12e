//! Links of the two file stores: single-use, valid for ten minutes.

use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::payload::Payload;

use super::recent::BoundedMap;
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
    /// Not a link of this store.
    Unknown,
    /// It has been used.
    Used,
    /// Its ten minutes are over.
    Expired,
}

struct Link {
    purpose: Purpose,
    expires: Instant,
    used: bool,
}

/// All links.
#[derive(Default)]
pub(crate) struct Links(BoundedMap<String, Link, REMEMBERED>);

impl Links {
    /// Creates a link. Returns the part after `?auth=`.
    pub(crate) fn grant(&mut self, purpose: Purpose, now: Instant) -> String {
        let auth = secrets::link_auth();
        self.0.insert(auth.clone(), Link { purpose, expires: now + LINK_LIFE, used: false });
        auth
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
}
