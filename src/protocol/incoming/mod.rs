//! What arrives on the socket: replies, events, keep-alives, and what could not be read.
//!
//! [`parse`] takes one text frame and never fails: whatever came is one of the four kinds of [`Incoming`], so that a
//! caller cannot forget the unreadable ones. Sources: `[docs]` the vendor's API pages, `[live]` the vendor's probe suite.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ChannelId, CommandId, CorrelationId, Link, RequestId, StreamToken, lenient, rest};

mod documents;
mod quick;
mod shapes;

pub use documents::Documents;
use shapes::{Data, Envelope, body, name, number, object_of, string};

/// The shortest text that is taken for an inline payload: canonical base64 of 24 characters or more `[live]`.
const SHORTEST_INLINE: usize = 24;

/// What one text frame turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// What has the shape of an answer to a join or a leave: a `status`, and no event in it.
    Reply(Reply),
    /// An event of the profile: worth a row.
    Message(Message),
    /// A keep-alive or telemetry: counted, not listed.
    KeepAlive,
    /// Text that is not of this protocol: shown as a row, so that nothing is dropped silently.
    Unreadable(UnreadableReason),
}

/// Why a frame was not read as a message. The words are what an operator sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableReason {
    /// The text is not JSON.
    #[error("not JSON")]
    NotJson,
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// An object without `data` that is no keep-alive either.
    #[error("no data in it")]
    NoData,
    /// `data`, or a field that an event needs, has the wrong type.
    #[error("a field of the wrong type")]
    WrongType,
    /// The status of a command without the status.
    #[error("the status of a command without a command_status")]
    NoStatus,
    /// An event of a known type that names no id: it can't be told whose outcome it is.
    #[error("an event without an id")]
    NoId,
    /// A binary frame that is not JSON. Its bytes are sealed.
    #[error("binary data")]
    Binary,
    /// An answer to something that this program did not ask.
    #[error("an answer to a request that is not ours")]
    NotAsked,
    /// A message above the size limit: it is lost.
    #[error("larger than the limit, and lost")]
    TooLarge,
    /// A text message with bytes that are no text, after which a WebSocket has to end: it is lost.
    #[error("not valid UTF-8, and lost")]
    NotUtf8,
}

impl UnreadableReason {
    /// What came, in words.
    #[must_use]
    pub fn describe(self, size: u64) -> String {
        match self {
            Self::TooLarge => format!("A message of at least {size} bytes is lost: it is larger than the limit"),
            Self::NotUtf8 => "A message is lost: it is not valid UTF-8".to_owned(),
            _ => format!("{size} {} received: {self}", if size == 1 { "byte" } else { "bytes" }),
        }
    }

    /// Whether the message was lost with its connection.
    #[must_use]
    pub fn is_lost(self) -> bool {
        matches!(self, Self::TooLarge | Self::NotUtf8)
    }
}

/// The answer to a join or a leave `[docs, live]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200, or another of its hundred, for done; anything else is a refusal (401: bad or expired token).
    pub status: i64,
    /// What the request sent along; some servers leave it out.
    pub correlation_id: Option<CorrelationId>,
    /// The channel that was joined or left.
    pub channel_id: Option<ChannelId>,
    /// The server's words, from `data.message`, `message` or `error`.
    pub text: Option<String>,
}

impl Reply {
    /// Whether the server did what was asked.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether it says nothing but that all is well.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_ok() && self.correlation_id.is_none() && self.channel_id.is_none() && self.text.is_none()
    }
}

/// An event of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `X-DPT-CAB-ID`: the state of a command.
    Command(CommandReport),
    /// `X-DPT-CAB-REQUEST-ID`: data on its way, or ready.
    Data(DataReport),
    /// `STREAM-READY` `[live]`: the streamed payload can be fetched.
    StreamReady(StreamReport),
    /// Any other type: kept and shown, never dropped.
    Unrecognised(Unrecognised),
}

/// The state of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReport {
    /// The command that the REST call named.
    pub id: CommandId,
    /// Its state.
    pub status: CommandStatus,
    /// What the server said with it; for a failure often a machine key such as `profile.not_an_owner`.
    pub body: Body,
}

/// `command_status` `[docs]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandStatus {
    /// 1: in flight; may arrive several times.
    Pending,
    /// 2: done; final.
    Succeeded,
    /// 3: failed or rejected; final.
    Failed,
    /// A number that this program does not know: shown as such.
    Other(i64),
}

impl CommandStatus {
    /// Reads the wire's number.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Pending,
            2 => Self::Succeeded,
            3 => Self::Failed,
            other => Self::Other(other),
        }
    }

    /// Whether nothing but a contradiction can follow.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A `body`: a string, absent or null, or any other JSON value as its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// Absent or null.
    #[default]
    None,
    /// A string.
    Text(String),
    /// Any other JSON value, as it was written.
    Json(String),
}

impl Body {
    /// The text to show, if there is any.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Text(text) | Self::Json(text) => Some(text),
        }
    }
}

/// Data on its way, or ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataReport {
    /// The request that `request-data` named.
    pub id: RequestId,
    /// `data_context`, such as `invoices/2026-Q1`.
    pub context: Option<String>,
    /// What came with it.
    pub delivery: Delivery,
    /// How long what came can be fetched, where the message says.
    pub life: Option<LinkLife>,
}

/// How long a link can be fetched. No known server says it; where one does, it says it better than a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkLife {
    /// Until this moment, by the server's clock: `expiresAt`, RFC 3339 or seconds since 1970.
    Until(jiff::Timestamp),
    /// So long from when the message came: `expiresIn` or `ttl`, in seconds.
    For(std::time::Duration),
}

/// What a data message carries; `output_type` says it where it can be told, and the shape of `body` where not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A status update while data is prepared (`output_type` 0 `[docs]`).
    Text(String),
    /// Canonical base64 under `output_type` 0 `[live]`: offered to save *and* shown as text, since the two can't be told
    /// apart for sure.
    Inline {
        /// The base64 as it came.
        text: String,
        /// How many bytes it decodes to.
        size: usize,
    },
    /// A full download URL (`output_type` 1 `[docs]`).
    Link(Link),
    /// A bare downstream token (`output_type` 1 `[live]`), good once `STREAM-READY` has come.
    StreamToken(StreamToken),
    /// Something else: the JSON of the body, and the number given.
    Other {
        /// `output_type`, if one was given.
        output_type: Option<i64>,
        /// The body.
        body: Body,
    },
}

/// `STREAM-READY` `[live]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The request, from `data.id` or `data.requestId`.
    pub id: RequestId,
    /// `data.streamUrl`, where given: `http(s)` or `ws(s)`.
    pub url: Option<Link>,
    /// How long it can be fetched, where the message says.
    pub life: Option<LinkLife>,
}

/// An event of a type that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecognised {
    /// `data.type`; empty where there is none.
    pub kind: String,
    /// `data.id`; empty where there is none.
    pub id: String,
}

/// Reads one text frame.
#[must_use]
pub fn parse(text: &str) -> Incoming {
    quick::parse(text).unwrap_or_else(|| parse_carefully(text))
}

/// The way for every shape.
fn parse_carefully(text: &str) -> Incoming {
    read_object(text).unwrap_or_else(|| parse_leniently(text))
}

/// Reads what is an object, with each field once.
fn read_object(text: &str) -> Option<Incoming> {
    // serde reads a list into a struct by position: no list is an envelope.
    let envelope = serde_json::from_str::<Envelope<'_>>(text).ok().filter(|_| text.trim_start().starts_with('{'))?;
    Some(read_envelope(&envelope, text))
}

/// The way for texts that the borrowed shapes refuse: what has to be repaired, a field given twice (the last counts), or no
/// JSON object at all.
fn parse_leniently(text: &str) -> Incoming {
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
    // An event is what says its type, whatever stands around it; only a channel shows an answer that says one as well.
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

fn is_known_type(kind: &str) -> bool {
    ["X-DPT-CAB-ID", "X-DPT-CAB-REQUEST-ID", "STREAM-READY"].iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// The answer to a request; `None` where it has no status, or a word as one and nothing else that an answer has.
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

/// What a `status` that is a word means.
fn status_of_word(word: &str) -> Option<i64> {
    match word.trim().to_ascii_lowercase().as_str() {
        "ok" | "success" | "succeeded" | "accepted" | "joined" | "left" => Some(200),
        "unauthorized" | "unauthorised" | "unauthenticated" => Some(401),
        "forbidden" => Some(403),
        "error" | "fail" | "failed" | "failure" => Some(500),
        _ => None,
    }
}

/// Keep-alives name themselves in one of a few words.
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

/// Whether an object without type and id says nothing but numbers and times.
fn is_telemetry(object: &str) -> bool {
    fn is_said(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => !text.trim().is_empty() && text.parse::<jiff::Timestamp>().is_err(),
            serde_json::Value::Array(list) => list.iter().any(is_said),
            serde_json::Value::Object(map) => map.values().any(is_said),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
        }
    }
    lenient::value(object).is_some_and(|value| !is_said(&value))
}

/// Whether a value says nothing at all.
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
        "X-DPT-CAB-ID" => {
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
        "X-DPT-CAB-REQUEST-ID" => {
            let Some(id) = of_request(id) else { return Incoming::Unreadable(UnreadableReason::NoId) };
            let context = data.context.and_then(name).map(String::from);
            let delivery = delivery(data.output_type.and_then(number), body(data.body));
            Incoming::Message(Message::Data(DataReport { id, context, delivery, life: data.life() }))
        }
        "STREAM-READY" => {
            let Some(id) = of_request(id) else { return Incoming::Unreadable(UnreadableReason::NoId) };
            let url = data.stream_url.and_then(string).filter(|url| !url.is_empty()).map(Link::new);
            Incoming::Message(Message::StreamReady(StreamReport { id, url, life: data.life() }))
        }
        _ if id.is_none() && is_keep_alive_word(kind) => Incoming::KeepAlive,
        _ => unrecognised(kind.to_owned(), id),
    }
}

fn delivery(output_type: Option<i64>, body: Body) -> Delivery {
    match (output_type, body) {
        (Some(1), Body::Text(text)) if is_url(&text) => Delivery::Link(Link::new(text)),
        (Some(1), Body::Text(text)) if !text.trim().is_empty() => Delivery::StreamToken(StreamToken::new(text)),
        // Without an `output_type` only a URL can be told from a text for sure.
        (None, Body::Text(text)) if is_url(&text) && text.contains("auth=") => Delivery::Link(Link::new(text)),
        (Some(0) | None, Body::Text(text)) => match inline_size(&text) {
            Some(size) => Delivery::Inline { text, size },
            None => Delivery::Text(text),
        },
        (Some(0) | None, Body::Json(text)) => Delivery::Text(text),
        (output_type, body) => Delivery::Other { output_type, body },
    }
}

/// Whether a text is a URL that can be fetched from.
#[must_use]
pub fn is_url(text: &str) -> bool {
    ["https://", "http://", "wss://", "ws://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// How many bytes a text decodes to, if it is canonical base64 and long enough to be taken for a payload.
fn inline_size(text: &str) -> Option<usize> {
    if text.len() < SHORTEST_INLINE {
        return None;
    }
    STANDARD.decode(text).ok().map(|bytes| bytes.len())
}

#[cfg(test)]
mod tests;
