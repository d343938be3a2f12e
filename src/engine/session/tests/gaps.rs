//! Every time without a joined connection is a gap: from the last sign of life to the next join that holds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::activity::{ActivityKey, Entry, GapCause, Timestamp};
use crate::engine::events::event::ConnectionState;
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Server, outcome_message};

use super::fixture::{Fixture, run_until_idle, session_credentials};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Keeps a connection open for `time`.
async fn hold(server: &mut Server, time: Duration) {
    assert!(tokio::time::timeout(time, server.request()).await.is_err(), "the client said something");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_a_gap_from_its_last_sign_of_life_to_the_next_join() {
    let (mut fixture, mut server) = Fixture::live().await;
    hold(&mut server, seconds(100)).await;
    server.send(&outcome_message("last")).await;
    fixture.received_ids(1).await;
    let from = (fixture.now)();
    // The server does not read, so no pong comes. The connection is dead 25 s later.
    fixture.failure().await;
    run_until_idle().await;
    let gaps = fixture.journal_store.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].to, gaps[0].cause), (None, GapCause::Disconnected));
    assert!(from.since(gaps[0].from) < seconds(1) && gaps[0].from.since(from) < seconds(1), "{gaps:?}");
    let _server = fixture.join().await;
    let joined = (fixture.now)();
    run_until_idle().await;
    let gaps = fixture.journal_store.gaps();
    assert_eq!((gaps.len(), gaps[0].to), (1, Some(joined)));
}

#[tokio::test(start_paused = true)]
async fn disconnecting_is_a_gap_that_names_the_open_commands() {
    let (mut fixture, mut server) = Fixture::live().await;
    hold(&mut server, seconds(60)).await;
    let pending = json!({"data": {"type": "X-DPT-CAB-ID", "id": "open", "command_status": 1}});
    let preparing = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 0, "body": "Soon"}});
    for message in [outcome_message("done"), pending, preparing] {
        server.send(&message).await;
    }
    fixture.received_ids(3).await;
    fixture.set_target(TargetState::Offline);
    server.request().await.expect("it leaves");
    server.send(&json!({"status": 200})).await;
    fixture.until(|state| *state == ConnectionState::Offline).await;
    let from = (fixture.now)();
    tokio::time::sleep(seconds(3_600)).await;
    fixture.set_target(TargetState::Online(session_credentials(1)));
    let _server = fixture.join().await;
    let joined = (fixture.now)();
    run_until_idle().await;
    let gaps = fixture.journal_store.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].from, gaps[0].to), (from, Some(joined)));
    assert_eq!((gaps[0].open.clone(), gaps[0].requests), (vec!["open".into()], 1));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_short_reconnects_are_one_gap() {
    let mut fixture = Fixture::online();
    let mut first_loss = None;
    for n in 0..10_000 {
        let mut server = fixture.join().await;
        server.send(&outcome_message(&n.to_string())).await;
        fixture.received_ids(1).await;
        first_loss = first_loss.or(Some((fixture.now)()));
        drop(server);
    }
    let mut server = fixture.join().await;
    let last_join = (fixture.now)();
    hold(&mut server, seconds(31)).await;
    let gaps = fixture.journal_store.gaps();
    assert_eq!(gaps.len(), 1, "gaps pile up");
    assert_eq!((Some(gaps[0].from), gaps[0].to), (first_loss, Some(last_join)));
    assert_eq!(fixture.journal_store.ids(), (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(fixture.network.max_open(), 1);
    // The connection has held, so the next loss is another gap.
    drop(server);
    let _server = fixture.join().await;
    run_until_idle().await;
    assert_eq!(fixture.journal_store.gaps().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flapping_connection_writes_no_more_than_its_losses_plus_the_open_commands() {
    let mut written = Vec::new();
    for (losses, open) in [(1, 10), (1, 400), (200, 10), (200, 400)] {
        let (mut fixture, mut server) = Fixture::live().await;
        for n in 0..open {
            let id = format!("{n:036}");
            server.send(&json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 1}})).await;
        }
        fixture.received_ids(open).await;
        for _ in 0..losses {
            drop(server);
            server = fixture.join().await;
        }
        // It is listed as well, although the gap has already ended.
        server.send(&json!({"data": {"type": "X-DPT-CAB-ID", "id": "late", "command_status": 1}})).await;
        fixture.received_ids(1).await;
        drop(server);
        let _server = fixture.join().await;
        run_until_idle().await;
        let gaps = fixture.journal_store.gaps();
        assert_eq!((gaps.len(), gaps[0].open.len()), (1, open + 1), "{losses} losses");
        let entries = fixture.journal_store.entries();
        let of_gaps = entries.iter().filter(|entry| matches!(entry.key, ActivityKey::Gap(_)));
        written.push(of_gaps.map(Entry::weight).sum::<usize>());
    }
    let [few, many_open, many_losses, many_of_both] = written[..] else { panic!("{written:?}") };
    assert_eq!(many_of_both - many_losses, many_open - few, "{written:?}");
}

#[tokio::test(start_paused = true)]
async fn hours_of_suspend_count_although_the_monotonic_clock_stops() {
    let (mut fixture, mut server) = Fixture::live().await;
    hold(&mut server, seconds(50)).await;
    let from = (fixture.now)();
    // Six hours of sleep: the time of day and the clock that counts sleep advance, tokio's clock does not.
    fixture.slept.store(6 * 3_600, Ordering::SeqCst);
    fixture.set_by.store(6 * 3_600 * 1_000_000, Ordering::SeqCst);
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    fixture.failure().await;
    let _server = fixture.join().await;
    run_until_idle().await;
    let gap = fixture.journal_store.gaps().pop().expect("a gap");
    assert_eq!(gap.cause, GapCause::Asleep);
    assert!(gap.from <= from.plus(seconds(1)) && gap.from.plus(seconds(21)) >= from, "{gap:?} begins at {from:?}");
    let lasted = gap.to.expect("an end").since(gap.from);
    assert!(lasted >= seconds(6 * 3_600), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn setting_the_clock_does_not_change_the_length_of_a_gap() {
    const HOUR: i64 = 3_600_000_000;
    for by in [-2 * HOUR, 2 * HOUR] {
        let (mut fixture, mut server) = Fixture::live().await;
        hold(&mut server, seconds(50)).await;
        server.send(&outcome_message("last")).await;
        fixture.received_ids(1).await;
        fixture.set_target(TargetState::Offline);
        fixture.until(|state| *state == ConnectionState::Offline).await;
        fixture.set_by.store(by, Ordering::SeqCst);
        tokio::time::sleep(seconds(600)).await;
        fixture.set_target(TargetState::Online(session_credentials(1)));
        let _server = fixture.join().await;
        let joined = (fixture.now)();
        run_until_idle().await;
        let gap = fixture.journal_store.gaps().pop().expect("a gap");
        let lasted = gap.to.expect("an end").since(gap.from);
        assert!(lasted >= seconds(600) && lasted <= seconds(603), "set by {by}: {lasted:?}");
        assert_eq!(gap.to, Some(joined));
        assert!(gap.from > Timestamp(0));
    }
}
