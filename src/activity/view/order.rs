//! What rows are ordered by, in a short form that settles nearly every comparison by itself.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;

use crate::activity::activities::Activities;
use crate::activity::collections::interner::{Interner, PackedId, TextId};
use crate::activity::entry::Seq;
use crate::activity::read::Activity;
use crate::activity::status::Status;
use crate::activity::time::timestamp::Timestamp;

/// What the table can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// When the last message came.
    Updated,
    /// When the first message came.
    FirstSeen,
    /// Command, data or message.
    Kind,
    /// The id.
    Id,
    /// The label, or the context where there is none.
    Label,
    /// The status word.
    Status,
    /// The message.
    Message,
    /// The time from the first message to the outcome.
    Took,
    /// How its state is known.
    Source,
}

/// A row in an order. It holds all that the order depends on, so that a list of these stays in order while rows change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The beginning of what is compared.
    key: u64,
    /// Where the row stands in arrival order.
    place: u64,
    /// Which text it is: the same number, the same text.
    text: u32,
    /// The row.
    pub(crate) row: u32,
}

/// The text is the row's id, which never changes.
const ITS_ID: u32 = u32::MAX;
/// Set where the text is one that the view keeps, and not one that the rows share.
const KEPT: u32 = 1 << 31;

/// What the rows are ordered by: a column, ascending or (`true`) descending; or arrival, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Order(pub(crate) Option<(Column, bool)>);

/// An order at work: with the rows, and with the texts that are kept of rows whose text is put together from what is known
/// and may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sorting<'a> {
    pub(crate) order: Order,
    pub(crate) activities: &'a Activities,
    pub(crate) kept: &'a RefCell<Interner>,
}

impl Order {
    /// The slot in arrival order of a row with this place.
    pub(crate) fn arrival(row: u32, place: Seq) -> Slot {
        Slot { key: !place.0, place: place.0, text: 0, row }
    }
}

impl Sorting<'_> {
    /// A row's slot as the row stands now.
    pub(crate) fn slot(&self, id: u32) -> Slot {
        let place = self.activities.place(id);
        let Some((column, descending)) = self.order.0 else { return Order::arrival(id, place) };
        let (key, text) =
            self.activities.get_at(id).map_or((0, 0), |activity| short_form(column, &activity, self.kept));
        Slot { key: if descending { !key } else { key }, place: place.0, text, row: id }
    }

    /// Which of two comes first. Never equal, but for the same row.
    pub(crate) fn compare(&self, a: &Slot, b: &Slot) -> Ordering {
        a.key.cmp(&b.key).then_with(|| self.by_text(a, b)).then_with(|| b.place.cmp(&a.place))
    }

    /// What the short form does not settle.
    fn by_text(&self, a: &Slot, b: &Slot) -> Ordering {
        let Some((_, descending)) = self.order.0.filter(|_| a.text != b.text || a.text == ITS_ID) else {
            return Ordering::Equal;
        };
        let kept = self.kept.borrow();
        let order = self.text(a, &kept).cmp(&self.text(b, &kept));
        if descending { order.reverse() } else { order }
    }

    fn text<'t>(&'t self, slot: &Slot, kept: &'t Interner) -> Cow<'t, str> {
        match slot.text {
            ITS_ID => self.activities.get_at(slot.row).map(|activity| activity.id()).unwrap_or_default(),
            text if text & KEPT != 0 => Cow::Borrowed(kept.get(TextId::at(text & !KEPT))),
            text => Cow::Borrowed(self.activities.text(TextId::at(text))),
        }
    }
}

/// What is compared, as far as it fits, and which text it is.
fn short_form(column: Column, activity: &Activity<'_>, kept: &RefCell<Interner>) -> (u64, u32) {
    // A fixed moment: what is under way is compared by when it began.
    const LATER: Timestamp = Timestamp(i64::MAX);
    let number = |id: TextId| u32::try_from(id.index()).unwrap_or(0);
    let shared = |id: TextId| (beginning(activity.pool.get(id)), number(id));
    match column {
        Column::Updated => (ascending(activity.updated()), 0),
        Column::FirstSeen => (ascending(activity.first_seen()), 0),
        Column::Source => (activity.source().map_or(0, |source| source as u64 + 1), 0),
        Column::Kind => (activity.kind() as u64, 0),
        Column::Status => (rank(activity.status()), 0),
        Column::Took => {
            let took = activity.took(LATER);
            // What has no beginning comes first.
            (took.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX).saturating_add(1)), 0)
        }
        Column::Id => match activity.row.id {
            PackedId::Text(id) => shared(id),
            PackedId::Uuid(_) => (beginning(&activity.id()), ITS_ID),
        },
        Column::Label => match activity.data {
            Some(data) if activity.label().is_empty() => shared(data.context.value),
            _ => shared(activity.row.label),
        },
        Column::Message if activity.data.is_none() => shared(activity.row.message),
        Column::Message => {
            let message = activity.message();
            (beginning(&message), KEPT | number(kept.borrow_mut().intern(&message)))
        }
    }
}

/// A moment as a number that is ordered alike.
fn ascending(moment: Timestamp) -> u64 {
    moment.0.cast_unsigned() ^ (1 << 63)
}

/// The first eight bytes of a text as a number that is ordered alike.
fn beginning(text: &str) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

/// Where a status stands among all by their words.
fn rank(status: Status) -> u64 {
    let (rank, number) = match status {
        Status::Downloading => (0, 0),
        Status::Failed => (1, 0),
        Status::Gap => (2, 0),
        Status::Inline => (3, 0),
        Status::LinkExpired => (4, 0),
        Status::LinkUsed => (5, 0),
        Status::Pending => (6, 0),
        Status::Preparing => (7, 0),
        Status::Ready => (8, 0),
        Status::Saved => (9, 0),
        Status::Succeeded => (10, 0),
        Status::Unknown => (11, 0),
        Status::Unrecognised => (12, 0),
        // By number, as far as it fits beside the rank.
        Status::UnrecognisedNumber(number) => (13, number.cast_unsigned().min((1 << 56) - 1)),
    };
    rank << 56 | number
}
