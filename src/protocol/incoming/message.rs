//! The meaning of frames: command reports, data reports, replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::counted;
use crate::protocol::ids::{ChannelId, CommandId, CorrelationId, RequestId};
use crate::protocol::secret::{Link, StreamToken};

/// The type of a command's outcome.
pub(crate) const COMMAND: &str = "X-DPT-CAB-ID";
/// The type of a data request's news.
pub(crate) const DATA: &str = "X-DPT-CAB-REQUEST-ID";
/// The type of an announced stream.
pub(crate) const STREAM_READY: &str = "STREAM-READY";

/// Whether a message has this type, in upper or lower case. Such a type is never masked.
pub(crate) fn is_known_type(kind: &str) -> bool {
    [COMMAND, DATA, STREAM_READY].iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// The result of parsing one text frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A response to a join or a leave, judged by its shape: it has a `status` and no event.
    Reply(Reply),
    /// An event of the profile, shown as a row.
    Message(Message),
    /// A keep-alive or telemetry: counted, not listed.
    KeepAlive,
    /// Text that is not part of this protocol: shown as a row, so that nothing is dropped silently.
    Unreadable(UnreadableReason),
}

/// Why a frame was not read as a message. The texts are shown to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableReason {
    /// The text is not JSON.
    #[error("not JSON")]
    NotJson,
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// An object without `data` that is not a keep-alive either.
    #[error("no data in it")]
    NoData,
    /// `data`, or a field that an event needs, has the wrong type.
    #[error("a field of the wrong type")]
    WrongType,
    /// A command report without a status.
    #[error("the status of a command without a command_status")]
    NoStatus,
    /// An event of a known type without an id, so that it can't be assigned.
    #[error("an event without an id")]
    NoId,
    /// A binary frame that is not JSON. Its bytes are stored sealed.
    #[error("binary data")]
    Binary,
    /// A response to a request that this program did not make.
    #[error("an answer to a request that is not ours")]
    NotAsked,
    /// A message above the size limit; it is lost.
    #[error("larger than the limit, and lost")]
    TooLarge,
    /// A text message with invalid UTF-8, after which a WebSocket must close; it is lost.
    #[error("not valid UTF-8, and lost")]
    NotUtf8,
}

impl UnreadableReason {
    /// Describes what was received.
    pub fn describe(self, size: u64) -> String {
        match self {
            Self::TooLarge => format!("A message of at least {size} bytes is lost: it is larger than the limit"),
            Self::NotUtf8 => "A message is lost: it is not valid UTF-8".to_owned(),
            _ => format!("{} received: {self}", counted(size, "byte")),
        }
    }

    /// Whether the message was lost with its connection.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::TooLarge | Self::NotUtf8)
    }
}

/// The response to a join or a leave `[docs, live]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 or another 2xx means success; anything else is a refusal (401: bad or expired token).
    pub status: i64,
    /// The correlation id of the request; some servers omit it.
    pub correlation_id: Option<CorrelationId>,
    /// The channel that was joined or left.
    pub channel_id: Option<ChannelId>,
    /// The server's text, from `data.message`, `message` or `error`.
    pub text: Option<String>,
}

impl Reply {
    /// Whether the request succeeded.
    pub fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether it reports success and contains nothing else.
    pub fn is_empty(&self) -> bool {
        self.is_ok() && self.correlation_id.is_none() && self.channel_id.is_none() && self.text.is_none()
    }
}

/// An event of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `X-DPT-CAB-ID`: the state of a command.
    Command(CommandReport),
    /// `X-DPT-CAB-REQUEST-ID`: data in preparation, or ready.
    Data(DataReport),
    /// `STREAM-READY` `[live]`: the streamed payload can be fetched.
    StreamReady(StreamReport),
    /// Any other type: stored and shown, never dropped.
    Unrecognised(Unrecognised),
}

/// The state of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReport {
    /// The command id that the REST call returned.
    pub id: CommandId,
    /// Its state.
    pub status: CommandStatus,
    /// The server's text; for a failure often a machine-readable key such as `profile.not_an_owner`.
    pub body: Body,
}

/// `command_status` `[docs]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandStatus {
    /// 1: in flight; may arrive several times.
    Pending,
    /// 2: succeeded; final.
    Succeeded,
    /// 3: failed or rejected; final.
    Failed,
    /// A number that this program does not know; shown as it is.
    Other(i64),
}

impl CommandStatus {
    /// Converts the wire's number.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Pending,
            2 => Self::Succeeded,
            3 => Self::Failed,
            other => Self::Other(other),
        }
    }

    /// Whether any further report would contradict it.
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
    /// Any other JSON value, as received.
    Json(String),
}

impl Body {
    /// The text to show, if there is any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Text(text) | Self::Json(text) => Some(text),
        }
    }
}

/// Data in preparation, or ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataReport {
    /// The request id that `request-data` returned.
    pub id: RequestId,
    /// `data_context`, such as `invoices/2026-Q1`.
    pub context: Option<String>,
    /// What the message delivers.
    pub delivery: DataBody,
    /// How long the data can be fetched, if the message says so.
    pub expiry: Option<LinkExpiry>,
}

/// How long a link can be fetched. No known server sends it; if one does, it replaces the default lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkExpiry {
    /// Until this time, by the server's clock: `expiresAt`, RFC 3339 or seconds since 1970.
    Until(jiff::Timestamp),
    /// For this long after the message arrived: `expiresIn` or `ttl`, in seconds.
    For(std::time::Duration),
}

/// The content of a data message, decided by `output_type` if possible, otherwise by the shape of `body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataBody {
    /// A status update while data is prepared (`output_type` 0 `[docs]`).
    Text(String),
    /// Canonical base64 under `output_type` 0 `[live]`: offered for saving *and* shown as text, since the two can't be
    /// distinguished reliably.
    Inline {
        /// The base64 as received.
        text: String,
        /// The decoded size in bytes.
        size: usize,
    },
    /// A complete download URL (`output_type` 1 `[docs]`).
    Link(Link),
    /// A bare downstream token (`output_type` 1 `[live]`), usable once `STREAM-READY` has arrived.
    StreamToken(StreamToken),
    /// Anything else: the JSON of the body, and the given type.
    Other {
        /// `output_type`, if given.
        output_type: Option<i64>,
        /// The body.
        body: Body,
    },
}

/// `STREAM-READY` `[live]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The request id, from `data.id` or `data.requestId`.
    pub id: RequestId,
    /// `data.streamUrl`, if given: `http(s)` or `ws(s)`.
    pub url: Option<Link>,
    /// How long it can be fetched, if the message says so.
    pub expiry: Option<LinkExpiry>,
}

/// An event of a type that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecognised {
    /// `data.type`; empty if missing.
    pub kind: String,
    /// `data.id`; empty if missing.
    pub id: String,
}

/// Minimum length of an inline payload: canonical base64 of 24 characters or more `[live]`.
pub(crate) const MIN_INLINE: usize = 24;

/// Whether a text is a URL that data can be fetched from.
pub fn is_url(text: &str) -> bool {
    ["https://", "http://", "wss://", "ws://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// The decoded size in bytes, if a text is canonical base64 and long enough to be a payload.
pub(crate) fn inline_size(text: &str) -> Option<usize> {
    if text.len() < MIN_INLINE {
        return None;
    }
    STANDARD.decode(text).ok().map(|bytes| bytes.len())
}

pub(crate) fn classify_body(output_type: Option<i64>, body: Body) -> DataBody {
    match (output_type, body) {
        (Some(1), Body::Text(text)) if is_url(&text) => DataBody::Link(Link::new(text)),
        (Some(1), Body::Text(text)) if !text.trim().is_empty() => DataBody::StreamToken(StreamToken::new(text)),
        // Without an `output_type` only a URL can be distinguished from a text reliably.
        (None, Body::Text(text)) if is_url(&text) && text.contains("auth=") => DataBody::Link(Link::new(text)),
        (Some(0) | None, Body::Text(text)) => match inline_size(&text) {
            Some(size) => DataBody::Inline { text, size },
            None => DataBody::Text(text),
        },
        (Some(0) | None, Body::Json(text)) => DataBody::Text(text),
        (output_type, body) => DataBody::Other { output_type, body },
    }
}
