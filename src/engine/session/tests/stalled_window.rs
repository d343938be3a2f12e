//! A window that reads no events: its queue is bounded, the journal has everything, and it gets the rest when it reads again.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::activity::{ActivityKey, Entry, Seq};
use crate::engine::events::event::Event;
use crate::engine::events::event_queue::{ENTRIES_LIMIT, EVENTS_LIMIT};
use crate::engine::storage::history_loader;

use super::fixture::Fixture;

/// A million, or in a debug build as many as take a moment: several times what may be queued for the window.
const MESSAGES: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
/// Generous, because these tests do not measure speed.
const DEADLINE: Duration = Duration::from_mins(5);
/// How many entries are read from the journal at once.
const PAGE: usize = 10_000;

/// Messages as a server sends them: unmasked text frames, each below 126 bytes.
fn frames(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let (mut bytes, mut text) = (Vec::new(), String::new());
    for number in numbers {
        text.clear();
        write!(text, r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{number}","command_status":2,"body":"done"}}}}"#)
            .unwrap();
        bytes.extend([0x81, u8::try_from(text.len()).expect("a short message")]);
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The numbers of the commands among the entries.
fn numbers(entries: &[Entry]) -> impl Iterator<Item = usize> {
    entries.iter().filter_map(|entry| match &entry.key {
        ActivityKey::Command(id) => id.as_str().parse().ok(),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_frozen_during_a_flood_costs_bounded_memory_and_gets_everything_afterwards() {
    let (fixture, mut server) = Fixture::live().await;
    let (store, journal) = (fixture.journal_store.store.clone(), fixture.journal_store.journal.clone());
    fixture.spawner.spawn("catching up", history_loader::catch_up(store, fixture.event_sender.clone()));

    // Nothing reads the events from here on.
    let flood = async {
        for first in (0..MESSAGES).step_by(PAGE) {
            let last = MESSAGES.min(first + PAGE);
            server.0.get_mut().write_all(&frames(first..last)).await.expect("the client reads on");
        }
        server
    };
    let mut most = (0, 0);
    let filling = async {
        let (mut next, mut expected) = (Seq(0), 0);
        while expected < MESSAGES {
            let page = journal.entries_from(fixture.profile, next, PAGE).await.expect("the journal is read");
            for number in numbers(&page) {
                assert_eq!(number, expected, "lost, twice, or in another order in the journal");
                expected += 1;
            }
            next = page.last().map_or(next, |last| Seq(last.seq.0 + 1));
            let (events, bytes) = fixture.event_sender.queued();
            most = (events.max(most.0), bytes.max(most.1));
            tokio::task::yield_now().await;
        }
    };
    let (_server, ()) =
        tokio::time::timeout(DEADLINE, async { tokio::join!(flood, filling) }).await.expect("all of it in the journal");
    assert!(most.1 <= ENTRIES_LIMIT, "{} bytes wait for the window", most.1);
    assert!(most.0 <= EVENTS_LIMIT + 16, "{} events wait for the window", most.0);
    assert!(most.1 > ENTRIES_LIMIT / 2, "never full, so this test tests nothing: {most:?}");
    assert_eq!(fixture.network.attempts(), 1, "the connection did not bear it");

    // The window reads again.
    let thawing = async {
        let mut told = 0;
        while told < MESSAGES {
            match fixture.events.try_next() {
                Some(Event::Committed { entries, .. }) => {
                    for number in numbers(&entries) {
                        assert_eq!(number, told, "lost, twice, or in another order for the window");
                        told += 1;
                    }
                }
                Some(_) => {}
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, thawing).await.expect("all of it told");
}
