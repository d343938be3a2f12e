//! From the journal to the window: history at the start, newest first, and what the window missed while it stalled.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::activity::{Moment, Seq};
use crate::journal::History;
use crate::settings::ProfileId;

use super::book::Book;
use super::chunk::Chunk;
use super::download::{Aftermath, LeftBehind, UsedBefore};
use super::event::{Event, Notice, Severity};
use super::gaps::{Left, Past};
use super::journal_store::JournalStore;
use super::mailbox::Outbox;
use super::status::ProblemKind;

/// The first chunk is what a large window shows, so that it is not empty for long.
const FIRST_CHUNK: usize = 200;
/// The largest.
const LARGEST_CHUNK: usize = 20_000;
/// How many entries of a profile are restored: a million rows are held in memory.
const MOST: usize = 1_000_000;
/// The pause after the journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Restores a profile's entries of earlier runs, newest first. Runs beside the connection: live entries may come between.
///
/// What is open is put into the book, and what was left behind into the `aftermath`; at the end the scribe is told of the gap
/// that the last run left, by `left`.
pub(super) async fn restore(
    profile: ProfileId,
    ledger: JournalStore,
    outbox: Outbox,
    live_from: Seq,
    (book, left): (Book, oneshot::Sender<Left>),
    aftermath: &mut Aftermath,
) {
    let begin = begin(profile, &ledger, &outbox, live_from, (&book, &mut aftermath.left_behind));
    let entries = restore_entries(profile, &ledger, &outbox, live_from, (&book, &mut aftermath.used));
    futures_util::future::join(begin, entries).await;
    if left.send(book.restored()).is_err() {
        tracing::debug!("the profile is being closed");
    }
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

async fn restore_entries(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    live_from: Seq,
    (book, used): (&Book, &mut UsedBefore),
) {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    let mut before = live_from;
    let mut restored = 0_usize;
    loop {
        let (entries, complete) = match ledger.restore(profile, before, chunk.limit()).await {
            Ok(entries) => {
                restored = restored.saturating_add(entries.len());
                let complete = !chunk.is_full(&entries) || restored >= MOST;
                (entries, complete)
            }
            Err(error) => {
                outbox.notice(Notice::new(
                    Severity::Error,
                    Some(profile),
                    format!("Earlier activity can't be shown: {error}"),
                ));
                (Vec::new(), true)
            }
        };
        chunk.learn(&entries);
        book.restore(&entries);
        used.note(&entries);
        if let Some(oldest) = entries.first() {
            before = oldest.seq;
        }
        outbox.restored(Event::Restored { profile, entries, live_from, complete }).await;
        if complete {
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
    use crate::protocol::UnreadableReason;

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
        let restoring = restore(profile, store, outbox, live_from, (Book::default(), left), &mut aftermath).fuse();
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
