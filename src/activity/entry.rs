//! A journal entry: something that happened to one activity.

use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{CommandId, CommandStatus, DataToken, Message, RequestId, UnreadableReason};

/// Position in the journal: ascending, unique within a journal, never reused. 0 before the entry is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// First number of the temporary range. An entry that could not be written to the journal has a number from this range until it
    /// is written. The range is above every number that the journal will ever give.
    pub const FIRST_UNPERSISTED: Self = Self(1 << 62);

    /// Whether the journal assigned this number.
    pub fn is_persisted(self) -> bool {
        self < Self::FIRST_UNPERSISTED
    }
}

/// The subject of an entry: one row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActivityKey {
    /// A command, by the id that its REST call returned.
    Command(CommandId),
    /// A data request.
    Data(RequestId),
    /// Any other message: its own id, or one that the engine generates if it has none.
    Message(Box<str>),
    /// A period in which no messages could be received, by an id that the engine generates.
    Gap(Box<str>),
}

impl ActivityKey {
    /// The id as text.
    pub fn id(&self) -> &str {
        match self {
            Self::Command(id) => id.as_str(),
            Self::Data(id) => id.as_str(),
            Self::Message(id) | Self::Gap(id) => id,
        }
    }

    /// The kind of the activity.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Command(_) => Kind::Command,
            Self::Data(_) => Kind::Data,
            Self::Message(_) => Kind::Message,
            Self::Gap(_) => Kind::Gap,
        }
    }

    /// The key of a received message.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Command(report) => Self::Command(report.id.clone()),
            Message::Data(report) => Self::Data(report.id.clone()),
            Message::StreamReady(report) => Self::Data(report.id.clone()),
            Message::Unrecognised(other) => Self::Message(other.id.as_str().into()),
        }
    }
}

/// The kinds of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A command, `X-DPT-CAB-ID`.
    Command,
    /// A data request, `X-DPT-CAB-REQUEST-ID`.
    Data,
    /// Any other message.
    Message,
    /// A period in which no messages could be received.
    Gap,
}

impl Kind {
    /// The word in the table's Kind column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "Command",
            Self::Data => "Data",
            Self::Message => "Message",
            Self::Gap => "Gap",
        }
    }
}

/// One journal entry. It contains no secret: links and stream tokens were removed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Position in the journal; 0 before the commit.
    pub seq: Seq,
    /// When this program learned of it.
    pub at: Timestamp,
    /// The activity that the entry is about.
    pub key: ActivityKey,
    /// What happened.
    pub fact: Fact,
    /// For data from a server: the text as received, with secrets masked. Empty for local events.
    pub raw: Box<str>,
}

impl Entry {
    /// Approximate memory use in bytes: the raw text, the same again for the parsed message, ids, local texts, and the rest.
    pub fn weight(&self) -> usize {
        const FIXED: usize = 256;
        const ID: usize = 24;
        let of_ids = |ids: &mut dyn Iterator<Item = usize>| ids.map(|length| length.saturating_add(ID)).sum::<usize>();
        let fact = match &self.fact {
            Fact::Gap(gap) => of_ids(
                &mut gap
                    .open
                    .iter()
                    .map(|id| id.as_str().len())
                    .chain(gap.open_requests.iter().map(|id| id.as_str().len())),
            ),
            Fact::Local(event) => event.weight(),
            Fact::StatusChecked(StatusCheck::Known { text, .. }) => text.as_ref().map_or(0, String::len),
            Fact::Received(_)
            | Fact::Repeated(_)
            | Fact::Unreadable { .. }
            | Fact::StatusChecked(StatusCheck::Unknown) => self.raw.len(),
        };
        [self.raw.len(), self.key.id().len(), fact].into_iter().fold(FIXED, usize::saturating_add)
    }

    /// Creates an uncommitted entry for something that this program did or found out.
    pub fn local(at: Timestamp, key: ActivityKey, fact: Fact) -> Self {
        Self { seq: Seq::default(), at, key, fact, raw: "".into() }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The socket delivered a message. Its secrets are masked: a `Link` says that there was one, not which.
    Received(Message),
    /// The socket delivered data that is not part of the protocol.
    Unreadable {
        /// What was wrong with it.
        reason: UnreadableReason,
        /// Its size in bytes.
        size: u64,
    },
    /// The socket delivered a message again whose link this program has already requested. It opens nothing.
    Repeated(Message),
    /// The server answered a status check over REST.
    StatusChecked(StatusCheck),
    /// Something that the operator or this program did.
    Local(LocalEvent),
    /// A period without reception began, continued or ended. A gap is the union of its entries: see [`Gap::merge`].
    Gap(Gap),
}

/// A period in which no messages could be received. Stored in the journal as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// The last moment at which a message would have been received.
    pub from: Timestamp,
    /// The first moment at which messages could be received again; `None` until the gap ends.
    pub to: Option<Timestamp>,
    /// Why nothing was received.
    pub cause: GapCause,
    /// The commands that were open during it and can be checked. All entries of a gap together name at most [`Gap::MAX_NAMED`]; each
    /// entry names those that earlier entries do not (entries of earlier versions name all).
    pub open: Vec<CommandId>,
    /// Number of data requests that were open during it. Their outcomes can't be checked, but may arrive afterwards.
    pub requests: u32,
    /// The ids of those data requests, limited as in `open`; empty in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_requests: Vec<RequestId>,
}

impl Gap {
    /// Maximum number of open commands, and of open data requests, that a gap names. Further commands are still checked.
    pub const MAX_NAMED: usize = 10_000;

    /// Whether it names a command or a data request.
    pub fn names_any(&self) -> bool {
        !self.open.is_empty() || !self.open_requests.is_empty()
    }

    /// The commands and data requests that it names.
    pub fn named(&self) -> impl Iterator<Item = ActivityKey> + '_ {
        let commands = self.open.iter().cloned().map(ActivityKey::Command);
        commands.chain(self.open_requests.iter().cloned().map(ActivityKey::Data))
    }

    /// A gap from its entries in ascending order; `None` if there are none.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let mut gaps = entries.iter().filter_map(|entry| match &entry.fact {
            Fact::Gap(gap) => Some(gap),
            _ => None,
        });
        let first = gaps.next()?.clone();
        Some(gaps.fold(first, |mut gap, other| {
            gap.merge(other, true);
            gap
        }))
    }

    /// Merges another entry of the same gap, in any order. Times and cause come from the later entry; the gap names what any of its
    /// entries names.
    pub fn merge(&mut self, other: &Self, other_is_later: bool) {
        if other_is_later {
            (self.from, self.to, self.cause) = (other.from, other.to, other.cause);
        }
        self.requests = self.requests.max(other.requests);
        add_ids(&mut self.open, &other.open);
        add_ids(&mut self.open_requests, &other.open_requests);
    }
}

/// Adds ids, without duplicates, in ascending order.
fn add_ids<T: Ord + Clone>(ids: &mut Vec<T>, others: &[T]) {
    if others.is_empty() {
        return;
    }
    ids.extend_from_slice(others);
    ids.sort_unstable();
    ids.dedup();
}

/// Why no messages were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// The connection had not joined.
    Disconnected,
    /// This program was not running.
    NotRunning,
    /// The computer was asleep.
    Asleep,
    /// A message could not be read and ended the connection: its content stays unknown.
    MessageLost,
}

/// A server's answer to `request-status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusCheck {
    /// The server knows the command and its state.
    Known {
        /// The state.
        status: CommandStatus,
        /// The text that the server sent with it, if any.
        text: Option<String>,
    },
    /// 404: no such command for this profile. It is unknown, not failed.
    Unknown,
}

/// Something that the operator or this program did. Stored in the journal as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum LocalEvent {
    /// The operator set a label.
    Labelled {
        /// The label; empty removes it.
        label: String,
    },
    /// The operator asked to track it before any message about it arrived.
    Tracked,
    /// This program requested the data with `request-data`; the server answered with this request id.
    Requested(Requested),
    /// The one GET of its link starts; from here on the link counts as used.
    Fetching {
        /// The whole target path. If only a folder was chosen, it uses the file name known so far.
        to: String,
        /// The part file that holds the received bytes; `None` in entries of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<String>,
        /// Fingerprints of the link's parts, so that the link is recognised if the server repeats it; empty in entries of earlier
        /// versions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<String>,
    },
    /// The payload is on the disk under its final name.
    Saved {
        /// The whole path.
        to: String,
        /// Size in bytes.
        size: u64,
        /// How it was obtained.
        #[serde(default)]
        receipt: DownloadReceipt,
    },
    /// The payload could not be saved.
    NotSaved {
        /// The kind of failure.
        why: DownloadFailure,
        /// What happened and what to do, in a sentence.
        sentence: String,
        /// The whole path of the file that keeps the received bytes, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<String>,
    },
    /// The operator has acknowledged the warning about [`DownloadFailure::Refused`].
    WarningRead,
}

impl LocalEvent {
    /// Approximate size of its texts in bytes.
    fn weight(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Labelled { label } => label.len(),
            Self::Requested(Requested { file_name, context, .. }) => file_name.len().saturating_add(context.len()),
            Self::Fetching { to, part, .. } => to.len().saturating_add(of(part)),
            Self::Saved { to, receipt, .. } => to.len().saturating_add(receipt.host.len()),
            Self::NotSaved { sentence, part, .. } => sentence.len().saturating_add(of(part)),
            _ => 0,
        }
    }
}

/// A data request that this program made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Requested {
    /// The requested data token; it can be used to request the same data again.
    pub token: DataToken,
    /// The file name known for the data token; empty if unknown.
    #[serde(default)]
    pub file_name: String,
    /// The context known for the data token; empty if unknown.
    #[serde(default)]
    pub context: String,
    /// The payload's size in bytes before encryption, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The command id in the server's answer, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// The request that this one repeats, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<RequestId>,
}

/// How a saved file was obtained.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DownloadReceipt {
    /// The SHA-256 of the saved file, 64 hex digits; empty in entries of earlier versions.
    pub sha256: String,
    /// Number of GETs sent for the link, redirects within its host included; 0 for an inline payload.
    pub gets: u32,
    /// When the first GET was sent, or the payload was read from the journal. The entry's own time is when the file was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// The host that sent it; empty for an inline payload.
    pub host: String,
    /// The data token, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<DataToken>,
    /// The result of decryption.
    pub decryption: Decryption,
    /// The server neither gave the payload's length nor marked its end, so the file may be incomplete.
    pub length_unproved: bool,
}

/// The result of decrypting a payload while saving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decryption {
    /// Decryption was off: the file is as received.
    #[default]
    Off,
    /// The authentication tag matched: the file is decrypted.
    Done,
    /// The key was wrong or a byte was changed: the file is as received.
    Refused,
}

/// How a download failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownloadFailure {
    /// The server refused the link, and this program had requested it before.
    LinkUsed,
    /// The server refused the link at our first GET although it had not expired. The operator is warned until
    /// [`LocalEvent::WarningRead`].
    #[serde(rename = "spent-elsewhere")]
    Refused,
    /// The link had expired.
    LinkExpired,
    /// The transfer started and did not finish; the link is used up.
    Broken,
    /// The operator cancelled it; the link is used up.
    Cancelled,
    /// It failed before the link was used: it can be tried again.
    NotStarted,
}
