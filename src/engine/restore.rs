//! From the journal to the window: history at the start, newest first, and what the window missed while it stalled.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::activity::{ActivityKey, Gap, Moment, Seq};
use crate::journal::{Archive, History, JournalError, OpenActivity};
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
#[derive(Debug)]
pub(super) struct Older {
    /// Of what came before this entry only what is open was restored.
    before: Seq,
    /// The first entries of what is open and came before.
    open: Vec<Seq>,
}

/// Restores a profile's entries of earlier runs, newest first. Runs beside the connection: live entries may come between.
///
/// What is open is put into the book, and what was left behind into the `aftermath`; at the end the scribe is told of the gaps
/// that earlier runs left, by `left`. The window is told of about `rows` activities, and of older ones that are open: returns
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
    let newest = restore_newest(profile, &ledger, &outbox, (live_from, rows), (&book, &mut aftermath.used));
    let ((open, gaps), newest) = futures_util::future::join(begin, newest).await;
    let restored = match newest {
        Some(newest) => {
            note_downloads(profile, &ledger, newest.before, &mut aftermath.used).await;
            Some(restore_open(profile, &ledger, &outbox, (live_from, newest), open, &book).await)
        }
        None => None,
    };
    book.restored(restored.is_none());
    if left.send(gaps).is_err() {
        tracing::debug!("the profile is being closed");
    }
    restored
}

/// Puts what earlier runs left open into the book, and gathers what they left behind. Returns what is open, and the gaps that
/// have not ended. After an update of this program the journal looks for it first.
async fn begin(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    live_from: Seq,
    (book, left_behind): (&Book, &mut LeftBehind),
) -> (Vec<OpenActivity>, Left) {
    let open = ledger.open_activities(profile).await.unwrap_or_else(|error| {
        let sentence = format!("Commands of earlier runs are not asked for: {error}");
        outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
        Vec::new()
    });
    book.begin(&open);
    let mut gaps = Left::new();
    let is_wanted = |open: &&OpenActivity| open.openness.is_left_behind() || open.openness.is_lasting_gap();
    for activity in open.iter().filter(|open| open.first < live_from).filter(is_wanted) {
        match ledger.history(profile, &activity.key, None).await {
            Ok(History { mut entries, .. }) => {
                // This run's own downloads go on.
                entries.retain(|entry| entry.seq < live_from);
                if let (ActivityKey::Gap(key), Some(gap)) = (&activity.key, Gap::of(&entries)) {
                    gaps.push((key.clone(), gap));
                } else {
                    left_behind.note(&entries);
                }
            }
            Err(error) => {
                let what = match &activity.key {
                    ActivityKey::Gap(_) => "What was open while nothing could be received".to_owned(),
                    key => format!("How the download of request {} ended", key.id()),
                };
                let sentence = format!("{what} is not known: {error}");
                outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
            }
        }
    }
    (open, gaps)
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

/// What was restored of the newest activities.
struct Newest {
    /// The hashes of their keys.
    known: HashSet<u64>,
    hasher: RandomState,
    /// Everything from this entry on was restored.
    before: Seq,
}

/// Tells the window of the newest activities, up to about `rows`. Returns what was restored, if there is more.
async fn restore_newest(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    (live_from, rows): (Seq, usize),
    (book, used): (&Book, &mut UsedBefore),
) -> Option<Newest> {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    let mut before = live_from;
    let (hasher, mut known, mut restored) = (RandomState::new(), HashSet::new(), 0_usize);
    let tell = |entries, complete| outbox.restored(Event::Restored { profile, entries, live_from, complete });
    loop {
        let limit = chunk.limit().min(rows.saturating_sub(known.len()).max(FIRST_CHUNK));
        let entries = match ledger.restore(profile, before, limit).await {
            Ok(entries) => entries,
            Err(error) => {
                not_restored(profile, outbox, &error);
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
            return Some(Newest { known, hasher, before });
        }
    }
}

/// Finds out which links were used before what was restored.
async fn note_downloads(profile: ProfileId, ledger: &JournalStore, mut before: Seq, used: &mut UsedBefore) {
    loop {
        let entries = match ledger.downloads_before(profile, before, LARGEST_CHUNK).await {
            Ok(entries) => entries,
            Err(error) => return tracing::warn!(%error, "it is not known which links were used long ago"),
        };
        used.note(&entries);
        match entries.first() {
            Some(oldest) if entries.len() == LARGEST_CHUNK => before = oldest.seq,
            _ => return,
        }
    }
}

/// Tells the window of what is `open` and older than what was restored.
async fn restore_open(
    profile: ProfileId,
    ledger: &JournalStore,
    outbox: &Outbox,
    (live_from, newest): (Seq, Newest),
    open: Vec<OpenActivity>,
    book: &Book,
) -> Older {
    let Newest { known, hasher, before } = newest;
    let tell = |entries, complete| outbox.restored(Event::Restored { profile, entries, live_from, complete });
    let (mut entries, mut restored) = (Vec::new(), Vec::new());
    for activity in open.into_iter().filter(|activity| activity.first < before) {
        match ledger.history(profile, &activity.key, None).await {
            Ok(history) => entries.extend(history.entries.into_iter().filter(|entry| entry.seq < before)),
            Err(error) => {
                not_restored(profile, outbox, &error);
                break;
            }
        }
        if !known.contains(&hasher.hash_one(&activity.key)) {
            restored.push(activity.first);
        }
        if entries.len() >= OPEN_CHUNK {
            book.restore(&entries);
            tell(std::mem::take(&mut entries), false).await;
        }
    }
    book.restore(&entries);
    tell(entries, true).await;
    Older { before, open: restored }
}

fn not_restored(profile: ProfileId, outbox: &Outbox, error: &JournalError) {
    let sentence = format!("Earlier activity can't be shown: {error}");
    outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
}

/// Tells the window how many activities the journal has beside those that were restored, then what entries they have: a
/// message for one of them is then not taken for that of a new one. Not of more entries than are remembered for `rows`.
pub(super) async fn tell_older(profile: ProfileId, older: Older, rows: usize, data: PathBuf, tools: &Tools) {
    let Older { mut before, open } = older;
    let count = move || match Archive::open(&data)? {
        Some(archive) => Ok(Some((archive.activities_before(profile, before)?, archive))),
        None => Ok(None),
    };
    let counting = tools.spawner.blocking("counting older activity", count);
    let mut archive = match tools.spawner.until_stopped(counting).await.flatten() {
        Some(Ok(Some((mut rows, archive)))) => {
            for first in open {
                let stretch = rows.partition_point(|(begin, _)| *begin <= first).checked_sub(1);
                if let Some((_, count)) = stretch.and_then(|stretch| rows.get_mut(stretch)) {
                    *count = count.saturating_sub(1);
                }
            }
            tools.outbox.post(Event::Older { profile, rows });
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
    use crate::activity::{ActivityKey, Entry, Fact, GapCause, Moment};
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
        let older = restored.expect("there is more");
        assert_eq!(older.open, [Seq(1), Seq(501), Seq(1_001)], "what is open and older than what is restored");
        assert!((700..2_000).contains(&ids.len()), "{} were restored", ids.len());
        for (id, there) in [("c-0", true), ("c-500", true), ("c-1999", true), ("c-1", false)] {
            assert_eq!(ids.iter().any(|other| other == id), there, "{id}");
        }
    }

    #[tokio::test]
    async fn links_that_were_used_long_before_what_is_restored_are_known() {
        use crate::activity::{Deed, NotSaved};
        use crate::engine::used_links::Fingerprint;
        let (journal, profile) = journal_with(0).await;
        let link = |id: &str| Fingerprint::of(&id.into(), "https://h/?auth=1");
        let did = |id: &str, deed| Entry::ours(Moment(0), ActivityKey::Data(id.into()), Fact::Done(deed));
        let fetching =
            |id: &str| did(id, Deed::Fetching { to: "/tmp/a".into(), part: None, links: vec![link(id).text()] });
        let not_sent = Deed::NotSaved { why: NotSaved::NotStarted, sentence: String::new(), part: None };
        let broken = Deed::NotSaved { why: NotSaved::Broken, sentence: String::new(), part: None };
        let entries = vec![fetching("used"), did("used", broken), fetching("not sent"), did("not sent", not_sent)];
        journal.journal.append(profile, entries).await.expect("it takes them");
        let settled = Entry::ours(
            Moment(0),
            ActivityKey::Command("settled".into()),
            Fact::Enquired(crate::activity::Enquiry::Unknown),
        );
        journal.journal.append(profile, vec![settled; 10_000]).await.expect("it takes them");
        let before = journal.journal.reader_steps();
        let found = journal.journal.downloads_before(profile, Seq(9_000), 100).await.expect("it is read");
        assert_eq!(found.len(), 4);
        let steps = journal.journal.reader_steps() - before;
        assert!(steps < 2_000, "{steps} steps: it reads the messages between");
        let (outbox, _events) = mailbox::pair(Arc::new(|| {}));
        let (left, _told) = oneshot::channel();
        let vault = crate::engine::vault::Vault::default();
        let mut aftermath = Aftermath::of(vault.clone());
        let of_the_past = (Book::default(), left);
        let restored = restore(profile, journal.store.clone(), outbox, (Seq(10_005), 10), of_the_past, &mut aftermath);
        assert!(restored.await.is_some(), "it is all that there is");
        assert!(vault.has_used(link("used")) && !vault.has_used(link("not sent")));
    }

    #[tokio::test]
    async fn gaps_that_earlier_runs_left_are_found_with_all_that_they_name_however_old_they_are() {
        let (journal, profile) = journal_with(0).await;
        let gap = |id: &str, to: Option<i64>, open: &[&str]| {
            let gap = Gap {
                from: Moment(1),
                to: to.map(Moment),
                cause: GapCause::Disconnected,
                open: open.iter().map(|id| (*id).into()).collect(),
                requests: 0,
                open_requests: Vec::new(),
            };
            Entry::ours(Moment(0), ActivityKey::Gap(id.into()), Fact::Gap(gap))
        };
        let mut entries = vec![gap("older", None, &[]), gap("ended", None, &[]), gap("ended", Some(2), &["x"])];
        for flap in 0..300 {
            entries.push(gap("newer", Some(2), &[&format!("c-{flap}")]));
            entries.push(gap("newer", None, &[]));
        }
        journal.journal.append(profile, entries).await.expect("it takes them");
        let settled = Fact::Enquired(crate::activity::Enquiry::Unknown);
        let settled = Entry::ours(Moment(0), ActivityKey::Command("settled".into()), settled);
        journal.journal.append(profile, vec![settled; 2_000]).await.expect("it takes them");
        // This run's own is not one of them.
        journal.journal.append(profile, vec![gap("own", None, &[])]).await.expect("it takes it");
        let (outbox, _events) = mailbox::pair(Arc::new(|| {}));
        let (left, told) = oneshot::channel();
        let live_from = Seq(2_604);
        let (mut aftermath, of_the_past) = (Aftermath::default(), (Book::default(), left));
        restore(profile, journal.store.clone(), outbox, (live_from, 10), of_the_past, &mut aftermath).await;
        let left = told.await.expect("told");
        let left: Vec<_> = left.iter().map(|(key, gap)| (&**key, gap.to, gap.open.len())).collect();
        assert_eq!(left, [("older", None, 0), ("newer", None, 300)]);
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
