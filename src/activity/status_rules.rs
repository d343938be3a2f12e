//! What is open of an activity: the one set of rules, entry by entry, that the journal, the engine and the model share.

use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{CommandStatus, DataBody, DataReport, Message};

use super::entry::{ActivityKey, DownloadFailure, Entry, Fact, Gap, Kind, LocalEvent, StatusCheck};

/// What is still open of one activity, as a set of facts. Settled when there is none.
///
/// Apply the activity's entries in ascending order with [`Openness::after`]. It remembers nothing of what was settled
/// before: an outcome that is repeated as pending counts as open again, which keeps too much and never too little.
///
/// It also says whether the newest entry, if it were the only one, would read as open ([`Openness::ends_late`]): a name
/// that is given after the outcome, or a status update after the link expired. Whoever removes the oldest entries must not leave
/// such entries behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Openness(u16);

impl Openness {
    /// Nothing is open.
    pub const SETTLED: Self = Self(0);

    /// An outcome is expected.
    const PENDING: u16 = 1;
    /// A whole link came.
    const LINK: u16 = 1 << 1;
    /// A stream token came.
    const TOKEN: u16 = 1 << 2;
    /// `STREAM-READY` came.
    const STREAM: u16 = 1 << 3;
    /// `STREAM-READY` came with an address.
    const ADDRESS: u16 = 1 << 4;
    /// A payload came in a message and was not saved.
    const INLINE: u16 = 1 << 5;
    /// The one GET of the link was begun.
    const FETCHING: u16 = 1 << 6;
    /// A warning that nobody has read.
    const WARNING: u16 = 1 << 7;
    /// A gap that lasts.
    const GAP: u16 = 1 << 8;
    /// A gap that names what was open across it.
    const ACROSS: u16 = 1 << 9;

    /// The newest entry alone would read as open.
    const LATE: u16 = 1 << 10;
    /// The time of what could be fetched was over when that entry had come: what repeats an earlier state opens nothing.
    const OVER: u16 = 1 << 11;

    /// What is not open, but has to be known of what is settled.
    const SETTLED_LATE: u16 = Self::LATE | Self::OVER;

    /// Everything of a link and a stream: used up together.
    const DELIVERY: u16 = Self::LINK | Self::TOKEN | Self::STREAM | Self::ADDRESS;

    /// From the number that [`Openness::bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// As a number, for keeping.
    #[must_use]
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

    /// Whether nothing is open.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.without(Self::SETTLED_LATE) == Self::SETTLED
    }

    /// Whether nothing is open, and its newest entries alone would read as open: its entries are removed together.
    #[must_use]
    pub fn ends_late(self) -> bool {
        self.is_settled() && self.has(Self::LATE)
    }

    /// Whether nothing is open, and that shows from its newest entry alone.
    #[must_use]
    pub fn is_forgettable(self) -> bool {
        self == Self::SETTLED
    }

    /// Whether something else is open than `before`.
    #[must_use]
    pub fn differs_from(self, before: Self) -> bool {
        self.without(Self::SETTLED_LATE) != before.without(Self::SETTLED_LATE)
    }

    /// Whether what could be fetched has expired, and nothing came since that could be.
    fn is_over(self) -> bool {
        self.is_settled() && self.has(Self::OVER)
    }

    /// What is left if it is known that the activity was settled before: what repeats an earlier state opens nothing. `None` if more
    /// is open than that.
    #[must_use]
    pub fn if_settled_before(self) -> Option<Self> {
        (self.without(Self::SETTLED_LATE).0 == Self::PENDING).then_some(Self(Self::SETTLED_LATE))
    }

    /// What is left when the time of what could be fetched is over.
    #[must_use]
    pub fn expired(self) -> Self {
        // An earlier version noted no late entries: a status update after a link, or a stream of several messages.
        if self.has(Self::LATE | Self::PENDING | Self::TOKEN) { Self(Self::SETTLED_LATE) } else { Self::SETTLED }
    }

    /// Whether the outcome of a command or a data request is still to come.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.has(Self::PENDING | Self::TOKEN | Self::STREAM) && !self.is_ready() && !self.has(Self::INLINE)
    }

    /// Whether there is something to fetch that was not used: a link, an address, or a token whose stream is ready.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.has(Self::LINK | Self::ADDRESS) || (self.has(Self::TOKEN) && self.has(Self::STREAM))
    }

    /// Whether all that is open is something to fetch: it is settled when its time is over.
    #[must_use]
    pub fn is_only_ready(self) -> bool {
        self.is_ready() && !self.has(Self::INLINE | Self::FETCHING | Self::WARNING)
    }

    /// Whether the next start has to look at it: a download that was begun and has not ended, or a warning that nobody has
    /// read.
    #[must_use]
    pub fn is_left_behind(self) -> bool {
        self.has(Self::FETCHING | Self::WARNING)
    }

    /// Whether this is a gap that has ended, and is open as long as what it names is.
    #[must_use]
    pub fn is_ended_gap(self) -> bool {
        self.has(Self::ACROSS) && !self.has(Self::GAP)
    }

    /// Whether this is a gap that has not ended.
    #[must_use]
    pub fn is_lasting_gap(self) -> bool {
        self.has(Self::GAP)
    }

    /// What is open after a further entry of the activity.
    #[must_use]
    pub fn after(self, key: &ActivityKey, fact: &Fact) -> Self {
        let after = self.opened_by(key, fact);
        match key.kind() {
            Kind::Command | Kind::Data if is_outcome(fact) => after.without(Self::SETTLED_LATE),
            Kind::Command | Kind::Data => after.with(Self::LATE),
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
            (ActivityKey::Data(_), Fact::Heard(Message::Data(report))) => self.after_delivery(&report.delivery),
            (ActivityKey::Data(_), Fact::Heard(Message::StreamReady(report))) => {
                // After a use, an address alone may be the one that was used.
                let address = if report.url.is_some() && !self.has(Self::FETCHING) { Self::ADDRESS } else { 0 };
                self.with(Self::STREAM | address)
            }
            (ActivityKey::Data(_), Fact::Done(deed)) => self.after_deed(deed),
            (ActivityKey::Gap(_), Fact::Gap(gap)) => self.after_gap(gap),
            (ActivityKey::Data(_) | ActivityKey::Gap(_) | ActivityKey::Message(_), _) => self,
        }
    }

    fn after_delivery(self, delivery: &DataBody) -> Self {
        match delivery {
            // A repeat: what it reports on was delivered.
            DataBody::Text(_) | DataBody::Other { .. } if self.is_over() => self,
            DataBody::Text(_) | DataBody::Other { .. } => self.with(Self::PENDING),
            DataBody::Inline { .. } => self.without(Self::PENDING).with(Self::INLINE),
            // A delivery of its own: what came before is not of it.
            DataBody::Link(_) => self.without(Self::PENDING | Self::DELIVERY).with(Self::LINK),
            // `STREAM-READY` may come before its token, but what made one token ready says nothing of the next.
            DataBody::StreamToken(_) if self.has(Self::TOKEN) => self.without(Self::DELIVERY).with(Self::TOKEN),
            DataBody::StreamToken(_) => self.without(Self::LINK).with(Self::TOKEN),
        }
    }

    fn after_deed(self, deed: &LocalEvent) -> Self {
        match deed {
            LocalEvent::Requested(_) | LocalEvent::Tracked if self.is_over() => self,
            LocalEvent::Requested(_) | LocalEvent::Tracked => self.with(Self::PENDING),
            LocalEvent::Fetching { .. } => self.without(Self::PENDING | Self::DELIVERY).with(Self::FETCHING),
            LocalEvent::Saved { .. } => Self::SETTLED,
            LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. } => self.without(Self::FETCHING),
            LocalEvent::NotSaved { why, .. } => {
                let rest = self.without(Self::PENDING | Self::FETCHING | Self::DELIVERY);
                if *why == DownloadFailure::Refused { rest.with(Self::WARNING) } else { rest }
            }
            LocalEvent::WarningRead => self.without(Self::WARNING),
            LocalEvent::Labelled { .. } => self,
        }
    }

    fn after_gap(self, gap: &Gap) -> Self {
        let named = if gap.names_any() { self.with(Self::ACROSS) } else { self };
        if gap.to.is_none() { named.with(Self::GAP) } else { named.without(Self::GAP) }
    }
}

/// What an entry says of a command: whether its outcome is still to come; `None` if it says nothing of that.
#[must_use]
pub fn command_is_pending(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Heard(Message::Command(report)) => Some(report.status == CommandStatus::Pending),
        Fact::Enquired(StatusCheck::Known { status, .. }) => Some(*status == CommandStatus::Pending),
        Fact::Enquired(StatusCheck::Unknown) => Some(false),
        Fact::Done(LocalEvent::Tracked) => Some(true),
        _ => None,
    }
}

/// Whether an entry tells an outcome that nothing takes back but a new delivery: what only repeats an earlier state does not.
#[must_use]
pub fn is_lasting_outcome(fact: &Fact) -> bool {
    match fact {
        Fact::Heard(Message::Command(report)) => report.status.is_final(),
        Fact::Enquired(StatusCheck::Known { status, .. }) => status.is_final(),
        Fact::Enquired(StatusCheck::Unknown) => false,
        other => is_outcome(other),
    }
}

/// Whether an entry of a command or a data request, if it were the only one that is left, would not read as open. A link would
/// not once its time is over.
fn is_outcome(fact: &Fact) -> bool {
    match fact {
        Fact::Heard(Message::Data(report)) => {
            matches!(report.delivery, DataBody::Link(_) | DataBody::Inline { .. })
        }
        Fact::Heard(Message::StreamReady(report)) => report.url.is_some(),
        Fact::Done(LocalEvent::NotSaved { why, .. }) => *why != DownloadFailure::NotStarted,
        Fact::Done(LocalEvent::Fetching { .. } | LocalEvent::Saved { .. }) | Fact::Repeated(_) => true,
        other => command_is_pending(other) == Some(false),
    }
}

/// When what an entry brings to fetch expires, if its message says so.
#[must_use]
pub fn expiry_of(entry: &Entry) -> Option<Timestamp> {
    let life = match &entry.fact {
        Fact::Heard(Message::Data(DataReport { life, .. })) => *life,
        Fact::Heard(Message::StreamReady(report)) => report.life,
        _ => None,
    };
    life.map(|life| entry.at.end_of(life))
}

#[cfg(test)]
mod tests {
    use crate::protocol::Incoming;
    use crate::protocol::incoming::parse;

    use super::*;

    /// A message of a request.
    fn data(output: u8, body: &str) -> Fact {
        let raw =
            format!(r#"{{"data":{{"type":"X-DPT-CAB-REQUEST-ID","id":"r","output_type":{output},"body":"{body}"}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        Fact::Heard(message)
    }

    #[test]
    fn what_repeats_an_earlier_state_after_a_link_expired_opens_nothing_and_another_link_does() {
        let key = ActivityKey::Data("r".into());
        let (link, collecting) = (data(1, "https://h/?auth=hidden"), data(0, "Collecting"));
        let late = Openness::SETTLED.after(&key, &link).after(&key, &collecting).expired();
        assert!(late.is_settled() && late.ends_late() && !late.is_forgettable());
        let again = late.after(&key, &collecting).after(&key, &Fact::Done(LocalEvent::Tracked));
        assert!(again.is_settled() && again.ends_late());
        let newer = again.after(&key, &link);
        assert!(newer.is_ready() && newer.expired().is_forgettable());
    }
}
