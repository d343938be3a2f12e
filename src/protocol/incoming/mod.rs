//! Parses what arrives on the socket: replies, events, keep-alives, and unreadable frames.
//!
//! [`parse`] reads one text frame and never fails: the result is one of the four kinds of [`Incoming`], so that a caller can't
//! forget the unreadable ones. Sources: `[docs]` the vendor's API pages, `[live]` the vendor's probe suite.

pub(crate) mod documents;
pub(crate) mod fast_path;
pub(crate) mod message;
pub(crate) mod raw_fields;

use super::ids::{ChannelId, CommandId, CorrelationId, RequestId};
use super::secret::Link;
use super::{lenient, rest};

use message::{COMMAND, DATA, STREAM_READY, classify_body, is_known_type};
use raw_fields::{Data, Envelope, body, name, number, object_of, string};

pub use documents::Documents;
pub use message::{
    Body, CommandReport, CommandStatus, DataBody, DataReport, Incoming, LinkExpiry, Message, Reply, StreamReport,
    UnreadableReason, Unrecognised, is_url,
};

/// Parses one text frame.
pub fn parse(text: &str) -> Incoming {
    fast_path::parse(text).unwrap_or_else(|| parse_full(text))
}

/// Parses a frame of any shape.
fn parse_full(text: &str) -> Incoming {
    read_object(text).unwrap_or_else(|| parse_lenient(text))
}

/// Reads an object with each field at most once.
fn read_object(text: &str) -> Option<Incoming> {
    // serde reads a list into a struct by position, but a list is not an envelope.
    let envelope = serde_json::from_str::<Envelope<'_>>(text).ok().filter(|_| text.trim_start().starts_with('{'))?;
    Some(read_envelope(&envelope, text))
}

/// Parses texts that the borrowed shapes reject: a text that needs repair, a field given twice (the last one counts), or no JSON
/// object at all.
fn parse_lenient(text: &str) -> Incoming {
    if let Some(read) = lenient::repaired(text).and_then(|repaired| read_object(&repaired)) {
        return read;
    }
    match lenient::value(text) {
        Some(value @ serde_json::Value::Object(_)) => {
            read_object(&value.to_string()).unwrap_or(Incoming::Unreadable(UnreadableReason::WrongType))
        }
        Some(_) => Incoming::Unreadable(UnreadableReason::NotAnObject),
        None => Incoming::Unreadable(UnreadableReason::NotJson),
    }
}

fn read_envelope(envelope: &Envelope<'_>, text: &str) -> Incoming {
    let object = envelope.data.and_then(object_of);
    let data = object.as_deref().and_then(|text| serde_json::from_str::<Data<'_>>(text).ok());
    let reply = read_reply(envelope, data.as_ref());
    // An object with an event type is an event, whatever surrounds it, unless a channel id marks it as a reply.
    if let Some(data) = &data
        && let Some(kind) = data.kind.and_then(name)
        && (is_known_type(&kind) || reply.as_ref().is_none_or(|reply| reply.channel_id.is_none()))
    {
        return read_event(&kind, data);
    }
    if let Some(reply) = reply {
        return Incoming::Reply(reply);
    }
    let names_itself = is_keep_alive(envelope, data.as_ref());
    match (envelope.data, data, object.as_deref()) {
        _ if names_itself => Incoming::KeepAlive,
        (None, ..) if lenient::value(text).is_some_and(|value| is_blank(&value)) => Incoming::KeepAlive,
        (None, ..) => Incoming::Unreadable(UnreadableReason::NoData),
        (Some(_), Some(data), Some(object)) => match data.id.and_then(name) {
            None if data.command_status.is_none() && is_telemetry(object) => Incoming::KeepAlive,
            id => unrecognised(String::new(), id),
        },
        (Some(_), ..) => Incoming::Unreadable(UnreadableReason::WrongType),
    }
}

/// The reply to a request; `None` if it has no status, or has a word as status and no other field of a reply.
fn read_reply(envelope: &Envelope<'_>, data: Option<&Data<'_>>) -> Option<Reply> {
    let texts = [data.and_then(|data| data.message), envelope.message, envelope.error];
    let text = texts.into_iter().flatten().find_map(string);
    let correlation_id = envelope.correlation_id.or(data.and_then(|data| data.correlation_id)).and_then(name);
    let channel_id = data.and_then(|data| data.channel_id).or(envelope.channel_id).and_then(name);
    let is_answer = correlation_id.is_some() || channel_id.is_some();
    let within = || data.and_then(|data| data.status).filter(|_| is_answer);
    let written = envelope.status.or_else(within)?;
    let in_words = || string(written).filter(|_| is_answer || text.is_some()).and_then(|word| status_of_word(&word));
    Some(Reply {
        status: number(written).or_else(in_words)?,
        correlation_id: correlation_id.map(CorrelationId::new),
        channel_id: channel_id.map(ChannelId::new),
        text,
    })
}

/// The number for a `status` that is a word.
fn status_of_word(word: &str) -> Option<i64> {
    match word.trim().to_ascii_lowercase().as_str() {
        "ok" | "success" | "succeeded" | "accepted" | "joined" | "left" => Some(200),
        "unauthorized" | "unauthorised" | "unauthenticated" => Some(401),
        "forbidden" => Some(403),
        "error" | "fail" | "failed" | "failure" => Some(500),
        _ => None,
    }
}

/// Keep-alives have one of a few words as their type.
fn is_keep_alive(envelope: &Envelope<'_>, data: Option<&Data<'_>>) -> bool {
    let within = data.filter(|data| data.id.is_none()).and_then(|data| data.message);
    [envelope.kind, envelope.event, envelope.action, envelope.message, within]
        .into_iter()
        .flatten()
        .filter_map(string)
        .any(|word| is_keep_alive_word(&word))
}

fn is_keep_alive_word(word: &str) -> bool {
    const WORDS: [&str; 8] =
        ["ping", "pong", "heartbeat", "keepalive", "keep-alive", "keep_alive", "telemetry", "metrics"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether an object without type and id contains only numbers and times.
fn is_telemetry(object: &str) -> bool {
    fn is_measurement(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => !text.trim().is_empty() && text.parse::<jiff::Timestamp>().is_err(),
            serde_json::Value::Array(list) => list.iter().any(is_measurement),
            serde_json::Value::Object(map) => map.values().any(is_measurement),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
        }
    }
    lenient::value(object).is_some_and(|value| !is_measurement(&value))
}

/// Whether a value is empty.
fn is_blank(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.trim().is_empty(),
        serde_json::Value::Array(list) => list.iter().all(is_blank),
        serde_json::Value::Object(map) => map.values().all(is_blank),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
    }
}

fn unrecognised(kind: String, id: Option<Box<str>>) -> Incoming {
    let id = id.map(String::from).unwrap_or_default();
    Incoming::Message(Message::Unrecognised(Unrecognised { kind, id }))
}

fn read_event(kind: &str, data: &Data<'_>) -> Incoming {
    let id = data.id.and_then(name);
    let of_request = |id: Option<Box<str>>| id.or_else(|| data.request_id.and_then(name)).map(RequestId::new);
    match kind.to_ascii_uppercase().as_str() {
        COMMAND => {
            let Some(id) = id.or_else(|| data.command_id.and_then(name)) else {
                return Incoming::Unreadable(UnreadableReason::NoId);
            };
            let Some(written) = data.command_status.or(data.camel_status).or(data.status) else {
                return Incoming::Unreadable(UnreadableReason::NoStatus);
            };
            let in_words = || rest::state_word(&string(written)?);
            let Some(status) = number(written).map(CommandStatus::from_number).or_else(in_words) else {
                return Incoming::Unreadable(UnreadableReason::WrongType);
            };
            Incoming::Message(Message::Command(CommandReport { id: CommandId::new(id), status, body: body(data.body) }))
        }
        DATA => {
            let Some(id) = of_request(id) else { return Incoming::Unreadable(UnreadableReason::NoId) };
            let context = data.context.and_then(name).map(String::from);
            let delivery = classify_body(data.output_type.and_then(number), body(data.body));
            Incoming::Message(Message::Data(DataReport { id, context, delivery, expiry: data.expiry() }))
        }
        STREAM_READY => {
            let Some(id) = of_request(id) else { return Incoming::Unreadable(UnreadableReason::NoId) };
            let url = data.stream_url.and_then(string).filter(|url| !url.is_empty()).map(Link::new);
            Incoming::Message(Message::StreamReady(StreamReport { id, url, expiry: data.expiry() }))
        }
        _ if id.is_none() && is_keep_alive_word(kind) => Incoming::KeepAlive,
        _ => unrecognised(kind.to_owned(), id),
    }
}

#[cfg(test)]
mod tests;
