//! A row in compact form, and how entries change it.
//!
//! Every part of a row stores the number of the entry that it comes from, and the highest number wins within a class. So entries
//! can be applied in any order with the same result, and a late `pending` never replaces an outcome.

use crate::activity::collections::interner::{Interner, PackedId, TextId, cut};
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{Body, CommandStatus, DataBody, LinkExpiry, Message, UnreadableReason, redact};

use super::entry::{DownloadFailure, Entry, Fact, Kind, LocalEvent, Seq, StatusCheck};

/// A value and the entry that it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Versioned<T> {
    /// The entry; 0 if there is none.
    pub(crate) seq: Seq,
    /// The time of that entry.
    pub(crate) at: Timestamp,
    pub(crate) value: T,
}

impl<T> Versioned<T> {
    /// Stores a value unless a later one is set.
    fn offer(&mut self, entry: &Entry, value: T) {
        if entry.seq >= self.seq {
            *self = Self { seq: entry.seq, at: entry.at, value };
        }
    }

    /// Whether there is a value.
    pub(crate) fn is_set(&self) -> bool {
        self.seq != Seq(0)
    }
}

/// The state of a command, in order of precedence. Kept small, because there can be a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CommandState {
    /// Only known because the operator labelled or tracked it.
    #[default]
    Named,
    /// Received or checked: in flight.
    Pending,
    /// Received or checked: succeeded.
    Succeeded,
    /// Received or checked: failed or rejected.
    Failed,
    /// Received or checked, with a status number that this program does not know: its digits.
    Other(TextId),
    /// The server was asked and does not know it.
    Unknown,
}

impl CommandState {
    fn from_status(status: CommandStatus, pool: &mut Interner) -> Self {
        match status {
            CommandStatus::Pending => Self::Pending,
            CommandStatus::Succeeded => Self::Succeeded,
            CommandStatus::Failed => Self::Failed,
            CommandStatus::Other(number) => Self::Other(pool.intern(&number.to_string())),
        }
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Columns that only data requests have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DataColumns {
    /// A complete link was received.
    pub(crate) link: Versioned<()>,
    /// A bare stream token was received.
    pub(crate) token: Versioned<()>,
    /// The token before it was received.
    pub(crate) earlier_token: Versioned<()>,
    /// `STREAM-READY` was received.
    pub(crate) stream: Versioned<()>,
    /// `STREAM-READY` was received with an address.
    pub(crate) address: Versioned<()>,
    /// A message contained a payload: its size in bytes.
    pub(crate) inline: Versioned<u64>,
    /// The outcome of the download.
    pub(crate) end: Versioned<DownloadOutcome>,
    /// A status update, or any other body.
    pub(crate) text: Versioned<TextId>,
    /// Whether a link of an earlier run is usable.
    pub(crate) link_restored: bool,
    /// Whether the server repeated a link that was already requested.
    pub(crate) repeated: bool,
    /// `data_context`.
    pub(crate) context: Versioned<TextId>,
    /// The lifetime of the newest link, if its message gave one.
    pub(crate) expires: Versioned<Option<LinkExpiry>>,
    /// Set if this program requested it: the file name known for its data token.
    pub(crate) requested: Versioned<TextId>,
}

/// The outcome of a download.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum DownloadOutcome {
    /// Not started.
    #[default]
    None,
    /// The one GET was started.
    Fetching,
    /// The file is on the disk: path and size in bytes.
    Saved(TextId, u64),
    /// It could not be saved: the kind of failure and the sentence.
    NotSaved(DownloadFailure, TextId),
}

impl DataColumns {
    /// Updates every part to its entry's current number.
    pub(crate) fn renumber(&mut self, mut now: impl FnMut(Seq) -> Seq) {
        let Self {
            link,
            token,
            earlier_token,
            stream,
            address,
            inline,
            end,
            text,
            link_restored: _,
            repeated: _,
            context,
            expires,
            requested,
        } = self;
        for seq in [
            &mut link.seq,
            &mut token.seq,
            &mut earlier_token.seq,
            &mut stream.seq,
            &mut address.seq,
            &mut inline.seq,
            &mut end.seq,
            &mut text.seq,
            &mut context.seq,
            &mut expires.seq,
            &mut requested.seq,
        ] {
            *seq = now(*seq);
        }
    }

    fn offer_token(&mut self, entry: &Entry) {
        let token = Versioned { seq: entry.seq, at: entry.at, value: () };
        if entry.seq > self.token.seq {
            self.earlier_token = std::mem::replace(&mut self.token, token);
        } else if entry.seq < self.token.seq && entry.seq > self.earlier_token.seq {
            self.earlier_token = token;
        }
    }

    /// The entry since which the payload can be fetched, and its time.
    pub(crate) fn ready(&self) -> Option<(Seq, Timestamp)> {
        let used = match self.end.value {
            DownloadOutcome::None | DownloadOutcome::NotSaved(DownloadFailure::NotStarted, _) => {
                return self.ready_after(Seq(0));
            }
            DownloadOutcome::Fetching | DownloadOutcome::Saved(..) | DownloadOutcome::NotSaved(..) => self.end.seq,
        };
        // A used payload counts as long as there is nothing newer.
        self.ready_after(used).or_else(|| self.ready_after(Seq(0)).filter(|(seq, _)| *seq < used))
    }

    /// Same for entries after `entry`. Each link, and each token after the first one, starts a new delivery.
    fn ready_after(&self, entry: Seq) -> Option<(Seq, Timestamp)> {
        let later = |one: Versioned<()>, other: Versioned<()>| if one.seq > other.seq { one } else { other };
        let begin = entry.max(self.link.seq);
        let ready = if self.token.seq > begin {
            let stream_after = if self.earlier_token.seq > begin { self.token.seq } else { begin };
            (self.stream.seq > stream_after).then(|| later(self.token, self.stream))?
        } else if entry == Seq(0) || self.link.seq > entry {
            later(self.link, self.address)
        } else {
            // After a use, an address alone may be the one that was used.
            return None;
        };
        (ready.seq > entry).then_some((ready.seq, ready.at))
    }
}

/// What the socket and the status checks reported of a command, regardless of which report counts in the end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EvidenceFlags(u8);

impl EvidenceFlags {
    const RECEIVED: u8 = 1;
    const CHECKED: u8 = 2;
    const RECEIVED_FINAL: u8 = 4;
    const CHECKED_FINAL: u8 = 8;
    const SUCCEEDED: u8 = 16;
    const FAILED: u8 = 32;
    /// A binary message whose bytes are stored.
    const BYTES: u8 = 64;

    fn add(&mut self, asked: bool, state: CommandState) {
        self.0 |= if asked { Self::CHECKED } else { Self::RECEIVED };
        if state.is_final() {
            self.0 |= if asked { Self::CHECKED_FINAL } else { Self::RECEIVED_FINAL };
            self.0 |= if state == CommandState::Succeeded { Self::SUCCEEDED } else { Self::FAILED };
        }
    }

    /// Whether it is a binary message whose bytes are stored.
    pub(crate) fn has_bytes(self) -> bool {
        self.0 & Self::BYTES != 0
    }

    /// Which sources reported the outcome or, before there is one, anything: the socket, a status check.
    pub(crate) fn sources(self) -> (bool, bool) {
        let is = |bit: u8| self.0 & bit != 0;
        if is(Self::RECEIVED_FINAL | Self::CHECKED_FINAL) {
            (is(Self::RECEIVED_FINAL), is(Self::CHECKED_FINAL))
        } else {
            (is(Self::RECEIVED), is(Self::CHECKED))
        }
    }

    /// Whether the socket reported it, but only a status check reported its outcome.
    pub(crate) fn is_only_checked_after_received(self) -> bool {
        self.0 & (Self::RECEIVED | Self::RECEIVED_FINAL | Self::CHECKED_FINAL) == Self::RECEIVED | Self::CHECKED_FINAL
    }

    /// Whether both a success and a failure were reported.
    pub(crate) fn is_contradicted(self) -> bool {
        self.0 & (Self::SUCCEEDED | Self::FAILED) == Self::SUCCEEDED | Self::FAILED
    }
}

/// The compact form of one activity.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: PackedId,
    pub(crate) first: Versioned<()>,
    pub(crate) last: Versioned<()>,
    /// For a command: its state and the text sent with it. For a message: its content.
    pub(crate) state: Versioned<CommandState>,
    pub(crate) message: TextId,
    /// The operator's label and the entry that set it; 0 if there is none.
    pub(crate) label: TextId,
    pub(crate) label_seq: Seq,
    /// Serial number among all rows that were ever created.
    pub(crate) serial: u32,
    /// Its index among the data requests.
    pub(crate) data: u32,
    pub(crate) kind: Kind,
    /// How its state is known.
    pub(crate) evidence: EvidenceFlags,
}

impl Row {
    /// A row without entries.
    pub(crate) fn new(id: PackedId, kind: Kind, data: u32) -> Self {
        Self {
            id,
            kind,
            data,
            first: Versioned::default(),
            last: Versioned::default(),
            state: Versioned::default(),
            message: TextId::default(),
            label: TextId::default(),
            label_seq: Seq::default(),
            serial: 0,
            evidence: EvidenceFlags::default(),
        }
    }

    /// The texts that it uses. `data` is given for data requests.
    pub(crate) fn for_each_text(&self, data: Option<&DataColumns>, mut each: impl FnMut(TextId)) {
        if let PackedId::Text(id) = self.id {
            each(id);
        }
        if let CommandState::Other(digits) = self.state.value {
            each(digits);
        }
        each(self.message);
        each(self.label);
        let Some(data) = data else { return };
        each(data.text.value);
        each(data.context.value);
        each(data.requested.value);
        match data.end.value {
            DownloadOutcome::Saved(text, _) | DownloadOutcome::NotSaved(_, text) => each(text),
            DownloadOutcome::None | DownloadOutcome::Fetching => {}
        }
    }

    /// The entries whose values it holds.
    pub(crate) fn for_each_seq(&self, data: Option<&DataColumns>, mut each: impl FnMut(Seq)) {
        let mut is_set = |seq: Seq| {
            if seq != Seq(0) {
                each(seq);
            }
        };
        for seq in [self.first.seq, self.last.seq, self.state.seq, self.label_seq] {
            is_set(seq);
        }
        if let Some(mut data) = data.copied() {
            data.renumber(|seq| {
                is_set(seq);
                seq
            });
        }
    }

    /// The newest entry that settles it, if an entry does.
    pub(crate) fn outcome_seq(&self, data: Option<&DataColumns>) -> Option<Seq> {
        let outcome = match data {
            Some(data) => [data.end.seq, data.link.seq, data.address.seq, data.inline.seq].into_iter().max(),
            None => self.state.value.is_final().then_some(self.state.seq),
        };
        outcome.filter(|seq| *seq != Seq(0))
    }

    /// Applies an entry. `data` is given for data requests.
    pub(crate) fn apply(&mut self, entry: &Entry, data: Option<&mut DataColumns>, pool: &mut Interner) {
        if !self.first.is_set() || entry.seq < self.first.seq {
            self.first = Versioned { seq: entry.seq, at: entry.at, value: () };
        }
        match (&entry.fact, data) {
            (Fact::Local(LocalEvent::Labelled { label }), _) => {
                if entry.seq >= self.label_seq {
                    (self.label_seq, self.label) = (entry.seq, pool.intern(&cut(label)));
                }
                // A label is no update.
                return;
            }
            (Fact::Received(Message::Command(report)), _) => {
                let state = CommandState::from_status(report.status, pool);
                self.offer_state(entry, state, text_of(&report.body), pool);
            }
            (Fact::StatusChecked(StatusCheck::Known { status, text }), _) => {
                let state = CommandState::from_status(*status, pool);
                self.offer_state(entry, state, text.as_deref(), pool);
            }
            (Fact::StatusChecked(StatusCheck::Unknown), _) => {
                self.offer_state(entry, CommandState::Unknown, Some("The server does not know this command"), pool);
            }
            (Fact::Received(Message::Data(report)), Some(data)) => {
                if let Some(context) = &report.context {
                    data.context.offer(entry, pool.intern_whole(context));
                }
                if matches!(report.delivery, DataBody::Link(_) | DataBody::StreamToken(_)) {
                    data.expires.offer(entry, report.expiry);
                }
                apply_delivery(entry, &report.delivery, data, pool);
            }
            (Fact::Received(Message::StreamReady(report)), Some(data)) => {
                data.stream.offer(entry, ());
                if report.url.is_some() {
                    data.address.offer(entry, ());
                }
                if report.expiry.is_some() {
                    data.expires.offer(entry, report.expiry);
                }
            }
            // Only its arrival is an update.
            (Fact::Repeated(_), Some(data)) => data.repeated = true,
            (Fact::Received(Message::Unrecognised(_)), _) => self.offer_message(entry, &entry.raw, pool),
            (Fact::Unreadable { reason, size }, _) => {
                if *reason == UnreadableReason::Binary && *entry.raw == *redact::HIDDEN_BYTES {
                    self.evidence.0 |= EvidenceFlags::BYTES;
                }
                self.offer_message(entry, &unreadable_text(*reason, *size, &entry.raw), pool);
            }
            (Fact::Local(event), Some(data)) => apply_local_event(entry, event, data, pool),
            (Fact::Received(Message::Data(_) | Message::StreamReady(_)) | Fact::Repeated(_) | Fact::Local(_), None)
            | (Fact::Gap(_), _) => {}
        }
        self.last.offer(entry, ());
    }

    /// A final state replaces one that is not final; among equals the later replaces the earlier.
    fn offer_state(&mut self, entry: &Entry, state: CommandState, text: Option<&str>, pool: &mut Interner) {
        self.evidence.add(matches!(entry.fact, Fact::StatusChecked(_)), state);
        let ours = (self.state.value.is_final(), self.state.seq);
        if (state.is_final(), entry.seq) >= ours {
            self.state = Versioned { seq: entry.seq, at: entry.at, value: state };
            self.message = pool.intern_whole(text.unwrap_or_default());
        }
    }

    fn offer_message(&mut self, entry: &Entry, text: &str, pool: &mut Interner) {
        if entry.seq >= self.state.seq {
            self.state = Versioned { seq: entry.seq, at: entry.at, value: CommandState::Named };
            self.message = pool.intern_whole(text);
        }
    }
}

fn apply_delivery(entry: &Entry, delivery: &DataBody, data: &mut DataColumns, pool: &mut Interner) {
    match delivery {
        DataBody::Text(text) => data.text.offer(entry, pool.intern_whole(text)),
        DataBody::Inline { size, .. } => data.inline.offer(entry, *size as u64),
        DataBody::Link(_) => data.link.offer(entry, ()),
        DataBody::StreamToken(_) => data.offer_token(entry),
        DataBody::Other { body, .. } => data.text.offer(entry, pool.intern_whole(text_of(body).unwrap_or_default())),
    }
}

fn apply_local_event(entry: &Entry, event: &LocalEvent, data: &mut DataColumns, pool: &mut Interner) {
    let end = match event {
        LocalEvent::Labelled { .. } | LocalEvent::Tracked | LocalEvent::WarningRead => return,
        LocalEvent::Requested(requested) => {
            data.requested.offer(entry, pool.intern(&cut(&requested.file_name)));
            if !requested.context.is_empty() {
                data.context.offer(entry, pool.intern_whole(&requested.context));
            }
            return;
        }
        LocalEvent::Fetching { .. } => DownloadOutcome::Fetching,
        LocalEvent::Saved { to, size, .. } => DownloadOutcome::Saved(pool.intern(to), *size),
        LocalEvent::NotSaved { why, sentence, .. } => DownloadOutcome::NotSaved(*why, pool.intern(sentence)),
    };
    // Once saved, data stays saved, whatever else was tried.
    let saved = |end: &DownloadOutcome| matches!(end, DownloadOutcome::Saved(..));
    if (saved(&end), entry.seq) >= (saved(&data.end.value), data.end.seq) {
        data.end = Versioned { seq: entry.seq, at: entry.at, value: end };
    }
}

fn text_of(body: &Body) -> Option<&str> {
    body.text()
}

/// The text shown for a message that could not be read.
pub(crate) fn unreadable_text(reason: UnreadableReason, size: u64, raw: &str) -> String {
    let what = reason.describe(size);
    // For binary messages, `raw` only says whether they are sealed; earlier versions did not store them.
    let is_all = reason.is_lost() || (reason == UnreadableReason::Binary && !raw.is_empty());
    if is_all { what } else { format!("{what}. {raw}") }
}
