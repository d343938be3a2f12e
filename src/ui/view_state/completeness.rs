//! Tracks which outcomes may be missing, updated with each entry.

use std::collections::HashSet;

use crate::activity::stats::completeness;
use crate::activity::{
    Activities, ActivityKey, CompetingConsumer, Entry, Fact, OpenItemState, RecoveredGaps, Timestamp,
};
use crate::protocol::counted;
use crate::ui::frame::FrameContext;
use crate::ui::text::{clock_minute, clock_time};

/// Which outcomes may be missing, recomputed after entries were applied.
#[derive(Debug, Default)]
pub(crate) struct Completeness {
    /// Whether entries arrived since the last update.
    pub(crate) stale: bool,
    /// Number of updates; changes whenever the result may have changed.
    pub(crate) version: u64,
    /// The first time of which anything is known.
    pub(crate) known_from: Option<Timestamp>,
    /// Entries before this time are no longer in the journal.
    pub(crate) floor: Option<Timestamp>,
    /// Gaps without missing outcomes.
    pub(crate) settled: RecoveredGaps,
    /// The end of the last gap that may miss outcomes.
    pub(crate) since: Option<Timestamp>,
    /// The start of the gap in progress.
    pub(crate) lasting: Option<Timestamp>,
    /// Number of ended gaps that may miss outcomes.
    pub(crate) gaps: usize,
    /// Number of distinct commands that were open during those gaps and still are.
    pub(crate) commands: usize,
    /// Number of distinct commands that were open during those gaps and are unknown to the server.
    pub(crate) unknown: usize,
    /// When the server answered status checks for the newest commands whose outcome never reached this client for no known
    /// reason.
    pub(crate) undelivered: Vec<Timestamp>,
    /// Evidence that another client probably takes messages.
    pub(crate) competing: Option<CompetingConsumer>,
    /// The status bar claims nothing about the time before this.
    pub(crate) claims_from: Option<Timestamp>,
}

impl Completeness {
    /// Records an entry that is about to be applied.
    pub(crate) fn add_entry(&mut self, entry: &Entry) {
        self.stale = true;
        self.known_from = Some(self.known_from.map_or(entry.at, |begun| begun.min(entry.at)));
        if matches!(entry.fact, Fact::Gap(_)) {
            // The entry may continue an earlier gap.
            self.settled.clear();
        }
    }

    /// Evidence that another client probably takes messages; if there is any, completeness is not claimed.
    pub(crate) fn competing(&self) -> Option<CompetingConsumer> {
        self.competing
    }

    /// When that changes without a new message.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        completeness::next_change(&self.undelivered, now)
    }

    /// The journal now starts here, so nothing is claimed about earlier times. `None` if it is empty.
    pub(crate) fn set_journal_start(&mut self, oldest_left: Option<Timestamp>) {
        self.floor = self.floor.max(oldest_left);
        self.stale = true;
    }

    /// A chunk of the journal was read; it may have been empty.
    pub(crate) fn on_restored(&mut self) {
        self.stale = true;
    }

    /// Checks the gaps again if entries arrived, and the time. While `restoring`, not everything is loaded yet.
    pub(crate) fn refresh(&mut self, activities: &Activities, restoring: bool, now: Timestamp) {
        if std::mem::take(&mut self.stale) {
            self.version += 1;
            self.evaluate(activities, restoring);
            // Until everything is loaded, the gap that explains one of these may be missing.
            self.undelivered = if restoring { Vec::new() } else { activities.undelivered_outcomes() };
        }
        let competing = activities.competing_consumer(&self.undelivered, now);
        let since = self.undelivered.iter().filter_map(|answered| completeness::claims_since(*answered, now)).max();
        self.version += u64::from(competing.is_some() != self.competing.is_some());
        (self.competing, self.claims_from) = (competing, self.claims_from.max(since));
    }

    pub(crate) fn evaluate(&mut self, activities: &Activities, restoring: bool) {
        (self.since, self.lasting, self.gaps) = (None, None, 0);
        let (mut open, mut unknown) = (HashSet::new(), HashSet::new());
        self.settled.refresh(activities);
        for row in activities.gaps() {
            if self.settled.contains(row) {
                continue;
            }
            let Some(gap) = activities.gap(row) else { continue };
            let Some(end) = gap.to else {
                self.lasting = self.lasting.max(Some(gap.from));
                continue;
            };
            if gap.is_recovered() {
                if !restoring {
                    self.settled.set(row, true);
                }
                continue;
            }
            self.gaps += 1;
            self.since = self.since.max(Some(end));
            for id in activities.open_across(row) {
                match activities.answer(&ActivityKey::Command(id.clone())) {
                    OpenItemState::Open => _ = open.insert(id),
                    OpenItemState::Unknown => _ = unknown.insert(id),
                    OpenItemState::Settled => {}
                }
            }
        }
        (self.commands, self.unknown) = (open.len(), unknown.len());
    }

    /// The text of the status bar.
    pub(crate) fn summary(&self, is_live: bool, frame: &FrameContext) -> CompletenessSummary {
        let warning = |words| CompletenessSummary { words, warns: true };
        let at = |moment| clock_time(moment, frame.now, &frame.zone);
        match (self.lasting, self.since.or(self.known_from.max(self.floor)).max(self.claims_from)) {
            (Some(from), _) => warning(format!("Not receiving since {}", at(from))),
            _ if !is_live => warning("Not receiving".to_owned()),
            _ if self.gaps > 0 => {
                let gaps = counted(self.gaps as u64, "gap");
                let commands = |count: usize| counted(count as u64, "command");
                warning(if self.commands > 0 && self.unknown > 0 {
                    format!("{} unsettled, {} unknown to the server, {gaps}", commands(self.commands), self.unknown)
                } else if self.commands > 0 {
                    format!("{} unsettled, {gaps}", commands(self.commands))
                } else if self.unknown > 0 {
                    format!("{} unknown to the server, {gaps}", commands(self.unknown))
                } else {
                    format!("Data requests may be unsettled, {gaps}")
                })
            }
            _ if self.competing.is_some() => warning("Completeness not known".to_owned()),
            (None, Some(since)) => {
                let since = clock_minute(since, frame.now, &frame.zone);
                CompletenessSummary { words: format!("No acknowledgement missing since {since}"), warns: false }
            }
            (None, None) => CompletenessSummary { words: "Nothing received yet".to_owned(), warns: false },
        }
    }
}

/// The text of the status bar, and whether it is a warning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompletenessSummary {
    pub words: String,
    /// Whether outcomes are missing, or may be.
    pub warns: bool,
}

/// How many of the newest rows are searched for open ids. The limit keeps the search within a frame.
pub(crate) const MAX_SEARCHED: usize = 50_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::activity::{Gap, GapCause, Seq, StatusCheck};
    use crate::protocol::CommandStatus;

    use super::*;

    #[test]
    fn a_recovered_gap_counts_again_if_a_command_in_it_is_settled_no_more() {
        let gap = Gap {
            from: Timestamp(1),
            to: Some(Timestamp(2)),
            cause: GapCause::Disconnected,
            open: vec!["c".into()],
            requests: 0,
            open_requests: Vec::new(),
        };
        let reported = |status| Fact::StatusChecked(StatusCheck::Known { status, text: None });
        let (mut activities, mut completeness) = (Activities::new(Duration::from_mins(10)), Completeness::default());
        let mut gaps_after = |seq, key: ActivityKey, fact| {
            let entry = Entry { seq: Seq(seq), ..Entry::local(Timestamp(1), key, fact) };
            completeness.add_entry(&entry);
            activities.apply(&entry);
            completeness.refresh(&activities, false, Timestamp(3));
            completeness.gaps
        };
        let command = || ActivityKey::Command("c".into());
        assert_eq!(gaps_after(1, command(), reported(CommandStatus::Pending)), 0);
        assert_eq!(gaps_after(2, ActivityKey::Gap("g".into()), Fact::Gap(gap)), 1);
        assert_eq!(gaps_after(3, command(), reported(CommandStatus::Other(7))), 0);
        assert_eq!(gaps_after(4, command(), reported(CommandStatus::Pending)), 1);
        assert_eq!(gaps_after(5, command(), reported(CommandStatus::Other(7))), 0);
        assert_eq!(gaps_after(6, command(), Fact::StatusChecked(StatusCheck::Unknown)), 1);
    }
}
