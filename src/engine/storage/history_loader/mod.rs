//! Sends the journal's entries to the window: the history at the start, newest first, and later whatever the window missed
//! while it did not drain.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::activity::{ActivityKey, Entry, Fact, Gap, Seq, Timestamp};
use crate::engine::context::EngineContext;
use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::state::gaps::{PreviousRun, UnfinishedGaps};
use crate::engine::state::interrupted_downloads::{CrashRecovery, LeftBehind, UsedBefore};
use crate::engine::state::pending_commands::PendingCommands;
use crate::journal::{History, JournalError, OpenActivity, ReadOnlyJournal};
use crate::settings::ProfileId;

use super::adaptive_chunk::ChunkSizer;

/// The size of the first chunk: as many rows as a large window shows, so that it is not empty for long.
const FIRST_CHUNK: usize = 200;
/// The size of the largest chunk.
const MAX_CHUNK: usize = 20_000;
/// The average number of entries that are restored for each activity in memory.
const ENTRIES_PER_ACTIVITY: usize = 8;
/// The average number of older entries that are indexed for each activity in memory.
const INDEXED_PER_ACTIVITY: usize = 4;
/// How many of them are sent in one event.
const OLDER_CHUNK: u32 = 20_000;
/// How many entries of open activities, older than what is restored otherwise, are sent in one event.
const OPEN_CHUNK: usize = 1_000;
/// The pause after the journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// What the journal has besides what was restored.
#[derive(Debug)]
pub(crate) struct Older {
    /// Entries from this one on are of this run.
    live_from: Seq,
    /// Of the entries before this one only those of open activities were restored.
    before: Seq,
    /// The first entries of the activities before `before` that were restored.
    restored: Vec<Seq>,
    /// Activities that gaps name and that were not restored.
    named: BTreeSet<ActivityKey>,
}

/// Restores a profile's entries of earlier runs, newest first. The connection runs meanwhile, so live entries may come in
/// between.
///
/// Open activities go into the pending commands, and unfinished downloads and used links into the crash recovery. At the end
/// `gaps_sender` sends the gaps that earlier runs left open to the journal writer. The window gets about `rows` activities, plus
/// older ones that are open. Returns what else the journal has, if it has more.
pub(crate) async fn restore(
    profile: ProfileId,
    journal_store: JournalStore,
    event_sender: EventSender,
    (live_from, rows): (Seq, usize),
    (pending_commands, gaps_sender): (PendingCommands, oneshot::Sender<UnfinishedGaps>),
    aftermath: &mut CrashRecovery,
) -> Option<Older> {
    let begin =
        load_open(profile, &journal_store, &event_sender, live_from, &pending_commands, &mut aftermath.left_behind);
    let newest =
        restore_newest(profile, &journal_store, &event_sender, live_from, rows, &pending_commands, &mut aftermath.used);
    let ((open, gaps), newest) = futures_util::future::join(begin, newest).await;
    let restored = match newest {
        Some(newest) => {
            register_used_links(profile, &journal_store, newest.before, &mut aftermath.used).await;
            Some(
                restore_open(profile, &journal_store, &event_sender, (live_from, newest), open, &pending_commands)
                    .await,
            )
        }
        None => None,
    };
    pending_commands.finish_restore(restored.is_none());
    if gaps_sender.send(gaps).is_err() {
        tracing::debug!("the profile is being closed");
    }
    restored
}

/// Loads what earlier runs left open into the pending commands, and collects what they left behind. Returns the open
/// activities and the gaps that have not ended. After an update of this program the journal first has to search for the open
/// activities.
async fn load_open(
    profile: ProfileId,
    journal_store: &JournalStore,
    event_sender: &EventSender,
    live_from: Seq,
    pending_commands: &PendingCommands,
    left_behind: &mut LeftBehind,
) -> (Vec<OpenActivity>, UnfinishedGaps) {
    let open = journal_store.open_activities(profile).await.unwrap_or_else(|error| {
        let reason = NoticeReason::OpenUnreadable(error.into());
        event_sender.send_notice(Notice::new(Severity::Error, Some(profile), reason));
        Vec::new()
    });
    pending_commands.load_open(&open);
    let mut gaps = UnfinishedGaps::new();
    let is_wanted = |open: &&OpenActivity| open.open_state.is_left_behind() || open.open_state.is_lasting_gap();
    for activity in open.iter().filter(|open| open.first < live_from).filter(is_wanted) {
        match journal_store.history(profile, &activity.key, None).await {
            Ok(History { mut entries, .. }) => {
                // Downloads of this run are not interrupted ones.
                entries.retain(|entry| entry.seq < live_from);
                if let (ActivityKey::Gap(key), Some(gap)) = (&activity.key, Gap::of(&entries)) {
                    gaps.push((key.clone(), gap));
                } else {
                    left_behind.add_entries(&entries);
                }
            }
            Err(error) => {
                let reason = NoticeReason::LeftBehindUnreadable { key: activity.key.clone(), why: error.into() };
                event_sender.send_notice(Notice::new(Severity::Error, Some(profile), reason));
            }
        }
    }
    (open, gaps)
}

/// Sends the journal writer the time at which the last run was alive. The writer waits for it, because entries of this run
/// would change it.
pub(crate) async fn send_previous_run(
    profile: ProfileId,
    journal_store: JournalStore,
    past: oneshot::Sender<PreviousRun>,
    now: Timestamp,
) {
    let last_seen = match journal_store.last_seen(profile).await {
        Ok(last_alive) => last_alive,
        Err(error) => {
            tracing::warn!(%error, "it is not known since when the profile was not watched over");
            None
        }
    };
    if past.send(PreviousRun { now, last_seen }).is_err() {
        tracing::debug!("the profile is being closed");
    }
}

/// The newest activities that were restored.
struct Newest {
    /// The hashes of their keys.
    known: HashSet<u64>,
    hasher: RandomState,
    /// Everything from this entry on was restored.
    before: Seq,
    /// The activities that the gaps among them name.
    named: BTreeSet<ActivityKey>,
}

/// Sends the newest activities to the window, up to about `rows`. Returns what was restored, if there is more.
async fn restore_newest(
    profile: ProfileId,
    journal_store: &JournalStore,
    event_sender: &EventSender,
    live_from: Seq,
    rows: usize,
    pending_commands: &PendingCommands,
    used: &mut UsedBefore,
) -> Option<Newest> {
    let mut chunk = ChunkSizer::new(FIRST_CHUNK, MAX_CHUNK);
    let mut before = live_from;
    let (hasher, mut known, mut restored) = (RandomState::new(), HashSet::new(), 0_usize);
    let mut named = BTreeSet::new();
    let tell =
        |entries, complete| event_sender.send_restored(Event::Restored { profile, entries, live_from, complete });
    loop {
        let limit = chunk.limit().min(rows.saturating_sub(known.len()).max(FIRST_CHUNK));
        let entries = match journal_store.restore(profile, Some(before), limit).await {
            Ok(entries) => entries,
            Err(error) => {
                report_failure(profile, event_sender, error);
                tell(Vec::new(), true).await;
                return None;
            }
        };
        let is_last = entries.len() < limit;
        chunk.learn(&entries);
        pending_commands.add_history(&entries);
        used.add_entries(&entries);
        known.extend(entries.iter().map(|entry| hasher.hash_one(&entry.key)));
        named.extend(named_by_gaps(&entries));
        before = entries.first().map_or(before, |oldest| oldest.seq);
        restored = restored.saturating_add(entries.len());
        tell(entries, is_last).await;
        if is_last {
            return None;
        }
        if known.len() >= rows || restored >= rows.saturating_mul(ENTRIES_PER_ACTIVITY) {
            return Some(Newest { known, hasher, before, named });
        }
    }
}

/// Registers the links that were used before what was restored.
async fn register_used_links(profile: ProfileId, journal_store: &JournalStore, mut before: Seq, used: &mut UsedBefore) {
    loop {
        let entries = match journal_store.downloads_before(profile, before, MAX_CHUNK).await {
            Ok(entries) => entries,
            Err(error) => return tracing::warn!(%error, "it is not known which links were used long ago"),
        };
        used.add_entries(&entries);
        match entries.first() {
            Some(oldest) if entries.len() == MAX_CHUNK => before = oldest.seq,
            _ => return,
        }
    }
}

/// Sends the window what is `open` and older than what was restored.
async fn restore_open(
    profile: ProfileId,
    journal_store: &JournalStore,
    event_sender: &EventSender,
    (live_from, newest): (Seq, Newest),
    open: Vec<OpenActivity>,
    pending_commands: &PendingCommands,
) -> Older {
    let Newest { known, hasher, before, mut named } = newest;
    let open_keys: HashSet<u64> = open.iter().map(|activity| hasher.hash_one(&activity.key)).collect();
    let tell =
        |entries, complete| event_sender.send_restored(Event::Restored { profile, entries, live_from, complete });
    let (mut entries, mut restored) = (Vec::new(), Vec::new());
    for activity in open.into_iter().filter(|activity| activity.first < before) {
        match journal_store.history(profile, &activity.key, None).await {
            Ok(history) => entries.extend(history.entries.into_iter().filter(|entry| entry.seq < before)),
            Err(error) => {
                report_failure(profile, event_sender, error);
                break;
            }
        }
        if !known.contains(&hasher.hash_one(&activity.key)) {
            restored.push(activity.first);
        }
        if entries.len() >= OPEN_CHUNK {
            named.extend(named_by_gaps(&entries));
            pending_commands.add_history(&entries);
            tell(std::mem::take(&mut entries), false).await;
        }
    }
    named.extend(named_by_gaps(&entries));
    pending_commands.add_history(&entries);
    tell(entries, true).await;
    // A row that was restored in part is completed like all others.
    named.retain(|key| [&known, &open_keys].iter().all(|restored| !restored.contains(&hasher.hash_one(key))));
    Older { live_from, before, restored, named }
}

/// The activities that the gaps among entries name.
fn named_by_gaps(entries: &[Entry]) -> impl Iterator<Item = ActivityKey> + '_ {
    let gaps = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::Gap(gap) => Some(gap),
        _ => None,
    });
    gaps.flat_map(Gap::named)
}

fn report_failure(profile: ProfileId, event_sender: &EventSender, error: JournalError) {
    let reason = NoticeReason::NotRestored(error.into());
    event_sender.send_notice(Notice::new(Severity::Error, Some(profile), reason));
}

/// Sends the window the activities that gaps name. Then sends how many activities the journal has besides those that were
/// restored, and the entries that they have, so that a message for one of them is not mistaken for a new activity. Limited
/// to as many entries as are indexed for `rows`.
pub(crate) async fn send_older(profile: ProfileId, older: Older, rows: usize, data: PathBuf, context: &EngineContext) {
    let Older { live_from, mut before, mut restored, named } = older;
    let opening = context.spawner.blocking("opening the journal", move || ReadOnlyJournal::open(&data));
    let mut archive = match context.spawner.until_stopped(opening).await.flatten() {
        Some(Ok(Some(archive))) => archive,
        Some(Err(error)) => return tracing::warn!(%error, "it is not known which older activities the journal has"),
        Some(Ok(None)) | None => return,
    };
    if !named.is_empty() {
        match send_named(profile, archive, named, (live_from, before), context).await {
            Some((same, firsts)) => {
                archive = same;
                restored.extend(firsts);
            }
            None => return,
        }
    }
    let count = move || archive.activities_before(profile, before).map(|rows| (rows, archive));
    let counting = context.spawner.blocking("counting older activity", count);
    let mut archive = match context.spawner.until_stopped(counting).await.flatten() {
        Some(Ok((mut rows, archive))) => {
            for first in restored {
                let stretch = rows.partition_point(|(begin, _)| *begin <= first).checked_sub(1);
                if let Some((_, count)) = stretch.and_then(|stretch| rows.get_mut(stretch)) {
                    *count = count.saturating_sub(1);
                }
            }
            context.event_sender.send(Event::Older { profile, rows });
            archive
        }
        Some(Err(error)) => {
            let error: JournalError = error;
            return tracing::warn!(%error, "it is not known how many activities the journal has");
        }
        None => return,
    };
    let mut remaining = rows.saturating_mul(INDEXED_PER_ACTIVITY);
    while remaining > 0 {
        let read = move || archive.keys_before(profile, before, OLDER_CHUNK).map(|entries| (entries, archive));
        let reading = context.spawner.blocking("reading older activity", read);
        let Some(read) = context.spawner.until_stopped(reading).await.flatten() else { return };
        let (entries, complete) = match read {
            Ok((entries, same)) => {
                archive = same;
                let is_last = entries.is_empty() || entries.len() >= remaining;
                remaining = remaining.saturating_sub(entries.len());
                (entries, is_last)
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known which older activities the journal has");
                return context
                    .event_sender
                    .send_restored(Event::OlderEntries { profile, entries: Vec::new(), complete: true })
                    .await;
            }
        };
        before = entries.last().map_or(before, |(oldest, _)| *oldest);
        let sent = context.event_sender.send_restored(Event::OlderEntries { profile, entries, complete });
        if context.spawner.until_stopped(sent).await.is_none() || complete {
            return;
        }
    }
}

/// Sends the window the activities that gaps name and that are older than what was restored, because the outcome of an id
/// that is resolved, or that the server does not know, can't be shown otherwise. Returns the first entry of each; `None` if
/// the program ends or the journal can't be read.
async fn send_named(
    profile: ProfileId,
    mut archive: ReadOnlyJournal,
    mut named: BTreeSet<ActivityKey>,
    (live_from, before): (Seq, Seq),
    context: &EngineContext,
) -> Option<(ReadOnlyJournal, Vec<Seq>)> {
    let (mut firsts, mut seen, mut next) = (Vec::new(), BTreeSet::new(), Some(Seq(0)));
    while let Some(from) = next {
        let read = move || {
            let read = archive.entries_of(profile, &named, from, before, OLDER_CHUNK);
            read.map(|(entries, next)| (entries, next, archive, named))
        };
        let reading = context.spawner.blocking("reading what gaps name", read);
        let entries = match context.spawner.until_stopped(reading).await.flatten()? {
            Ok((entries, then, same, still_named)) => {
                (next, archive, named) = (then, same, still_named);
                entries
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known what became of what gaps name");
                return None;
            }
        };
        for entry in &entries {
            if seen.insert(entry.key.clone()) {
                firsts.push(entry.seq);
            }
        }
        if !entries.is_empty() {
            let sent =
                context.event_sender.send_restored(Event::Restored { profile, entries, live_from, complete: true });
            context.spawner.until_stopped(sent).await?;
        }
    }
    Some((archive, firsts))
}

/// Sends the window the entries that it missed while it did not drain; runs as long as the engine.
pub(crate) async fn catch_up(journal_store: JournalStore, event_sender: EventSender) {
    let mut chunk = ChunkSizer::new(FIRST_CHUNK, MAX_CHUNK);
    let mut failed = BTreeSet::new();
    loop {
        let (profile, from) = event_sender.next_lagging().await;
        match journal_store.entries_from(profile, from, chunk.limit()).await {
            Ok(entries) => {
                chunk.learn(&entries);
                event_sender.send_caught_up(profile, entries);
                if failed.remove(&profile) {
                    event_sender.resolve_problem(Some(profile), &ProblemKind::JournalRead);
                }
            }
            Err(error) => {
                if failed.insert(profile) {
                    event_sender.report_problem(Some(profile), ProblemReason::JournalRead(error.into()));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
