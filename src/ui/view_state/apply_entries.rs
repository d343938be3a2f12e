//! Applies entries to the activities, and collects what else the window has to update.

use crate::activity::{Activities, Entry, Fact, LOOKUP_BATCH, LocalEvent, Status, StatusFilter};
use crate::protocol::sanitize;
use crate::ui::platform::desktop_notifications::PendingNotifications;

use super::completeness::Completeness;

/// What a batch of entries changed besides the rows themselves.
#[derive(Debug, Default)]
pub(crate) struct ApplySummary {
    /// Whether it contained a message.
    pub(crate) received: bool,
    /// Number of new rows.
    pub(crate) rows: usize,
    /// Number of rows that failed and had not failed before.
    pub(crate) failed: usize,
    /// The last failure, in words.
    pub(crate) last_failed: Option<String>,
    /// Changes for desktop notifications.
    pub(crate) notifications: PendingNotifications,
    /// Entries that record a data request from this window.
    pub(crate) requested: Vec<Entry>,
    /// Set if a chunk of the journal was applied: whether it was the last one.
    pub restored: Option<bool>,
}

impl ApplySummary {
    /// The summary of a chunk of the journal that was applied completely.
    pub(crate) fn restored(is_last: bool) -> Self {
        Self { restored: Some(is_last), ..Self::default() }
    }

    /// Adds the summary of later entries.
    pub(crate) fn add(&mut self, later: Self) {
        self.received |= later.received;
        self.rows += later.rows;
        self.failed += later.failed;
        self.last_failed = later.last_failed.or_else(|| self.last_failed.take());
        self.notifications.merge(later.notifications);
        self.requested.extend(later.requested);
        self.restored = later.restored.or(self.restored);
    }
}

/// Applies entries that were committed.
pub(crate) fn apply(activities: &mut Activities, completeness: &mut Completeness, entries: &[Entry]) -> ApplySummary {
    let counts = |activities: &Activities| {
        let counts = activities.counts();
        (activities.len(), counts.of(StatusFilter::Failed), counts.of(StatusFilter::Ready))
    };
    let (rows, failures, ready) = counts(activities);
    let mut changed = ApplySummary::default();
    for batch in entries.chunks(LOOKUP_BATCH) {
        for (entry, place) in activities.look_up(batch) {
            changed.received |= matches!(entry.fact, Fact::Received(_) | Fact::Repeated(_) | Fact::Unreadable { .. });
            completeness.add_entry(entry);
            activities.apply_at(entry, place);
            if matches!(entry.fact, Fact::Local(LocalEvent::Requested(_))) {
                changed.requested.push(entry.clone());
            }
        }
    }
    let (rows_now, failures_now, ready_now) = counts(activities);
    changed.rows = rows_now.saturating_sub(rows);
    changed.failed = failures_now.saturating_sub(failures);
    if changed.failed > 0 {
        changed.last_failed = Some(self::last_failed(activities, entries));
    }
    let ready = ready_now.saturating_sub(ready);
    if changed.failed + ready > 0 {
        changed.notifications.add_batch(activities, entries, changed.failed, ready);
    }
    changed
}

/// Applies entries that were read from the journal.
pub(crate) fn apply_restored(activities: &mut Activities, completeness: &mut Completeness, entries: &[Entry]) {
    for entry in entries {
        completeness.add_entry(entry);
    }
    activities.apply_restored(entries);
}

/// The last entry whose activity failed, in words.
pub(crate) fn last_failed(activities: &Activities, entries: &[Entry]) -> String {
    let last = entries.iter().rev().find_map(|entry| {
        let activity = activities.get(activities.find(&entry.key)?)?;
        (activity.status() == Status::Failed).then(|| {
            let label = crate::ui::text::activity_label::label_of(&activity);
            let what = if label.is_empty() { activity.id() } else { label };
            let (what, why) = (sanitize(&what).into_owned(), activity.message());
            if why.is_empty() { what } else { format!("{what}, {}", sanitize(&why)) }
        })
    });
    last.unwrap_or_default()
}
