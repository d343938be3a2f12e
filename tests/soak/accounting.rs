//! Accounts for every message that was sent.
//!
//! Messages are numbered and the queue keeps their order, so a missing one lay between the last one received before it and
//! the first one received after it. It counts as named if a gap lies between these two: then the operator is told that
//! something may be missing there. If there is no gap, the message was lost silently. Gaps are those of the journal, rows
//! like any other.

use std::fmt;
use std::time::Duration;

use privicore_monitor::activity::Timestamp;

use crate::monitor::{Gap, Kept};

/// The engine reports a gap a little after it began.
const SLACK: Duration = Duration::from_millis(100);

/// What happened to the messages.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    sent: u64,
    journaled: u64,
    entries: u64,
    unsent: u64,
    gaps: usize,
    /// The median and the maximum of the gaps' lengths.
    lengths: (Duration, Duration),
    named: Vec<u64>,
    silent: Vec<u64>,
    /// For the first message that was lost silently: when its neighbours were received, and the gaps before and after.
    first_silent: String,
}

/// Accounts for the numbers below `sent` by the journal's content.
pub(crate) fn of(sent: u64, Kept { heard, gaps }: &Kept) -> MessageCounts {
    let mut lengths: Vec<Duration> = gaps.iter().map(|gap| gap.to.since(gap.from)).collect();
    lengths.sort_unstable();
    let length = |at: usize| lengths.get(at).copied().unwrap_or_default();
    let lengths = (length(gaps.len() / 2), length(gaps.len().saturating_sub(1)));
    let mut counts = MessageCounts { sent, gaps: gaps.len(), lengths, ..MessageCounts::default() };
    for (number, times) in heard {
        counts.entries += u64::try_from(times.len()).unwrap_or(u64::MAX);
        if *number < sent {
            counts.journaled += 1;
        } else {
            counts.unsent += 1;
        }
    }
    for number in (0..sent).filter(|number| !heard.contains_key(number)) {
        let before = heard.range(..number).next_back().and_then(|(_, times)| times.iter().min().copied());
        let after = heard.range(number..).next().and_then(|(_, times)| times.iter().max().copied());
        let (before, after) = (before.unwrap_or(Timestamp(i64::MIN)), after.unwrap_or(Timestamp(i64::MAX)));
        let between = |gap: &Gap| gap.from <= after.plus(SLACK) && gap.to >= before;
        if gaps.iter().any(between) {
            counts.named.push(number);
            continue;
        }
        if counts.silent.is_empty() {
            let earlier = gaps.iter().filter(|gap| gap.to < before).max_by_key(|gap| gap.to);
            let later = gaps.iter().filter(|gap| gap.from > after).min_by_key(|gap| gap.from);
            counts.first_silent = format!(
                "{number} stood between {before} and {after}, gaps are {} and {}",
                earlier.map_or_else(|| "none".to_owned(), |gap| format!("{} – {}", gap.from, gap.to)),
                later.map_or_else(|| "none".to_owned(), |gap| format!("{} – {}", gap.from, gap.to)),
            );
        }
        counts.silent.push(number);
    }
    counts
}

impl MessageCounts {
    /// Whether no message was lost silently, and the engine received something at all.
    pub(crate) fn is_whole(&self) -> bool {
        self.silent.is_empty() && self.journaled > 0
    }
}

impl fmt::Display for MessageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, journaled, entries, unsent, gaps, lengths, named, silent, first_silent } = self;
        let (middle, longest) = lengths;
        let again = entries.saturating_sub(*journaled).saturating_sub(*unsent);
        writeln!(f, "{gaps:>9}  gaps in the journal (median {middle:.0?}, longest {longest:.1?})")?;
        writeln!(f, "{sent:>9}  sent, each confirmed by the broker")?;
        writeln!(f, "{journaled:>9}  journaled ({again} entries more: delivered again after a break)")?;
        writeln!(f, "{:>9}  named missing: lost on the wire within a gap", named.len())?;
        write!(f, "{:>9}  lost silently", silent.len())?;
        for number in silent.iter().take(20) {
            write!(f, " {number}")?;
        }
        if !silent.is_empty() {
            write!(f, "\n{first_silent}")?;
        }
        Ok(())
    }
}
