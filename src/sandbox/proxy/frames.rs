//! What clients send to the proxy to join and leave, and its replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::sandbox::faults::types::Garbage;

/// Begins a text in a queue that stands for something else than itself. No JSON begins with this character.
const MARK: char = '\u{1}';

/// A frame that is not the text of a queue's message, but keeps its place among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueuedFrame {
    Text(String),
    Binary(Vec<u8>),
    /// A text frame that is not valid UTF-8.
    InvalidUtf8,
}

impl QueuedFrame {
    /// The text by which a queue keeps it.
    pub(crate) fn queued(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(MARK) => format!("{MARK}text:{text}"),
            Self::Text(text) => text,
            Self::Binary(bytes) => format!("{MARK}binary:{}", STANDARD.encode(bytes)),
            Self::InvalidUtf8 => format!("{MARK}invalid"),
        }
    }
}

/// The frame for a text from a queue.
pub(crate) fn of_queue(queued: Utf8Bytes) -> Message {
    match queued.strip_prefix(MARK).map(|marked| marked.split_once(':').unwrap_or((marked, ""))) {
        Some(("binary", bytes)) => STANDARD.decode(bytes).map_or(Message::Text(queued.clone()), Message::binary),
        Some(("text", text)) => Message::text(text),
        Some(("invalid", "")) => Garbage::InvalidUtf8.frame(),
        _ => Message::Text(queued),
    }
}

/// A client's message. It carries the token, so it does not implement `Debug`.
#[derive(Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    action: String,
    #[serde(default, rename = "correlationId")]
    correlation_id: Option<String>,
    #[serde(default)]
    data: ChannelRequestData,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ChannelRequestData {
    authorization_token: Option<String>,
    channel_id: Option<String>,
    correlation_id: Option<String>,
}

/// What a client requests.
pub(crate) enum ChannelRequest {
    /// To join the channel of the token's profile.
    Join {
        /// The authorization token.
        token: String,
    },
    /// To leave its channel. Live clients name only the channel; the documentation also requires the token.
    Leave {
        /// The channel, if named.
        channel: Option<String>,
    },
    /// A request that the proxy can't handle, and why.
    Invalid(&'static str),
}

/// Parses a client's text frame into the request and the correlation id for the reply.
pub(crate) fn read(text: &str) -> (ChannelRequest, Option<String>) {
    let Ok(request) = serde_json::from_str::<Request>(text) else {
        return (ChannelRequest::Invalid("The message is not a JSON object with action and data."), None);
    };
    let correlation = request.correlation_id.or(request.data.correlation_id);
    let request = match request.action.as_str() {
        "joinChannel" => match request.data.authorization_token {
            Some(token) => ChannelRequest::Join { token },
            None => ChannelRequest::Invalid("authorizationToken is required."),
        },
        "leaveChannel" => ChannelRequest::Leave { channel: request.data.channel_id },
        _ => ChannelRequest::Invalid("The action is not known: joinChannel and leaveChannel are."),
    };
    (request, correlation)
}

/// A reply, recognised by its numeric `status`. The correlation id is echoed if there was one.
pub(crate) fn reply(status: u16, channel: Option<&str>, message: &str, correlation: Option<String>) -> String {
    let mut data = serde_json::Map::new();
    if let Some(channel) = channel {
        data.insert("channelId".into(), channel.into());
    }
    data.insert("message".into(), message.into());
    let mut reply = json!({"status": status, "data": data});
    if let (Some(correlation), Some(reply)) = (correlation, reply.as_object_mut()) {
        reply.insert("correlationId".into(), Value::String(correlation));
    }
    reply.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correlation_id_is_found_in_both_places_and_echoed() {
        for text in [
            r#"{"action":"joinChannel","correlationId":"c","data":{"authorizationToken":"T"}}"#,
            r#"{"action":"joinChannel","data":{"authorizationToken":"T","correlationId":"c"}}"#,
        ] {
            let (request, correlation) = read(text);
            assert!(matches!(request, ChannelRequest::Join { token } if token == "T"), "{text}");
            assert_eq!(correlation.as_deref(), Some("c"), "{text}");
        }
        let reply: Value = serde_json::from_str(&reply(200, Some("ch"), "m", Some("c".into()))).unwrap();
        assert_eq!(reply, json!({"correlationId": "c", "status": 200, "data": {"channelId": "ch", "message": "m"}}));
    }

    #[test]
    fn what_is_no_request_is_answered_and_not_fatal() {
        for text in ["", "nonsense", "[]", "{}", r#"{"action":7}"#, r#"{"action":"joinChannel","data":{}}"#] {
            assert!(matches!(read(text).0, ChannelRequest::Invalid(_)), "{text}");
        }
    }

    #[test]
    fn every_frame_comes_out_of_a_queue_as_it_was() {
        for text in ["{}", "", "\u{1}", "\u{1}text:", "\u{1}binary:AAAA"] {
            let queued = QueuedFrame::Text(text.to_owned()).queued();
            assert_eq!(of_queue(queued.into()), Message::text(text));
        }
        let bytes = vec![0, 159, 146, 150];
        assert_eq!(of_queue(QueuedFrame::Binary(bytes.clone()).queued().into()), Message::binary(bytes));
        assert_eq!(of_queue(QueuedFrame::InvalidUtf8.queued().into()), Garbage::InvalidUtf8.frame());
    }
}
