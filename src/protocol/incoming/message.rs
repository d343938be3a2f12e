//! What frames mean: command reports, data reports, replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::ids::{ChannelId, CommandId, CorrelationId, RequestId};
use crate::protocol::secret::{Link, StreamToken};

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
    pub delivery: DataBody,
    /// How long what came can be fetched, where the message says.
    pub life: Option<LinkExpiry>,
}

/// How long a link can be fetched. No known server says it; where one does, it says it better than a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkExpiry {
    /// Until this moment, by the server's clock: `expiresAt`, RFC 3339 or seconds since 1970.
    Until(jiff::Timestamp),
    /// So long from when the message came: `expiresIn` or `ttl`, in seconds.
    For(std::time::Duration),
}

/// What a data message carries; `output_type` says it where it can be told, and the shape of `body` where not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataBody {
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
    pub life: Option<LinkExpiry>,
}

/// An event of a type that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecognised {
    /// `data.type`; empty where there is none.
    pub kind: String,
    /// `data.id`; empty where there is none.
    pub id: String,
}

/// The shortest text that is taken for an inline payload: canonical base64 of 24 characters or more `[live]`.
pub(crate) const SHORTEST_INLINE: usize = 24;

/// Whether a text is a URL that can be fetched from.
#[must_use]
pub fn is_url(text: &str) -> bool {
    ["https://", "http://", "wss://", "ws://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// How many bytes a text decodes to, if it is canonical base64 and long enough to be taken for a payload.
pub(crate) fn inline_size(text: &str) -> Option<usize> {
    if text.len() < SHORTEST_INLINE {
        return None;
    }
    STANDARD.decode(text).ok().map(|bytes| bytes.len())
}

pub(crate) fn delivery(output_type: Option<i64>, body: Body) -> DataBody {
    match (output_type, body) {
        (Some(1), Body::Text(text)) if is_url(&text) => DataBody::Link(Link::new(text)),
        (Some(1), Body::Text(text)) if !text.trim().is_empty() => DataBody::StreamToken(StreamToken::new(text)),
        // Without an `output_type` only a URL can be told from a text for sure.
        (None, Body::Text(text)) if is_url(&text) && text.contains("auth=") => DataBody::Link(Link::new(text)),
        (Some(0) | None, Body::Text(text)) => match inline_size(&text) {
            Some(size) => DataBody::Inline { text, size },
            None => DataBody::Text(text),
        },
        (Some(0) | None, Body::Json(text)) => DataBody::Text(text),
        (output_type, body) => DataBody::Other { output_type, body },
    }
}
