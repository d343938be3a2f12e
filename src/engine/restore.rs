//! From the journal to the window: history at the start, newest first, and what the window missed while it stalled.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::activity::{Moment, Seq};
use crate::journal::{Archive, History, JournalError};
use crate::settings::ProfileId;

use super::book::Book;
use super::chunk::Chunk;
use super::download::{Aftermath, LeftBehind, UsedBefore};
use super::event::{Event, Notice, Severity};
use super::gaps::{Left, Past};
use super::journal_store::JournalStore;
use super::mailbox::Outbox;
use super::status::ProblemKind;
use super::tools::Tools;

/// The first chunk is what a large window shows, so that it is not empty for long.
const FIRST_CHUNK: usize = 200;
/// The largest.
const LARGEST_CHUNK: usize = 20_000;
/// How many entries are restored for each activity that may be, on average.
const MOST_OF_EACH: usize = 8;
/// How many older entries are told for each activity that may be, on average.
const MOST_OF_EACH_KNOWN: usize = 4;
/// How many of them are told together.
const OLDER_CHUNK: u32 = 20_000;
/// How many entries of what is open, and older than what is restored otherwise, are told together.
const OPEN_CHUNK: usize = 1_000;
/// The pause after the journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// What the journal has beside what was restored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Older {
    /// How many activities were restored.
    restored: u64,
    /// Of what came before this entry only what is open was restored.
    before: Seq,
}

/// Restores a profile's entries of earlier runs, newest first. Runs beside the connection: live entries may come between.
///
/// What is open is put into the book, and what was left behind into the `aftermath`; at the end the scribe is told of the gap
/// that the last run left, by `left`. The window is told of about `rows` activities, and of older ones that are open: returns
/// what else the journal has, if it has more.
pub(super) async fn restore(
    profile: ProfileId,
    ledger: JournalStore,
    outbox: Outbox,
    (live_from, rows): (Seq, usize),
    (book, left): (Book, oneshot::Sender<Left>),
    aftermath: &mut Aftermath,
) -> Option<Older> {
    let begin = begin(profile, &ledger, &outbox, live_from, (&book, &mut aftermath.left_behind));
    let entries = restore_entries(profile, &ledger, &outbox, (live_from, rows), (&book, &mut aftermath.used));
    let ((), restored) = futures_util::future::join(begin, entries).await;
    if left.send(book.restored(restored.is_none())).is_err() {
        tracing::debug!("the profile is being closed");
    }
    restored
}

/// Puts what earlier runs left open into the book, and gathers what they left behind. After an update of this
/// program the journal looks for it first.
async fn begin(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    live_from: Seq,
    (book, left_behind): (&Book, &mut LeftBehind),
) {
    let open = ledger.open_activities(profile).await.unwrap_or_else(|error| {
        let sentence = format!("Commands of earlier runs are not asked for: {error}");
        outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
        Vec::new()
    });
    book.begin(&open);
    for activity in open.iter().filter(|activity| activity.openness.is_left_behind()) {
        match ledger.history(profile, &activity.key, None).await {
            Ok(History { mut entries, .. }) => {
                // This run's own downloads go on.
                entries.retain(|entry| entry.seq < live_from);
                left_behind.note(&entries);
            }
            Err(error) => {
                let sentence = format!("How the download of request {} ended is not known: {error}", activity.key.id());
                outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
            }
        }
    }
}

/// Tells the scribe when the last run was alive, which waits for it: what this run writes is a proof of life of its own.
pub(super) async fn tell_past(profile: ProfileId, ledger: JournalStore, past: oneshot::Sender<Past>, now: Moment) {
    let last_alive = match ledger.last_alive(profile).await {
        Ok(last_alive) => last_alive,
        Err(error) => {
            tracing::warn!(%error, "it is not known since when the profile was not watched over");
            None
        }
    };
    if past.send(Past { now, last_alive }).is_err() {
        tracing::debug!("the profile is being closed");
    }
}

/// Tells the window of the newest activities, up to about `rows`, and of older ones that are open. What else there is, or
/// `None` if that is all.
async fn restore_entries(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    (live_from, rows): (Seq, usize),
    (book, used): (&Book, &mut UsedBefore),
) -> Option<Older> {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    let mut before = live_from;
    let (hasher, mut known, mut restored) = (RandomState::new(), HashSet::new(), 0_usize);
    let tell = |entries, complete| outbox.restored(Event::Restored { profile, entries, live_from, complete });
    let failed = |error: JournalError| {
        let sentence = format!("Earlier activity can't be shown: {error}");
        outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
    };
    loop {
        let limit = chunk.limit().min(rows.saturating_sub(known.len()).max(FIRST_CHUNK));
        let entries = match ledger.restore(profile, before, limit).await {
            Ok(entries) => entries,
            Err(error) => {
                failed(error);
                tell(Vec::new(), true).await;
                return None;
            }
        };
        let is_last = entries.len() < limit;
        chunk.learn(&entries);
        book.restore(&entries);
        used.note(&entries);
        known.extend(entries.iter().map(|entry| hasher.hash_one(&entry.key)));
        before = entries.first().map_or(before, |oldest| oldest.seq);
        restored = restored.saturating_add(entries.len());
        tell(entries, is_last).await;
        if is_last {
            return None;
        }
        if known.len() >= rows || restored >= rows.saturating_mul(MOST_OF_EACH) {
            break;
        }
    }
    let open = match ledger.open_activities(profile).await {
        Ok(open) => open,
        Err(error) => {
            failed(error);
            Vec::new()
        }
    };
    let mut entries = Vec::new();
    for activity in open.into_iter().filter(|activity| activity.first < before) {
        match ledger.history(profile, &activity.key, None).await {
            Ok(history) => entries.extend(history.entries.into_iter().filter(|entry| entry.seq < before)),
            Err(error) => {
                failed(error);
                break;
            }
        }
        known.insert(hasher.hash_one(&activity.key));
        if entries.len() >= OPEN_CHUNK {
            book.restore(&entries);
            used.note(&entries);
            tell(std::mem::take(&mut entries), false).await;
        }
    }
    book.restore(&entries);
    used.note(&entries);
    tell(entries, true).await;
    Some(Older { restored: known.len() as u64, before })
}

/// Tells the window how many activities the journal has beside those that were restored, then what entries they have: a
/// message for one of them is then not taken for that of a new one. Not of more entries than are remembered for `rows`.
pub(super) async fn tell_older(
    profile: ProfileId,
    (live_from, older): (Seq, Older),
    rows: usize,
    data: PathBuf,
    tools: &Tools,
) {
    let Older { restored, mut before } = older;
    let count = move || match Archive::open(&data)? {
        Some(archive) => Ok(Some((archive.count_activities(profile, live_from)?, archive))),
        None => Ok(None),
    };
    let counting = tools.spawner.blocking("counting older activity", count);
    let mut archive = match tools.spawner.until_stopped(counting).await.flatten() {
        Some(Ok(Some((count, archive)))) => {
            tools.outbox.post(Event::Older { profile, rows: count.saturating_sub(restored) });
            archive
        }
        Some(Err(error)) => {
            let error: JournalError = error;
            return tracing::warn!(%error, "it is not known how many activities the journal has");
        }
        Some(Ok(None)) | None => return,
    };
    let mut left = rows.saturating_mul(MOST_OF_EACH_KNOWN);
    while left > 0 {
        let read = move || archive.keys_before(profile, before, OLDER_CHUNK).map(|entries| (entries, archive));
        let reading = tools.spawner.blocking("reading older activity", read);
        let Some(read) = tools.spawner.until_stopped(reading).await.flatten() else { return };
        let (entries, complete) = match read {
            Ok((entries, same)) => {
                archive = same;
                let is_last = entries.is_empty() || entries.len() >= left;
                left = left.saturating_sub(entries.len());
                (entries, is_last)
            }
            Err(error) => {
                tracing::warn!(%error, "it is not known which older activities the journal has");
                return tools
                    .outbox
                    .restored(Event::OlderEntries { profile, entries: Vec::new(), complete: true })
                    .await;
            }
        };
        before = entries.last().map_or(before, |(oldest, _)| *oldest);
        let told = tools.outbox.restored(Event::OlderEntries { profile, entries, complete });
        if tools.spawner.until_stopped(told).await.is_none() || complete {
            return;
        }
    }
}

/// Tells the window what it was not told while it stalled, for as long as the engine runs.
pub(super) async fn catch_up(ledger: JournalStore, outbox: Outbox) {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    let mut failed = BTreeSet::new();
    loop {
        let (profile, from) = outbox.lagging().await;
        match ledger.since(profile, from, chunk.limit()).await {
            Ok(entries) => {
                chunk.learn(&entries);
                outbox.caught_up(profile, entries);
                if failed.remove(&profile) {
                    outbox.resolve_problem(Some(profile), &ProblemKind::JournalRead);
                }
            }
            Err(error) => {
                if failed.insert(profile) {
                    let sentence = format!("New activity can't be shown for now: {error}");
                    let notice = Notice::new(Severity::Error, Some(profile), sentence);
                    outbox.report_problem(ProblemKind::JournalRead, notice);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;

    use futures_util::FutureExt as _;
    use futures_util::future::FusedFuture as _;

    use super::*;
    use crate::activity::{ActivityKey, Entry, Fact, Moment};
    use crate::engine::mailbox;
    use crate::engine::testing::TestJournal;
    use crate::protocol::incoming::parse;
    use crate::protocol::{Incoming, UnreadableReason};

    async fn journal_with(count: usize) -> (TestJournal, ProfileId) {
        let (journal, profile) = (TestJournal::unobserved(), ProfileId::random());
        let entry = Entry {
            seq: Seq::default(),
            at: Moment(0),
            key: ActivityKey::Message("m".into()),
            fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
            raw: "x".into(),
        };
        journal.journal.append(profile, vec![entry; count]).await.expect("it takes them");
        (journal, profile)
    }

    #[tokio::test]
    async fn history_comes_newest_first_in_ascending_chunks_and_each_entry_once() {
        let (journal, profile) = journal_with(50_000).await;
        let (outbox, events) = mailbox::pair_of(profile, Arc::new(|| {}));
        let live_from = Seq(49_001);
        let (left, _told) = oneshot::channel();
        let mut aftermath = Aftermath::default();
        let store = journal.store.clone();
        let restoring =
            restore(profile, store, outbox, (live_from, 10_000), (Book::default(), left), &mut aftermath).fuse();
        tokio::pin!(restoring);
        let (mut next, mut chunks, mut last) = (live_from.0, 0, false);
        while !last {
            let restored = std::future::poll_fn(|context| {
                let ended = restoring.as_mut().poll(context).is_ready();
                match events.try_next() {
                    Some(event) => Poll::Ready(event),
                    None if ended => panic!("nothing restored"),
                    None => Poll::Pending,
                }
            });
            let Event::Restored { entries, complete, .. } = restored.await else { panic!("something else is told") };
            let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq.0).collect();
            assert_eq!(seqs, (next - entries.len() as u64..next).collect::<Vec<_>>());
            if chunks == 0 {
                assert_eq!(entries.len(), FIRST_CHUNK, "the first chunk is small");
            }
            (next, chunks, last) = (next - entries.len() as u64, chunks + 1, complete);
        }
        assert_eq!(next, 1, "not everything was restored");
        if !restoring.is_terminated() {
            restoring.await;
        }
        assert!(events.try_next().is_none(), "it goes on after the last chunk");
    }

    #[tokio::test]
    async fn no_more_than_so_many_activities_are_restored_and_of_older_ones_what_is_open() {
        let (journal, profile) = journal_with(0).await;
        let entry = |number: u32| {
            let status = if number.is_multiple_of(500) { 1 } else { 2 };
            let raw = format!(
                r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"c-{number}","command_status":{status},"body":""}}}}"#
            );
            let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
            let (key, at) = (ActivityKey::of(&message), Moment(i64::from(number)));
            Entry { seq: Seq::default(), at, key, fact: Fact::Heard(message), raw: raw.into() }
        };
        let entries = (0..2_000).map(entry).collect();
        journal.journal.append(profile, entries).await.expect("it takes them");
        let (outbox, events) = mailbox::pair(Arc::new(|| {}));
        let (left, _told) = oneshot::channel();
        let (mut aftermath, of_the_past) = (Aftermath::default(), (Book::default(), left));
        let restoring = restore(profile, journal.store.clone(), outbox, (Seq(2_001), 700), of_the_past, &mut aftermath);
        let restored = restoring.await;
        let (mut ids, mut is_complete) = (Vec::new(), false);
        while let Some(event) = events.try_next() {
            let Event::Restored { entries, complete, .. } = event else { continue };
            ids.extend(entries.into_iter().map(|entry| entry.key.id().to_owned()));
            is_complete |= complete;
        }
        assert!(is_complete, "it does not end");
        assert_eq!(restored.map(|older| older.restored), Some(ids.len() as u64));
        assert!((700..2_000).contains(&ids.len()), "{} were restored", ids.len());
        for (id, there) in [("c-0", true), ("c-500", true), ("c-1999", true), ("c-1", false)] {
            assert_eq!(ids.iter().any(|other| other == id), there, "{id}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_lags_is_told_from_the_journal() {
        let (journal, profile) = journal_with(0).await;
        let (outbox, events) = mailbox::pair_of(profile, Arc::new(|| {}));
        let catching_up = catch_up(journal.store.clone(), outbox.clone());
        let mut told = Vec::new();
        let writing = async {
            for n in 0..300 {
                let entry = Entry {
                    seq: Seq::default(),
                    at: Moment(0),
                    key: ActivityKey::Message(n.to_string().into()),
                    fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
                    raw: "x".repeat(256 * 1024).into(),
                };
                outbox.committed(profile, journal.journal.append(profile, vec![entry]).await.expect("it takes it"));
            }
            while told.len() < 300 {
                match events.try_next() {
                    Some(Event::Committed { entries, .. }) => told.extend(entries.iter().map(|entry| entry.seq.0)),
                    Some(other) => panic!("{other:?}"),
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::select! {
            () = catching_up => panic!("it ended"),
            done = tokio::time::timeout(Duration::from_hours(1), writing) => done.expect("all of it"),
        }
        assert_eq!(told, (1..=300).collect::<Vec<_>>());
    }
}
