//! Updates a profile tab after committed entries were applied.
//!
//! The entries themselves are applied in `view_state::apply_entries`.

use std::time::Instant;

use crate::ui::view_state::apply_entries::ApplySummary;

use super::ProfileTab;

impl ProfileTab {
    /// Updates the tab after entries were applied. `in_front` is whether this tab is shown.
    pub(crate) fn on_applied(&mut self, summary: ApplySummary, in_front: bool, instant: Instant) {
        if summary.received {
            self.last_received = Some(instant);
        }
        for entry in &summary.requested {
            self.pending_selection.select_if_expected(entry, &self.activities, &mut self.table);
        }
        if !in_front {
            self.unread.new += summary.rows;
            self.unread.failed += summary.failed;
        }
        if summary.failed > 0 {
            let before = self.failed.take().map_or(0, |(count, _)| count);
            self.failed = Some((before + summary.failed, summary.last_failed.unwrap_or_default()));
        }
        self.pending_notifications.merge(summary.notifications);
        if let Some(is_last) = summary.restored {
            self.restoring = !is_last;
            self.completeness.on_restored();
        }
    }
}
