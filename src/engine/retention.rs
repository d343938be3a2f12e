//! Keeps the journal within its limits: what is old goes in small steps, in the background.
//!
//! One task. It looks a while after the start, then hourly, and at once when the limits were changed. Where something is to
//! go, it first reads the whole journal, oldest first, to know what must stay: commands that are open, data that was not
//! saved, gaps that are not settled, warnings that were not read. So nothing is taken out before all history was read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::activity::{ActivityKey, Deed, Entry, Fact, Moment, NotSaved, Seq, bytes};
use crate::journal::{JournalError, Limits, Protected};
use crate::protocol::{Delivery, Message};
use crate::settings::{Preferences, ProfileId};

use super::chunk::Chunk;
use super::event::{Event, Notice, Severity};
use super::openness::{command_is_open, request_is_open};
use super::tools::Tools;

/// After the start, when history has been shown and links have been brought back.
const FIRST: Duration = Duration::from_mins(1);
/// Between two looks.
const EVERY: Duration = Duration::from_hours(1);
/// Between two steps, so that whoever writes hardly waits.
const PAUSE: Duration = Duration::from_millis(20);
/// The first chunk that is read, and the largest.
const CHUNKS: (usize, usize) = (1_000, 20_000);
/// How many activities can be protected. Beyond, nothing goes: to know which may would take more memory than a server should
/// be able to cause.
const MOST: usize = 200_000;

/// Why the journal is not within its limits.
#[derive(Debug, thiserror::Error)]
enum RetentionError {
    /// The journal refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// More is open than can be protected.
    #[error(
        "More than {MOST} activities in it are open. Check the status of the commands among them, or forget the profile's \
         activity."
    )]
    TooManyOpen,
}

/// Keeps the journal within the limits of the preferences, for as long as they are told.
pub(super) async fn run(tools: Tools, mut preferences: watch::Receiver<Preferences>) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            changed = preferences.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
        pause = EVERY;
        let now = preferences.borrow_and_update().clone();
        if let Err(error) = look(&tools, &now).await {
            let sentence = format!("The journal could not be kept within its limits: {error}");
            tell(&tools, Severity::Warning, sentence);
        }
    }
}

/// Takes out what is to go.
async fn look(tools: &Tools, preferences: &Preferences) -> Result<(), RetentionError> {
    let lifetime = preferences.link_lifetime();
    tools.ledger.forget_expired_secrets((tools.clock)(), lifetime).await?;
    let limits = Limits::of(preferences, Arc::default());
    if !tools.ledger.is_purge_due((tools.clock)(), &limits).await? {
        return Ok(());
    }
    let limits = Limits { protected: Arc::new(protected(tools).await?), ..limits };
    let (mut entries, mut size) = (0_u64, 0_u64);
    let oldest_left = loop {
        let step = tools.ledger.purge_step((tools.clock)(), &limits).await?;
        entries = entries.saturating_add(step.entries);
        size = size.saturating_add(step.bytes);
        if !step.more {
            break step.oldest_left;
        }
        tokio::time::sleep(PAUSE).await;
    };
    if entries > 0 {
        tell(tools, Severity::Info, sentence(entries, size, oldest_left));
        tools.outbox.post(Event::Purged { oldest_left });
        tools.outbox.post(Event::JournalSize(tools.ledger.size()));
    }
    Ok(())
}

fn tell(tools: &Tools, severity: Severity, sentence: String) {
    tools.outbox.notice(Notice::new(severity, None, sentence));
}

/// What went.
fn sentence(entries: u64, size: u64, oldest_left: Option<Moment>) -> String {
    let went = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    let left = match oldest_left {
        Some(oldest) => {
            let day = jiff::tz::TimeZone::system().to_datetime(oldest.timestamp()).date();
            format!("It now begins on {day}.")
        }
        None => "It is empty now.".to_owned(),
    };
    format!("{went} ({}) went out of the journal, as its limits in the settings say. {left}", bytes(size))
}

/// Reads the whole journal for what must stay.
async fn protected(tools: &Tools) -> Result<Protected, RetentionError> {
    let mut standing = Standing::default();
    let mut chunk = Chunk::new(CHUNKS.0, CHUNKS.1);
    let mut from = Seq(0);
    loop {
        let (profiles, entries): (Vec<ProfileId>, Vec<Entry>) =
            tools.ledger.scan(from, chunk.limit()).await?.into_iter().unzip();
        for (profile, entry) in profiles.into_iter().zip(&entries) {
            standing.note(profile, entry);
        }
        if standing.count() > MOST {
            return Err(RetentionError::TooManyOpen);
        }
        match entries.last() {
            Some(last) if chunk.is_full(&entries) => from = Seq(last.seq.0.saturating_add(1)),
            _ => return Ok(standing.into_protected()),
        }
        chunk.learn(&entries);
    }
}

/// What stands open, as of the entries that were noted, in ascending order. An outcome that is repeated as pending later
/// counts as open again: that keeps too much, never too little.
#[derive(Debug, Default)]
struct Standing {
    /// Commands without an outcome, data requests that have not ended, payloads not saved, and warnings not read.
    open: BTreeSet<(ProfileId, ActivityKey)>,
    /// Gaps that last, or that something was open across that still is.
    gaps: BTreeMap<(ProfileId, ActivityKey), Across>,
}

/// What was open across a gap.
#[derive(Debug)]
struct Across {
    lasts: bool,
    open: Vec<ActivityKey>,
}

impl Standing {
    fn count(&self) -> usize {
        self.open.len().saturating_add(self.gaps.len())
    }

    fn note(&mut self, profile: ProfileId, entry: &Entry) {
        let stands = match (&entry.key, &entry.fact) {
            (ActivityKey::Command(_), fact) => command_is_open(fact),
            (ActivityKey::Data(_), fact) => request_stands(fact),
            (ActivityKey::Gap(_), Fact::Gap(gap)) => {
                let across = gap.open.iter().cloned().map(ActivityKey::Command);
                let across = across.chain(gap.open_requests.iter().cloned().map(ActivityKey::Data));
                let open: Vec<ActivityKey> = across.filter(|key| self.open.contains(&(profile, key.clone()))).collect();
                let lasts = gap.to.is_none();
                if lasts || !open.is_empty() {
                    self.gaps.insert((profile, entry.key.clone()), Across { lasts, open });
                } else {
                    self.gaps.remove(&(profile, entry.key.clone()));
                }
                None
            }
            _ => None,
        };
        match stands {
            Some(true) => _ = self.open.insert((profile, entry.key.clone())),
            Some(false) => _ = self.open.remove(&(profile, entry.key.clone())),
            None => {}
        }
    }

    fn into_protected(self) -> Protected {
        let Self { open, gaps } = self;
        let unsettled = gaps.into_iter().filter(|((profile, _), across)| {
            across.lasts || across.open.iter().any(|key| open.contains(&(*profile, key.clone())))
        });
        let gaps: Vec<_> = unsettled.map(|(key, _)| key).collect();
        open.into_iter().chain(gaps).collect()
    }
}

/// What an entry says of a data request: whether it is to stay.
fn request_stands(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Heard(Message::Data(report)) if matches!(report.delivery, Delivery::Inline { .. }) => Some(true),
        Fact::Done(Deed::Requested(_) | Deed::NotSaved { why: NotSaved::SpentElsewhere, .. }) => Some(true),
        Fact::Done(Deed::WarningRead) => Some(false),
        fact => request_is_open(fact),
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
