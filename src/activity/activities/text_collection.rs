//! Removes texts that no row uses, a few with each entry that is applied.

use super::text_collection_state::Collecting;
use super::{Activities, MAX_CHANGES};

/// Number of rows, or texts, that a collection looks at for each applied entry.
const SCAN_LENGTH: usize = 64;

impl Activities {
    /// Runs the part of a collection that is due after this many entries.
    pub(crate) fn collect_texts(&mut self, entries: usize) {
        let budget = u32::try_from(entries.saturating_mul(SCAN_LENGTH)).unwrap_or(u32::MAX);
        match self.collecting {
            None if self.pool.is_collection_due() => {
                self.pool.begin_collection();
                self.collecting = Some(Collecting::Marking(0));
            }
            Some(Collecting::Marking(from)) => {
                let to = from.saturating_add(budget).min(self.rows.end());
                for row in (from..to).filter_map(|at| self.rows.get(at)) {
                    row.for_each_text(self.data.get(row.data), |text| self.pool.mark(text));
                }
                let all = to == self.rows.end();
                self.collecting = Some(if all { Collecting::Waiting(0) } else { Collecting::Marking(to) });
            }
            Some(Collecting::Waiting(waited)) => {
                // A view compares rows by the texts that they had when it last refreshed.
                let is_seen = self.changes.rows.is_empty() && !self.texts_needed;
                if waited > MAX_CHANGES {
                    // No view refreshes. The next one that does looks at every row.
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

    /// Number of texts in memory.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> usize {
        self.pool.len()
    }

    /// Notes whether a view compares rows by texts that the rows may no longer have.
    pub(crate) fn set_texts_needed(&mut self, held: bool) {
        self.texts_needed = held;
    }
}
