//! Applies entries that were committed, and what a desk makes of it.
//!
//! Applying is apart from the desk, so that it can be done beside the window as well (`beside`).

use std::time::Instant;

use crate::ui::view_state::apply_entries::ApplySummary;

use super::ProfileTab;

impl ProfileTab {
    /// Entries were applied. `in_front` is whether its tab is the one that is looked at.
    pub(crate) fn changed(&mut self, changed: ApplySummary, in_front: bool, instant: Instant) {
        if changed.heard {
            self.heard = Some(instant);
        }
        for entry in &changed.requested {
            self.expected.note(entry, &self.activities, &mut self.table);
        }
        if !in_front {
            self.unseen.new += changed.rows;
            self.unseen.failed += changed.failed;
        }
        if changed.failed > 0 {
            let before = self.failed.take().map_or(0, |(count, _)| count);
            self.failed = Some((before + changed.failed, changed.last_failed.unwrap_or_default()));
        }
        self.news.join(changed.news);
        if let Some(is_last) = changed.restored {
            self.restoring = !is_last;
            self.completeness.restored();
        }
    }
}
