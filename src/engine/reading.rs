//! From a frame to an entry: parse it, put its secrets into the vault, mask them in what is kept. What opens data goes with
//! the entries, to be sealed.

use crate::activity::{ActivityKey, Entry, Fact, Moment, Seq, TimeReference};
use crate::journal::{RequestSecret, Secret, Secrets};
use crate::protocol::incoming::{self, Incoming};
use crate::protocol::{AuthorizationToken, Link, LinkLife, Message, Original, Reply, UnreadableReason, mask};

use super::vault::{self, Vault};

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
    secrets: Secrets,
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

    /// Adds what was read later.
    pub(super) fn join(&mut self, later: Self) {
        self.secrets.join(self.entries.len(), later.secrets);
        self.entries.extend(later.entries);
        self.bytes = self.bytes.saturating_add(later.bytes);
    }

    /// The entries, and what was masked in them.
    pub(super) fn into_parts(self) -> (Vec<Entry>, Secrets) {
        (self.entries, self.secrets)
    }

    fn add(&mut self, entry: Entry, original: Option<Original>) {
        if let Some(original) = original {
            self.bytes = self.bytes.saturating_add(original.expose().len());
            self.secrets.originals.push((self.entries.len(), original));
        }
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.entries.push(entry);
    }
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub(super) struct Reading {
    token: AuthorizationToken,
    vault: Vault,
    /// The server's time of day when the connection was made.
    reference: TimeReference,
}

impl Reading {
    /// Of a connection that was made with `token`: it is masked wherever a server echoes it.
    pub(super) fn new(token: AuthorizationToken, vault: Vault, reference: TimeReference) -> Self {
        Self { token, vault, reference }
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
                let message = self.settled(message, at);
                let secret = vault::secret_of(&message, at);
                let (mut entry, original) = self.entry(message, secret.as_ref(), raw, at);
                match secret {
                    Some(secret) if self.vault.keep(&secret) => harvest.secrets.requests.push(secret),
                    // A link that was requested opens nothing any more, however often the server sends it.
                    Some(_requested) => entry.fact = repeated(entry.fact),
                    None => {}
                }
                harvest.add(entry, original);
                Read::Entry
            }
            Incoming::Unreadable(reason) => {
                let masked = self.masked(raw);
                let original = self.original(raw, &masked, &[self.token.expose()]);
                harvest.add(unreadable(reason, raw.len(), masked.into(), at), original);
                Read::Entry
            }
        }
    }

    /// A binary frame: of no use to this protocol, but not to be dropped silently.
    pub(super) fn binary(size: usize, at: Moment, harvest: &mut Harvest) {
        harvest.add(unreadable(UnreadableReason::Binary, size, "".into(), at), None);
    }

    /// A text of the server without the secrets in it.
    pub(super) fn masked(&self, text: &str) -> String {
        mask::text(text, &[self.token.expose()]).into_owned()
    }

    /// The entry of a message; and the message itself, where more was masked in it than its `secret` and the token.
    fn entry(
        &self,
        message: Message,
        secret: Option<&RequestSecret>,
        raw: &str,
        at: Moment,
    ) -> (Entry, Option<Original>) {
        let secret = secret.and_then(|secret| match &secret.secret {
            Secret::Link(link) => Some(link.expose()),
            Secret::StreamToken(token) => Some(token.expose()),
            Secret::StreamReady(url) => url.as_ref().map(Link::expose),
        });
        let known = [self.token.expose(), secret.unwrap_or_default()];
        let known = known.get(..1 + usize::from(secret.is_some())).unwrap_or_default();
        let masked = mask::text(raw, known);
        if masked == raw {
            return (heard(message, raw.into(), at), None);
        }
        let original = self.original(raw, &masked, known);
        // Read again from what is kept: the entry is then the same as when it is restored from the journal.
        let entry = match incoming::parse(&masked) {
            Incoming::Message(message) => heard(self.settled(message, at), masked.into(), at),
            // Masking took away what made it a message, such as an id that quotes the token.
            Incoming::Reply(_) | Incoming::KeepAlive | Incoming::Unreadable(_) => {
                unreadable(UnreadableReason::WrongType, raw.len(), masked.into(), at)
            }
        };
        (entry, original)
    }

    /// A message whose link lives for so long from now, if it told until when by the server's clock and that clock is known:
    /// what becomes of the clocks afterwards does not change it.
    fn settled(&self, mut message: Message, at: Moment) -> Message {
        let life = match &mut message {
            Message::Data(report) => &mut report.life,
            Message::StreamReady(report) => &mut report.life,
            Message::Command(_) | Message::Unrecognised(_) => return message,
        };
        if let Some(LinkLife::Until(until)) = life
            && let Some(end) = self.reference.of_server(Moment::from(*until))
        {
            *life = Some(LinkLife::For(end.since(at)));
        }
        message
    }

    /// The text but for credentials, where more than the `known` secrets was masked in it that opens data.
    fn original(&self, raw: &str, masked: &str, known: &[&str]) -> Option<Original> {
        let more = masked != raw && mask::credentials(raw, known) != masked;
        more.then(|| Original::new(mask::credentials(raw, &[self.token.expose()])))
    }
}

/// What was heard, as a repetition.
fn repeated(fact: Fact) -> Fact {
    match fact {
        Fact::Heard(message) => Fact::Repeated(message),
        other => other,
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
    use crate::protocol::{Delivery, RequestId};

    fn read(raw: &str) -> (Read, Vec<Entry>, Vault) {
        let (read, entries, _, vault) = read_all(raw);
        (read, entries, vault)
    }

    fn read_all(raw: &str) -> (Read, Vec<Entry>, Secrets, Vault) {
        let vault = Vault::default();
        let reading = Reading::new(AuthorizationToken::new("T-canary"), vault.clone(), TimeReference::EXACT);
        let mut harvest = Harvest::default();
        let read = reading.text(raw, Moment(7), &mut harvest);
        let (entries, secrets) = harvest.into_parts();
        (read, entries, secrets, vault)
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
            vault.keep(&RequestSecret {
                request: RequestId::from("r"),
                secret: Secret::StreamReady(None),
                at: Moment(8),
                expires: None,
            });
            let taken = vault.take(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
            assert!(taken.url.as_str().contains("canary"));
        }
    }

    #[test]
    fn a_link_that_was_used_and_comes_again_is_a_repetition_and_not_kept() {
        let vault = Vault::default();
        let reading = Reading::new(AuthorizationToken::new("T"), vault.clone(), TimeReference::EXACT);
        let read = |link: &str| {
            let mut harvest = Harvest::default();
            let raw = format!(
                r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/?auth={link}"}}}}"#
            );
            reading.text(&raw, Moment(7), &mut harvest);
            let (entries, secrets) = harvest.into_parts();
            assert_eq!(entries.len(), 1);
            (matches!(entries[0].fact, Fact::Repeated(_)), secrets.requests.len())
        };
        assert_eq!(read("first"), (false, 1));
        assert_eq!(read("first"), (false, 1), "it was not used yet");
        vault.take(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
        assert_eq!(read("first"), (true, 0));
        assert_eq!(read("second"), (false, 1), "another link");
    }

    #[test]
    fn whatever_opens_data_goes_with_the_entries_to_be_sealed() {
        let data = r#""type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/p?auth=canary-1""#;
        for (raw, requests, original) in [
            (format!(r#"{{"data":{{{data}}}}}"#), 1, None),
            (format!(r#"{{"data":{{{data},"x":"T-canary"}}}}"#), 1, None),
            (
                format!(r#"{{"data":{{{data},"x":"auth=canary-2 T-canary"}}}}"#),
                1,
                Some(format!(r#"{{"data":{{{data},"x":"auth=canary-2 hidden"}}}}"#)),
            ),
            (
                r#"{"data":{"type":"X-DPT-CAB-ID","id":"1","command_status":2,"body":"see https://h/?auth=canary"}}"#.into(),
                0,
                Some(
                    r#"{"data":{"type":"X-DPT-CAB-ID","id":"1","command_status":2,"body":"see https://h/?auth=canary"}}"#
                        .into(),
                ),
            ),
            ("garbage auth=canary T-canary".into(), 0, Some("garbage auth=canary hidden".into())),
            ("garbage T-canary".into(), 0, None),
            (r#"{"data":{"type":"STREAM-READY","id":"r"}}"#.into(), 1, None),
        ] {
            let (_, entries, secrets, _) = read_all(&raw);
            assert!(!format!("{entries:?} {secrets:?}").contains("canary"), "{entries:?} {secrets:?}");
            assert_eq!(secrets.requests.len(), requests, "{raw}");
            let found: Vec<_> = secrets.originals.iter().map(|(at, text)| (*at, text.expose().to_owned())).collect();
            assert_eq!(found, original.map(|original| (0, original)).into_iter().collect::<Vec<_>>(), "{raw}");
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
        let reading = Reading::new(AuthorizationToken::new("T"), Vault::default(), TimeReference::EXACT);
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
