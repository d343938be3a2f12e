//! The links and stream tokens of a profile: the window knows only that they are there. The journal keeps them sealed for
//! the next run, where it has a key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::activity::Moment;
use crate::journal::{RequestSecret, Secret};
use crate::protocol::{DataReport, Delivery, Link, Message, RequestId, StreamReport, StreamToken};

/// How many requests' secrets are held; beyond, the oldest goes. With links that live ten minutes this is never reached in
/// earnest: it bounds what a server can make the engine hold.
const MOST: usize = 100_000;

/// A profile's vault.
#[derive(Debug, Clone, Default)]
pub(super) struct Vault(Arc<Mutex<Held>>);

/// What is held of every request.
#[derive(Debug, Default)]
struct Held {
    requests: BTreeMap<RequestId, OfRequest>,
    /// The requests by when they first came, for bounding.
    by_age: BTreeMap<u64, RequestId>,
    arrivals: u64,
}

/// What is held of one request.
#[derive(Debug, Default)]
struct OfRequest {
    arrival: u64,
    way: Option<Way>,
    token: Option<StreamToken>,
    stream: Option<Link>,
    stream_ready: bool,
    /// Whether what came in earlier runs is of an earlier delivery.
    is_newer_delivery: bool,
    came: Moment,
    /// When what came expires, where its message said.
    expires: Option<Moment>,
}

/// The way to the data: a link, until it is taken.
#[derive(Debug)]
enum Way {
    Link(Link),
    Taken,
}

/// A link that was taken out to be fetched. Nobody else gets it until it is put back.
#[derive(Debug)]
pub(super) struct Taken {
    /// The link.
    pub(super) url: Url,
    /// Since when it can be fetched, and until when.
    pub(super) ready: Ready,
    kept: Link,
}

/// Since when a link can be fetched, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// When it came.
    pub(super) came: Moment,
    /// When it expires, where its message said.
    pub(super) expires: Option<Moment>,
}

impl Ready {
    /// When its time is over: as its message said, else if links live that long.
    pub(super) fn expiry(self, lifetime: Duration) -> Moment {
        self.expires.unwrap_or_else(|| self.came.plus(lifetime))
    }
}

/// Why there is no link to fetch, in words for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoLink {
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

impl Vault {
    /// Keeps what came for a request.
    pub(super) fn keep(&self, secret: &RequestSecret) {
        self.change(&secret.request, secret.at, |secrets| secrets.take(secret));
    }

    /// Takes back what came in earlier runs. What came in this one is newer. Gives the requests that there is something of.
    pub(super) fn restore(&self, earlier: Vec<RequestSecret>) -> Vec<RequestId> {
        let mut restored: BTreeMap<RequestId, OfRequest> = BTreeMap::new();
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
    pub(super) fn held(&self) -> Vec<RequestSecret> {
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
    pub(super) fn unused(&self, request: &RequestId) -> Vec<Secret> {
        self.lock().requests.get(request).map(OfRequest::each).unwrap_or_default()
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        *self.lock() = Held::default();
    }

    /// Whether the link of a request was taken and not put back.
    pub(super) fn is_spent(&self, request: &RequestId) -> bool {
        self.lock().requests.get(request).is_some_and(|secrets| matches!(secrets.way, Some(Way::Taken)))
    }

    /// Takes the link of a request out, to be fetched once. `download` is the profile's download address.
    pub(super) fn take(&self, request: &RequestId, download: &Url) -> Result<Taken, NoLink> {
        let mut held = self.lock();
        let secrets = held.requests.get_mut(request).ok_or(NoLink::NotHeld)?;
        let link = match &secrets.way {
            Some(Way::Taken) => return Err(NoLink::Taken),
            Some(Way::Link(link)) => link.clone(),
            None => secrets.streamed(download)?,
        };
        let url = Url::parse(link.expose()).map_err(|_malformed| NoLink::Malformed)?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(NoLink::Malformed);
        }
        // A token and its stream are used up together.
        secrets.begin_delivery();
        secrets.way = Some(Way::Taken);
        Ok(Taken { url, ready: Ready { came: secrets.came, expires: secrets.expires }, kept: link })
    }

    /// When the link of a request came and expires; `None` where there is none that can be fetched now.
    pub(super) fn ready(&self, request: &RequestId, download: &Url) -> Option<Ready> {
        let held = self.lock();
        let secrets = held.requests.get(request)?;
        let ready = match &secrets.way {
            Some(Way::Taken) => false,
            Some(Way::Link(_)) => true,
            None => secrets.streamed(download).is_ok(),
        };
        ready.then_some(Ready { came: secrets.came, expires: secrets.expires })
    }

    /// Puts a link back that was not sent.
    pub(super) fn put_back(&self, request: &RequestId, taken: Taken) {
        if let Some(secrets) = self.lock().requests.get_mut(request)
            && matches!(secrets.way, Some(Way::Taken))
        {
            secrets.way = Some(Way::Link(taken.kept));
        }
    }

    fn change(&self, request: &RequestId, at: Moment, change: impl FnOnce(&mut OfRequest)) {
        let mut held = self.lock();
        if !held.requests.contains_key(request) {
            held.arrivals += 1;
            let arrival = held.arrivals;
            held.by_age.insert(arrival, request.clone());
            held.requests.insert(request.clone(), OfRequest { arrival, came: at, ..OfRequest::default() });
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
pub(super) fn secret_of(message: &Message, at: Moment) -> Option<RequestSecret> {
    let (request, secret, life) = match message {
        Message::Data(DataReport { id, delivery: Delivery::Link(link), life, .. }) => {
            (id, Secret::Link(link.clone()), life)
        }
        Message::Data(DataReport { id, delivery: Delivery::StreamToken(token), life, .. }) => {
            (id, Secret::StreamToken(token.clone()), life)
        }
        Message::StreamReady(StreamReport { id, url, life }) => (id, Secret::StreamReady(url.clone()), life),
        Message::Data(_) | Message::Command(_) | Message::Unrecognised(_) => return None,
    };
    let expires = life.map(|life| at.end_of(life));
    Some(RequestSecret { request: request.clone(), secret, at, expires })
}

impl OfRequest {
    /// Another delivery of the same request begins: what made the one before ready says nothing of it.
    fn begin_delivery(&mut self) {
        (self.way, self.token, self.stream, self.stream_ready) = (None, None, None, false);
        self.is_newer_delivery = true;
    }

    /// Takes what came.
    fn take(&mut self, &RequestSecret { ref secret, at, expires, .. }: &RequestSecret) {
        match secret {
            Secret::Link(link) => {
                self.begin_delivery();
                self.way = Some(Way::Link(link.clone()));
                (self.came, self.expires) = (at, expires);
            }
            Secret::StreamToken(token) => {
                // `STREAM-READY` may come before its token, but not before two.
                if self.token.is_some() {
                    self.begin_delivery();
                }
                self.token = Some(token.clone());
                self.way = None;
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
            (self.way, self.token) = (earlier.way, earlier.token);
        }
        self.stream = self.stream.take().or(earlier.stream);
        self.stream_ready |= earlier.stream_ready;
        self.came = self.came.max(earlier.came);
        self.expires = self.expires.or(earlier.expires);
    }

    /// What there is to keep.
    fn each(&self) -> Vec<Secret> {
        match &self.way {
            Some(Way::Link(link)) => vec![Secret::Link(link.clone())],
            // All of it is used up with the link that was made of it.
            Some(Way::Taken) => Vec::new(),
            None => {
                let token = self.token.clone().map(Secret::StreamToken);
                let ready = self.stream_ready.then(|| Secret::StreamReady(self.stream.clone()));
                token.into_iter().chain(ready).collect()
            }
        }
    }

    /// The link of a streamed payload `[live]`: its own address where one came, else the download address and the token.
    fn streamed(&self, download: &Url) -> Result<Link, NoLink> {
        if !self.stream_ready {
            return Err(if self.token.is_some() { NoLink::NotReady } else { NoLink::NotHeld });
        }
        match (&self.stream, &self.token) {
            (Some(stream), _) => Ok(stream.clone()),
            (None, Some(token)) => {
                let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
                let base = download.as_str().trim_end_matches('/');
                Ok(Link::new(format!("{base}/?auth={token}")))
            }
            (None, None) => Err(NoLink::NotHeld),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Activities, ActivityKey, Deed, Entry, Fact, Openness, Seq};
    use crate::engine::testing::TestJournal;
    use crate::journal::Secrets;

    fn data(id: &str, delivery: Delivery, at: i64) -> RequestSecret {
        let message = Message::Data(DataReport { id: RequestId::from(id), context: None, delivery, life: None });
        secret_of(&message, Moment(at)).unwrap()
    }

    fn ready(id: &str, url: Option<&str>, at: i64) -> RequestSecret {
        let message =
            Message::StreamReady(StreamReport { id: RequestId::from(id), url: url.map(Link::new), life: None });
        secret_of(&message, Moment(at)).unwrap()
    }

    fn link(id: &str, link: &str, at: i64) -> RequestSecret {
        data(id, Delivery::Link(Link::new(link)), at)
    }

    fn token(id: &str, token: &str, at: i64) -> RequestSecret {
        data(id, Delivery::StreamToken(StreamToken::new(token)), at)
    }

    fn take(vault: &Vault, id: &str) -> Result<String, NoLink> {
        let download = Url::parse("https://down.example.com/base/").unwrap();
        vault.take(&RequestId::from(id), &download).map(|taken| taken.url.to_string())
    }

    #[test]
    fn a_link_is_taken_once_and_can_be_put_back() {
        let vault = Vault::default();
        let download = Url::parse("https://down.example.com/").unwrap();
        let id = RequestId::from("r");
        assert_eq!(take(&vault, "r"), Err(NoLink::NotHeld));
        vault.keep(&link("r", "https://h/p?auth=1", 5));
        let taken = vault.take(&id, &download).unwrap();
        assert_eq!((taken.url.as_str(), taken.ready.came), ("https://h/p?auth=1", Moment(5)));
        assert_eq!(take(&vault, "r"), Err(NoLink::Taken));
        vault.put_back(&id, taken);
        assert_eq!(take(&vault, "r").unwrap(), "https://h/p?auth=1");
        vault.keep(&link("r", "https://h/p?auth=2", 6));
        assert_eq!(take(&vault, "r").unwrap(), "https://h/p?auth=2", "a new link of the same request");
    }

    #[test]
    fn a_bare_token_is_good_once_the_stream_is_ready_in_either_order() {
        for order in [["token", "ready"], ["ready", "token"]] {
            let vault = Vault::default();
            for (n, what) in order.into_iter().enumerate() {
                if n == 1 {
                    assert!(take(&vault, "r").is_err(), "{order:?}: half of it is not enough");
                }
                match what {
                    "token" => vault.keep(&token("r", "a/b+c=&d", 1)),
                    _ => vault.keep(&ready("r", None, 1)),
                }
            }
            assert_eq!(take(&vault, "r").unwrap(), "https://down.example.com/base/?auth=a%2Fb%2Bc%3D%26d", "{order:?}");
        }
    }

    /// What a server sends for a request, and what this program does with it.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Link,
        Token,
        Ready,
        Address,
        Fetch,
    }

    const STEPS: [Step; 5] = [Step::Link, Step::Token, Step::Ready, Step::Address, Step::Fetch];

    /// Every order of so many steps.
    fn orders(length: u32) -> impl Iterator<Item = Vec<Step>> {
        (0..5_usize.pow(length)).map(move |number| (0..length).map(|at| STEPS[number / 5_usize.pow(at) % 5]).collect())
    }

    /// The entry of a step, and what it brings. Each has a number of its own.
    fn entry_of(step: Step, id: &str, number: i64) -> (Entry, Option<RequestSecret>) {
        let secret = match step {
            Step::Link => Some(link(id, &format!("https://h/{number}"), number)),
            Step::Token => Some(token(id, &number.to_string(), number)),
            Step::Ready => Some(ready(id, None, number)),
            Step::Address => Some(ready(id, Some(&format!("https://s/{number}")), number)),
            Step::Fetch => None,
        };
        let fact = match &secret {
            Some(RequestSecret { secret: Secret::Link(link), .. }) => Fact::Heard(Message::Data(DataReport {
                id: id.into(),
                context: None,
                delivery: Delivery::Link(link.clone()),
                life: None,
            })),
            Some(RequestSecret { secret: Secret::StreamToken(token), .. }) => Fact::Heard(Message::Data(DataReport {
                id: id.into(),
                context: None,
                delivery: Delivery::StreamToken(token.clone()),
                life: None,
            })),
            Some(RequestSecret { secret: Secret::StreamReady(url), .. }) => {
                Fact::Heard(Message::StreamReady(StreamReport { id: id.into(), url: url.clone(), life: None }))
            }
            None => Fact::Done(Deed::Fetching { to: String::new(), part: None }),
        };
        let entry = Entry::ours(Moment(number), ActivityKey::Data(id.into()), fact);
        (Entry { seq: Seq(u64::try_from(number).unwrap()), ..entry }, secret)
    }

    #[test]
    fn in_every_order_the_window_the_journal_and_the_vault_agree_on_what_can_be_fetched() {
        let download = Url::parse("https://down.example.com/base/").unwrap();
        for order in (1..=5).flat_map(orders) {
            let (vault, key) = (Vault::default(), ActivityKey::Data("r".into()));
            let (mut activities, mut openness) = (Activities::new(Duration::from_hours(1)), Openness::SETTLED);
            // The addresses so far, and those of them that came before a second token.
            let (mut tokens, mut addresses, mut old) = (0, Vec::new(), Vec::new());
            for (step, number) in order.iter().copied().zip(1_i64..) {
                let (entry, secret) = entry_of(step, "r", number);
                match secret {
                    Some(secret) => vault.keep(&secret),
                    // Nothing is fetched of what is not ready.
                    None if vault.take(&RequestId::from("r"), &download).is_err() => continue,
                    None => {}
                }
                activities.apply(&entry);
                openness = openness.after(&entry.key, &entry.fact);
                match step {
                    Step::Token if tokens > 0 => old.clone_from(&addresses),
                    Step::Link | Step::Fetch => tokens = 0,
                    Step::Address => addresses.push(format!("https://s/{number}")),
                    Step::Token | Step::Ready => {}
                }
                tokens += i32::from(matches!(step, Step::Token));
                let ready = vault.ready(&RequestId::from("r"), &download).is_some();
                let row = activities.get(activities.find(&key).unwrap()).unwrap();
                assert_eq!(ready, row.can_download(), "the window after {number} of {order:?}: {:?}", row.status());
                assert_eq!(ready, openness.is_ready(), "the journal after {number} of {order:?}: {openness:?}");
            }
            if let Ok(address) = take(&vault, "r") {
                assert!(!old.contains(&address), "the old address for the new token: {order:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_the_journal_kept_opens_the_same_as_what_came() {
        let journal = TestJournal::sealed().await;
        let profile = crate::settings::ProfileId::from_u128(7);
        let (now, mut all) = (Vault::default(), Vec::new());
        let (mut entries, mut secrets) = (Vec::new(), Vec::new());
        for order in (1..=4).flat_map(orders) {
            let id = format!("{order:?}");
            for (step, number) in order.into_iter().zip(1_i64..) {
                let (entry, secret) = entry_of(step, &id, number);
                entries.push(entry);
                if let Some(secret) = &secret {
                    now.keep(secret);
                }
                secrets.extend(secret);
            }
            all.push(id);
        }
        journal.store.append(profile, entries, Secrets::from(secrets)).await.unwrap();
        let then = Vault::default();
        then.restore(journal.store.secrets(profile).await.unwrap().secrets);
        for id in all {
            assert_eq!(take(&then, &id), take(&now, &id), "{id}");
        }
    }

    #[test]
    fn a_stream_address_is_used_instead_also_where_it_is_a_web_socket() {
        let vault = Vault::default();
        vault.keep(&token("r", "t", 1));
        vault.keep(&ready("r", Some("https://s.example.com/x?auth=y"), 1));
        assert_eq!(take(&vault, "r").unwrap(), "https://s.example.com/x?auth=y");
        vault.keep(&ready("w", Some("wss://s.example.com/x"), 1));
        assert_eq!(take(&vault, "w"), Ok("wss://s.example.com/x".to_owned()));
        vault.keep(&link("f", "file:///etc/passwd", 1));
        assert_eq!(take(&vault, "f"), Err(NoLink::Malformed));
    }

    #[test]
    fn what_was_kept_comes_back_behind_what_came_since() {
        let later = |first: &[RequestSecret], since: &[RequestSecret]| {
            let (before, vault) = (Vault::default(), Vault::default());
            for secret in first {
                before.keep(secret);
            }
            for secret in since {
                vault.keep(secret);
            }
            assert_eq!(vault.restore(before.held()).len(), 1);
            take(&vault, "r")
        };
        let good = "https://down.example.com/base/?auth=t";
        assert_eq!(later(&[link("r", "https://h/1", 1)], &[]).unwrap(), "https://h/1");
        assert_eq!(later(&[link("r", "https://h/1", 1)], &[link("r", "https://h/2", 2)]).unwrap(), "https://h/2");
        assert_eq!(later(&[token("r", "t", 1), ready("r", None, 2)], &[]).unwrap(), good);
        assert_eq!(later(&[token("r", "t", 1)], &[ready("r", None, 2)]).unwrap(), good);
        assert_eq!(later(&[ready("r", None, 1)], &[token("r", "t", 2)]).unwrap(), good);
        assert_eq!(later(&[token("r", "t", 1)], &[]), Err(NoLink::NotReady));
        assert_eq!(later(&[ready("r", Some("https://s/1"), 1)], &[ready("r", None, 2)]).unwrap(), "https://s/1");
        assert_eq!(later(&[link("r", "https://h/1", 1)], &[token("r", "t", 2)]), Err(NoLink::NotReady), "it is older");
    }

    #[test]
    fn what_was_used_is_kept_no_longer() {
        let vault = Vault::default();
        let id = RequestId::from("r");
        for secret in [token("r", "t", 1), ready("r", None, 1), link("other", "https://h/1", 1)] {
            vault.keep(&secret);
        }
        assert_eq!((vault.held().len(), vault.is_spent(&id)), (3, false));
        let taken = vault.take(&id, &Url::parse("https://down.example.com/").unwrap()).unwrap();
        assert_eq!((vault.held().len(), vault.is_spent(&id)), (1, true));
        vault.put_back(&id, taken);
        assert!(!vault.is_spent(&id));
        vault.keep(&link("r", "https://h/2", 2));
        assert!(!vault.is_spent(&id), "a newer link is not used");
    }

    #[test]
    fn a_server_cannot_make_the_vault_grow_without_end() {
        let vault = Vault::default();
        for n in 0..MOST + 10 {
            vault.keep(&link(&n.to_string(), "https://h/", 1));
        }
        assert_eq!(vault.lock().requests.len(), MOST);
        assert_eq!(take(&vault, "0"), Err(NoLink::NotHeld), "the oldest goes first");
        assert!(take(&vault, &(MOST + 9).to_string()).is_ok());
        assert!(!format!("{vault:?}").contains("https"), "a link showed itself");
    }
}
