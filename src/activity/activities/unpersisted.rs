//! Renumbers entries that were shown before they could be written to the journal.

use crate::activity::entry::Seq;
use crate::activity::row::{DataColumns, Row, Versioned};

/// Maps temporary entry numbers to the journal's, in the same order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeqRemap {
    /// The first temporary number.
    pub(crate) from: Seq,
    /// The journal's number for it.
    pub(crate) to: Seq,
    pub(crate) count: u64,
}

impl SeqRemap {
    /// The current number of the entry that had this number.
    pub(crate) fn of(self, seq: Seq) -> Seq {
        match seq.0.checked_sub(self.from.0) {
            Some(offset) if offset < self.count => Seq(self.to.0.saturating_add(offset)),
            Some(_) | None => seq,
        }
    }

    fn stamp<T>(self, stamped: &mut Versioned<T>) {
        stamped.seq = self.of(stamped.seq);
    }

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
