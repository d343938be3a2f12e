//! The links and stream tokens of a profile: the window knows only that they are there. The journal keeps them sealed for
//! the next run, where it has a key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::activity::Timestamp;
use crate::journal::{RequestSecret, Secret};
use crate::protocol::{DataBody, DataReport, Link, Message, RequestId, StreamReport, StreamToken};

use super::used_links::{Fingerprint, UsedLinks};

/// How many requests' secrets are held; beyond, the oldest goes. With links that live ten minutes this is never reached in
/// earnest: it bounds what a server can make the engine hold.
const MOST: usize = 100_000;

/// A profile's vault.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkStore(Arc<Mutex<Held>>);

/// What is held of every request.
#[derive(Debug, Default)]
struct Held {
    requests: BTreeMap<RequestId, RequestLinks>,
    /// The requests by when they first came, for bounding.
    by_age: BTreeMap<u64, RequestId>,
    arrivals: u64,
    /// What was requested.
    used: UsedLinks,
}

/// What is held of one request.
#[derive(Debug, Default)]
struct RequestLinks {
    arrival: u64,
    network_config: Option<LinkState>,
    token: Option<StreamToken>,
    stream: Option<Link>,
    stream_ready: bool,
    /// What a link is made of that was put back, where it did not come as one.
    made_of: Vec<Fingerprint>,
    /// Whether what came in earlier runs is of an earlier delivery.
    is_newer_delivery: bool,
    came: Timestamp,
    /// When what came expires, where its message said.
    expires: Option<Timestamp>,
}

/// The way to the data: a link, until it is taken.
#[derive(Debug)]
enum LinkState {
    Link(Link),
    Taken,
}

/// A link that was taken out to be fetched. Nobody else gets it until it is put back.
#[derive(Debug)]
pub(crate) struct ClaimedLink {
    /// The link.
    pub(crate) url: Url,
    /// Since when it can be fetched, and until when.
    pub(crate) ready: Ready,
    /// What it is known by when the server repeats it.
    pub(crate) links: Vec<Fingerprint>,
    kept: Link,
}

impl ClaimedLink {
    /// The server sent it on: from here on this is the link. When it comes again it is known by what it was.
    pub(crate) fn sent_on(self, to: Url) -> Self {
        Self { kept: Link::new(to.as_str()), url: to, ..self }
    }
}

/// Since when a link can be fetched, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// When it came.
    pub(crate) came: Timestamp,
    /// When it expires, where its message said.
    pub(crate) expires: Option<Timestamp>,
}

impl Ready {
    /// When its time is over: as its message said, else if links live that long.
    pub(crate) fn expiry(self, lifetime: Duration) -> Timestamp {
        self.expires.unwrap_or_else(|| self.came.plus(lifetime))
    }
}

/// Why there is no link to fetch, in words for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// Nothing is held: it came in an earlier run that could not keep it, or never.
    #[error(
        "The link is not known here: it came while links were kept in memory only, or not at all. Request the data again."
    )]
    NotHeld,
    /// It was taken before.
    #[error("The link was fetched already, and a link can be fetched once. Request the data again.")]
    Taken,
    /// The stream is not ready.
    #[error("The data is not ready yet: the server says so with another message. Try again when that has come.")]
    NotReady,
    /// It can't be read as an address.
    #[error("The server sent a link that is not an address that can be fetched from. Request the data again.")]
    Malformed,
}

impl LinkStore {
    /// Keeps what came for a request, and says whether it is new: what was requested before opens nothing any more, however
    /// often the server repeats it.
    pub(crate) fn keep(&self, secret: &RequestSecret) -> bool {
        let repeated = self.lock().repeats(secret);
        self.change(&secret.request, secret.at, |secrets| {
            if !repeated {
                secrets.take(secret);
            } else if secrets.is_empty() {
                // It was requested in an earlier run.
                secrets.network_config = Some(LinkState::Taken);
            }
        });
        !repeated
    }

    /// These were requested in an earlier run. Says whether the server has repeated one of them in this run.
    pub(crate) fn used_before(&self, request: &RequestId, links: &[Fingerprint]) -> bool {
        let mut held = self.lock();
        for link in links {
            held.used.add(*link);
        }
        let Some(secrets) = held.requests.get_mut(request) else { return false };
        let repeated = secrets.fingerprints(request).iter().any(|link| links.contains(link));
        if repeated {
            secrets.begin_delivery();
            secrets.network_config = Some(LinkState::Taken);
        }
        repeated
    }

    #[cfg(test)]
    pub(crate) fn has_used(&self, link: Fingerprint) -> bool {
        self.lock().used.has(link)
    }

    /// Takes back what came in earlier runs. What came in this one is newer. Gives the requests that there is something of.
    pub(crate) fn restore(&self, earlier: Vec<RequestSecret>) -> Vec<RequestId> {
        let mut restored: BTreeMap<RequestId, RequestLinks> = BTreeMap::new();
        for secret in earlier {
            restored.entry(secret.request.clone()).or_default().take(&secret);
        }
        let requests = restored.keys().cloned().collect();
        for (request, earlier) in restored {
            self.change(&request, earlier.came, |secrets| secrets.add_earlier(earlier));
        }
        requests
    }

    /// What is held and was not used.
    pub(crate) fn held(&self) -> Vec<RequestSecret> {
        let held = self.lock();
        let mut all = Vec::new();
        for (request, secrets) in &held.requests {
            let each = secrets.each().into_iter();
            all.extend(each.map(|secret| RequestSecret {
                request: request.clone(),
                secret,
                at: secrets.came,
                expires: secrets.expires,
            }));
        }
        all
    }

    /// What is held of a request and was not used.
    pub(crate) fn unused(&self, request: &RequestId) -> Vec<Secret> {
        self.lock().requests.get(request).map(RequestLinks::each).unwrap_or_default()
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        let mut held = self.lock();
        // What was requested is good for nothing, whatever the operator forgets.
        *held = Held { used: std::mem::take(&mut held.used), ..Held::default() };
    }

    /// Whether the link of a request was taken and not put back.
    pub(crate) fn is_spent(&self, request: &RequestId) -> bool {
        self.lock()
            .requests
            .get(request)
            .is_some_and(|secrets| matches!(secrets.network_config, Some(LinkState::Taken)))
    }

    /// Takes the link of a request out, to be fetched once. `download` is the profile's download address.
    pub(crate) fn take(&self, request: &RequestId, download: &Url) -> Result<ClaimedLink, LinkError> {
        let mut held = self.lock();
        let secrets = held.requests.get_mut(request).ok_or(LinkError::NotHeld)?;
        let link = match &secrets.network_config {
            Some(LinkState::Taken) => return Err(LinkError::Taken),
            Some(LinkState::Link(link)) => link.clone(),
            None => secrets.streamed(download)?,
        };
        let url = Url::parse(link.expose()).map_err(|_malformed| LinkError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(LinkError::Malformed);
        }
        let links = secrets.fingerprints(request);
        // A token and its stream are used up together.
        secrets.begin_delivery();
        secrets.network_config = Some(LinkState::Taken);
        let ready = Ready { came: secrets.came, expires: secrets.expires };
        for link in &links {
            held.used.add(*link);
        }
        Ok(ClaimedLink { url, ready, links, kept: link })
    }

    /// When the link of a request came and expires; `None` where there is none that can be fetched now.
    pub(crate) fn ready(&self, request: &RequestId, download: &Url) -> Option<Ready> {
        let held = self.lock();
        let secrets = held.requests.get(request)?;
        let ready = match &secrets.network_config {
            Some(LinkState::Taken) => false,
            Some(LinkState::Link(_)) => true,
            None => secrets.streamed(download).is_ok(),
        };
        ready.then_some(Ready { came: secrets.came, expires: secrets.expires })
    }

    /// Puts a link back that was not sent.
    pub(crate) fn put_back(&self, request: &RequestId, taken: ClaimedLink) {
        let mut held = self.lock();
        for link in &taken.links {
            held.used.remove(*link);
        }
        if let Some(secrets) = held.requests.get_mut(request)
            && matches!(secrets.network_config, Some(LinkState::Taken))
        {
            secrets.network_config = Some(LinkState::Link(taken.kept));
            secrets.made_of = taken.links;
        }
    }

    fn change(&self, request: &RequestId, at: Timestamp, change: impl FnOnce(&mut RequestLinks)) {
        let mut held = self.lock();
        if !held.requests.contains_key(request) {
            held.arrivals += 1;
            let arrival = held.arrivals;
            held.by_age.insert(arrival, request.clone());
            held.requests.insert(request.clone(), RequestLinks { arrival, came: at, ..RequestLinks::default() });
        }
        if let Some(secrets) = held.requests.get_mut(request) {
            change(secrets);
        }
        while held.requests.len() > MOST
            && let Some((arrival, oldest)) = held.by_age.pop_first()
        {
            // A request has one arrival as long as it is held.
            if held.requests.get(&oldest).is_some_and(|secrets| secrets.arrival == arrival) {
                held.requests.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // The maps are whole after every statement, also where a panic went through.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What opens the data of a request, of a message.
pub(crate) fn secret_of(message: &Message, at: Timestamp) -> Option<RequestSecret> {
    let (request, secret, life) = match message {
        Message::Data(DataReport { id, delivery: DataBody::Link(link), life, .. }) => {
            (id, Secret::Link(link.clone()), life)
        }
        Message::Data(DataReport { id, delivery: DataBody::StreamToken(token), life, .. }) => {
            (id, Secret::StreamToken(token.clone()), life)
        }
        Message::StreamReady(StreamReport { id, url, life }) => (id, Secret::StreamReady(url.clone()), life),
        Message::Data(_) | Message::Command(_) | Message::Unrecognised(_) => return None,
    };
    let expires = life.map(|life| at.end_of(life));
    Some(RequestSecret { request: request.clone(), secret, at, expires })
}

impl Held {
    /// Whether it only repeats what was requested. `STREAM-READY` without an address can't be told from a new one; it says of a
    /// token that is new that it is good by now, and nothing of others.
    fn repeats(&self, RequestSecret { request, secret, .. }: &RequestSecret) -> bool {
        let secret = match secret {
            Secret::Link(link) | Secret::StreamReady(Some(link)) => link.expose(),
            Secret::StreamToken(token) => token.expose(),
            Secret::StreamReady(None) => return false,
        };
        self.used.has(Fingerprint::of(request, secret))
    }
}

impl RequestLinks {
    /// Whether nothing came yet.
    fn is_empty(&self) -> bool {
        self.network_config.is_none() && self.token.is_none() && self.stream.is_none() && !self.stream_ready
    }

    /// What the messages that brought its link are known by when they come again: of a stream its address and its token.
    fn fingerprints(&self, request: &RequestId) -> Vec<Fingerprint> {
        let of = |secret: &str| Fingerprint::of(request, secret);
        match &self.network_config {
            Some(LinkState::Taken) => Vec::new(),
            Some(LinkState::Link(_)) if !self.made_of.is_empty() => self.made_of.clone(),
            Some(LinkState::Link(link)) => vec![of(link.expose())],
            None => {
                let stream = self.stream.iter().map(|stream| of(stream.expose()));
                stream.chain(self.token.iter().map(|token| of(token.expose()))).collect()
            }
        }
    }

    /// Another delivery of the same request begins: what made the one before ready says nothing of it.
    fn begin_delivery(&mut self) {
        (self.network_config, self.token, self.stream, self.stream_ready) = (None, None, None, false);
        self.made_of.clear();
        self.is_newer_delivery = true;
    }

    /// Takes what came.
    fn take(&mut self, &RequestSecret { ref secret, at, expires, .. }: &RequestSecret) {
        match secret {
            Secret::Link(link) => {
                self.begin_delivery();
                self.network_config = Some(LinkState::Link(link.clone()));
                (self.came, self.expires) = (at, expires);
            }
            Secret::StreamToken(token) => {
                // `STREAM-READY` may come before its token, but not before two.
                if self.token.is_some() {
                    self.begin_delivery();
                }
                self.token = Some(token.clone());
                self.network_config = None;
                (self.came, self.expires) = (at, expires);
            }
            Secret::StreamReady(url) => {
                self.stream_ready = true;
                if url.is_some() {
                    self.stream.clone_from(url);
                    self.came = at;
                }
                self.expires = expires.or(self.expires);
            }
        }
    }

    /// Adds what came before all of this.
    fn add_earlier(&mut self, earlier: Self) {
        let is_second_token = self.token.is_some() && earlier.token.is_some();
        if self.is_newer_delivery || is_second_token {
            return;
        }
        if self.token.is_none() {
            (self.network_config, self.token) = (earlier.network_config, earlier.token);
        }
        self.stream = self.stream.take().or(earlier.stream);
        self.stream_ready |= earlier.stream_ready;
        self.came = self.came.max(earlier.came);
        self.expires = self.expires.or(earlier.expires);
    }

    /// What there is to keep.
    fn each(&self) -> Vec<Secret> {
        match &self.network_config {
            Some(LinkState::Link(link)) => vec![Secret::Link(link.clone())],
            // All of it is used up with the link that was made of it.
            Some(LinkState::Taken) => Vec::new(),
            None => {
                let token = self.token.clone().map(Secret::StreamToken);
                let ready = self.stream_ready.then(|| Secret::StreamReady(self.stream.clone()));
                token.into_iter().chain(ready).collect()
            }
        }
    }

    /// The link of a streamed payload `[live]`: its own address where one came, else the download address and the token.
    fn streamed(&self, download: &Url) -> Result<Link, LinkError> {
        if !self.stream_ready {
            return Err(if self.token.is_some() { LinkError::NotReady } else { LinkError::NotHeld });
        }
        match (&self.stream, &self.token) {
            (Some(stream), _) => Ok(stream.clone()),
            (None, Some(token)) => {
                let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
                let base = download.as_str().trim_end_matches('/');
                Ok(Link::new(format!("{base}/?auth={token}")))
            }
            (None, None) => Err(LinkError::NotHeld),
        }
    }
}

#[cfg(test)]
mod tests;
