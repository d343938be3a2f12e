//! The links and stream tokens of a profile. The window only learns that they exist. If there is a key, the journal stores
//! them encrypted for the next run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::activity::Timestamp;
use crate::journal::{RequestSecret, Secret};
use crate::protocol::{DataBody, DataReport, Link, Message, RequestId, StreamReport, StreamToken};

use super::used_links::{Fingerprint, UsedLinks};

/// The most requests whose secrets are stored; beyond, the oldest is dropped. Links live ten minutes, so normal use never
/// reaches this: it bounds what a server can make the engine store.
const MAX_REQUESTS: usize = 100_000;

/// The links of a profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkStore(Arc<Mutex<Links>>);

/// The secrets of every request.
#[derive(Debug, Default)]
struct Links {
    requests: BTreeMap<RequestId, RequestLinks>,
    /// The requests by when they first arrived, to drop the oldest.
    by_age: BTreeMap<u64, RequestId>,
    arrivals: u64,
    /// The links that were requested.
    used: UsedLinks,
}

/// The secrets of one request.
#[derive(Debug, Default)]
struct RequestLinks {
    arrival: u64,
    link_state: Option<LinkState>,
    token: Option<StreamToken>,
    stream: Option<Link>,
    stream_ready: bool,
    /// The fingerprints of the parts that a put-back link was made of, if it did not arrive as one link.
    part_fingerprints: Vec<Fingerprint>,
    /// Whether secrets of earlier runs belong to an earlier delivery.
    is_newer_delivery: bool,
    arrived_at: Timestamp,
    /// When the secrets expire, if their message said so.
    expires: Option<Timestamp>,
}

/// A complete link, until it is taken.
#[derive(Debug)]
enum LinkState {
    Link(Link),
    Claimed,
}

/// A link that was taken to be fetched. Nobody else gets it until it is put back.
#[derive(Debug)]
pub(crate) struct ClaimedLink {
    pub(crate) url: Url,
    /// From when to when it can be fetched.
    pub(crate) ready: Ready,
    /// The fingerprints that recognise the link if the server repeats it.
    pub(crate) links: Vec<Fingerprint>,
    link: Link,
}

impl ClaimedLink {
    /// Replaces the address after a redirect. The fingerprints stay, so that a repeated message is still recognised.
    pub(crate) fn redirected(self, to: Url) -> Self {
        Self { link: Link::new(to.as_str()), url: to, ..self }
    }
}

/// From when to when a link can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// When it arrived.
    pub(crate) arrived_at: Timestamp,
    /// When it expires, if its message said so.
    pub(crate) expires: Option<Timestamp>,
}

impl Ready {
    /// When the link expires: as its message said, otherwise `lifetime` after it arrived.
    pub(crate) fn expiry(self, lifetime: Duration) -> Timestamp {
        self.expires.unwrap_or_else(|| self.arrived_at.plus(lifetime))
    }
}

/// Why there is no link to fetch. The texts are for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// No link is stored: it came in an earlier run that could not store it, or never.
    #[error(
        "The link is not known here: it came while links were kept in memory only, or not at all. Request the data again."
    )]
    NotStored,
    /// The link was taken before.
    #[error("The link was fetched already, and a link can be fetched once. Request the data again.")]
    AlreadyClaimed,
    /// The stream is not ready yet.
    #[error("The data is not ready yet: the server says so with another message. Try again when that has come.")]
    NotReady,
    /// The link is not a valid address.
    #[error("The server sent a link that is not an address that can be fetched from. Request the data again.")]
    Malformed,
}

impl LinkStore {
    /// Stores a secret of a request and returns whether it is new. A link that was requested before is never new, however
    /// often the server repeats it.
    pub(crate) fn insert(&self, secret: &RequestSecret) -> bool {
        let repeated = self.0.lock().is_repetition(secret);
        self.change(&secret.request, secret.at, |secrets| {
            if !repeated {
                secrets.add(secret);
            } else if secrets.is_empty() {
                // The link was requested in an earlier run.
                secrets.link_state = Some(LinkState::Claimed);
            }
        });
        !repeated
    }

    /// Marks links that an earlier run requested. Returns whether the server has repeated one of them in this run.
    pub(crate) fn mark_used(&self, request: &RequestId, links: &[Fingerprint]) -> bool {
        let mut held = self.0.lock();
        for link in links {
            held.used.add(*link);
        }
        let Some(secrets) = held.requests.get_mut(request) else { return false };
        let repeated = secrets.fingerprints(request).iter().any(|link| links.contains(link));
        if repeated {
            secrets.begin_delivery();
            secrets.link_state = Some(LinkState::Claimed);
        }
        repeated
    }

    #[cfg(test)]
    pub(crate) fn has_used(&self, link: Fingerprint) -> bool {
        self.0.lock().used.has(link)
    }

    /// Restores the secrets of earlier runs. Secrets of this run are newer and win. Returns the requests that have secrets.
    pub(crate) fn restore(&self, earlier: Vec<RequestSecret>) -> Vec<RequestId> {
        let mut restored: BTreeMap<RequestId, RequestLinks> = BTreeMap::new();
        for secret in earlier {
            restored.entry(secret.request.clone()).or_default().add(&secret);
        }
        let requests = restored.keys().cloned().collect();
        for (request, earlier) in restored {
            self.change(&request, earlier.arrived_at, |secrets| secrets.add_earlier(earlier));
        }
        requests
    }

    /// All secrets that were not used.
    pub(crate) fn unused_secrets(&self) -> Vec<RequestSecret> {
        let held = self.0.lock();
        let mut all = Vec::new();
        for (request, secrets) in &held.requests {
            let each = secrets.secrets().into_iter();
            all.extend(each.map(|secret| RequestSecret {
                request: request.clone(),
                secret,
                at: secrets.arrived_at,
                expires: secrets.expires,
            }));
        }
        all
    }

    /// The secrets of a request that were not used.
    pub(crate) fn unused(&self, request: &RequestId) -> Vec<Secret> {
        self.0.lock().requests.get(request).map(RequestLinks::secrets).unwrap_or_default()
    }

    /// Removes all secrets.
    pub(crate) fn clear(&self) {
        let mut held = self.0.lock();
        // Used links stay known, because they can't be fetched again.
        *held = Links { used: std::mem::take(&mut held.used), ..Links::default() };
    }

    /// Whether the link of a request was taken and not put back.
    pub(crate) fn is_claimed(&self, request: &RequestId) -> bool {
        self.0
            .lock()
            .requests
            .get(request)
            .is_some_and(|secrets| matches!(secrets.link_state, Some(LinkState::Claimed)))
    }

    /// Takes the link of a request, to be fetched once. `download` is the profile's download address.
    pub(crate) fn claim(&self, request: &RequestId, download: &Url) -> Result<ClaimedLink, LinkError> {
        let mut held = self.0.lock();
        let secrets = held.requests.get_mut(request).ok_or(LinkError::NotStored)?;
        let link = match &secrets.link_state {
            Some(LinkState::Claimed) => return Err(LinkError::AlreadyClaimed),
            Some(LinkState::Link(link)) => link.clone(),
            None => secrets.stream_link(download)?,
        };
        let url = Url::parse(link.expose()).map_err(|_malformed| LinkError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(LinkError::Malformed);
        }
        let links = secrets.fingerprints(request);
        // A token and its stream are used up together.
        secrets.begin_delivery();
        secrets.link_state = Some(LinkState::Claimed);
        let ready = Ready { arrived_at: secrets.arrived_at, expires: secrets.expires };
        for link in &links {
            held.used.add(*link);
        }
        Ok(ClaimedLink { url, ready, links, link })
    }

    /// When the link of a request arrived and expires; `None` if there is none that can be fetched now.
    pub(crate) fn ready(&self, request: &RequestId, download: &Url) -> Option<Ready> {
        let held = self.0.lock();
        let secrets = held.requests.get(request)?;
        let ready = match &secrets.link_state {
            Some(LinkState::Claimed) => false,
            Some(LinkState::Link(_)) => true,
            None => secrets.stream_link(download).is_ok(),
        };
        ready.then_some(Ready { arrived_at: secrets.arrived_at, expires: secrets.expires })
    }

    /// Puts back a link whose GET was not sent.
    pub(crate) fn release(&self, request: &RequestId, claimed: ClaimedLink) {
        let mut held = self.0.lock();
        for link in &claimed.links {
            held.used.remove(*link);
        }
        if let Some(secrets) = held.requests.get_mut(request)
            && matches!(secrets.link_state, Some(LinkState::Claimed))
        {
            secrets.link_state = Some(LinkState::Link(claimed.link));
            secrets.part_fingerprints = claimed.links;
        }
    }

    fn change(&self, request: &RequestId, at: Timestamp, change: impl FnOnce(&mut RequestLinks)) {
        let mut held = self.0.lock();
        if !held.requests.contains_key(request) {
            held.arrivals += 1;
            let arrival = held.arrivals;
            held.by_age.insert(arrival, request.clone());
            held.requests.insert(request.clone(), RequestLinks { arrival, arrived_at: at, ..RequestLinks::default() });
        }
        if let Some(secrets) = held.requests.get_mut(request) {
            change(secrets);
        }
        while held.requests.len() > MAX_REQUESTS
            && let Some((arrival, oldest)) = held.by_age.pop_first()
        {
            // A request keeps its arrival number as long as it is stored.
            if held.requests.get(&oldest).is_some_and(|secrets| secrets.arrival == arrival) {
                held.requests.remove(&oldest);
            }
        }
    }
}

/// The secret that a message brings for the data of a request, if any.
pub(crate) fn secret_of(message: &Message, at: Timestamp) -> Option<RequestSecret> {
    let (request, secret, life) = match message {
        Message::Data(DataReport { id, delivery: DataBody::Link(link), expiry, .. }) => {
            (id, Secret::Link(link.clone()), expiry)
        }
        Message::Data(DataReport { id, delivery: DataBody::StreamToken(token), expiry, .. }) => {
            (id, Secret::StreamToken(token.clone()), expiry)
        }
        Message::StreamReady(StreamReport { id, url, expiry }) => (id, Secret::StreamReady(url.clone()), expiry),
        Message::Data(_) | Message::Command(_) | Message::Unrecognised(_) => return None,
    };
    let expires = life.map(|life| at.expiry_after(life));
    Some(RequestSecret { request: request.clone(), secret, at, expires })
}

impl Links {
    /// Whether the secret only repeats what was requested. A repeated `STREAM-READY` without an address can't be told from a
    /// new one. It only makes a new token ready and changes nothing else.
    fn is_repetition(&self, RequestSecret { request, secret, .. }: &RequestSecret) -> bool {
        let secret = match secret {
            Secret::Link(link) | Secret::StreamReady(Some(link)) => link.expose(),
            Secret::StreamToken(token) => token.expose(),
            Secret::StreamReady(None) => return false,
        };
        self.used.has(Fingerprint::of(request, secret))
    }
}

impl RequestLinks {
    /// Whether nothing has arrived yet.
    fn is_empty(&self) -> bool {
        self.link_state.is_none() && self.token.is_none() && self.stream.is_none() && !self.stream_ready
    }

    /// The fingerprints that recognise the messages of its link when they are repeated: for a stream, of the address and of
    /// the token.
    fn fingerprints(&self, request: &RequestId) -> Vec<Fingerprint> {
        let of = |secret: &str| Fingerprint::of(request, secret);
        match &self.link_state {
            Some(LinkState::Claimed) => Vec::new(),
            Some(LinkState::Link(_)) if !self.part_fingerprints.is_empty() => self.part_fingerprints.clone(),
            Some(LinkState::Link(link)) => vec![of(link.expose())],
            None => {
                let stream = self.stream.iter().map(|stream| of(stream.expose()));
                stream.chain(self.token.iter().map(|token| of(token.expose()))).collect()
            }
        }
    }

    /// Begins another delivery of the same request. Whatever made the previous one ready does not apply to it.
    fn begin_delivery(&mut self) {
        (self.link_state, self.token, self.stream, self.stream_ready) = (None, None, None, false);
        self.part_fingerprints.clear();
        self.is_newer_delivery = true;
    }

    /// Adds a secret that arrived.
    fn add(&mut self, &RequestSecret { ref secret, at, expires, .. }: &RequestSecret) {
        match secret {
            Secret::Link(link) => {
                self.begin_delivery();
                self.link_state = Some(LinkState::Link(link.clone()));
                (self.arrived_at, self.expires) = (at, expires);
            }
            Secret::StreamToken(token) => {
                // `STREAM-READY` may come before its token, but not before two.
                if self.token.is_some() {
                    self.begin_delivery();
                }
                self.token = Some(token.clone());
                self.link_state = None;
                (self.arrived_at, self.expires) = (at, expires);
            }
            Secret::StreamReady(url) => {
                self.stream_ready = true;
                if url.is_some() {
                    self.stream.clone_from(url);
                    self.arrived_at = at;
                }
                self.expires = expires.or(self.expires);
            }
        }
    }

    /// Adds secrets that arrived before all of these.
    fn add_earlier(&mut self, earlier: Self) {
        let is_second_token = self.token.is_some() && earlier.token.is_some();
        if self.is_newer_delivery || is_second_token {
            return;
        }
        if self.token.is_none() {
            (self.link_state, self.token) = (earlier.link_state, earlier.token);
        }
        self.stream = self.stream.take().or(earlier.stream);
        self.stream_ready |= earlier.stream_ready;
        self.arrived_at = self.arrived_at.max(earlier.arrived_at);
        self.expires = self.expires.or(earlier.expires);
    }

    /// The secrets to store.
    fn secrets(&self) -> Vec<Secret> {
        match &self.link_state {
            Some(LinkState::Link(link)) => vec![Secret::Link(link.clone())],
            // The parts are used up with the link that was made of them.
            Some(LinkState::Claimed) => Vec::new(),
            None => {
                let token = self.token.clone().map(Secret::StreamToken);
                let ready = self.stream_ready.then(|| Secret::StreamReady(self.stream.clone()));
                token.into_iter().chain(ready).collect()
            }
        }
    }

    /// The link of a streamed payload `[live]`: its own address if one arrived, otherwise the download address with the
    /// token.
    fn stream_link(&self, download: &Url) -> Result<Link, LinkError> {
        if !self.stream_ready {
            return Err(if self.token.is_some() { LinkError::NotReady } else { LinkError::NotStored });
        }
        match (&self.stream, &self.token) {
            (Some(stream), _) => Ok(stream.clone()),
            (None, Some(token)) => {
                let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
                let base = download.as_str().trim_end_matches('/');
                Ok(Link::new(format!("{base}/?auth={token}")))
            }
            (None, None) => Err(LinkError::NotStored),
        }
    }
}

#[cfg(test)]
mod tests;
