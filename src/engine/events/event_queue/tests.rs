use std::sync::atomic::AtomicUsize;

use futures_util::FutureExt as _;
use proptest::prelude::*;

use crate::activity::{ActivityKey, Fact, Timestamp};
use crate::engine::events::event::ConnectionState;
use crate::engine::events::notice_reason::PersistentReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::network::rest_error::RestError;
use crate::journal::JournalError;
use crate::protocol::UnreadableReason;
use crate::settings::SettingsError;

use super::*;

fn entries(range: std::ops::Range<u64>, raw: usize) -> Vec<Entry> {
    range
        .map(|seq| Entry {
            seq: Seq(seq),
            at: Timestamp(0),
            key: ActivityKey::Message(seq.to_string().into()),
            fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
            raw: "x".repeat(raw).into(),
        })
        .collect()
}

fn ours() -> ProfileId {
    ProfileId::from_u128(1)
}

fn event_queue() -> (EventSender, EventReceiver) {
    channel_for(ours(), Arc::new(|| {}))
}

fn seqs(events: &EventReceiver) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(event) = events.try_next() {
        if let Event::Committed { entries, .. } = event {
            seqs.extend(entries.iter().map(|entry| entry.seq.0));
        }
    }
    seqs
}

#[test]
fn each_change_of_the_status_wakes_the_window_and_an_equal_value_does_not() {
    let woken = Arc::new(AtomicUsize::new(0));
    let bell = woken.clone();
    let (event_sender, events) = channel(Arc::new(move || {
        bell.fetch_add(1, Ordering::SeqCst);
    }));
    for size in 0..100 {
        event_sender.set_journal_size(size);
    }
    assert_eq!(woken.swap(0, Ordering::SeqCst), 100);
    assert_eq!(events.status().and_then(|status| status.journal_size), Some(99), "not the newest");
    assert!(events.status().is_none(), "nothing has changed");
    while events.try_next().is_some() {}
    event_sender.set_journal_size(99);
    assert_eq!(woken.load(Ordering::SeqCst), 0, "what is as it was is no news");
    event_sender.set_journal_size(1);
    assert_eq!(woken.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stalled_window_gets_everything_later_and_memory_stays_bounded() {
    let (event_sender, events) = event_queue();
    let profile = ours();
    let all = entries(1..201, 1024 * 1024);
    for chunk in all.chunks(1) {
        event_sender.send_committed(profile, chunk.to_vec());
    }
    assert!(event_sender.0.event_queue.lock().weight <= ENTRIES_LIMIT, "more waits than may");
    let mut told = seqs(&events);
    assert!(told.len() < 200, "nothing lagged, so this test tests nothing");
    loop {
        if event_sender.0.event_queue.lock().lagging.is_empty() {
            break;
        }
        let (of, from) = event_sender.next_lagging().await;
        assert_eq!(of, profile);
        let chunk: Vec<Entry> = all.iter().filter(|entry| entry.seq >= from).take(7).cloned().collect();
        event_sender.send_caught_up(profile, chunk);
        told.extend(seqs(&events));
    }
    assert_eq!(told, (1..201).collect::<Vec<_>>(), "each entry once and in order");
}

#[test]
fn entries_committed_while_the_window_catches_up_are_not_sent_twice() {
    let (event_sender, events) = event_queue();
    let profile = ours();
    event_sender.0.event_queue.lock().lagging.insert(profile, Backlog { from: Seq(1), newest: Seq(2) });
    event_sender.send_committed(profile, entries(3..4, 1));
    assert_eq!(seqs(&events), Vec::<u64>::new(), "it is lagging: the journal tells it");
    event_sender.send_caught_up(profile, entries(1..3, 1));
    assert_eq!(event_sender.0.event_queue.lock().lagging.get(&profile).map(|lag| lag.from), Some(Seq(3)));
    event_sender.send_caught_up(profile, entries(3..4, 1));
    event_sender.send_committed(profile, entries(4..5, 1));
    assert_eq!(seqs(&events), [1, 2, 3, 4]);
}

/// What happens to a profile's entries on their way to the window.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// The journal commits this many entries.
    Commit(u64),
    /// The oldest batch that was committed but not published is published.
    Publish,
    /// The queue becomes full.
    Fill,
    /// This many entries are read from the journal for the window, which lags.
    Read(usize),
    /// The entries that were read are queued.
    CatchUp,
    /// The window drains the queue.
    Drain,
}

#[test]
fn each_entry_is_sent_once_however_commits_and_catching_up_interleave() {
    let acts = prop_oneof![
        4 => (1_u64..4).prop_map(Act::Commit),
        4 => Just(Act::Publish),
        1 => Just(Act::Fill),
        3 => (1_usize..6).prop_map(Act::Read),
        3 => Just(Act::CatchUp),
        2 => Just(Act::Drain),
    ];
    proptest!(|(acts in proptest::collection::vec(acts, 1..60))| {
        let (event_sender, events) = event_queue();
        let profile = ProfileId::from_u128(1);
        let (mut durable, mut announced) = (Vec::new(), VecDeque::new());
        let (mut told, mut found) = (Vec::new(), None);
        let read = |durable: &[Entry], limit: usize| {
            let (_, from) = event_sender.next_lagging().now_or_never()?;
            Some(durable.iter().filter(|entry| entry.seq >= from).take(limit).cloned().collect::<Vec<_>>())
        };
        let drain = || {
            let told = seqs(&events);
            event_sender.0.event_queue.lock().weight = 0;
            told
        };
        for act in acts {
            match act {
                Act::Commit(count) => {
                    let next = durable.len() as u64 + 1;
                    let batch = entries(next..next + count, 1);
                    durable.extend(batch.clone());
                    announced.push_back(batch);
                }
                Act::Publish => {
                    if let Some(batch) = announced.pop_front() {
                        event_sender.send_committed(profile, batch);
                    }
                }
                Act::Fill => event_sender.0.event_queue.lock().weight = ENTRIES_LIMIT,
                Act::Read(limit) => found = found.or_else(|| read(&durable, limit)),
                Act::CatchUp => {
                    if let Some(found) = found.take() {
                        event_sender.send_caught_up(profile, found);
                    }
                }
                Act::Drain => told.extend(drain()),
            }
        }
        for batch in announced {
            event_sender.send_committed(profile, batch);
        }
        for _ in 0..=durable.len() {
            if let Some(found) = found.take() {
                event_sender.send_caught_up(profile, found);
            }
            told.extend(drain());
            found = read(&durable, 3);
        }
        prop_assert_eq!(told, (1..=durable.len() as u64).collect::<Vec<_>>());
    });
}

#[test]
fn entries_read_before_the_history_is_cleared_are_not_sent() {
    let (event_sender, events) = event_queue();
    let profile = ProfileId::random();
    event_sender.0.event_queue.lock().lagging.insert(profile, Backlog { from: Seq(1), newest: Seq(2) });
    event_sender.drop_profile(profile);
    event_sender.0.event_queue.lock().lagging.insert(profile, Backlog { from: Seq(8), newest: Seq(9) });
    event_sender.send_caught_up(profile, entries(1..3, 1));
    assert_eq!(seqs(&events), [0_u64; 0]);
}

#[test]
fn the_status_is_always_the_newest_value_and_nothing_piles_up() {
    let (event_sender, events) = event_queue();
    // The profile is not in the settings.
    let stranger = ProfileId::from_u128(2);
    for n in 0..10_000_u64 {
        let state = if n % 2 == 0 { ConnectionState::Connecting } else { ConnectionState::Joining };
        event_sender.update(stranger, |status| status.set_connection(state));
    }
    assert_eq!(event_sender.queued().0, 0, "states wait as events");
    let status = events.status().unwrap();
    assert_eq!(status.profile(stranger).unwrap().connection, Some(ConnectionState::Joining));
    event_sender.remove(stranger);
    assert!(events.status().unwrap().profile(stranger).is_none(), "it is still there");
}

#[tokio::test]
async fn entries_of_a_profile_that_is_not_in_the_settings_yet_are_sent_once_it_is() {
    let (event_sender, events) = channel(Arc::new(|| {}));
    event_sender.send_committed(ours(), entries(7..9, 1));
    assert!(!event_sender.send_unpersisted(ours(), entries(9..10, 1)), "shown, where there is nowhere to show it");
    assert_eq!(seqs(&events), Vec::<u64>::new());
    assert!(event_sender.next_lagging().now_or_never().is_none(), "read for nobody");
    let lagging = event_sender.next_lagging();
    tokio::pin!(lagging);
    assert!(lagging.as_mut().now_or_never().is_none());
    let profile = crate::settings::Profile { id: ours(), ..Default::default() };
    event_sender.set_settings(&crate::settings::Settings { profiles: vec![profile], ..Default::default() }, 0);
    assert_eq!(lagging.await, (ours(), Seq(7)));
    event_sender.send_caught_up(ours(), entries(7..9, 1));
    event_sender.send_committed(ours(), entries(9..10, 1));
    assert_eq!(seqs(&events), [7, 8, 9]);
}

#[test]
fn a_download_is_shown_as_long_as_it_runs_however_it_ends() {
    let (event_sender, events) = event_queue();
    let request = crate::protocol::RequestId::from("r-1");
    let running = |events: &EventReceiver| {
        let status = events.status().unwrap();
        status.profile(ours()).unwrap().downloads.values().map(|one| one.file_name.clone()).collect::<Vec<_>>()
    };
    let first = event_sender.show_download(ours(), &request, "a".to_owned());
    assert_eq!(running(&events), ["a"]);
    // The request is made again before the first download has recorded its end.
    let second = event_sender.show_download(ours(), &request, "b".to_owned());
    first.update(crate::engine::events::event::DownloadProgress::default());
    drop(first);
    assert_eq!(running(&events), ["b"], "the older one took the newer one away");
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _shown = second;
        panic!("it breaks");
    }));
    assert!(panics.is_err());
    assert_eq!(running(&events), [""; 0]);
}

#[test]
fn a_problem_stays_until_it_is_resolved_and_repetitions_are_counted() {
    let (event_sender, events) = event_queue();
    let problems = |events: &EventReceiver| {
        let problems = events.status().unwrap().problems;
        problems.into_iter().map(|problem| (problem.kind(), problem.number, problem.times)).collect::<Vec<_>>()
    };
    event_sender.report_problem(Some(ours()), ProblemReason::NewTokenRefused);
    event_sender.report_problem(None, ProblemReason::SettingsFile(SettingsError::NoHome.into()));
    event_sender.report_problem(Some(ours()), ProblemReason::NewTokenRefused);
    assert_eq!(problems(&events), [(ProblemKind::SettingsFile, 2, 1), (ProblemKind::TokenRenewal, 3, 2)]);
    event_sender.resolve_problem(None, &ProblemKind::TokenRenewal);
    assert!(events.status().is_none(), "another's was resolved");
    event_sender.resolve_problem(Some(ours()), &ProblemKind::TokenRenewal);
    assert_eq!(problems(&events), [(ProblemKind::SettingsFile, 2, 1)]);
    event_sender.report_problem(Some(ours()), ProblemReason::NewTokenRefused);
    assert_eq!(problems(&events).last(), Some(&(ProblemKind::TokenRenewal, 4, 1)));
    event_sender.remove(ours());
    assert_eq!(problems(&events), [(ProblemKind::SettingsFile, 2, 1)], "it outlives its profile");
}

#[test]
fn a_problem_with_another_reason_is_a_new_one_even_if_its_text_is_the_same() {
    let (event_sender, events) = event_queue();
    let error = |words: &str| RestError::Unauthorised(words.to_owned());
    let times = |reason: ProblemReason| {
        event_sender.report_problem(Some(ours()), reason);
        events.status().unwrap().problems.iter().map(|problem| problem.times).collect::<Vec<_>>()
    };
    assert_eq!(times(ProblemReason::TokenNotRenewed(error("no"))), [1]);
    assert_eq!(times(ProblemReason::TokenNotRenewed(error("no"))), [2]);
    assert_eq!(times(ProblemReason::NewTokenRefused), [1]);
    // Both have the same text.
    let (refused, not_renewed) = (ProblemReason::TokenRefused(error("no")), ProblemReason::StatusChecks(error("no")));
    assert_eq!(times(refused.clone()), [1, 1]);
    assert_ne!(refused.kind(), not_renewed.kind());
    assert_eq!((refused.severity(), not_renewed.severity()), (Severity::Error, Severity::Warning));
}

#[test]
fn a_notice_is_shown_once_and_dropped_notices_are_counted() {
    let (event_sender, events) = event_queue();
    let notice = |n: usize| Notice::new(Severity::Warning, None, NoticeReason::SilentCommands(n));
    for n in 0..NOTICES_LIMIT + 10 {
        event_sender.send_notice(notice(n));
        event_sender.send_notice(notice(n));
    }
    let mut sentences = Vec::new();
    while let Some(event) = events.try_next() {
        let Event::Notice(notice) = event else { panic!("{event:?}") };
        sentences.push(notice.sentence());
    }
    assert_eq!(sentences.len(), NOTICES_LIMIT + 1);
    assert!(sentences.last().unwrap().starts_with("20 more notices"), "{sentences:?}");
}

#[test]
fn a_notice_is_queued_once_per_reason_even_if_its_text_is_the_same() {
    let (event_sender, events) = event_queue();
    let words = "The same words.";
    let key_gone = PersistentReason::LinkKeyMissing(3);
    let io = |path: &str| JournalError::Replaced { path: path.into() };
    let reasons = [
        NoticeReason::Window(words.to_owned()),
        NoticeReason::SettingsReset(words.to_owned()),
        NoticeReason::NotRestored(io("one").into()),
        key_gone.clone().into(),
    ];
    // An earlier run stored this one, and the same cause may have another detail.
    let repeats = [NoticeReason::stored(key_gone.to_string()), NoticeReason::NotRestored(io("other").into())];
    for reason in reasons.iter().cloned().chain(repeats) {
        event_sender.send_notice(Notice::new(Severity::Warning, None, reason));
    }
    let waiting = std::iter::from_fn(|| events.try_next()).map(|event| match event {
        Event::Notice(notice) => notice.reason,
        other => panic!("{other:?}"),
    });
    assert_eq!(waiting.collect::<Vec<_>>(), reasons);
}

#[tokio::test(start_paused = true)]
async fn restored_entries_wait_for_space() {
    let (event_sender, events) = event_queue();
    let profile = ours();
    let restored = |range| Event::Restored {
        profile,
        entries: entries(range, 5 * 1024 * 1024),
        live_from: Seq(100),
        complete: false,
    };
    event_sender.send_restored(restored(1..2)).await;
    let second = event_sender.send_restored(restored(2..3));
    tokio::pin!(second);
    assert!(second.as_mut().now_or_never().is_none(), "there was no room");
    assert!(matches!(events.try_next(), Some(Event::Restored { .. })));
    second.await;
    assert!(matches!(events.try_next(), Some(Event::Restored { .. })));
}
