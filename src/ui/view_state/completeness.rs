//! What is known about missing outcomes, kept up to date entry by entry.

use std::collections::HashSet;

use crate::activity::stats::completeness;
use crate::activity::{Activities, ActivityKey, CompetingConsumer, Entry, Fact, RowId, StatusAnswer, Timestamp};
use crate::ui::frame::FrameContext;
use crate::ui::text::gap_text::counted;
use crate::ui::text::{clock_minute, clock_time};

/// What is known to be complete, brought up to the activities when something came.
#[derive(Debug, Default)]
pub(crate) struct Completeness {
    /// Something came since the last time.
    pub(crate) stale: bool,
    /// Counts the times that it was brought up to date.
    pub(crate) version: u64,
    /// The first moment of which anything is known.
    pub(crate) begun: Option<Timestamp>,
    /// What came before this moment is no longer in the journal.
    pub(crate) floor: Option<Timestamp>,
    /// Gaps of which nothing known is missing: they are not looked at again.
    pub(crate) settled: HashSet<RowId>,
    /// The end of the last gap that is not settled.
    pub(crate) since: Option<Timestamp>,
    /// When the gap began that lasts.
    pub(crate) lasting: Option<Timestamp>,
    /// How many gaps have ended and are not settled.
    pub(crate) gaps: usize,
    /// How many commands were open across them and still are, each once.
    pub(crate) commands: usize,
    /// How many commands were open across them that the server does not know, each once.
    pub(crate) unknown: usize,
    /// When the server answered of the newest commands that were not heard of, although nothing explains it.
    pub(crate) unheard: Vec<Timestamp>,
    /// Whether another client probably takes messages.
    pub(crate) competing: Option<CompetingConsumer>,
    /// Nothing is claimed of the time before that.
    pub(crate) claims_from: Option<Timestamp>,
}

impl Completeness {
    /// Something is about to be applied.
    pub(crate) fn note(&mut self, entry: &Entry) {
        self.stale = true;
        self.begun = Some(self.begun.map_or(entry.at, |begun| begun.min(entry.at)));
        if matches!(entry.fact, Fact::Gap(_)) {
            // It may be one that goes on.
            self.settled.clear();
        }
    }

    /// Whether another client probably takes messages: then nothing is claimed.
    pub(crate) fn competing(&self) -> Option<CompetingConsumer> {
        self.competing
    }

    /// When that changes by the time alone.
    pub(crate) fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        completeness::next_turn(&self.unheard, now)
    }

    /// The journal begins here now: nothing is claimed of what came before. `None` where it is empty.
    pub(crate) fn begins(&mut self, oldest_left: Option<Timestamp>) {
        self.floor = self.floor.max(oldest_left);
        self.stale = true;
    }

    /// A chunk of the journal was read, if only to find that there is no more.
    pub(crate) fn restored(&mut self) {
        self.stale = true;
    }

    /// Looks at the gaps again, where something came, and at the time. While it is `restoring`, less is known than will be.
    pub(crate) fn refresh(&mut self, activities: &Activities, restoring: bool, now: Timestamp) {
        if std::mem::take(&mut self.stale) {
            self.version += 1;
            self.look(activities, restoring);
            // Before all is read, the gap that explains one may be missing.
            self.unheard = if restoring { Vec::new() } else { activities.unheard() };
        }
        let competing = activities.competing_consumer(&self.unheard, now);
        let unheard = self.unheard.iter().filter_map(|answered| completeness::claims_since(*answered, now)).max();
        self.version += u64::from(competing.is_some() != self.competing.is_some());
        (self.competing, self.claims_from) = (competing, self.claims_from.max(unheard));
    }

    pub(crate) fn look(&mut self, activities: &Activities, restoring: bool) {
        (self.since, self.lasting, self.gaps) = (None, None, 0);
        let (mut open, mut unknown) = (HashSet::new(), HashSet::new());
        for row in activities.gaps() {
            if self.settled.contains(&row) {
                continue;
            }
            let Some(gap) = activities.gap(row) else { continue };
            let Some(end) = gap.to else {
                self.lasting = self.lasting.max(Some(gap.from));
                continue;
            };
            if gap.is_recovered() {
                if !restoring {
                    self.settled.insert(row);
                }
                continue;
            }
            self.gaps += 1;
            self.since = self.since.max(Some(end));
            for id in activities.open_across(row) {
                match activities.answer(&ActivityKey::Command(id.clone())) {
                    StatusAnswer::Open => _ = open.insert(id),
                    StatusAnswer::Unknown => _ = unknown.insert(id),
                    StatusAnswer::Settled => {}
                }
            }
        }
        (self.commands, self.unknown) = (open.len(), unknown.len());
    }

    /// What the status bar says.
    pub(crate) fn tell(&self, is_live: bool, scene: &FrameContext) -> CompletenessSummary {
        let warning = |words| CompletenessSummary { words, warns: true };
        let at = |moment| clock_time(moment, scene.now, &scene.zone);
        match (self.lasting, self.since.or(self.begun.max(self.floor)).max(self.claims_from)) {
            (Some(from), _) => warning(format!("Not receiving since {}", at(from))),
            _ if !is_live => warning("Not receiving".to_owned()),
            _ if self.gaps > 0 => {
                let gaps = counted((self.gaps, "gap", "gaps"));
                let commands = |count| counted((count, "command", "commands"));
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
                let since = clock_minute(since, scene.now, &scene.zone);
                CompletenessSummary { words: format!("No acknowledgement missing since {since}"), warns: false }
            }
            (None, None) => CompletenessSummary { words: "Nothing received yet".to_owned(), warns: false },
        }
    }
}

/// What the status bar says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompletenessSummary {
    pub words: String,
    /// Whether something is missing, or may be.
    pub warns: bool,
}

/// How many of the newest rows are looked at for open ids: far more than a frame would notice.
pub(crate) const LOOKED_AT: usize = 50_000;
