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
    pub(crate) fn map(self, seq: Seq) -> Seq {
        match seq.0.checked_sub(self.from.0) {
            Some(offset) if offset < self.count => Seq(self.to.0.saturating_add(offset)),
            Some(_) | None => seq,
        }
    }

    fn map_version<T>(self, stamped: &mut Versioned<T>) {
        stamped.seq = self.map(stamped.seq);
    }

    pub(crate) fn map_row(self, row: &mut Row, data: Option<&mut DataColumns>) {
        self.map_version(&mut row.first);
        self.map_version(&mut row.last);
        self.map_version(&mut row.state);
        row.label_seq = self.map(row.label_seq);
        if let Some(data) = data {
            data.renumber(|seq| self.map(seq));
        }
    }
}
