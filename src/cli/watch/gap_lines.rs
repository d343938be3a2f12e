//! The lines of gaps: one for each of their entries, and one more when the state of a gap has changed.
//!
//! While commands settle one by one, that is one line every [`PAUSE`] and one at the end. When many gaps change at once, for
//! example because another client is suspected, at most [`MAX_REPRINTED`] are printed together and the rest after the next pause.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::activity::stats::completeness;
use crate::activity::{Activities, ActivityKey, CompetingConsumer, GapState, RecoveredGaps, RowId, Timestamp};
use crate::settings::ProfileId;

/// How long to wait after a gap's last line before printing it again, if it may change further.
const PAUSE: Duration = Duration::from_secs(10);
/// How many gaps are reprinted at most within [`PAUSE`].
const MAX_REPRINTED: usize = 20;

type GapRow = (ProfileId, RowId);

/// The gaps that were printed, and those that have changed since.
#[derive(Default)]
pub(crate) struct GapLines {
    printed: BTreeMap<GapRow, PrintedGap>,
    changed: BTreeSet<GapRow>,
    recovered: BTreeMap<ProfileId, RecoveredGaps>,
    /// The last result of [`Activities::undelivered_outcomes`] for each profile.
    undelivered: BTreeMap<ProfileId, Vec<Timestamp>>,
    /// The profiles for which another client was suspected at the last check.
    suspected: BTreeSet<ProfileId>,
    /// When lines were last reprinted, and how many.
    last: Option<(Timestamp, usize)>,
}

/// A gap as it was last printed.
struct PrintedGap {
    state: GapState,
    at: Timestamp,
}

impl GapLines {
    /// Treats every gap that is known at the start as printed.
    pub(crate) fn set_known(&mut self, all: &BTreeMap<ProfileId, Activities>, now: Timestamp) {
        for (profile, activities) in all {
            self.undelivered.insert(*profile, activities.undelivered_outcomes());
        }
        self.suspected = self.suspected_now(now);
        for (profile, activities) in all {
            for row in activities.gaps() {
                self.print(all, (*profile, row), now);
            }
        }
    }

    /// Notes that entries of these activities of a profile were applied.
    pub(crate) fn note_changes(&mut self, profile: ProfileId, activities: &Activities, keys: &[ActivityKey]) {
        self.undelivered.insert(profile, activities.undelivered_outcomes());
        let recovered = self.recovered.entry(profile).or_default();
        recovered.refresh(activities);
        let changed = activities.gaps_changed_by(keys, recovered);
        self.changed.extend(changed.into_iter().map(|row| (profile, row)));
    }

    /// Records that a gap is printed because an entry of it arrived, and returns its state.
    pub(crate) fn print(
        &mut self,
        all: &BTreeMap<ProfileId, Activities>,
        (profile, row): GapRow,
        now: Timestamp,
    ) -> Option<GapState> {
        let state = self.state(all, (profile, row), now)?;
        self.set_printed((profile, row), state.clone(), now);
        Some(state)
    }

    fn set_printed(&mut self, (profile, row): GapRow, state: GapState, at: Timestamp) {
        self.recovered.entry(profile).or_default().set(row, state.is_recovered());
        self.printed.insert((profile, row), PrintedGap { state, at });
    }

    /// The gaps to print again; with `all_changed`, every gap that has changed.
    pub(crate) fn due(
        &mut self,
        all: &BTreeMap<ProfileId, Activities>,
        now: Timestamp,
        all_changed: bool,
    ) -> Vec<(GapRow, GapState)> {
        let suspected = self.suspected_now(now);
        for profile in self.suspected.symmetric_difference(&suspected) {
            self.changed.extend(self.printed.keys().filter(|(of, _)| of == profile));
        }
        self.suspected = suspected;
        let (began, mut count) =
            self.last.filter(|(began, _)| now.since(*began) < PAUSE && *began <= now).unwrap_or((now, 0));
        let mut due = Vec::new();
        for gap in std::mem::take(&mut self.changed) {
            let Some(state) = self.state(all, gap, now) else { continue };
            let printed = self.printed.get(&gap);
            if printed.is_some_and(|printed| printed.state == state) {
                continue;
            }
            let has_waited = printed.is_none_or(|printed| now.since(printed.at) >= PAUSE || now < printed.at);
            let is_due = count < MAX_REPRINTED && (has_waited || is_over(&state));
            if is_due || all_changed {
                count += 1;
                self.set_printed(gap, state.clone(), now);
                due.push((gap, state));
            } else {
                self.changed.insert(gap);
            }
        }
        if !due.is_empty() {
            self.last = Some((began, count));
        }
        due
    }

    /// When to check again even if nothing arrives.
    pub(crate) fn next_check(&self, now: Timestamp) -> Option<Duration> {
        if !self.changed.is_empty() {
            return Some(PAUSE / 10);
        }
        let turns = self.undelivered.values().filter_map(|unheard| completeness::next_change(unheard, now));
        turns.min().map(|turn| turn.since(now))
    }

    fn state(&self, all: &BTreeMap<ProfileId, Activities>, (profile, row): GapRow, now: Timestamp) -> Option<GapState> {
        let suspected = self.is_suspected(profile, now);
        Some(all.get(&profile)?.gap(row)?.while_suspected(suspected))
    }

    fn is_suspected(&self, profile: ProfileId, now: Timestamp) -> bool {
        self.undelivered.get(&profile).is_some_and(|unheard| CompetingConsumer::of(unheard, 0, now).is_some())
    }

    fn suspected_now(&self, now: Timestamp) -> BTreeSet<ProfileId> {
        self.undelivered.keys().copied().filter(|profile| self.is_suspected(*profile, now)).collect()
    }
}

/// Whether the gap has ended and nothing that was open across it is still awaited.
fn is_over(gap: &GapState) -> bool {
    gap.to.is_some() && gap.commands_left() == 0 && gap.requests_left() == 0
}
