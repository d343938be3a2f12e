//! One line of the journal: something that happened to one activity.

use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{CommandId, CommandStatus, DataToken, Message, RequestId, UnreadableReason};

/// The journal's own order: ascending, unique within a journal, never reused. 0 before the entry is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The first number of those that the journal has not given: an entry that is shown although the journal refuses it
    /// has one of these until it is kept. They stand behind all that it will ever give.
    pub const FIRST_UNKEPT: Self = Self(1 << 62);

    /// Whether the journal gave it.
    #[must_use]
    pub fn is_kept(self) -> bool {
        self < Self::FIRST_UNKEPT
    }
}

/// What an entry is about: one row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActivityKey {
    /// A command, by the id that its REST call returned.
    Command(CommandId),
    /// A request for data.
    Data(RequestId),
    /// Any other message: its own id, or one that the engine made where it had none.
    Message(Box<str>),
    /// A time in which nothing could be heard, by an id that the engine made.
    Gap(Box<str>),
}

impl ActivityKey {
    /// The id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Command(id) => id.as_str(),
            Self::Data(id) => id.as_str(),
            Self::Message(id) | Self::Gap(id) => id,
        }
    }

    /// Which kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Command(_) => Kind::Command,
            Self::Data(_) => Kind::Data,
            Self::Message(_) => Kind::Message,
            Self::Gap(_) => Kind::Gap,
        }
    }

    /// The key of a message that was heard.
    #[must_use]
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
    /// A time in which nothing could be heard.
    Gap,
}

impl Kind {
    /// The word in the table's Kind column.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "Command",
            Self::Data => "Data",
            Self::Message => "Message",
            Self::Gap => "Gap",
        }
    }
}

/// One line of the journal. It holds no secret: links and stream tokens were taken out before.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the journal; 0 before the commit.
    pub seq: Seq,
    /// When this program learned of it.
    pub at: Timestamp,
    /// What it is about.
    pub key: ActivityKey,
    /// What happened.
    pub fact: Fact,
    /// For what came from a server: the text as it came, with secrets masked. Empty for our own doings.
    pub raw: Box<str>,
}

impl Entry {
    /// About how many bytes of memory it takes: the raw text, once more for the message read from it, ids, texts of our own,
    /// and the rest.
    #[must_use]
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
            Fact::Done(deed) => deed.weight(),
            Fact::Enquired(StatusCheck::Known { text, .. }) => text.as_ref().map_or(0, String::len),
            Fact::Heard(_) | Fact::Repeated(_) | Fact::Unreadable { .. } | Fact::Enquired(StatusCheck::Unknown) => {
                self.raw.len()
            }
        };
        [self.raw.len(), self.key.id().len(), fact].into_iter().fold(FIXED, usize::saturating_add)
    }

    /// What this program did or found out by itself, before the commit.
    #[must_use]
    pub fn ours(at: Timestamp, key: ActivityKey, fact: Fact) -> Self {
        Self { seq: Seq::default(), at, key, fact, raw: "".into() }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The socket delivered a message. Secrets inside are masked: a `Link` says that there was one, not which.
    Heard(Message),
    /// The socket delivered something that is not of the protocol.
    Unreadable {
        /// What was wrong with it.
        reason: UnreadableReason,
        /// Its size in bytes.
        size: u64,
    },
    /// The socket delivered a message again whose link this monitor has requested before: it opens nothing any more.
    Repeated(Message),
    /// The server was asked over REST and answered.
    Enquired(StatusCheck),
    /// Something that the operator or this program did.
    Done(LocalEvent),
    /// A time in which nothing could be received began, went on or ended. A gap is what its entries say together: see
    /// [`Gap::join`].
    Gap(Gap),
}

/// A time in which nothing could be heard. Kept in the journal as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// The last moment at which something would have been heard.
    pub from: Timestamp,
    /// The first moment at which it would have been heard again; `None` while the gap lasts.
    pub to: Option<Timestamp>,
    /// Why nothing was heard.
    pub cause: GapCause,
    /// The commands that were open across it: those that can be asked for. All entries of a gap together name at most
    /// [`Gap::MOST`]; each names those that the ones before it do not (entries of earlier versions name all).
    pub open: Vec<CommandId>,
    /// How many data requests were open across it. Their outcomes can't be asked for, but may be heard afterwards.
    pub requests: u32,
    /// Those of them that are known by name, as in `open`; none in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_requests: Vec<RequestId>,
}

impl Gap {
    /// How many open commands, and how many open data requests, a gap names. Commands beyond are asked for all the same.
    pub const MOST: usize = 10_000;

    /// Whether it names a command or a data request.
    #[must_use]
    pub fn names_any(&self) -> bool {
        !self.open.is_empty() || !self.open_requests.is_empty()
    }

    /// The commands and data requests that it names.
    pub fn named(&self) -> impl Iterator<Item = ActivityKey> + '_ {
        let commands = self.open.iter().cloned().map(ActivityKey::Command);
        commands.chain(self.open_requests.iter().cloned().map(ActivityKey::Data))
    }

    /// A gap, by its entries in ascending order; `None` if there is none.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let mut gaps = entries.iter().filter_map(|entry| match &entry.fact {
            Fact::Gap(gap) => Some(gap),
            _ => None,
        });
        let first = gaps.next()?.clone();
        Some(gaps.fold(first, |mut gap, other| {
            gap.join(other, true);
            gap
        }))
    }

    /// Adds another entry of the same gap, in any order. The later one says when and why it was; the gap names what any of its
    /// entries names.
    pub fn join(&mut self, other: &Self, other_is_later: bool) {
        if other_is_later {
            (self.from, self.to, self.cause) = (other.from, other.to, other.cause);
        }
        self.requests = self.requests.max(other.requests);
        add_ids(&mut self.open, &other.open);
        add_ids(&mut self.open_requests, &other.open_requests);
    }
}

/// Adds ids to others, each once, in ascending order.
fn add_ids<T: Ord + Clone>(ids: &mut Vec<T>, others: &[T]) {
    if others.is_empty() {
        return;
    }
    ids.extend_from_slice(others);
    ids.sort_unstable();
    ids.dedup();
}

/// Why nothing was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// There was no joined connection.
    Disconnected,
    /// This program was not running.
    NotRunning,
    /// The computer was asleep.
    Asleep,
    /// A message could not be read and ended the connection: what it said stays unknown.
    MessageLost,
}

/// A server's answer to `request-status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusCheck {
    /// It knows the command and its state.
    Known {
        /// The state.
        status: CommandStatus,
        /// What it said with it, if anything.
        text: Option<String>,
    },
    /// 404: no such command for this profile, which is unknown, not failed.
    Unknown,
}

/// Something that the operator or this program did. Kept in the journal as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum LocalEvent {
    /// The operator named it.
    Labelled {
        /// The label; empty takes it away.
        label: String,
    },
    /// The operator asked to follow it before it was heard of.
    Tracked,
    /// The data was asked for with `request-data`; the server answered with this request id.
    Requested(Requested),
    /// The one GET of its link begins; from here on the link counts as used.
    Fetching {
        /// Where to: the whole path. Where only a folder was chosen, under the name that is known so far.
        to: String,
        /// The part-file that holds what has come; `None` in entries of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<String>,
        /// Fingerprints of what the link was made of, so that it is known again if the server repeats it; none in entries of
        /// earlier versions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        links: Vec<String>,
    },
    /// The payload is on the disk under its final name.
    Saved {
        /// The whole path.
        to: String,
        /// Size in bytes.
        size: u64,
        /// How it was had.
        #[serde(default)]
        receipt: DownloadReceipt,
    },
    /// The payload could not be saved.
    NotSaved {
        /// What kind of end it was.
        why: DownloadFailure,
        /// What happened and what to do, in a sentence.
        sentence: String,
        /// The file that is kept of what had come, where there is one: the whole path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<String>,
    },
    /// The operator has read that the link was [`DownloadFailure::Refused`].
    WarningRead,
}

impl LocalEvent {
    /// About how many bytes its texts take.
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

/// A request for data that this program made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Requested {
    /// What was asked for; with it the same data can be requested again.
    pub token: DataToken,
    /// The file name known for the data token; empty where none is.
    #[serde(default)]
    pub file_name: String,
    /// The context known for the data token; empty where none is.
    #[serde(default)]
    pub context: String,
    /// The payload's size in bytes before it was encrypted, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The command that the server answered with beside the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// The request whose data was wanted again, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<RequestId>,
}

/// How a saved file was had.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DownloadReceipt {
    /// The SHA-256 of the file as it was saved, 64 hex digits; empty in entries of earlier versions.
    pub sha256: String,
    /// How many GETs were sent for the link, redirects within its host included; 0 for a payload that came inline.
    pub gets: u32,
    /// When the first GET was sent, or the payload read from the journal. When the file was whole is the entry's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// The host that it came from; empty for a payload that came inline.
    pub host: String,
    /// The data token, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<DataToken>,
    /// What became of the encryption.
    pub decryption: Decryption,
    /// The server did not say how long the payload is nor marked its end: it can't be shown that the file is whole.
    pub length_unproved: bool,
}

/// What became of the encryption of a payload on its way to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decryption {
    /// It was not asked for: the file is as it came.
    #[default]
    Off,
    /// The tag was right: the file is decrypted.
    Done,
    /// The key was wrong or a byte was changed: the file is as it came.
    Refused,
}

/// How a download ended that ended badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownloadFailure {
    /// The link was refused, and this monitor had requested it before.
    LinkUsed,
    /// The link was refused at our first GET although its time was not over. The operator is told so until
    /// [`LocalEvent::WarningRead`].
    #[serde(rename = "spent-elsewhere")]
    Refused,
    /// The link's time was over.
    LinkExpired,
    /// The transfer began and did not end; the link is used up.
    Broken,
    /// The operator stopped it; the link is used up.
    Cancelled,
    /// It failed before the link was touched: it can be tried again.
    NotStarted,
}
