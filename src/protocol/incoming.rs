//! What arrives on the socket: replies, events, keep-alives, and what could not be read.
//!
//! [`parse`] takes one text frame and never fails: whatever came is one of the four kinds of [`Incoming`], so that a
//! caller cannot forget the unreadable ones. Sources: `[docs]` the vendor's API pages, `[live]` the vendor's probe suite.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ChannelId, CommandId, CorrelationId, Link, RequestId, StreamToken};

mod quick;

/// The shortest text that is taken for an inline payload: canonical base64 of 24 characters or more `[live]`.
const SHORTEST_INLINE: usize = 24;

/// What one text frame turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to a join or a leave: it has a numeric top-level `status`.
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
    /// A binary frame where text was expected.
    #[error("binary data")]
    Binary,
}

/// The answer to a join or a leave `[docs, live]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 for done; anything else is a refusal (401: bad or expired token).
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
        self.status == 200
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
    /// `data.id`.
    pub id: String,
}

/// Reads one text frame.
#[must_use]
pub fn parse(text: &str) -> Incoming {
    quick::parse(text).unwrap_or_else(|| parse_carefully(text))
}

/// The way for every shape.
fn parse_carefully(text: &str) -> Incoming {
    match serde_json::from_str::<Envelope<'_>>(text) {
        // serde reads a list into a struct by position: no list is an envelope.
        Ok(envelope) if text.trim_start().starts_with('{') => read_envelope(&envelope),
        Ok(_) | Err(_) => parse_slowly(text),
    }
}

/// The way for texts that the borrowed shapes refuse: a field given twice (the last counts), or no JSON object at all.
fn parse_slowly(text: &str) -> Incoming {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value @ serde_json::Value::Object(_)) => {
            let normal = value.to_string();
            serde_json::from_str::<Envelope<'_>>(&normal)
                .map_or(Incoming::Unreadable(UnreadableReason::WrongType), |envelope| read_envelope(&envelope))
        }
        Ok(_) => Incoming::Unreadable(UnreadableReason::NotAnObject),
        Err(_) => Incoming::Unreadable(UnreadableReason::NotJson),
    }
}

/// The outer object; every field is kept as text, so that a wrong type in one does not lose the others.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "correlationId")]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
}

/// The inner object, in all its shapes.
#[derive(Deserialize, Default)]
struct Data<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    command_status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "data_context")]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_type: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "streamUrl")]
    stream_url: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "channelId")]
    channel_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "correlationId")]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "expiresAt", alias = "expires_at")]
    expires_at: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "expiresIn", alias = "expires_in", alias = "ttl")]
    expires_in: Option<&'a RawValue>,
}

impl Data<'_> {
    fn life(&self) -> Option<LinkLife> {
        let until = self.expires_at.and_then(|raw| {
            let written = string(raw).and_then(|text| text.parse().ok());
            written.or_else(|| jiff::Timestamp::from_second(number(raw)?).ok())
        });
        let lasting = || Some(std::time::Duration::from_secs(u64::try_from(number(self.expires_in?)?).ok()?));
        until.map(LinkLife::Until).or_else(|| lasting().map(LinkLife::For))
    }
}

fn read_envelope(envelope: &Envelope<'_>) -> Incoming {
    if let Some(status) = envelope.status.and_then(number) {
        return Incoming::Reply(read_reply(status, envelope));
    }
    let Some(raw) = envelope.data else {
        return if is_keep_alive(envelope) {
            Incoming::KeepAlive
        } else {
            Incoming::Unreadable(UnreadableReason::NoData)
        };
    };
    match serde_json::from_str::<Data<'_>>(raw.get()) {
        Ok(data) if raw.get().starts_with('{') => read_event(&data),
        Ok(_) => Incoming::Unreadable(UnreadableReason::WrongType),
        Err(_) => match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(raw.get()) {
            Ok(map) => {
                let normal = serde_json::Value::Object(map).to_string();
                serde_json::from_str::<Data<'_>>(&normal)
                    .map_or(Incoming::Unreadable(UnreadableReason::WrongType), |data| read_event(&data))
            }
            Err(_) => Incoming::Unreadable(UnreadableReason::WrongType),
        },
    }
}

fn read_reply(status: i64, envelope: &Envelope<'_>) -> Reply {
    let data: Data<'_> = envelope.data.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let text = [data.message, envelope.message, envelope.error].into_iter().flatten().find_map(string);
    Reply {
        status,
        correlation_id: envelope.correlation_id.or(data.correlation_id).and_then(name).map(CorrelationId::new),
        channel_id: data.channel_id.and_then(name).map(ChannelId::new),
        text,
    }
}

/// Keep-alives that are no `{"data":…}` at all name themselves in one of a few words.
fn is_keep_alive(envelope: &Envelope<'_>) -> bool {
    const WORDS: [&str; 8] =
        ["ping", "pong", "heartbeat", "keepalive", "keep-alive", "keep_alive", "telemetry", "metrics"];
    [envelope.kind, envelope.event, envelope.action, envelope.message]
        .into_iter()
        .flatten()
        .filter_map(string)
        .any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn read_event(data: &Data<'_>) -> Incoming {
    let kind = data.kind.and_then(string);
    let id = data.id.and_then(name);
    match kind.as_deref() {
        Some("X-DPT-CAB-ID") => {
            let Some(id) = id else { return Incoming::Unreadable(UnreadableReason::NoId) };
            let Some(status) = data.command_status.and_then(number) else {
                let is_missing = data.command_status.is_none_or(|raw| raw.get() == "null");
                let reason = if is_missing { UnreadableReason::NoStatus } else { UnreadableReason::WrongType };
                return Incoming::Unreadable(reason);
            };
            let status = CommandStatus::from_number(status);
            Incoming::Message(Message::Command(CommandReport { id: CommandId::new(id), status, body: body(data.body) }))
        }
        Some("X-DPT-CAB-REQUEST-ID") => {
            let Some(id) = id.or_else(|| data.request_id.and_then(name)) else {
                return Incoming::Unreadable(UnreadableReason::NoId);
            };
            let context = data.context.and_then(name).map(String::from);
            let delivery = delivery(data.output_type.and_then(number), body(data.body));
            Incoming::Message(Message::Data(DataReport {
                id: RequestId::new(id),
                context,
                delivery,
                life: data.life(),
            }))
        }
        Some("STREAM-READY") => {
            let Some(id) = id.or_else(|| data.request_id.and_then(name)) else {
                return Incoming::Unreadable(UnreadableReason::NoId);
            };
            let url = data.stream_url.and_then(string).filter(|url| !url.is_empty()).map(Link::new);
            Incoming::Message(Message::StreamReady(StreamReport { id: RequestId::new(id), url, life: data.life() }))
        }
        _ => match id {
            Some(id) => Incoming::Message(Message::Unrecognised(Unrecognised {
                kind: kind.unwrap_or_default(),
                id: String::from(id),
            })),
            None => Incoming::KeepAlive,
        },
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

fn body(raw: Option<&RawValue>) -> Body {
    match raw {
        None => Body::None,
        Some(raw) if raw.get() == "null" => Body::None,
        Some(raw) => match string(raw) {
            Some(text) => Body::Text(text),
            None => Body::Json(raw.get().to_owned()),
        },
    }
}

/// A string value. An invalid escape (half a surrogate pair) makes it none.
fn string(raw: &RawValue) -> Option<String> {
    raw.get().starts_with('"').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

/// A value that names something: a string that is not empty, or a number as it was written.
fn name(raw: &RawValue) -> Option<Box<str>> {
    match raw.get().bytes().next() {
        Some(b'"') => string(raw).filter(|text| !text.is_empty()).map(String::into_boxed_str),
        Some(b'-' | b'0'..=b'9') => Some(raw.get().into()),
        _ => None,
    }
}

/// A whole number, also when it was written as `2.0` or `"2"`.
fn number(raw: &RawValue) -> Option<i64> {
    let text = raw.get().trim_matches('"');
    text.parse().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        // A status beyond what `f64` holds exactly is no status.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number within range")]
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
