//! Updates a profile tab after committed entries were applied.
//!
//! The entries themselves are applied in `view_state::apply_entries`.

use std::time::Instant;

use crate::ui::view_state::apply_entries::ApplySummary;

use super::ProfileTab;

impl ProfileTab {
    /// Updates the tab after entries were applied. `in_front` is whether this tab is shown.
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
