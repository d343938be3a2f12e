use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt as _;
use futures_util::future::FusedFuture as _;

use crate::activity::{ActivityKey, GapCause, Timestamp};
use crate::engine::events::event_queue;
use crate::engine::test_support::TestJournal;
use crate::protocol::incoming::parse;
use crate::protocol::{Incoming, UnreadableReason};

use super::*;

async fn journal_with(count: usize) -> (TestJournal, ProfileId) {
    let (journal, profile) = (TestJournal::unobserved(), ProfileId::random());
    let entry = Entry {
        seq: Seq::default(),
        at: Timestamp(0),
        key: ActivityKey::Message("m".into()),
        fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
        raw: "x".into(),
    };
    journal.journal.append(profile, vec![entry; count]).await.expect("it takes them");
    (journal, profile)
}

#[tokio::test]
async fn history_is_restored_newest_first_in_ascending_chunks_each_entry_once() {
    let (journal, profile) = journal_with(50_000).await;
    let (event_sender, events) = event_queue::channel_for(profile, Arc::new(|| {}));
    let live_from = Seq(49_001);
    let (gaps_sender, _receiver) = oneshot::channel();
    let mut recovery = CrashRecovery::default();
    let store = journal.store.clone();
    let restoring = restore(
        profile,
        store,
        event_sender,
        (live_from, 10_000),
        (PendingCommands::default(), gaps_sender),
        &mut recovery,
    )
    .fuse();
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
async fn the_newest_activities_are_restored_and_of_older_ones_only_the_open_ones() {
    let (journal, profile) = journal_with(0).await;
    let entry = |number: u32| {
        let status = if number.is_multiple_of(500) { 1 } else { 2 };
        let raw =
            format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"c-{number}","command_status":{status},"body":""}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        let (key, at) = (ActivityKey::of(&message), Timestamp(i64::from(number)));
        Entry { seq: Seq::default(), at, key, fact: Fact::Received(message), raw: raw.into() }
    };
    let entries = (0..2_000).map(entry).collect();
    journal.journal.append(profile, entries).await.expect("it takes them");
    let (event_sender, events) = event_queue::channel(Arc::new(|| {}));
    let (gaps_sender, _receiver) = oneshot::channel();
    let (mut recovery, of_the_past) = (CrashRecovery::default(), (PendingCommands::default(), gaps_sender));
    let restoring =
        restore(profile, journal.store.clone(), event_sender, (Seq(2_001), 700), of_the_past, &mut recovery);
    let restored = restoring.await;
    let (mut ids, mut is_complete) = (Vec::new(), false);
    while let Some(event) = events.try_next() {
        let Event::Restored { entries, complete, .. } = event else { continue };
        ids.extend(entries.into_iter().map(|entry| entry.key.id().to_owned()));
        is_complete |= complete;
    }
    assert!(is_complete, "it does not end");
    let older = restored.expect("there is more");
    assert_eq!(older.restored, [Seq(1), Seq(501), Seq(1_001)], "what is open and older than what is restored");
    assert!((700..2_000).contains(&ids.len()), "{} were restored", ids.len());
    for (id, there) in [("c-0", true), ("c-500", true), ("c-1999", true), ("c-1", false)] {
        assert_eq!(ids.iter().any(|other| other == id), there, "{id}");
    }
}

#[tokio::test]
async fn links_used_long_before_the_restored_entries_are_known() {
    use crate::activity::{DownloadFailure, LocalEvent};
    use crate::engine::state::used_links::Fingerprint;
    let (journal, profile) = journal_with(0).await;
    let link = |id: &str| Fingerprint::of(&id.into(), "https://h/?auth=1");
    let did = |id: &str, event| Entry::local(Timestamp(0), ActivityKey::Data(id.into()), Fact::Local(event));
    let fetching =
        |id: &str| did(id, LocalEvent::Fetching { to: "/tmp/a".into(), part: None, links: vec![link(id).text()] });
    let not_sent = LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence: String::new(), part: None };
    let broken = LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence: String::new(), part: None };
    let entries = vec![fetching("used"), did("used", broken), fetching("not sent"), did("not sent", not_sent)];
    journal.journal.append(profile, entries).await.expect("it takes them");
    let settled = Entry::local(
        Timestamp(0),
        ActivityKey::Command("settled".into()),
        Fact::StatusChecked(crate::activity::StatusCheck::Unknown),
    );
    journal.journal.append(profile, vec![settled; 10_000]).await.expect("it takes them");
    let before = journal.journal.reader_steps();
    let found = journal.journal.downloads_before(profile, Seq(9_000), 100).await.expect("it is read");
    assert_eq!(found.len(), 4);
    let steps = journal.journal.reader_steps() - before;
    assert!(steps < 2_000, "{steps} steps: it reads the messages between");
    let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
    let (gaps_sender, _receiver) = oneshot::channel();
    let link_store = crate::engine::state::link_store::LinkStore::default();
    let mut recovery = CrashRecovery::of(link_store.clone());
    let of_the_past = (PendingCommands::default(), gaps_sender);
    let restored = restore(profile, journal.store.clone(), event_sender, (Seq(10_005), 10), of_the_past, &mut recovery);
    assert!(restored.await.is_some(), "it is all that there is");
    assert!(link_store.has_used(link("used")) && !link_store.has_used(link("not sent")));
}

#[tokio::test]
async fn gaps_of_earlier_runs_are_found_with_the_activities_they_name_however_old() {
    let (journal, profile) = journal_with(0).await;
    let gap = |id: &str, to: Option<i64>, open: &[&str]| {
        let gap = Gap {
            from: Timestamp(1),
            to: to.map(Timestamp),
            cause: GapCause::Disconnected,
            open: open.iter().map(|id| (*id).into()).collect(),
            requests: 0,
            open_requests: Vec::new(),
        };
        Entry::local(Timestamp(0), ActivityKey::Gap(id.into()), Fact::Gap(gap))
    };
    let mut entries = vec![gap("older", None, &[]), gap("ended", None, &[]), gap("ended", Some(2), &["x"])];
    for flap in 0..300 {
        entries.push(gap("newer", Some(2), &[&format!("c-{flap}")]));
        entries.push(gap("newer", None, &[]));
    }
    journal.journal.append(profile, entries).await.expect("it takes them");
    let settled = Fact::StatusChecked(crate::activity::StatusCheck::Unknown);
    let settled = Entry::local(Timestamp(0), ActivityKey::Command("settled".into()), settled);
    journal.journal.append(profile, vec![settled; 2_000]).await.expect("it takes them");
    // The gap of this run is not one of them.
    journal.journal.append(profile, vec![gap("own", None, &[])]).await.expect("it takes it");
    let (event_sender, _events) = event_queue::channel(Arc::new(|| {}));
    let (gaps_sender, gaps) = oneshot::channel();
    let live_from = Seq(2_604);
    let (mut recovery, of_the_past) = (CrashRecovery::default(), (PendingCommands::default(), gaps_sender));
    restore(profile, journal.store.clone(), event_sender, (live_from, 10), of_the_past, &mut recovery).await;
    let gaps = gaps.await.expect("sent");
    let gaps: Vec<_> = gaps.iter().map(|(key, gap)| (&**key, gap.to, gap.open.len())).collect();
    assert_eq!(gaps, [("older", None, 0), ("newer", None, 300)]);
}

#[tokio::test(start_paused = true)]
async fn a_lagging_window_gets_entries_from_the_journal() {
    let (journal, profile) = journal_with(0).await;
    let (event_sender, events) = event_queue::channel_for(profile, Arc::new(|| {}));
    let catching_up = catch_up(journal.store.clone(), event_sender.clone());
    let mut received = Vec::new();
    let writing = async {
        for n in 0..300 {
            let entry = Entry {
                seq: Seq::default(),
                at: Timestamp(0),
                key: ActivityKey::Message(n.to_string().into()),
                fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
                raw: "x".repeat(256 * 1024).into(),
            };
            event_sender
                .send_committed(profile, journal.journal.append(profile, vec![entry]).await.expect("it takes it"));
        }
        while received.len() < 300 {
            match events.try_next() {
                Some(Event::Committed { entries, .. }) => received.extend(entries.iter().map(|entry| entry.seq.0)),
                Some(other) => panic!("{other:?}"),
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::select! {
        () = catching_up => panic!("it ended"),
        done = tokio::time::timeout(Duration::from_hours(1), writing) => done.expect("all of it"),
    }
    assert_eq!(received, (1..=300).collect::<Vec<_>>());
}
