//! Messages with their secrets, for the operator who asks to see them: decrypted from the journal, or completed with the
//! secrets in the link store. Credentials are never included.

use crate::activity::{ActivityKey, Entry, Fact, Seq};
use crate::engine::context::journal_store::JournalStore;
use crate::engine::state::link_store::LinkStore;
use crate::journal::{JournalError, Secret};
use crate::protocol::incoming::message::Incoming;
use crate::protocol::{DataBody, DataReport, Message, StreamReport, UnmaskedMessage, incoming, redact};
use crate::settings::ProfileId;

/// The most messages of one activity: the newest.
const MAX_MESSAGES: usize = 200;
/// The most places of one message that are tried.
const MAX_PLACES: usize = 64;

/// The messages of an activity in a range of entries of which a masked secret is still stored, the newest first.
///
/// # Errors
///
/// If the journal can't be read.
pub(crate) async fn reveal(
    journal_store: &JournalStore,
    link_store: &LinkStore,
    profile: ProfileId,
    key: ActivityKey,
    between: (Seq, Seq),
) -> Result<Vec<(Seq, UnmaskedMessage)>, JournalError> {
    let entries = journal_store.history(profile, &key, Some(between)).await?.entries;
    let mut held = match &key {
        ActivityKey::Data(request) => link_store.unused(request),
        ActivityKey::Command(_) | ActivityKey::Message(_) | ActivityKey::Gap(_) => Vec::new(),
    };
    let mut revealed = Vec::new();
    for entry in entries.iter().rev().filter(|entry| entry.raw.contains(redact::HIDDEN)).take(MAX_MESSAGES) {
        // A stored secret belongs to the newest message of its kind; an older message had another.
        let own = take_own(entry, &mut held);
        let original = match journal_store.original(profile, entry.seq).await? {
            Some(original) => Some(original),
            None => own.and_then(|secret| unmask_with(&entry.raw, &secret)),
        };
        revealed.extend(original.map(|original| (entry.seq, original)));
    }
    Ok(revealed)
}

/// Takes the stored secret of the kind that a message brought.
fn take_own(entry: &Entry, held: &mut Vec<Secret>) -> Option<Secret> {
    let Fact::Received(message) = &entry.fact else { return None };
    let at = held.iter().position(|secret| match (message, secret) {
        (Message::Data(DataReport { delivery: DataBody::Link(masked), .. }), Secret::Link(link)) => {
            link.redacted() == masked.expose()
        }
        (Message::Data(DataReport { delivery: DataBody::StreamToken(_), .. }), Secret::StreamToken(_))
        | (Message::StreamReady(StreamReport { url: Some(_), .. }), Secret::StreamReady(Some(_))) => true,
        _ => false,
    })?;
    Some(held.swap_remove(at))
}

/// Puts the secret into a masked message, in the place where the parser then finds it.
fn unmask_with(masked: &str, secret: &Secret) -> Option<UnmaskedMessage> {
    let (hidden, whole) = match secret {
        Secret::Link(link) | Secret::StreamReady(Some(link)) => (link.redacted(), link.expose()),
        Secret::StreamToken(token) => (redact::HIDDEN.to_owned(), token.expose()),
        Secret::StreamReady(None) => return None,
    };
    let literal = |text: &str| UnmaskedMessage::new(serde_json::Value::from(text).to_string());
    let (hidden, whole) = (literal(&hidden), literal(whole));
    masked.match_indices(hidden.expose()).take(MAX_PLACES).find_map(|(at, found)| {
        let (before, from) = masked.split_at(at);
        let after = from.get(found.len()..)?;
        let tried = UnmaskedMessage::new([before, whole.expose(), after].concat());
        contains_secret(&tried, secret).then_some(tried)
    })
}

/// Whether the parser finds this secret in a message.
fn contains_secret(message: &UnmaskedMessage, secret: &Secret) -> bool {
    let Incoming::Message(message) = incoming::parse(message.expose()) else { return false };
    match (message, secret) {
        (Message::Data(DataReport { delivery: DataBody::Link(found), .. }), Secret::Link(link))
        | (Message::StreamReady(StreamReport { url: Some(found), .. }), Secret::StreamReady(Some(link))) => {
            found == *link
        }
        (Message::Data(DataReport { delivery: DataBody::StreamToken(found), .. }), Secret::StreamToken(token)) => {
            found == *token
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{TimeReference, Timestamp};
    use crate::engine::session::frame_decoder::FrameDecoder;
    use crate::engine::storage::decoded_batch::DecodedBatch;
    use crate::engine::test_support::TestJournal;
    use crate::protocol::{AuthorizationToken, RequestId};

    fn data(body: &str) -> String {
        format!(
            r#"{{"data":{{"x":"T-canary","type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":1,"body":"{body}"}}}}"#
        )
    }

    /// The revealed messages for `raws` as a server sent them, the oldest first.
    async fn revealed(raws: &[&str], use_up: bool) -> Vec<String> {
        let (link_store, journal) = (LinkStore::default(), TestJournal::sealed().await);
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T-canary"), link_store.clone(), TimeReference::EXACT);
        let mut decoded_batch = DecodedBatch::default();
        for raw in raws {
            frame_decoder.text(raw, true, Timestamp(7), &mut decoded_batch);
        }
        let (entries, secrets) = decoded_batch.into_parts();
        assert!(!format!("{entries:?}").contains("canary"), "{entries:?}");
        let profile = ProfileId::random();
        journal.store.append(profile, entries, secrets).await.unwrap();
        if use_up {
            link_store.claim(&RequestId::from("r"), &url::Url::parse("https://d/").unwrap()).unwrap();
        }
        let key = ActivityKey::Data("r".into());
        let mut all = reveal(&journal.store, &link_store, profile, key, (Seq(0), Seq(99))).await.unwrap();
        all.reverse();
        assert!(!format!("{all:?}").contains("canary"), "{all:?}");
        all.iter().map(|(_, original)| original.expose().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_message_is_restored_except_for_the_authorization_token() {
        for body in ["https://h.example/p?auth=canary-1", "canary-stream", "hidden"] {
            let raw = data(body);
            assert_eq!(revealed(&[&raw], false).await, [raw.replace("T-canary", "hidden")], "{body}");
        }
        let (token, ready) =
            (data("canary-t"), r#"{"data":{"type":"STREAM-READY","id":"r","streamUrl":"https://s/?auth=canary"}}"#);
        assert_eq!(revealed(&[&token, ready], false).await, [token.replace("T-canary", "hidden"), ready.to_owned()]);
    }

    #[tokio::test]
    async fn of_two_links_only_the_stored_one_is_restored() {
        let (first, second) = (data("https://h.example/?auth=canary-1"), data("https://h.example/?auth=canary-2"));
        assert_eq!(revealed(&[&first, &second], false).await, [second.replace("T-canary", "hidden")]);
    }

    #[tokio::test]
    async fn a_used_link_is_not_restored() {
        assert_eq!(revealed(&[&data("https://h.example/?auth=canary")], true).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_binary_message_is_restored_byte_by_byte() {
        let (link_store, journal) = (LinkStore::default(), TestJournal::sealed().await);
        let mut frame_decoder =
            FrameDecoder::new(AuthorizationToken::new("T-canary"), link_store.clone(), TimeReference::EXACT);
        let mut decoded_batch = DecodedBatch::default();
        let bytes = b"\0\x9f\x92\x96 canary \xff".repeat(1_000);
        frame_decoder.binary(&bytes, Timestamp(7), &mut decoded_batch);
        let (entries, secrets) = decoded_batch.into_parts();
        assert!(entries.iter().all(|entry| !entry.raw.contains("canary")), "{entries:?}");
        let (profile, key) = (ProfileId::random(), entries[0].key.clone());
        journal.store.append(profile, entries, secrets).await.unwrap();
        let all = reveal(&journal.store, &link_store, profile, key, (Seq(0), Seq(99))).await.unwrap();
        assert_eq!(all[0].1.bytes().as_deref().map(Vec::as_slice), Some(&*bytes));
    }
}
