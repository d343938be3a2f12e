use crate::activity::{Activities, ActivityKey, Entry, Fact, LocalEvent, OpenState, Seq};
use crate::engine::test_support::TestJournal;
use crate::journal::Secrets;

use super::*;

fn data(id: &str, delivery: DataBody, at: i64) -> RequestSecret {
    let message = Message::Data(DataReport { id: RequestId::from(id), context: None, delivery, expiry: None });
    secret_of(&message, Timestamp(at)).unwrap()
}

fn ready(id: &str, url: Option<&str>, at: i64) -> RequestSecret {
    let message = Message::StreamReady(StreamReport { id: RequestId::from(id), url: url.map(Link::new), expiry: None });
    secret_of(&message, Timestamp(at)).unwrap()
}

fn link(id: &str, link: &str, at: i64) -> RequestSecret {
    data(id, DataBody::Link(Link::new(link)), at)
}

fn token(id: &str, token: &str, at: i64) -> RequestSecret {
    data(id, DataBody::StreamToken(StreamToken::new(token)), at)
}

fn claim(link_store: &LinkStore, id: &str) -> Result<String, LinkError> {
    let download = Url::parse("https://down.example.com/base/").unwrap();
    link_store.claim(&RequestId::from(id), &download).map(|taken| taken.url.to_string())
}

#[test]
fn a_link_is_claimed_once_and_can_be_released() {
    let link_store = LinkStore::default();
    let download = Url::parse("https://down.example.com/").unwrap();
    let id = RequestId::from("r");
    assert_eq!(claim(&link_store, "r"), Err(LinkError::NotStored));
    link_store.insert(&link("r", "https://h/p?auth=1", 5));
    let taken = link_store.claim(&id, &download).unwrap();
    assert_eq!((taken.url.as_str(), taken.ready.arrived_at), ("https://h/p?auth=1", Timestamp(5)));
    assert_eq!(claim(&link_store, "r"), Err(LinkError::AlreadyClaimed));
    link_store.release(&id, taken);
    assert_eq!(claim(&link_store, "r").unwrap(), "https://h/p?auth=1");
    link_store.insert(&link("r", "https://h/p?auth=2", 6));
    assert_eq!(claim(&link_store, "r").unwrap(), "https://h/p?auth=2", "a new link of the same request");
}

#[test]
fn a_bare_token_is_usable_once_the_stream_is_ready_in_either_order() {
    for order in [["token", "ready"], ["ready", "token"]] {
        let link_store = LinkStore::default();
        for (n, what) in order.into_iter().enumerate() {
            if n == 1 {
                assert!(claim(&link_store, "r").is_err(), "{order:?}: half of it is not enough");
            }
            match what {
                "token" => link_store.insert(&token("r", "a/b+c=&d", 1)),
                _ => link_store.insert(&ready("r", None, 1)),
            };
        }
        assert_eq!(
            claim(&link_store, "r").unwrap(),
            "https://down.example.com/base/?auth=a%2Fb%2Bc%3D%26d",
            "{order:?}"
        );
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
    /// It sends its last message again, except `STREAM-READY` without an address.
    Repeat,
}

const STEPS: [Step; 6] = [Step::Link, Step::Token, Step::Ready, Step::Address, Step::Fetch, Step::Repeat];

/// Every sequence of `length` steps.
fn orders(length: u32) -> impl Iterator<Item = Vec<Step>> {
    (0..6_usize.pow(length)).map(move |number| (0..length).map(|at| STEPS[number / 6_usize.pow(at) % 6]).collect())
}

/// The entry of a step, and the secret that it brings. Each has a number of its own.
fn entry_of(step: Step, id: &str, number: i64) -> (Entry, Option<RequestSecret>) {
    let secret = match step {
        Step::Link => Some(link(id, &format!("https://h/{number}"), number)),
        Step::Token => Some(token(id, &number.to_string(), number)),
        Step::Ready => Some(ready(id, None, number)),
        Step::Address => Some(ready(id, Some(&format!("https://s/{number}")), number)),
        Step::Fetch | Step::Repeat => None,
    };
    let fact = match &secret {
        Some(RequestSecret { secret: Secret::Link(link), .. }) => Fact::Received(Message::Data(DataReport {
            id: id.into(),
            context: None,
            delivery: DataBody::Link(link.clone()),
            expiry: None,
        })),
        Some(RequestSecret { secret: Secret::StreamToken(token), .. }) => Fact::Received(Message::Data(DataReport {
            id: id.into(),
            context: None,
            delivery: DataBody::StreamToken(token.clone()),
            expiry: None,
        })),
        Some(RequestSecret { secret: Secret::StreamReady(url), .. }) => {
            Fact::Received(Message::StreamReady(StreamReport { id: id.into(), url: url.clone(), expiry: None }))
        }
        None => Fact::Local(LocalEvent::Fetching { to: String::new(), part: None, links: Vec::new() }),
    };
    let entry = Entry::local(Timestamp(number), ActivityKey::Data(id.into()), fact);
    (Entry { seq: Seq(u64::try_from(number).unwrap()), ..entry }, secret)
}

#[test]
fn in_every_order_window_journal_and_link_store_agree_on_usable_links() {
    let download = Url::parse("https://down.example.com/base/").unwrap();
    for order in (1..=5).flat_map(orders) {
        let (link_store, key) = (LinkStore::default(), ActivityKey::Data("r".into()));
        let (mut activities, mut open_state) = (Activities::new(Duration::from_hours(1)), OpenState::SETTLED);
        // The addresses so far, and those of them that came before a second token.
        let (mut tokens, mut addresses, mut old) = (0, Vec::new(), Vec::new());
        let mut last: Option<(Step, i64)> = None;
        for (step, number) in order.iter().copied().zip(1_i64..) {
            let (step, first) = match (step, last) {
                (Step::Repeat, Some(last)) => last,
                (Step::Repeat, None) => continue,
                (step, _) => (step, number),
            };
            if matches!(step, Step::Link | Step::Token | Step::Address) {
                last = Some((step, first));
            }
            let (mut entry, secret) = entry_of(step, "r", first);
            entry.seq = Seq(u64::try_from(number).unwrap());
            match secret {
                Some(secret) => {
                    if !link_store.insert(&secret)
                        && let Fact::Received(message) = entry.fact.clone()
                    {
                        entry.fact = Fact::Repeated(message);
                    }
                }
                // Nothing is fetched before it is ready.
                None if link_store.claim(&RequestId::from("r"), &download).is_err() => continue,
                None => {}
            }
            activities.apply(&entry);
            open_state = open_state.after(&entry.key, &entry.fact);
            match step {
                _ if matches!(entry.fact, Fact::Repeated(_)) => continue,
                Step::Token if tokens > 0 => old.clone_from(&addresses),
                Step::Link | Step::Fetch => tokens = 0,
                Step::Address => addresses.push(format!("https://s/{first}")),
                Step::Token | Step::Ready | Step::Repeat => {}
            }
            tokens += i32::from(matches!(step, Step::Token));
            let ready = link_store.ready(&RequestId::from("r"), &download).is_some();
            let row = activities.get(activities.find(&key).unwrap()).unwrap();
            assert_eq!(ready, row.can_download(), "the window after {number} of {order:?}: {:?}", row.status());
            assert_eq!(ready, open_state.is_ready(), "the journal after {number} of {order:?}: {open_state:?}");
        }
        if let Ok(address) = claim(&link_store, "r") {
            assert!(!old.contains(&address), "the old address for the new token: {order:?}");
        }
    }
}

#[tokio::test]
async fn links_restored_from_the_journal_work_like_received_ones() {
    let journal = TestJournal::sealed().await;
    let profile = crate::settings::ProfileId::from_u128(7);
    let (now, mut all) = (LinkStore::default(), Vec::new());
    let (mut entries, mut secrets) = (Vec::new(), Vec::new());
    for order in (1..=4).flat_map(orders).filter(|order| !order.iter().any(|step| matches!(step, Step::Repeat))) {
        let id = format!("{order:?}");
        for (step, number) in order.into_iter().zip(1_i64..) {
            let (entry, secret) = entry_of(step, &id, number);
            entries.push(entry);
            if let Some(secret) = &secret {
                now.insert(secret);
            }
            secrets.extend(secret);
        }
        all.push(id);
    }
    journal.store.append(profile, entries, Secrets::from(secrets)).await.unwrap();
    let then = LinkStore::default();
    then.restore(journal.store.secrets(profile).await.unwrap().secrets);
    for id in all {
        assert_eq!(claim(&then, &id), claim(&now, &id), "{id}");
    }
}

#[test]
fn a_stream_address_replaces_the_token_even_if_it_is_a_websocket() {
    let link_store = LinkStore::default();
    link_store.insert(&token("r", "t", 1));
    link_store.insert(&ready("r", Some("https://s.example.com/x?auth=y"), 1));
    assert_eq!(claim(&link_store, "r").unwrap(), "https://s.example.com/x?auth=y");
    link_store.insert(&ready("w", Some("wss://s.example.com/x"), 1));
    assert_eq!(claim(&link_store, "w"), Ok("wss://s.example.com/x".to_owned()));
    link_store.insert(&link("f", "file:///etc/passwd", 1));
    assert_eq!(claim(&link_store, "f"), Err(LinkError::Malformed));
}

#[test]
fn restored_secrets_do_not_replace_newer_ones() {
    let later = |first: &[RequestSecret], since: &[RequestSecret]| {
        let (before, link_store) = (LinkStore::default(), LinkStore::default());
        for secret in first {
            before.insert(secret);
        }
        for secret in since {
            link_store.insert(secret);
        }
        assert_eq!(link_store.restore(before.unused_secrets()).len(), 1);
        claim(&link_store, "r")
    };
    let good = "https://down.example.com/base/?auth=t";
    assert_eq!(later(&[link("r", "https://h/1", 1)], &[]).unwrap(), "https://h/1");
    assert_eq!(later(&[link("r", "https://h/1", 1)], &[link("r", "https://h/2", 2)]).unwrap(), "https://h/2");
    assert_eq!(later(&[token("r", "t", 1), ready("r", None, 2)], &[]).unwrap(), good);
    assert_eq!(later(&[token("r", "t", 1)], &[ready("r", None, 2)]).unwrap(), good);
    assert_eq!(later(&[ready("r", None, 1)], &[token("r", "t", 2)]).unwrap(), good);
    assert_eq!(later(&[token("r", "t", 1)], &[]), Err(LinkError::NotReady));
    assert_eq!(later(&[ready("r", Some("https://s/1"), 1)], &[ready("r", None, 2)]).unwrap(), "https://s/1");
    assert_eq!(later(&[link("r", "https://h/1", 1)], &[token("r", "t", 2)]), Err(LinkError::NotReady), "it is older");
}

#[test]
fn used_secrets_are_not_stored_any_more() {
    let link_store = LinkStore::default();
    let id = RequestId::from("r");
    for secret in [token("r", "t", 1), ready("r", None, 1), link("other", "https://h/1", 1)] {
        link_store.insert(&secret);
    }
    assert_eq!((link_store.unused_secrets().len(), link_store.is_claimed(&id)), (3, false));
    let taken = link_store.claim(&id, &Url::parse("https://down.example.com/").unwrap()).unwrap();
    assert_eq!((link_store.unused_secrets().len(), link_store.is_claimed(&id)), (1, true));
    link_store.release(&id, taken);
    assert!(!link_store.is_claimed(&id));
    link_store.insert(&link("r", "https://h/2", 2));
    assert!(!link_store.is_claimed(&id), "a newer link is not used");
}

#[test]
fn repeated_messages_do_not_make_a_used_link_usable_again() {
    let download = Url::parse("https://down.example.com/base/").unwrap();
    let id = RequestId::from("r");
    for (name, first, other) in [
        ("a link", vec![link("r", "https://h/1", 1)], link("r", "https://h/2", 9)),
        ("a token", vec![token("r", "t", 1), ready("r", None, 2)], token("r", "u", 9)),
        ("a stream", vec![token("r", "t", 1), ready("r", Some("https://s/1"), 2)], link("r", "https://h/2", 9)),
    ] {
        let link_store = LinkStore::default();
        assert!(first.iter().all(|secret| link_store.insert(secret)), "{name} is new");
        let back = link_store.claim(&id, &download).unwrap();
        link_store.release(&id, back);
        let links = link_store.claim(&id, &download).unwrap().links;
        for secret in first.iter().chain(&first) {
            let is_new = link_store.insert(secret);
            assert!(!is_new || matches!(secret.secret, Secret::StreamReady(None)), "{name} was repeated");
            assert_eq!(claim(&link_store, "r"), Err(LinkError::AlreadyClaimed), "{name}");
            assert_eq!(link_store.ready(&id, &download), None, "{name}");
        }
        assert!(link_store.unused_secrets().is_empty(), "{name} is kept");
        assert!(link_store.insert(&other), "{name}: another is new");
        assert!(claim(&link_store, "r").is_ok(), "{name}: another can be taken");

        // The next run learns which links were used, before or after the server repeats them.
        let next = LinkStore::default();
        assert!(!next.mark_used(&id, &links));
        assert!(!next.insert(first.first().unwrap()), "{name} in the next run");
        assert_eq!(claim(&next, "r"), Err(LinkError::AlreadyClaimed), "{name}");
        let next = LinkStore::default();
        for secret in &first {
            next.insert(secret);
        }
        assert!(next.mark_used(&id, &links), "{name} was repeated first");
        assert_eq!(claim(&next, "r"), Err(LinkError::AlreadyClaimed), "{name}");
    }
}

#[test]
fn a_server_can_not_make_the_link_store_grow_without_limit() {
    let link_store = LinkStore::default();
    for n in 0..MAX_REQUESTS + 10 {
        link_store.insert(&link(&n.to_string(), "https://h/", 1));
    }
    assert_eq!(link_store.0.lock().requests.len(), MAX_REQUESTS);
    assert_eq!(claim(&link_store, "0"), Err(LinkError::NotStored), "the oldest goes first");
    assert!(claim(&link_store, &(MAX_REQUESTS + 9).to_string()).is_ok());
    assert!(!format!("{link_store:?}").contains("https"), "a link showed itself");
}
