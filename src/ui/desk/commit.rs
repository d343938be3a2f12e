//! Applies entries that were committed, and what a desk makes of it.
//!
//! Applying is apart from the desk, so that it can be done beside the window as well (`beside`).

use std::time::Instant;

use crate::activity::{Activities, Chip, Deed, Entry, Fact, LOOKED_UP};
use crate::ui::announce;
use crate::ui::completeness::Completeness;
use crate::ui::notify::News;

use super::Desk;

/// What entries changed beside the rows themselves.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Whether a message was among them.
    heard: bool,
    /// How many rows are new.
    rows: usize,
    /// How many rows failed that had not failed before.
    failed: usize,
    /// What failed last, in words.
    last_failed: Option<String>,
    /// What is told on the desktop.
    news: News,
    /// Those that say that data was requested from here.
    requested: Vec<Entry>,
    /// Whether a chunk of the journal was applied, and whether it was the last.
    pub restored: Option<bool>,
}

impl Changed {
    /// What a chunk of the journal changed that was applied whole.
    pub(crate) fn restored(is_last: bool) -> Self {
        Self { restored: Some(is_last), ..Self::default() }
    }

    /// Adds what later ones changed.
    pub(crate) fn add(&mut self, later: Self) {
        self.heard |= later.heard;
        self.rows += later.rows;
        self.failed += later.failed;
        self.last_failed = later.last_failed.or_else(|| self.last_failed.take());
        self.news.join(later.news);
        self.requested.extend(later.requested);
        self.restored = later.restored.or(self.restored);
    }
}

/// Applies entries.
pub(crate) fn apply(activities: &mut Activities, completeness: &mut Completeness, entries: &[Entry]) -> Changed {
    let counts = |activities: &Activities| {
        let counts = activities.counts();
        (activities.len(), counts.of(Chip::Failed), counts.of(Chip::Ready))
    };
    let (rows, failures, ready) = counts(activities);
    let mut changed = Changed::default();
    for batch in entries.chunks(LOOKED_UP) {
        for (entry, place) in activities.look_up(batch) {
            changed.heard |= matches!(entry.fact, Fact::Heard(_) | Fact::Repeated(_) | Fact::Unreadable { .. });
            completeness.note(entry);
            activities.apply_at(entry, place);
            if matches!(entry.fact, Fact::Done(Deed::Requested(_))) {
                changed.requested.push(entry.clone());
            }
        }
    }
    let (rows_now, failures_now, ready_now) = counts(activities);
    changed.rows = rows_now.saturating_sub(rows);
    changed.failed = failures_now.saturating_sub(failures);
    if changed.failed > 0 {
        changed.last_failed = Some(announce::last_failed(activities, entries));
    }
    let ready = ready_now.saturating_sub(ready);
    if changed.failed + ready > 0 {
        changed.news.note(activities, entries, changed.failed, ready);
    }
    changed
}

/// Applies entries that were read from the journal.
pub(crate) fn apply_restored(activities: &mut Activities, completeness: &mut Completeness, entries: &[Entry]) {
    for entry in entries {
        completeness.note(entry);
    }
    activities.apply_restored(entries);
}

impl Desk {
    /// Entries were applied. `in_front` is whether its tab is the one that is looked at.
    pub(crate) fn changed(&mut self, changed: Changed, in_front: bool, instant: Instant) {
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
