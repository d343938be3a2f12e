//! Until when a connection is known to have lived, whoever ends it; and that the receive buffer is read first.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::activity::{Gap, Timestamp};
use crate::engine::events::event::ConnectionState;
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Server, outcome_message};

use super::fixture::{Fixture, LIMIT, invalid_token, run_until_idle, session_credentials};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Makes the server read for `time`, because it answers pings only while it reads.
async fn read(server: &mut Server, time: Duration) {
    assert!(tokio::time::timeout(time, server.request()).await.is_err(), "the client said something");
}

/// A session that was joined for a while and whose server stopped answering at the time that is returned; 12 s have passed
/// since, and the session has not noticed.
async fn dying() -> (Fixture, Server, Timestamp) {
    let (fixture, mut server) = Fixture::live().await;
    read(&mut server, seconds(100)).await;
    let died = (fixture.now)();
    tokio::time::sleep(seconds(12)).await;
    (fixture, server, died)
}

fn last_gap(fixture: &Fixture) -> Gap {
    fixture.journal_store.gaps().pop().expect("a gap")
}

#[tokio::test(start_paused = true)]
async fn the_gap_of_a_dead_connection_begins_at_its_last_sign_of_life_however_it_ends() {
    type Ending = (&'static str, fn(&Fixture));
    let endings: [Ending; 6] = [
        ("disconnect", |fixture| fixture.set_target(TargetState::Offline)),
        ("sign out", |fixture| fixture.set_target(TargetState::SignedOut)),
        ("another token", |fixture| fixture.set_target(TargetState::Online(session_credentials(2)))),
        ("a dead token", |fixture| fixture.set_target(invalid_token())),
        ("another limit", |fixture| {
            fixture.desired_state.send_modify(|desired_state| desired_state.message_limit = 2 * LIMIT);
        }),
        ("disconnect and connect", |fixture| {
            fixture.set_target(TargetState::Offline);
            fixture.set_target(TargetState::Online(session_credentials(3)));
        }),
    ];
    for (name, end) in endings {
        let (mut fixture, _server, died) = dying().await;
        end(&fixture);
        fixture.until(|state| *state == ConnectionState::Leaving).await;
        fixture.until(|state| *state != ConnectionState::Leaving).await;
        run_until_idle().await;
        let gap = last_gap(&fixture);
        assert!(gap.from <= died, "{name}: it claims {} s of a dead connection", gap.from.since(died).as_secs());
        if matches!(name, "disconnect" | "sign out" | "a dead token") {
            fixture.set_target(TargetState::Online(session_credentials(4)));
        }
        let _server = fixture.join().await;
        let joined = (fixture.now)();
        run_until_idle().await;
        assert_eq!(last_gap(&fixture).to, Some(joined), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answered_leave_is_a_sign_of_life() {
    let (mut fixture, mut server) = Fixture::live().await;
    read(&mut server, seconds(100)).await;
    tokio::time::sleep(seconds(14)).await;
    fixture.set_target(TargetState::Offline);
    server.request().await.expect("it leaves");
    server.send(&json!({"status": 200})).await;
    fixture.until(|state| *state == ConnectionState::Offline).await;
    let left = (fixture.now)();
    run_until_idle().await;
    assert_eq!(last_gap(&fixture).from, left);
}

/// When the profile was last alive, as the next run will read it.
async fn last_seen(fixture: &Fixture) -> Option<Timestamp> {
    run_until_idle().await;
    fixture.journal_store.journal.last_seen(fixture.profile).await.unwrap()
}

/// Quits; returns when the profile was last alive, as the next run will read it.
async fn quit(fixture: &Fixture) -> Option<Timestamp> {
    fixture.set_target(TargetState::Stopped);
    tokio::time::sleep(seconds(2)).await;
    last_seen(fixture).await
}

#[tokio::test(start_paused = true)]
async fn quitting_records_the_last_sign_of_life_and_not_the_time_of_the_quit() {
    let (fixture, _server, died) = dying().await;
    let alive = quit(&fixture).await.expect("a sign of life");
    assert!(alive <= died, "{} s too late", alive.since(died).as_secs());
    assert!(died.since(alive) <= seconds(60), "{} s too early", died.since(alive).as_secs());
    assert!(fixture.journal_store.gaps().is_empty(), "the next run makes the gap");
}

#[tokio::test(start_paused = true)]
async fn quitting_records_the_time_of_an_answered_leave() {
    let (fixture, mut server) = Fixture::live().await;
    read(&mut server, seconds(70)).await;
    tokio::time::sleep(seconds(14)).await;
    fixture.set_target(TargetState::Stopped);
    server.request().await.expect("it leaves");
    let left = (fixture.now)();
    server.send(&json!({"status": 200})).await;
    run_until_idle().await;
    assert_eq!(last_seen(&fixture).await, Some(left));
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_is_recorded_once_a_minute_in_case_the_run_is_killed() {
    let (fixture, mut server) = Fixture::live().await;
    let start = (fixture.now)();
    read(&mut server, seconds(1)).await;
    assert_eq!(last_seen(&fixture).await, Some(start), "not at the join");
    read(&mut server, seconds(600)).await;
    let died = (fixture.now)();
    tokio::time::sleep(seconds(12)).await;
    let alive = last_seen(&fixture).await.expect("a sign of life");
    assert!(alive <= died && died.since(alive) <= seconds(76), "{}", died.since(alive).as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_receive_buffer_is_read_before_a_connection_counts_as_dead() {
    let (mut fixture, mut server) = Fixture::live().await;
    let start = Instant::now();
    read(&mut server, Duration::from_millis(1)).await;
    // The overdue pong arrives together with an outcome at the very time at which the session gives up.
    tokio::time::sleep_until(start + seconds(25)).await;
    server.send(&outcome_message("late")).await;
    assert_eq!(fixture.received_ids(1).await, ["late"]);
    read(&mut server, seconds(120)).await;
    assert_eq!(fixture.network.attempts(), 1, "it was given up");
    assert_eq!(fixture.journal_store.ids(), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn the_receive_buffer_is_read_if_the_leave_can_not_be_sent() {
    let (mut fixture, mut server) = Fixture::live().await;
    read(&mut server, seconds(5)).await;
    server.send(&outcome_message("last")).await;
    server.frame(Frame::Close(None)).await;
    drop(server);
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
    run_until_idle().await;
    assert_eq!(fixture.journal_store.ids(), ["last"]);
}

/// Messages were in the buffer while the journal refused, and then the end came: they prove nothing about now.
#[tokio::test(start_paused = true)]
async fn messages_that_waited_unread_are_no_sign_of_life_when_they_are_read() {
    let (mut fixture, mut server) = Fixture::live().await;
    read(&mut server, seconds(30)).await;
    fixture.journal_store.set_refusing(true);
    // Until nothing more is accepted.
    for n in 0..5_000 {
        server.send(&outcome_message(&n.to_string())).await;
        if n % 100 == 0 {
            run_until_idle().await;
        }
    }
    tokio::time::sleep(seconds(1)).await;
    server.send(&outcome_message("last")).await;
    let died = (fixture.now)();
    drop(server);
    tokio::time::sleep(seconds(300)).await;
    fixture.journal_store.set_refusing(false);
    let _server = fixture.join().await;
    run_until_idle().await;
    assert_eq!(fixture.journal_store.ids().last().map(String::as_str), Some("last"));
    let gap = last_gap(&fixture);
    assert!(gap.from <= died, "{} s are in no gap", gap.from.since(died).as_secs());
}

/// The network card received an outcome before the machine went to sleep.
#[tokio::test(start_paused = true)]
async fn messages_that_waited_through_a_sleep_are_no_sign_of_life_after_it() {
    for answers in [false, true] {
        let (mut fixture, mut server) = Fixture::live().await;
        read(&mut server, seconds(50)).await;
        let from = (fixture.now)();
        fixture.slept.store(6 * 3_600, Ordering::SeqCst);
        fixture.set_by.store(6 * 3_600 * 1_000_000, Ordering::SeqCst);
        server.send(&outcome_message("before the sleep")).await;
        fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
        assert_eq!(fixture.received_ids(1).await, ["before the sleep"]);
        if answers {
            read(&mut server, seconds(60)).await;
            assert_eq!(fixture.network.attempts(), 1, "it lives");
            assert!(fixture.journal_store.gaps().is_empty(), "nothing was missed");
            continue;
        }
        let start = Instant::now();
        fixture.failure().await;
        assert!(start.elapsed() <= seconds(25), "{:?}", start.elapsed());
        let _server = fixture.join().await;
        run_until_idle().await;
        let gap = last_gap(&fixture);
        let lasted = gap.to.expect("an end").since(gap.from);
        assert!(lasted >= seconds(6 * 3_600), "the sleep is in no gap: {lasted:?} since {from}");
    }
}
