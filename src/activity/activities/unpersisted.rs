//! Entries that are shown although the journal refuses them: how their numbers become the journal's.

use crate::activity::entry::Seq;
use crate::activity::row::{DataColumns, Row, Versioned};

/// Entries that were shown under numbers of their own are in the journal now, in the same order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeqRemap {
    /// The number under which the first was shown.
    pub(crate) from: Seq,
    /// The number that the journal gave it.
    pub(crate) to: Seq,
    /// How many there are.
    pub(crate) count: u64,
}

impl SeqRemap {
    /// The number now of an entry that had this one.
    pub(crate) fn of(self, seq: Seq) -> Seq {
        match seq.0.checked_sub(self.from.0) {
            Some(offset) if offset < self.count => Seq(self.to.0.saturating_add(offset)),
            Some(_) | None => seq,
        }
    }

    fn stamp<T>(self, stamped: &mut Versioned<T>) {
        stamped.seq = self.of(stamped.seq);
    }

    /// Brings a row up to it.
    pub(crate) fn row(self, row: &mut Row, data: Option<&mut DataColumns>) {
        self.stamp(&mut row.first);
        self.stamp(&mut row.last);
        self.stamp(&mut row.state);
        row.label_seq = self.of(row.label_seq);
        if let Some(data) = data {
            data.renumber(|seq| self.of(seq));
        }
    }
}
