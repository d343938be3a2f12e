//! Turns a frame into an entry: parses it, puts its secrets into the link store, and masks them in the text that is stored.
//! Secrets that open data go along with the entries, to be encrypted.

use crate::activity::{ActivityKey, Entry, Fact, Seq, TimeReference, Timestamp};
use crate::engine::state::link_store::{self, LinkStore};
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::journal::{RequestSecret, Secret};
use crate::protocol::incoming::Documents;
use crate::protocol::incoming::message::Incoming;
use crate::protocol::{
    AuthorizationToken, CorrelationId, Link, LinkExpiry, Message, Reply, UnmaskedMessage, UnreadableReason, incoming,
    lenient, redact,
};

/// What a frame contained besides entries, which go into the batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodedFrame {
    /// An entry was added to the batch.
    Entry,
    /// The reply to a join or leave; or a refusal, whatever it replies to.
    Reply(Reply),
    /// A keep-alive.
    KeepAlive,
    /// Several messages, each of which has to be decoded like a text frame.
    Multiple(Documents),
}

/// Decodes the frames of one connection.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    token: AuthorizationToken,
    link_store: LinkStore,
    /// The server's time of day when the connection was made.
    reference: TimeReference,
    /// The requests that were sent over this connection: the join and the leave.
    sent_requests: Vec<CorrelationId>,
    /// Whether the last of them has had no reply yet.
    is_waiting: bool,
}

impl FrameDecoder {
    /// Creates the decoder of a connection made with `token`, which is masked wherever the server echoes it.
    pub(crate) fn new(token: AuthorizationToken, link_store: LinkStore, reference: TimeReference) -> Self {
        Self { token, link_store, reference, sent_requests: Vec::new(), is_waiting: false }
    }

    /// Registers a request that is being sent, so that its reply is not taken for a message.
    pub(crate) fn expect_reply(&mut self, correlation: &CorrelationId) {
        self.sent_requests.push(correlation.clone());
        self.is_waiting = true;
    }

    /// Decodes a text frame; an event is added to the batch. A frame that may hold `several` messages is split.
    pub(crate) fn text(
        &mut self,
        raw: &str,
        several: bool,
        at: Timestamp,
        decoded_batch: &mut DecodedBatch,
    ) -> DecodedFrame {
        self.document(raw, several, at, decoded_batch).unwrap_or_else(|| {
            self.add_unreadable(UnreadableReason::NotJson, raw, at, decoded_batch);
            DecodedFrame::Entry
        })
    }

    /// Decodes a binary frame: JSON is treated like a text frame, other bytes are stored whole and encrypted.
    pub(crate) fn binary(&mut self, bytes: &[u8], at: Timestamp, decoded_batch: &mut DecodedBatch) -> DecodedFrame {
        let text = lenient::text_of(bytes);
        text.and_then(|text| self.document(&text, true, at, decoded_batch)).unwrap_or_else(|| {
            let entry = unreadable_entry(UnreadableReason::Binary, bytes.len(), redact::HIDDEN_BYTES.into(), at);
            decoded_batch.add(entry, Some(UnmaskedMessage::of_bytes(&redact::bytes(bytes, self.token.expose()))));
            DecodedFrame::Entry
        })
    }

    /// Records a message that could not be read and ends the connection: only its arrival and its size are known.
    pub(crate) fn add_lost_message(
        reason: UnreadableReason,
        size: usize,
        key: &str,
        at: Timestamp,
        decoded_batch: &mut DecodedBatch,
    ) {
        decoded_batch.add(
            Entry { key: ActivityKey::Message(key.into()), ..unreadable_entry(reason, size, "".into(), at) },
            None,
        );
    }

    /// Decodes JSON; `None` if the text is not JSON.
    fn document(
        &mut self,
        raw: &str,
        several: bool,
        at: Timestamp,
        decoded_batch: &mut DecodedBatch,
    ) -> Option<DecodedFrame> {
        let reason = match incoming::parse(raw) {
            Incoming::Reply(reply) if reply.is_ok() && !self.is_reply_to_request(&reply) => {
                if reply.is_empty() {
                    return Some(DecodedFrame::KeepAlive);
                }
                UnreadableReason::NotAsked
            }
            Incoming::Reply(mut reply) => {
                reply.text = reply.text.map(|text| self.mask(&text));
                return Some(DecodedFrame::Reply(reply));
            }
            Incoming::KeepAlive => return Some(DecodedFrame::KeepAlive),
            Incoming::Message(message) => {
                self.add_message(message, raw, at, decoded_batch);
                return Some(DecodedFrame::Entry);
            }
            Incoming::Unreadable(reason) => reason,
        };
        let may_be_several =
            matches!(reason, UnreadableReason::NotJson | UnreadableReason::NotAnObject | UnreadableReason::WrongType);
        if several
            && may_be_several
            && let Some(documents) = Documents::of(raw)
        {
            return Some(DecodedFrame::Multiple(documents));
        }
        if reason == UnreadableReason::NotJson {
            return None;
        }
        self.add_unreadable(reason, raw, at, decoded_batch);
        Some(DecodedFrame::Entry)
    }

    /// Whether a reply belongs to a request sent over this connection. A server may omit the correlation id.
    fn is_reply_to_request(&mut self, reply: &Reply) -> bool {
        let is_waiting = std::mem::take(&mut self.is_waiting);
        match &reply.correlation_id {
            Some(id) if self.sent_requests.contains(id) => true,
            None if is_waiting => true,
            Some(_) | None => {
                self.is_waiting = is_waiting;
                false
            }
        }
    }

    fn add_message(&mut self, message: Message, raw: &str, at: Timestamp, decoded_batch: &mut DecodedBatch) {
        let message = self.with_local_expiry(message, at);
        let secret = link_store::secret_of(&message, at);
        let (mut entry, original) = self.entry(message, secret.as_ref(), raw, at);
        match secret {
            Some(secret) if self.link_store.insert(&secret) => decoded_batch.secrets.requests.push(secret),
            // A link that was already requested opens nothing any more, however often the server sends it.
            Some(_requested) => entry.fact = into_repetition(entry.fact),
            None => {}
        }
        decoded_batch.add(entry, original);
    }

    fn add_unreadable(&self, reason: UnreadableReason, raw: &str, at: Timestamp, decoded_batch: &mut DecodedBatch) {
        let masked = self.mask(raw);
        let original = self.unmasked_original(raw, &masked, &[self.token.expose()]);
        decoded_batch.add(unreadable_entry(reason, raw.len(), masked.into(), at), original);
    }

    /// A server's text with its secrets masked.
    pub(crate) fn mask(&self, text: &str) -> String {
        redact::text(text, &[self.token.expose()]).into_owned()
    }

    /// Builds the entry of a message. Also returns the message itself if more was masked in it than its `secret` and the token.
    fn entry(
        &self,
        message: Message,
        secret: Option<&RequestSecret>,
        raw: &str,
        at: Timestamp,
    ) -> (Entry, Option<UnmaskedMessage>) {
        let secret = secret.and_then(|secret| match &secret.secret {
            Secret::Link(link) => Some(link.expose()),
            Secret::StreamToken(token) => Some(token.expose()),
            Secret::StreamReady(url) => url.as_ref().map(Link::expose),
        });
        let known = [self.token.expose(), secret.unwrap_or_default()];
        let known = known.get(..1 + usize::from(secret.is_some())).unwrap_or_default();
        let masked = redact::text(raw, known);
        if masked == raw {
            return (received_entry(message, raw.into(), at), None);
        }
        let original = self.unmasked_original(raw, &masked, known);
        // Parsed again from the stored text, so that the entry equals the one restored from the journal.
        let entry = match incoming::parse(&masked) {
            Incoming::Message(message) => received_entry(self.with_local_expiry(message, at), masked.into(), at),
            // Masking removed what made it a message, for example an id that quotes the token.
            Incoming::Reply(_) | Incoming::KeepAlive | Incoming::Unreadable(_) => {
                unreadable_entry(UnreadableReason::WrongType, raw.len(), masked.into(), at)
            }
        };
        (entry, original)
    }

    /// Converts a link's expiry from the server's clock, if that clock is known, to a lifetime from now. Later changes of the clocks
    /// then do not affect it.
    fn with_local_expiry(&self, mut message: Message, at: Timestamp) -> Message {
        let life = match &mut message {
            Message::Data(report) => &mut report.expiry,
            Message::StreamReady(report) => &mut report.expiry,
            Message::Command(_) | Message::Unrecognised(_) => return message,
        };
        if let Some(LinkExpiry::Until(until)) = life
            && let Some(end) = self.reference.server_to_local(Timestamp::from(*until))
        {
            *life = Some(LinkExpiry::For(end.since(at)));
        }
        message
    }

    /// The text without credentials, if masking hid more that opens data than the `known` secrets.
    fn unmasked_original(&self, raw: &str, masked: &str, known: &[&str]) -> Option<UnmaskedMessage> {
        let more = masked != raw && redact::credentials(raw, known) != masked;
        more.then(|| UnmaskedMessage::new(redact::credentials(raw, &[self.token.expose()])))
    }
}

/// Turns a received fact into a repetition.
fn into_repetition(fact: Fact) -> Fact {
    match fact {
        Fact::Received(message) => Fact::Repeated(message),
        other => other,
    }
}

fn received_entry(message: Message, raw: Box<str>, at: Timestamp) -> Entry {
    let key = match ActivityKey::of(&message) {
        ActivityKey::Message(id) if id.is_empty() => fresh_key(),
        key => key,
    };
    Entry { seq: Seq::default(), at, key, fact: Fact::Received(message), raw }
}

/// A key for a message that has no id of its own.
fn fresh_key() -> ActivityKey {
    ActivityKey::Message(uuid::Uuid::new_v4().to_string().into())
}

fn unreadable_entry(reason: UnreadableReason, size: usize, raw: Box<str>, at: Timestamp) -> Entry {
    Entry { seq: Seq::default(), at, key: fresh_key(), fact: Fact::Unreadable { reason, size: size as u64 }, raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Entry, Fact, TimeReference, Timestamp};
    use crate::engine::state::link_store::LinkStore;
    use crate::engine::storage::decoded_batch::{DecodedBatch, MAX_BYTES, MAX_MESSAGES};
    use crate::journal::{RequestSecret, Secret, Secrets};
    use crate::protocol::{AuthorizationToken, CorrelationId, DataBody, Message, RequestId, UnreadableReason};

    fn read(raw: &str) -> (DecodedFrame, Vec<Entry>, LinkStore) {
        let (read, entries, _, link_store) = read_all(raw);
        (read, entries, link_store)
    }

    fn read_all(raw: &str) -> (DecodedFrame, Vec<Entry>, Secrets, LinkStore) {
        let link_store = LinkStore::default();
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T-canary"), link_store.clone(), TimeReference::EXACT);
        let mut decoded_batch = DecodedBatch::default();
        let read = frame_decoder.text(raw, true, Timestamp(7), &mut decoded_batch);
        let (entries, secrets) = decoded_batch.into_parts();
        (read, entries, secrets, link_store)
    }

    #[test]
    fn a_link_is_stored_in_the_link_store_and_nowhere_else() {
        for body in ["https://h.example.com/p?auth=canary", "canary-stream-token"] {
            let raw = format!(
                r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","data_context":"c","output_type":1,"body":"{body}"}}}}"#
            );
            let (read, entries, link_store) = read(&raw);
            assert_eq!(read, DecodedFrame::Entry);
            let entry = entries.first().unwrap();
            assert!(!entry.raw.contains("canary"), "{}", entry.raw);
            let Fact::Received(Message::Data(report)) = &entry.fact else { panic!("{:?}", entry.fact) };
            assert!(matches!(&report.delivery, DataBody::Link(_) | DataBody::StreamToken(_)), "{report:?}");
            link_store.insert(&RequestSecret {
                request: RequestId::from("r"),
                secret: Secret::StreamReady(None),
                at: Timestamp(8),
                expires: None,
            });
            let taken = link_store.claim(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
            assert!(taken.url.as_str().contains("canary"));
        }
    }

    #[test]
    fn a_repeated_link_that_was_used_is_a_repetition_and_is_not_stored() {
        let link_store = LinkStore::default();
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T"), link_store.clone(), TimeReference::EXACT);
        let mut read = |link: &str| {
            let mut decoded_batch = DecodedBatch::default();
            let raw = format!(
                r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/?auth={link}"}}}}"#
            );
            frame_decoder.text(&raw, true, Timestamp(7), &mut decoded_batch);
            let (entries, secrets) = decoded_batch.into_parts();
            assert_eq!(entries.len(), 1);
            (matches!(entries[0].fact, Fact::Repeated(_)), secrets.requests.len())
        };
        assert_eq!(read("first"), (false, 1));
        assert_eq!(read("first"), (false, 1), "it was not used yet");
        link_store.claim(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
        assert_eq!(read("first"), (true, 0));
        assert_eq!(read("second"), (false, 1), "another link");
    }

    #[test]
    fn secrets_that_open_data_go_with_the_entries_to_be_encrypted() {
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
    fn a_batch_is_full_by_count_and_by_size() {
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T"), LinkStore::default(), TimeReference::EXACT);
        let mut decoded_batch = DecodedBatch::default();
        for _ in 0..MAX_MESSAGES {
            assert!(!decoded_batch.is_full());
            frame_decoder.text("x", true, Timestamp(0), &mut decoded_batch);
        }
        assert!(decoded_batch.is_full());
        let mut decoded_batch = DecodedBatch::default();
        frame_decoder.text(&"x".repeat(MAX_BYTES), true, Timestamp(0), &mut decoded_batch);
        assert!(decoded_batch.is_full());
    }

    fn read_several(raw: &str) -> (Vec<Entry>, usize) {
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T-canary"), LinkStore::default(), TimeReference::EXACT);
        let (mut decoded_batch, mut replies) = (DecodedBatch::default(), 0);
        let DecodedFrame::Multiple(mut documents) = frame_decoder.text(raw, true, Timestamp(7), &mut decoded_batch)
        else {
            panic!("one: {raw}")
        };
        while let Some((document, is_sound)) = documents.next_document() {
            replies += usize::from(matches!(
                frame_decoder.text(&document, is_sound, Timestamp(7), &mut decoded_batch),
                DecodedFrame::Reply(_)
            ));
        }
        (decoded_batch.into_parts().0, replies)
    }

    #[test]
    fn each_message_of_a_frame_is_an_entry_with_its_secrets_masked() {
        let link =
            r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"https://h/?auth=canary"}}"#;
        let broken = r#"{"data":{"authorizationToken":"canary\ud83d","x":}}"#;
        let reply = r#"{"status":401,"message":"T-canary"}"#;
        for raw in [format!("{link}\n{broken}\n{reply}\n{link}"), format!("[{link},{broken},{reply},{link}]")] {
            let (entries, replies) = read_several(&raw);
            let kinds: Vec<_> = entries.iter().map(|entry| matches!(entry.fact, Fact::Received(_))).collect();
            assert_eq!((&kinds[..], replies), (&[true, false, true][..], 1), "{raw}");
            assert!(!format!("{entries:?}").contains("canary"), "{entries:?}");
        }
    }

    #[test]
    fn json_in_a_binary_frame_is_decoded_and_other_bytes_are_encrypted_whole() {
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T-canary"), LinkStore::default(), TimeReference::EXACT);
        let mut read = |bytes: &[u8]| {
            let mut decoded_batch = DecodedBatch::default();
            frame_decoder.binary(bytes, Timestamp(7), &mut decoded_batch);
            let (entries, secrets) = decoded_batch.into_parts();
            assert!(!format!("{entries:?} {secrets:?}").contains("canary"), "{entries:?} {secrets:?}");
            (entries, secrets.originals)
        };
        let event = r#"{"data":{"type":"X-DPT-CAB-ID","id":"1","command_status":2,"body":"T-canary"}}"#;
        let utf16: Vec<u8> = event.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [event.as_bytes(), &utf16] {
            let (entries, originals) = read(bytes);
            assert!(matches!(entries[0].fact, Fact::Received(Message::Command(_))), "{entries:?}");
            assert_eq!(originals, []);
        }
        for (bytes, kept) in [
            (&b"\0\x9f\x92\x96"[..], &b"\0\x9f\x92\x96"[..]),
            (b"", b""),
            (b"canary, but no JSON", b"canary, but no JSON"),
            (b"\xffT-canary\xff", b"\xffhidden\xff"),
        ] {
            let (entries, originals) = read(bytes);
            let wanted = Fact::Unreadable { reason: UnreadableReason::Binary, size: bytes.len() as u64 };
            assert_eq!(entries[0].fact, wanted);
            assert_eq!(originals[0].1.bytes().as_deref().map(Vec::as_slice), Some(kept));
        }
    }

    #[test]
    fn a_reply_to_an_unknown_request_is_a_row_and_own_replies_are_not() {
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T"), LinkStore::default(), TimeReference::EXACT);
        frame_decoder.expect_reply(&CorrelationId::from("ours"));
        let mut read = |raw: &str| {
            let mut decoded_batch = DecodedBatch::default();
            (frame_decoder.text(raw, true, Timestamp(7), &mut decoded_batch), decoded_batch.into_parts().0)
        };
        let foreign = r#"{"status":202,"correlationId":"theirs","data":{"commandId":"c-1"}}"#;
        let is_row = |(read, entries): (DecodedFrame, Vec<Entry>)| {
            let wanted = Fact::Unreadable { reason: UnreadableReason::NotAsked, size: foreign.len() as u64 };
            read == DecodedFrame::Entry && entries.first().is_some_and(|entry| entry.fact == wanted)
        };
        assert!(is_row(read(foreign)));
        let unnamed = r#"{"status":200,"data":{"channelId":"c"}}"#;
        assert!(matches!(read(unnamed).0, DecodedFrame::Reply(_)), "it answers the join");
        let again = r#"{"status":200,"correlationId":"ours","data":{"channelId":"c"}}"#;
        assert!(matches!(read(again).0, DecodedFrame::Reply(_)));
        assert_eq!(read(unnamed).0, DecodedFrame::Entry, "nothing is waited for");
        assert_eq!(read(r#"{"status":200}"#).0, DecodedFrame::KeepAlive);
        assert!(matches!(read(r#"{"status":500,"message":"x"}"#).0, DecodedFrame::Reply(_)));
    }

    #[test]
    fn a_message_without_an_id_is_a_row_of_its_own() {
        let raw = r#"{"data":{"type":"X-DPT-NOTICE","message":"see https://h/?auth=canary"}}"#;
        let (_, first, _) = read(raw);
        let (_, second, _) = read(raw);
        assert!(matches!(first[0].fact, Fact::Received(Message::Unrecognised(_))), "{first:?}");
        assert_ne!(first[0].key, second[0].key);
        assert!(!first[0].key.id().is_empty() && !format!("{first:?}").contains("canary"), "{first:?}");
    }
}
