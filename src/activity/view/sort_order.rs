//! Sort keys in a short form that decides nearly every comparison by itself.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;

use crate::activity::activities::Activities;
use crate::activity::activity_values::Activity;
use crate::activity::collections::interner::{Interner, PackedId, TextId};
use crate::activity::entry::Seq;
use crate::activity::status::Status;
use crate::activity::time::timestamp::Timestamp;

/// The sortable columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// When the last message arrived.
    Updated,
    /// When the first message arrived.
    FirstSeen,
    /// Command, data or message.
    Kind,
    /// The id.
    Id,
    /// The label, or the context if there is no label.
    Label,
    /// The status word.
    Status,
    /// The message text.
    Message,
    /// The time from the first message to the outcome.
    Took,
    /// How its state is known.
    Source,
}

/// A row in a sorted list. It contains everything that the order depends on, so that the list stays sorted while rows change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SortEntry {
    /// The beginning of the compared value.
    key: u64,
    /// The row's place in arrival order.
    place: u64,
    /// The compared text: equal numbers mean equal texts.
    text: u32,
    pub(crate) row: u32,
}

/// The text is the row's id, which never changes.
const ID_TEXT: u32 = u32::MAX;
/// Set if the view keeps the text, and rows do not share it.
const OWN_TEXT: u32 = 1 << 31;

/// The sort order: a column, ascending or (`true`) descending; or arrival, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SortOrder(pub(crate) Option<(SortKey, bool)>);

/// A sort order with the rows, and with the stored texts of rows whose text is composed and may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sorting<'a> {
    pub(crate) order: SortOrder,
    pub(crate) activities: &'a Activities,
    pub(crate) texts: &'a RefCell<Interner>,
}

impl SortOrder {
    /// The entry in arrival order of a row with this place.
    pub(crate) fn arrival(row: u32, place: Seq) -> SortEntry {
        SortEntry { key: !place.0, place: place.0, text: 0, row }
    }
}

impl Sorting<'_> {
    /// A row's entry in its current state.
    pub(crate) fn entry(&self, id: u32) -> SortEntry {
        let place = self.activities.first_seq(id);
        let Some((column, descending)) = self.order.0 else { return SortOrder::arrival(id, place) };
        let (key, text) =
            self.activities.get_at(id).map_or((0, 0), |activity| short_form(column, &activity, self.texts));
        SortEntry { key: if descending { !key } else { key }, place: place.0, text, row: id }
    }

    /// Compares two entries. Only entries of the same row are equal.
    pub(crate) fn compare(&self, a: &SortEntry, b: &SortEntry) -> Ordering {
        a.key.cmp(&b.key).then_with(|| self.by_text(a, b)).then_with(|| b.place.cmp(&a.place))
    }

    /// Compares what the short form does not decide.
    fn by_text(&self, a: &SortEntry, b: &SortEntry) -> Ordering {
        let Some((_, descending)) = self.order.0.filter(|_| a.text != b.text || a.text == ID_TEXT) else {
            return Ordering::Equal;
        };
        let texts = self.texts.borrow();
        let order = self.text(a, &texts).cmp(&self.text(b, &texts));
        if descending { order.reverse() } else { order }
    }

    fn text<'t>(&'t self, entry: &SortEntry, texts: &'t Interner) -> Cow<'t, str> {
        match entry.text {
            ID_TEXT => self.activities.get_at(entry.row).map(|activity| activity.id()).unwrap_or_default(),
            text if text & OWN_TEXT != 0 => Cow::Borrowed(texts.get(TextId::at(text & !OWN_TEXT))),
            text => Cow::Borrowed(self.activities.text(TextId::at(text))),
        }
    }
}

/// The beginning of the compared value, and the id of the text.
fn short_form(column: SortKey, activity: &Activity<'_>, texts: &RefCell<Interner>) -> (u64, u32) {
    // A fixed time: activities in progress are compared by when they started.
    const LATER: Timestamp = Timestamp(i64::MAX);
    let number = |id: TextId| u32::try_from(id.index()).unwrap_or(0);
    let shared = |id: TextId| (beginning(activity.pool.get(id)), number(id));
    match column {
        SortKey::Updated => (ascending(activity.updated()), 0),
        SortKey::FirstSeen => (ascending(activity.first_seen()), 0),
        SortKey::Source => (activity.source().map_or(0, |source| source as u64 + 1), 0),
        SortKey::Kind => (activity.kind() as u64, 0),
        SortKey::Status => (status_rank(activity.status()), 0),
        SortKey::Took => {
            let took = activity.took(LATER);
            // Rows without a known start come first.
            (took.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX).saturating_add(1)), 0)
        }
        SortKey::Id => match activity.row.id {
            PackedId::Text(id) => shared(id),
            PackedId::Uuid(_) => (beginning(&activity.id()), ID_TEXT),
        },
        SortKey::Label => match activity.data {
            Some(data) if activity.label().is_empty() => shared(data.context.value),
            _ => shared(activity.row.label),
        },
        SortKey::Message if activity.data.is_none() => shared(activity.row.message),
        SortKey::Message => {
            let message = activity.message();
            (beginning(&message), OWN_TEXT | number(texts.borrow_mut().intern(&message)))
        }
    }
}

/// A time as a number with the same order.
fn ascending(moment: Timestamp) -> u64 {
    moment.0.cast_unsigned() ^ (1 << 63)
}

/// The first eight bytes of a text as a number with the same order.
fn beginning(text: &str) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

/// The rank of a status among all by their words.
fn status_rank(status: Status) -> u64 {
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
