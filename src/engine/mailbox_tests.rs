use std::sync::atomic::AtomicUsize;

use futures_util::FutureExt as _;

use super::*;
use crate::activity::{ActivityKey, Fact, Moment};
use crate::engine::ConnectionState;
use crate::protocol::UnreadableReason;

fn entries(range: std::ops::Range<u64>, raw: usize) -> Vec<Entry> {
    range
        .map(|seq| Entry {
            seq: Seq(seq),
            at: Moment(0),
            key: ActivityKey::Message(seq.to_string().into()),
            fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
            raw: "x".repeat(raw).into(),
        })
        .collect()
}

fn mailbox() -> (Outbox, Events) {
    pair(Arc::new(|| {}))
}

fn seqs(events: &Events) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(event) = events.try_next() {
        if let Event::Committed { entries, .. } = event {
            seqs.extend(entries.iter().map(|entry| entry.seq.0));
        }
    }
    seqs
}

#[test]
fn a_burst_wakes_the_window_once() {
    let rung = Arc::new(AtomicUsize::new(0));
    let bell = rung.clone();
    let (outbox, events) = pair(Arc::new(move || {
        bell.fetch_add(1, Ordering::SeqCst);
    }));
    for size in 0..100 {
        outbox.post(Event::JournalSize(size));
    }
    assert_eq!(rung.load(Ordering::SeqCst), 1, "one ring for a burst");
    events.begin_drain();
    while events.try_next().is_some() {}
    outbox.post(Event::JournalSize(1));
    assert_eq!(rung.load(Ordering::SeqCst), 2, "what comes after the drain began rings again");
}

#[tokio::test]
async fn a_window_that_stalls_is_told_everything_later_and_memory_stays_bounded() {
    let (outbox, events) = mailbox();
    let profile = ProfileId::random();
    let all = entries(1..201, 1024 * 1024);
    for chunk in all.chunks(1) {
        outbox.committed(profile, chunk.to_vec());
    }
    assert!(outbox.0.lock().weight <= ENTRIES_LIMIT, "more waits than may");
    let mut told = seqs(&events);
    assert!(told.len() < 200, "nothing lagged, so this test tests nothing");
    loop {
        if outbox.0.lock().lagging.is_empty() {
            break;
        }
        let (of, from) = outbox.lagging().await;
        assert_eq!(of, profile);
        let chunk: Vec<Entry> = all.iter().filter(|entry| entry.seq >= from).take(7).cloned().collect();
        outbox.caught_up(profile, chunk);
        told.extend(seqs(&events));
    }
    assert_eq!(told, (1..201).collect::<Vec<_>>(), "each entry once and in order");
}

#[test]
fn entries_committed_while_the_window_catches_up_are_not_told_twice() {
    let (outbox, events) = mailbox();
    let profile = ProfileId::random();
    outbox.0.lock().lagging.insert(profile, Lag { from: Seq(1), newest: Seq(2) });
    outbox.committed(profile, entries(3..4, 1));
    assert_eq!(seqs(&events), Vec::<u64>::new(), "it is lagging: the journal tells it");
    outbox.caught_up(profile, entries(1..3, 1));
    assert_eq!(outbox.0.lock().lagging.get(&profile).map(|lag| lag.from), Some(Seq(3)));
    outbox.caught_up(profile, entries(3..4, 1));
    outbox.committed(profile, entries(4..5, 1));
    assert_eq!(seqs(&events), [1, 2, 3, 4]);
}

#[test]
fn states_replace_their_older_selves_where_the_window_stalls() {
    let (outbox, events) = mailbox();
    let profile = ProfileId::random();
    for n in 0..10_000_u64 {
        let state = if n % 2 == 0 { ConnectionState::Connecting } else { ConnectionState::Joining };
        outbox.post(Event::Connection { profile, state });
    }
    let waiting = outbox.0.lock().queue.len();
    assert!(waiting <= EVENTS_LIMIT, "{waiting} events wait");
    let mut last = None;
    while let Some(event) = events.try_next() {
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::Connection { state: ConnectionState::Joining, .. })), "{last:?}");
}

#[test]
fn notices_are_said_once_and_never_lost_uncounted() {
    let (outbox, events) = mailbox();
    let notice = |n: usize| Notice::new(Severity::Warning, None, format!("Notice {n}."));
    for n in 0..NOTICES_LIMIT + 10 {
        outbox.notice(notice(n));
        outbox.notice(notice(n));
    }
    let mut sentences = Vec::new();
    while let Some(event) = events.try_next() {
        let Event::Notice(notice) = event else { panic!("{event:?}") };
        sentences.push(notice.sentence);
    }
    assert_eq!(sentences.len(), NOTICES_LIMIT + 1);
    assert!(sentences.last().unwrap().starts_with("20 more notices"), "{sentences:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_restored_waits_for_room() {
    let (outbox, events) = mailbox();
    let profile = ProfileId::random();
    let restored = |range| Event::Restored {
        profile,
        entries: entries(range, 5 * 1024 * 1024),
        live_from: Seq(100),
        complete: false,
    };
    outbox.restored(restored(1..2)).await;
    let second = outbox.restored(restored(2..3));
    tokio::pin!(second);
    assert!(second.as_mut().now_or_never().is_none(), "there was no room");
    assert!(matches!(events.try_next(), Some(Event::Restored { .. })));
    second.await;
    assert!(matches!(events.try_next(), Some(Event::Restored { .. })));
}
