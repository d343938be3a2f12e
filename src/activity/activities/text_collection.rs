//! Takes out texts that no row has any more, a little with each entry that is applied.

use super::text_collection_state::Collecting;
use super::{Activities, MOST_CHANGES};

/// How many rows, or texts, a collection of texts looks at for each entry that is applied.
const COLLECTED_AT_ONCE: usize = 64;

impl Activities {
    /// Does a part of what takes out texts that no row has any more: as much as is due with so many entries.
    pub(crate) fn collect_texts(&mut self, entries: usize) {
        let budget = u32::try_from(entries.saturating_mul(COLLECTED_AT_ONCE)).unwrap_or(u32::MAX);
        match self.collecting {
            None if self.pool.is_collection_due() => {
                self.pool.begin_collection();
                self.collecting = Some(Collecting::Marking(0));
            }
            Some(Collecting::Marking(from)) => {
                let to = from.saturating_add(budget).min(self.rows.end());
                for row in (from..to).filter_map(|at| self.rows.get(at)) {
                    row.texts(self.data.get(row.data), |text| self.pool.mark(text));
                }
                let all = to == self.rows.end();
                self.collecting = Some(if all { Collecting::Waiting(0) } else { Collecting::Marking(to) });
            }
            Some(Collecting::Waiting(waited)) => {
                // A view compares rows by texts that they had when it last looked.
                let is_seen = self.changes.rows.is_empty() && !self.texts_held;
                if waited > MOST_CHANGES {
                    // Nobody looks: whoever does so again looks at everything.
                    self.change_everything();
                }
                self.collecting = Some(Collecting::Waiting(waited.saturating_add(entries)));
                if is_seen || self.changes.everything {
                    self.outcomes.texts(|text| self.pool.mark(text));
                    self.pool.begin_sweep();
                    self.collecting = Some(Collecting::Sweeping);
                }
            }
            Some(Collecting::Sweeping) if self.pool.sweep(budget) => self.collecting = None,
            None | Some(Collecting::Sweeping) => {}
        }
    }

    /// How many texts are in memory.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> usize {
        self.pool.len()
    }

    /// A view compares rows by texts that they may no longer have, or no view does so any longer.
    pub(crate) fn hold_texts(&mut self, held: bool) {
        self.texts_held = held;
    }
}
