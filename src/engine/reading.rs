//! From a frame to an entry: parse it, put its secrets into the vault, mask them in what is kept.

use crate::activity::{ActivityKey, Entry, Fact, Moment, Seq};
use crate::protocol::incoming::{self, Incoming};
use crate::protocol::{AuthorizationToken, Delivery, Link, Message, Reply, UnreadableReason, mask};

use super::vault::Vault;

/// Messages in one batch.
const MOST_MESSAGES: usize = 4096;
/// Bytes of raw text in one batch, from which on it is full.
const MOST_BYTES: usize = 1024 * 1024;

/// What a frame was, apart from entries, which are in the harvest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// An entry was added.
    Entry,
    /// The answer to a join or leave.
    Reply(Reply),
    /// A sign of life.
    KeepAlive,
}

/// What was read from a socket and not written yet.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Harvest {
    /// Whether it is large enough to be written before more is read.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= MOST_MESSAGES || self.bytes >= MOST_BYTES
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn add(&mut self, entry: Entry) {
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.entries.push(entry);
    }
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub(super) struct Reading {
    token: AuthorizationToken,
    vault: Vault,
}

impl Reading {
    /// Of a connection that was made with `token`: it is masked wherever a server echoes it.
    pub(super) fn new(token: AuthorizationToken, vault: Vault) -> Self {
        Self { token, vault }
    }

    /// Reads a text frame; an event goes into the harvest.
    pub(super) fn text(&self, raw: &str, at: Moment, harvest: &mut Harvest) -> Read {
        match incoming::parse(raw) {
            Incoming::Reply(mut reply) => {
                reply.text = reply.text.map(|text| self.masked(&text));
                Read::Reply(reply)
            }
            Incoming::KeepAlive => Read::KeepAlive,
            Incoming::Message(message) => {
                self.vault.keep(&message, at);
                harvest.add(self.entry(message, raw, at));
                Read::Entry
            }
            Incoming::Unreadable(reason) => {
                let masked = self.masked(raw);
                harvest.add(unreadable(reason, raw.len(), masked.into(), at));
                Read::Entry
            }
        }
    }

    /// A binary frame: of no use to this protocol, but not to be dropped silently.
    pub(super) fn binary(size: usize, at: Moment, harvest: &mut Harvest) {
        harvest.add(unreadable(UnreadableReason::Binary, size, "".into(), at));
    }

    /// A text of the server without the secrets in it.
    pub(super) fn masked(&self, text: &str) -> String {
        mask::text(text, &[self.token.expose()]).into_owned()
    }

    fn entry(&self, message: Message, raw: &str, at: Moment) -> Entry {
        let secret = match &message {
            Message::Data(report) => match &report.delivery {
                Delivery::Link(link) => Some(link.expose()),
                Delivery::StreamToken(token) => Some(token.expose()),
                Delivery::Text(_) | Delivery::Inline { .. } | Delivery::Other { .. } => None,
            },
            Message::StreamReady(report) => report.url.as_ref().map(Link::expose),
            Message::Command(_) | Message::Unrecognised(_) => None,
        };
        let masked = match secret {
            Some(secret) => mask::text(raw, &[self.token.expose(), secret]),
            None => mask::text(raw, &[self.token.expose()]),
        };
        if masked == raw {
            return heard(message, raw.into(), at);
        }
        // Read again from what is kept: the entry is then the same as when it is restored from the journal.
        match incoming::parse(&masked) {
            Incoming::Message(message) => heard(message, masked.into(), at),
            // Masking took away what made it a message, such as an id that quotes the token.
            Incoming::Reply(_) | Incoming::KeepAlive | Incoming::Unreadable(_) => {
                unreadable(UnreadableReason::WrongType, raw.len(), masked.into(), at)
            }
        }
    }
}

fn heard(message: Message, raw: Box<str>, at: Moment) -> Entry {
    Entry { seq: Seq::default(), at, key: ActivityKey::of(&message), fact: Fact::Heard(message), raw }
}

fn unreadable(reason: UnreadableReason, size: usize, raw: Box<str>, at: Moment) -> Entry {
    Entry {
        seq: Seq::default(),
        at,
        key: ActivityKey::Message(uuid::Uuid::new_v4().to_string().into()),
        fact: Fact::Unreadable { reason, size: size as u64 },
        raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RequestId;

    fn read(raw: &str) -> (Read, Vec<Entry>, Vault) {
        let vault = Vault::default();
        let reading = Reading::new(AuthorizationToken::new("T-canary"), vault.clone());
        let mut harvest = Harvest::default();
        let read = reading.text(raw, Moment(7), &mut harvest);
        (read, harvest.into_entries(), vault)
    }

    #[test]
    fn the_link_goes_into_the_vault_and_nowhere_else() {
        for body in ["https://h.example.com/p?auth=canary", "canary-stream-token"] {
            let raw = format!(
                r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","data_context":"c","output_type":1,"body":"{body}"}}}}"#
            );
            let (read, entries, vault) = read(&raw);
            assert_eq!(read, Read::Entry);
            let entry = entries.first().unwrap();
            assert!(!entry.raw.contains("canary"), "{}", entry.raw);
            let Fact::Heard(Message::Data(report)) = &entry.fact else { panic!("{:?}", entry.fact) };
            assert!(matches!(&report.delivery, Delivery::Link(_) | Delivery::StreamToken(_)), "{report:?}");
            vault.keep(
                &Message::StreamReady(crate::protocol::StreamReport {
                    id: RequestId::from("r"),
                    url: None,
                    life: None,
                }),
                Moment(8),
            );
            let taken = vault.take(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
            assert!(taken.url.as_str().contains("canary"));
        }
    }

    #[test]
    fn a_token_that_a_server_echoes_is_masked_everywhere() {
        for raw in [
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"1","command_status":3,"body":"bad T-canary"}}"#,
            r#"{"data":{"type":"X-DPT-CAB-ID","id":"T-canary","command_status":3}}"#,
            r#"{"data":{"type":"new","id":"1","x":"T-canary"}}"#,
            "garbage T-canary",
            r#"{"data":5,"x":"T-canary"}"#,
        ] {
            let (_, entries, _) = read(raw);
            let shown = format!("{entries:?}");
            assert_eq!(entries.len(), 1, "{raw}");
            assert!(!shown.contains("canary"), "{shown}");
        }
        let (read, _, _) = read(r#"{"status":401,"message":"bad token T-canary"}"#);
        assert!(!format!("{read:?}").contains("canary"), "{read:?}");
    }

    #[test]
    fn a_harvest_is_full_by_count_and_by_size() {
        let reading = Reading::new(AuthorizationToken::new("T"), Vault::default());
        let mut harvest = Harvest::default();
        for _ in 0..MOST_MESSAGES {
            assert!(!harvest.is_full());
            reading.text("x", Moment(0), &mut harvest);
        }
        assert!(harvest.is_full());
        let mut harvest = Harvest::default();
        reading.text(&"x".repeat(MOST_BYTES), Moment(0), &mut harvest);
        assert!(harvest.is_full());
    }
}
