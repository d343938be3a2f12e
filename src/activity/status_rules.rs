//! The rules for what is still open in an activity, entry by entry. The journal, the engine and the model share them.

use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{CommandStatus, DataBody, DataReport, Message};

use super::entry::{ActivityKey, DownloadFailure, Entry, Fact, Gap, Kind, LocalEvent, StatusCheck};

/// The facts that are still open in one activity; settled if there are none.
///
/// Apply the activity's entries in ascending order with [`OpenState::after`]. It keeps nothing about what was settled before: an
/// outcome that is repeated as pending counts as open again. So it may keep too much, but never too little.
///
/// It also says whether the newest entry, on its own, would read as open ([`OpenState::newest_reads_open`]): for example a label
/// given after the outcome, or a status update after the link expired. Code that removes the oldest entries must not leave such an
/// entry behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpenState(u16);

impl OpenState {
    /// Nothing is open.
    pub const SETTLED: Self = Self(0);

    /// Nothing is open, because the fetchable data has expired: a repeat of an earlier state opens nothing.
    pub const EXPIRED: Self = Self(Self::SETTLED_FLAGS);

    /// An outcome is expected.
    const PENDING: u16 = 1;
    /// A complete link was received.
    const LINK: u16 = 1 << 1;
    /// A stream token was received.
    const TOKEN: u16 = 1 << 2;
    /// `STREAM-READY` was received.
    const STREAM: u16 = 1 << 3;
    /// `STREAM-READY` was received with an address.
    const ADDRESS: u16 = 1 << 4;
    /// A message contained a payload that was not saved.
    const INLINE: u16 = 1 << 5;
    /// The link's only GET was started. What was delivered before is kept, because it may turn out that nothing was sent.
    const FETCHING: u16 = 1 << 6;
    /// A warning that was not acknowledged.
    const WARNING: u16 = 1 << 7;
    /// A gap that has not ended.
    const GAP: u16 = 1 << 8;
    /// A gap that names items that were open during it.
    const NAMES_OPEN: u16 = 1 << 9;

    /// The newest entry alone would read as open, or would with a repeat of an earlier state.
    const NEWEST_READS_OPEN: u16 = 1 << 10;
    /// The fetchable data had already expired when the newest entry arrived: an entry that repeats an earlier state opens nothing.
    const DATA_EXPIRED: u16 = 1 << 11;

    /// Something was delivered after the GET was started.
    const NEWER: u16 = 1 << 12;

    /// Not open, but must be known about settled activities.
    const SETTLED_FLAGS: u16 = Self::NEWEST_READS_OPEN | Self::DATA_EXPIRED;

    /// Everything that belongs to a link and a stream; used up together.
    const DELIVERY: u16 = Self::LINK | Self::TOKEN | Self::STREAM | Self::ADDRESS;

    /// Restores a value from [`OpenState::bits`].
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The value as a number, for storage.
    pub fn bits(self) -> u16 {
        self.0
    }

    fn has(self, any: u16) -> bool {
        self.0 & any != 0
    }

    fn without(self, facts: u16) -> Self {
        Self(self.0 & !facts)
    }

    fn with(self, facts: u16) -> Self {
        Self(self.0 | facts)
    }

    /// What is open.
    fn open(self) -> Self {
        let open = self.without(Self::SETTLED_FLAGS);
        // Once the data has expired, `STREAM-READY` opens nothing until its token arrives.
        if self.has(Self::DATA_EXPIRED) && open.0 == Self::STREAM { Self::SETTLED } else { open }
    }

    /// Whether nothing is open.
    pub fn is_settled(self) -> bool {
        self.open() == Self::SETTLED
    }

    /// Whether nothing is open but the newest entries alone would not show that. Such an activity's entries are removed together.
    pub fn newest_reads_open(self) -> bool {
        self.is_settled() && self.has(Self::NEWEST_READS_OPEN)
    }

    /// Whether nothing is open, and the newest entry alone shows it.
    pub fn can_be_dropped(self) -> bool {
        self == Self::SETTLED
    }

    /// Whether a different set of facts is open than in `before`.
    pub fn differs_from(self, before: Self) -> bool {
        self.open() != before.open()
    }

    /// Whether the fetchable data has expired and nothing fetchable arrived since.
    fn is_expired(self) -> bool {
        self.is_settled() && self.has(Self::DATA_EXPIRED)
    }

    /// The rest if the activity is known to have been settled before, so that an entry that repeats an earlier state opens nothing.
    /// `None` if more than that is open.
    pub fn if_settled_before(self) -> Option<Self> {
        // `STREAM-READY` is kept for its token.
        let repeats =
            !self.is_settled() && self.without(Self::SETTLED_FLAGS | Self::PENDING | Self::STREAM) == Self::SETTLED;
        repeats.then_some(Self(self.0 & Self::STREAM | Self::EXPIRED.0))
    }

    /// Whether the outcome of a command or a data request is still expected.
    pub fn is_pending(self) -> bool {
        !self.is_settled()
            && !self.is_used()
            && self.has(Self::PENDING | Self::TOKEN | Self::STREAM)
            && !self.is_ready()
            && !self.has(Self::INLINE)
    }

    /// Whether there is unused data to fetch: a link, an address, or a token whose stream is ready.
    pub fn is_ready(self) -> bool {
        !self.is_used() && (self.has(Self::LINK | Self::ADDRESS) || (self.has(Self::TOKEN) && self.has(Self::STREAM)))
    }

    /// Whether the GET for what was delivered was started and nothing was delivered since.
    fn is_used(self) -> bool {
        self.has(Self::FETCHING) && !self.has(Self::NEWER)
    }

    /// Whether everything open is data to fetch, so that expiry settles the activity.
    pub fn is_only_ready(self) -> bool {
        self.is_ready() && !self.has(Self::INLINE | Self::FETCHING | Self::WARNING)
    }

    /// Whether the next start has to look at the activity: a download that was started and has not ended, or a warning that was not
    /// acknowledged.
    pub fn is_left_behind(self) -> bool {
        self.has(Self::FETCHING | Self::WARNING)
    }

    /// Whether this is a gap that has ended and stays open as long as the items it names.
    pub fn is_ended_gap(self) -> bool {
        self.has(Self::NAMES_OPEN) && !self.has(Self::GAP)
    }

    /// Whether this is a gap that has not ended.
    pub fn is_lasting_gap(self) -> bool {
        self.has(Self::GAP)
    }

    /// The open facts after a further entry of the activity.
    pub fn after(self, key: &ActivityKey, fact: &Fact) -> Self {
        let after = self.opened_by(key, fact);
        match key.kind() {
            Kind::Command | Kind::Data if is_lasting_outcome(fact) => after.without(Self::SETTLED_FLAGS),
            Kind::Command | Kind::Data => after.with(Self::NEWEST_READS_OPEN),
            Kind::Message | Kind::Gap => after,
        }
    }

    fn opened_by(self, key: &ActivityKey, fact: &Fact) -> Self {
        match (key, fact) {
            (ActivityKey::Command(_), fact) => match command_is_pending(fact) {
                Some(true) => self.with(Self::PENDING),
                Some(false) => Self::SETTLED,
                None => self,
            },
            (ActivityKey::Data(_), Fact::Received(Message::Data(report))) => self.after_delivery(&report.delivery),
            (ActivityKey::Data(_), Fact::Received(Message::StreamReady(report))) => {
                // After a use, an address alone may be the one that was used.
                let address = if report.url.is_some() && !self.has(Self::FETCHING) { Self::ADDRESS } else { 0 };
                self.newer().with(Self::STREAM | address)
            }
            (ActivityKey::Data(_), Fact::Local(event)) => self.after_local_event(event),
            (ActivityKey::Gap(_), Fact::Gap(gap)) => self.after_gap(gap),
            (ActivityKey::Data(_) | ActivityKey::Gap(_) | ActivityKey::Message(_), _) => self,
        }
    }

    fn after_delivery(self, delivery: &DataBody) -> Self {
        match delivery {
            // A repeat: the data it reports on was already delivered.
            DataBody::Text(_) | DataBody::Other { .. } if self.is_expired() => self,
            DataBody::Text(_) | DataBody::Other { .. } => self.with(Self::PENDING),
            DataBody::Inline { .. } => self.without(Self::PENDING).with(Self::INLINE),
            // A new delivery: earlier facts don't belong to it.
            DataBody::Link(_) => self.newer().without(Self::PENDING | Self::DELIVERY).with(Self::LINK),
            DataBody::StreamToken(_) => self.newer().after_token(),
        }
    }

    fn after_token(self) -> Self {
        // `STREAM-READY` may arrive before its token, but it does not make a further token ready.
        let earlier = if self.has(Self::TOKEN) { Self::DELIVERY } else { Self::LINK };
        self.without(earlier).with(Self::TOKEN)
    }

    /// The facts to which a delivery is added: what was used before it does not belong to it.
    fn newer(self) -> Self {
        if self.is_used() { self.without(Self::PENDING | Self::DELIVERY).with(Self::NEWER) } else { self }
    }

    fn after_local_event(self, event: &LocalEvent) -> Self {
        match event {
            LocalEvent::Requested(_) | LocalEvent::Tracked if self.is_expired() => self,
            LocalEvent::Requested(_) | LocalEvent::Tracked => self.with(Self::PENDING),
            LocalEvent::Fetching { .. } => self.without(Self::NEWER).with(Self::FETCHING),
            LocalEvent::Saved { .. } => Self::SETTLED,
            LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. } => self.without(Self::FETCHING | Self::NEWER),
            LocalEvent::NotSaved { why, .. } => {
                let rest = self.without(Self::PENDING | Self::FETCHING | Self::NEWER | Self::DELIVERY);
                if *why == DownloadFailure::Refused { rest.with(Self::WARNING) } else { rest }
            }
            LocalEvent::WarningRead => self.without(Self::WARNING),
            LocalEvent::Labelled { .. } => self,
        }
    }

    fn after_gap(self, gap: &Gap) -> Self {
        let named = if gap.names_any() { self.with(Self::NAMES_OPEN) } else { self };
        if gap.to.is_none() { named.with(Self::GAP) } else { named.without(Self::GAP) }
    }
}

/// Whether an entry leaves a command's outcome pending; `None` if the entry does not affect that.
pub fn command_is_pending(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Received(Message::Command(report)) => Some(report.status == CommandStatus::Pending),
        Fact::StatusChecked(StatusCheck::Known { status, .. }) => Some(*status == CommandStatus::Pending),
        Fact::StatusChecked(StatusCheck::Unknown) => Some(false),
        Fact::Local(LocalEvent::Tracked) => Some(true),
        _ => None,
    }
}

/// Whether an entry reports an outcome that only a new delivery can undo. A repeated earlier state can't. For a link this holds
/// once it has expired.
pub fn is_lasting_outcome(fact: &Fact) -> bool {
    match fact {
        Fact::Received(Message::Command(report)) => report.status.is_final(),
        Fact::StatusChecked(StatusCheck::Known { status, .. }) => status.is_final(),
        Fact::Received(Message::Data(report)) => {
            matches!(report.delivery, DataBody::Link(_) | DataBody::Inline { .. })
        }
        Fact::Received(Message::StreamReady(report)) => report.url.is_some(),
        Fact::Local(LocalEvent::NotSaved { why, .. }) => *why != DownloadFailure::NotStarted,
        Fact::Local(LocalEvent::Fetching { .. } | LocalEvent::Saved { .. }) | Fact::Repeated(_) => true,
        _ => false,
    }
}

/// When the data that an entry makes fetchable expires, if its message says so.
pub fn expiry_of(entry: &Entry) -> Option<Timestamp> {
    let life = match &entry.fact {
        Fact::Received(Message::Data(DataReport { expiry, .. })) => *expiry,
        Fact::Received(Message::StreamReady(report)) => report.expiry,
        _ => None,
    };
    life.map(|life| entry.at.expiry_after(life))
}

#[cfg(test)]
mod tests {
    use crate::protocol::Incoming;
    use crate::protocol::incoming::parse;

    use super::*;

    /// A message of a data request.
    fn data(output: u8, body: &str) -> Fact {
        let raw =
            format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":{output},"body":"{body}"}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        Fact::Received(message)
    }

    #[test]
    fn delivered_data_is_ready_again_if_its_get_was_not_sent() {
        let key = ActivityKey::Data("r".into());
        let fetching = Fact::Local(LocalEvent::Fetching { to: String::new(), part: None, links: Vec::new() });
        let ended = |why| Fact::Local(LocalEvent::NotSaved { why, sentence: String::new(), part: None });
        let state_after =
            |facts: &[&Fact]| facts.iter().fold(OpenState::SETTLED, |state, fact| state.after(&key, fact));
        let (link, token, collecting) = (data(1, "https://h/?auth=hidden"), data(1, "a-token"), data(0, "Collecting"));
        let not_sent = ended(DownloadFailure::NotStarted);
        assert!(state_after(&[&link, &fetching, &not_sent]).is_ready());
        assert!(state_after(&[&link, &fetching, &collecting, &not_sent]).is_ready());
        assert!(state_after(&[&link, &fetching, &not_sent, &fetching, &not_sent]).is_ready());
        assert!(state_after(&[&token, &fetching, &not_sent]).is_pending());
        assert!(state_after(&[&collecting, &fetching, &not_sent]).is_pending());
        let used = state_after(&[&link, &fetching]);
        assert!(!used.is_ready() && !used.is_pending() && !used.is_settled());
        assert!(state_after(&[&link, &fetching, &link]).is_ready());
        assert!(state_after(&[&link, &fetching, &ended(DownloadFailure::Broken)]).is_settled());
    }

    #[test]
    fn after_a_link_expired_a_repeated_state_opens_nothing_and_another_link_does() {
        let key = ActivityKey::Data("r".into());
        let (link, collecting) = (data(1, "https://h/?auth=hidden"), data(0, "Collecting"));
        let late = OpenState::SETTLED.after(&key, &link).after(&key, &collecting);
        assert!(late.is_ready());
        let late = OpenState::EXPIRED;
        assert!(late.is_settled() && late.newest_reads_open() && !late.can_be_dropped());
        let again = late.after(&key, &collecting).after(&key, &Fact::Local(LocalEvent::Tracked));
        assert!(again.is_settled() && again.newest_reads_open());
        let newer = again.after(&key, &link);
        assert!(newer.is_ready() && !newer.newest_reads_open());
    }
}
