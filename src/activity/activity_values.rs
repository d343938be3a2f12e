//! Reads a row: the values that the table, the details and the export show for an activity.

use std::borrow::Cow;
use std::time::Duration;

use crate::activity::collections::interner::{Interner, cut};
use crate::activity::stats::completeness::UndeliveredOutcome;
use crate::activity::stats::outcome_counts::OutcomeSource;
use crate::activity::time::time_reference::TimeReference;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::LinkExpiry;

use super::entry::{ActivityKey, DownloadFailure, Fact, Kind, Seq};
use super::row::{CommandState, DataColumns, DownloadOutcome, Row};
use super::status::Status;

/// What a status depends on besides the row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    /// The time on the current run's clock.
    pub(crate) now: Timestamp,
    /// How that clock relates to the server's.
    pub(crate) reference: TimeReference,
    pub(crate) live_from: Seq,
    pub(crate) link_lifetime: Duration,
}

/// Expiry of a link whose expiry is unknown.
pub(crate) const NO_EXPIRY: Timestamp = Timestamp(i64::MAX);

/// How a state is known, in the words of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// The socket delivered it.
    Socket,
    /// A REST status check reported it.
    StatusCheck,
    /// Both did; they may disagree.
    Both,
}

impl Evidence {
    /// How an entry was received; `None` if this program wrote it.
    pub fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::Received(_) | Fact::Repeated(_) | Fact::Unreadable { .. } => Some(Self::Socket),
            Fact::StatusChecked(_) => Some(Self::StatusCheck),
            Fact::Local(_) | Fact::Gap(_) => None,
        }
    }

    /// The word in exports and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::StatusCheck => "enquiry",
            Self::Both => "both",
        }
    }
}

/// One activity, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Activity<'a> {
    pub(crate) row: &'a Row,
    pub(crate) data: Option<&'a DataColumns>,
    pub(crate) pool: &'a Interner,
    pub(crate) context: Context,
}

impl<'a> Activity<'a> {
    /// The activity's key.
    pub fn key(&self) -> ActivityKey {
        let id = self.id();
        match self.row.kind {
            Kind::Command => ActivityKey::Command(id.as_ref().into()),
            Kind::Data => ActivityKey::Data(id.as_ref().into()),
            Kind::Message => ActivityKey::Message(id.into()),
            Kind::Gap => ActivityKey::Gap(id.into()),
        }
    }

    /// The kind of the activity.
    pub fn kind(&self) -> Kind {
        self.row.kind
    }

    /// The complete id, as received.
    pub fn id(&self) -> Cow<'a, str> {
        self.row.id.unpack(self.pool)
    }

    /// The status as of the last [`super::Activities::expire`].
    pub fn status(&self) -> Status {
        match (self.row.kind, self.data) {
            (Kind::Data, Some(data)) => self.data_status(data),
            (Kind::Gap, _) => Status::Gap,
            (Kind::Message, _) | (Kind::Data, None) => Status::Unrecognised,
            (Kind::Command, _) => match self.row.state.value {
                CommandState::Named | CommandState::Pending => Status::Pending,
                CommandState::Succeeded => Status::Succeeded,
                CommandState::Failed => Status::Failed,
                CommandState::Other(digits) => {
                    Status::UnrecognisedNumber(self.pool.get(digits).parse().unwrap_or_default())
                }
                CommandState::Unknown => Status::Unknown,
            },
        }
    }

    fn data_status(&self, data: &DataColumns) -> Status {
        let ready = data.ready();
        let newer_link = ready.is_some_and(|(seq, _)| seq > data.end.seq);
        match data.end.value {
            DownloadOutcome::Saved(..) => return Status::Saved,
            // A newer link reopens the request.
            DownloadOutcome::Fetching if !newer_link => {
                return if data.end.seq < self.context.live_from { Status::LinkUsed } else { Status::Downloading };
            }
            DownloadOutcome::NotSaved(why, _) if !newer_link => match why {
                DownloadFailure::LinkUsed | DownloadFailure::Cancelled => return Status::LinkUsed,
                // This program has not used it; that is all that is known.
                DownloadFailure::LinkExpired | DownloadFailure::Refused => return Status::LinkExpired,
                DownloadFailure::Broken => return Status::Failed,
                DownloadFailure::NotStarted => {}
            },
            // The journal no longer holds what happened to its link.
            DownloadOutcome::None if data.repeated && ready.is_none() && !data.inline.is_set() => {
                return Status::LinkUsed;
            }
            DownloadOutcome::None | DownloadOutcome::Fetching | DownloadOutcome::NotSaved(..) => {}
        }
        match ready {
            Some((seq, at)) if data.inline.seq < seq => {
                let expired = self.expiry(data, seq, at).is_some_and(|end| end <= self.context.now);
                if expired || (seq < self.context.live_from && !data.link_restored) {
                    Status::LinkExpired
                } else {
                    Status::Ready
                }
            }
            _ if data.inline.is_set() => Status::Inline,
            _ => Status::Preparing,
        }
    }

    /// Converts a time to this computer's clock as it is set now.
    pub fn displayed(&self, at: Timestamp) -> Timestamp {
        self.context.reference.displayed(at)
    }

    /// When its first message arrived.
    pub fn first_seen(&self) -> Timestamp {
        self.row.first.at
    }

    /// When its last message arrived.
    pub fn updated(&self) -> Timestamp {
        self.row.last.at.max(self.row.first.at)
    }

    /// The time from its first message to its outcome, or to `now` if it has none. `None` if its start is unknown: an outcome that
    /// was the first message, or a message that is no activity.
    pub fn took(&self, now: Timestamp) -> Option<Duration> {
        let first = self.row.first;
        match (self.row.kind, self.data) {
            (Kind::Data, Some(data)) => {
                let outcome =
                    data.ready().or_else(|| data.inline.is_set().then_some((data.inline.seq, data.inline.at)));
                match outcome {
                    Some((seq, at)) => (seq > first.seq).then(|| at.since(first.at)),
                    None => Some(now.since(first.at)),
                }
            }
            (Kind::Command, _) => match self.row.state.value {
                CommandState::Succeeded | CommandState::Failed => {
                    (self.row.state.seq > first.seq).then(|| self.row.state.at.since(first.at))
                }
                CommandState::Unknown => None,
                CommandState::Named | CommandState::Pending | CommandState::Other(_) => Some(now.since(first.at)),
            },
            (Kind::Message | Kind::Gap, _) | (Kind::Data, None) => None,
        }
    }

    /// How its state is known. `None` for anything but commands, data requests and messages.
    pub fn source(&self) -> Option<Evidence> {
        match self.row.kind {
            Kind::Gap => None,
            Kind::Data | Kind::Message => Some(Evidence::Socket),
            Kind::Command => match self.row.evidence.sources() {
                (true, true) => Some(Evidence::Both),
                (true, false) => Some(Evidence::Socket),
                (false, true) => Some(Evidence::StatusCheck),
                (false, false) => None,
            },
        }
    }

    /// A command that the socket reported as pending and whose outcome only a status check reported.
    pub fn undelivered_outcome(&self) -> Option<UndeliveredOutcome> {
        let only_asked = self.row.kind == Kind::Command
            && matches!(self.status(), Status::Succeeded | Status::Failed)
            && self.row.evidence.is_only_checked_after_received();
        only_asked.then_some(UndeliveredOutcome { since: self.row.first.at, answered: self.row.state.at })
    }

    /// Its category in the outcome counts.
    pub(crate) fn outcome_source(&self) -> OutcomeSource {
        match (self.row.kind, self.status()) {
            (Kind::Gap, _) => OutcomeSource::Gap,
            (Kind::Message, _) => OutcomeSource::NotCounted,
            (Kind::Data, Status::Preparing) | (Kind::Command, Status::Pending) => OutcomeSource::Open,
            (Kind::Command, Status::Unknown) => OutcomeSource::Unknown,
            (Kind::Command, _) if self.source() == Some(Evidence::StatusCheck) => OutcomeSource::StatusChecked,
            (Kind::Command | Kind::Data, _) => OutcomeSource::Received,
        }
    }

    /// Whether both a success and a failure were reported: the details show which source reported what, and when.
    pub fn is_contradicted(&self) -> bool {
        self.row.evidence.is_contradicted()
    }

    /// Whether the journal holds all of it. The rest is only in memory, and lost if the program ends before it can be written.
    pub fn is_persisted(&self) -> bool {
        self.last_seq().is_persisted()
    }

    /// The operator's label; empty if there is none.
    pub fn label(&self) -> &'a str {
        self.pool.get(self.row.label)
    }

    /// `data_context`; empty if there is none. At most about 200 characters.
    pub fn context(&self) -> Cow<'a, str> {
        cut(self.whole_context())
    }

    /// Same without the limit, as far as the text is in memory. Filters search this text.
    pub fn whole_context(&self) -> &'a str {
        self.data.map_or("", |data| self.pool.get(data.context.value))
    }

    /// The text of the Message column; empty if there is none. At most about 200 characters.
    pub fn message(&self) -> Cow<'a, str> {
        self.message_text(cut)
    }

    /// Same without the limit, as far as the text is in memory. Filters search this text.
    pub fn whole_message(&self) -> Cow<'a, str> {
        self.message_text(Cow::Borrowed)
    }

    fn message_text(&self, shown: fn(&'a str) -> Cow<'a, str>) -> Cow<'a, str> {
        let Some(data) = self.data else { return shown(self.pool.get(self.row.message)) };
        let text = || shown(self.pool.get(data.text.value));
        match (self.status(), data.end.value) {
            (Status::Saved, DownloadOutcome::Saved(to, size)) => {
                Cow::Owned(format!("{} · {}", file_name(self.pool.get(to)), bytes(size)))
            }
            (Status::LinkUsed, DownloadOutcome::Fetching) => {
                Cow::Borrowed("The monitor closed during the download. Request the data again")
            }
            (Status::LinkUsed, DownloadOutcome::None) => {
                Cow::Borrowed("This monitor has requested the link before. Request the data again")
            }
            (
                Status::LinkExpired,
                DownloadOutcome::NotSaved(DownloadFailure::LinkExpired | DownloadFailure::Refused, sentence),
            ) if data.ready().is_none_or(|(seq, _)| seq < data.end.seq) => Cow::Borrowed(self.pool.get(sentence)),
            (Status::LinkExpired, _)
                if !data.link_restored && data.ready().is_some_and(|(seq, _)| seq < self.context.live_from) =>
            {
                Cow::Borrowed("The link was held in memory until the monitor closed. Request the data again")
            }
            (Status::LinkUsed | Status::Failed, DownloadOutcome::NotSaved(_, sentence)) => {
                Cow::Borrowed(self.pool.get(sentence))
            }
            // It can be tried again, and a newer link makes an earlier failure irrelevant.
            (Status::Ready | Status::Inline, DownloadOutcome::NotSaved(DownloadFailure::NotStarted, sentence))
                if data.ready().is_none_or(|(seq, _)| seq < data.end.seq) =>
            {
                Cow::Borrowed(self.pool.get(sentence))
            }
            (Status::LinkExpired, _) => Cow::Borrowed("The link was not used in time. Request the data again"),
            (Status::Inline, _) => Cow::Owned(format!("{} in the message", bytes(data.inline.value))),
            (Status::Ready | Status::Downloading, _) => Cow::Borrowed(""),
            _ => text(),
        }
    }

    /// Whether the message is a machine-readable key, such as `profile.not_an_owner`, and not a sentence.
    pub fn message_is_reason(&self) -> bool {
        if self.row.kind == Kind::Message {
            return true;
        }
        let text = self.pool.get(self.row.message);
        let is_key = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        text.contains('.') && text.split('.').all(is_key)
    }

    /// Whether there is an unused link.
    pub fn can_download(&self) -> bool {
        self.status() == Status::Ready
    }

    /// Whether there is an inline payload or a binary message that can be saved.
    pub fn can_save_inline(&self) -> bool {
        if self.row.kind == Kind::Message {
            return self.row.evidence.has_bytes();
        }
        self.data.is_some_and(|data| data.inline.is_set()) && self.status() != Status::Downloading
    }

    /// Whether a status check can provide more information.
    pub fn can_check(&self) -> bool {
        self.row.kind == Kind::Command && !matches!(self.status(), Status::Succeeded | Status::Failed)
    }

    /// When the link expires, if there is an unused one with a known expiry.
    pub fn link_expires(&self) -> Option<Timestamp> {
        let reference = self.context.reference;
        // A lower bound is not good enough for a countdown.
        let server = reference.server.filter(|_| reference.is_server_time_known);
        let context = Context { reference: TimeReference { server, ..reference }, ..self.context };
        let data = self.data.filter(|_| self.status() == Status::Ready)?;
        let (seq, came) = data.ready()?;
        Self { context, ..*self }.expiry(data, seq, came)
    }

    /// When a usable link expires or expired, regardless of the current time; [`NO_EXPIRY`] if unknown.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let data = self.data?;
        let before_all = Context { now: Timestamp(i64::MIN), ..self.context };
        let can_be_used = Self { context: before_all, ..*self }.status() == Status::Ready;
        can_be_used.then(|| data.ready().and_then(|(seq, came)| self.expiry(data, seq, came)).unwrap_or(NO_EXPIRY))
    }

    /// When a link expires on the current run's clock, given the entry that brought it: as its message said, else after the default
    /// lifetime. Links received in an earlier run, and expiry times given by the server's clock, are compared with the server's
    /// time: `None` while that is unknown.
    fn expiry(&self, data: &DataColumns, seq: Seq, arrived_at: Timestamp) -> Option<Timestamp> {
        let reference = self.context.reference;
        let end = match data.expires.value {
            Some(life @ LinkExpiry::Until(_)) => return reference.server_to_local(arrived_at.expiry_after(life)),
            Some(life @ LinkExpiry::For(_)) => data.expires.at.expiry_after(life),
            None => arrived_at.plus(self.context.link_lifetime),
        };
        if seq < reference.steady_from { reference.server_to_local(end) } else { Some(end) }
    }

    /// The file name known for its data token; empty if unknown. It comes from a server as it is: use it as a suggestion only.
    pub fn known_name(&self) -> &'a str {
        self.data.map_or("", |data| self.pool.get(data.requested.value))
    }

    /// Whether its data token is known, so that the same data can be requested again.
    pub fn can_request_again(&self) -> bool {
        self.data.is_some_and(|data| data.requested.is_set())
    }

    /// Whether its link was refused at the first GET although it had not expired.
    pub fn is_refused(&self) -> bool {
        self.status() == Status::LinkExpired
            && self
                .data
                .is_some_and(|data| matches!(data.end.value, DownloadOutcome::NotSaved(DownloadFailure::Refused, _)))
    }

    /// The path of the saved file.
    pub fn file(&self) -> Option<&'a str> {
        match self.data?.end.value {
            DownloadOutcome::Saved(to, _) => Some(self.pool.get(to)),
            DownloadOutcome::None | DownloadOutcome::Fetching | DownloadOutcome::NotSaved(..) => None,
        }
    }

    /// Its first entry.
    pub fn first_seq(&self) -> Seq {
        self.row.first.seq
    }

    /// Its last entry.
    pub fn last_seq(&self) -> Seq {
        self.row.last.seq.max(self.row.label_seq).max(self.row.first.seq)
    }
}

/// The last component of a path, with either separator.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A size in readable units: `1.8 kB`, `4.2 MB`, `29 MB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if size < 1_000 {
        return format!("{size} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = size as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}
