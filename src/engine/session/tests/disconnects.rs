//! Every way in which a connection ends, and the waits between attempts.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::activity::{GapCause, GapState, OpenItemState};
use crate::engine::events::event::ConnectionState;
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Network, Relay, Server, outcome_message};

use super::fixture::{Fixture, LIMIT, run_until_idle, session_credentials};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn a_silent_network_or_server_times_out_after_ten_seconds() {
    let mut fixture = Fixture::new();
    for network in [Network::Silent, Network::Connects] {
        fixture.network.set_network(network);
        fixture.set_target(TargetState::Online(session_credentials(1)));
        fixture.until(|state| *state == ConnectionState::Connecting).await;
        let start = Instant::now();
        let (_, _, why) = fixture.failure().await;
        assert_eq!(start.elapsed(), seconds(10), "{why}");
        assert!(why.ends_with("did not answer within 10 s."), "{why}");
        assert_eq!(fixture.network.open(), 0);
        fixture.set_target(TargetState::Offline);
        fixture.until(|state| *state == ConnectionState::Offline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_join_times_out_after_five_seconds() {
    let mut fixture = Fixture::online();
    let _server = fixture.server().await;
    fixture.until(|state| *state == ConnectionState::Joining).await;
    let start = Instant::now();
    let (_, _, why) = fixture.failure().await;
    assert_eq!(start.elapsed(), seconds(5), "{why}");
    assert_eq!(why, "The server did not answer the join within 5 s.");
    assert_eq!(fixture.network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_dead_after_25_seconds() {
    let (mut fixture, _server) = Fixture::live().await;
    let start = Instant::now();
    let (_, _, why) = fixture.failure().await;
    assert_eq!(start.elapsed(), seconds(25), "{why}");
    assert!(why.contains("does not respond"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_packets_are_dropped_is_dead_after_25_seconds() {
    let mut fixture = Fixture::online();
    let (relay, far, relaying) = Relay::between(fixture.connection().await);
    fixture.spawner.spawn("relaying", relaying);
    let mut server = Server::upgrade(far).await;
    server.accept_join().await;
    fixture.until(|state| *state == ConnectionState::Live).await;
    // The server reads, and answers pings as long as any arrive.
    let alive = tokio::time::timeout(seconds(3_600), server.request()).await;
    assert!(alive.is_err(), "{alive:?}");
    server.send(&outcome_message("last")).await;
    fixture.received_ids(1).await;

    relay.blackhole();
    let start = Instant::now();
    let (_, _, why) = tokio::select! {
        failure = fixture.failure() => failure,
        request = server.request() => panic!("the server noticed: {request:?}"),
    };
    assert_eq!(start.elapsed(), seconds(25), "{why}");
    assert_eq!(why, "The server does not respond. The connection was closed.");
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_server_answers_pings_stays_up_for_hours() {
    let (fixture, mut server) = Fixture::live().await;
    // The server answers pings only while the test reads.
    let quiet = tokio::time::timeout(seconds(6 * 3_600), server.request()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(fixture.network.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_a_dead_connection_is_detected_within_three_seconds() {
    let (mut fixture, _server) = Fixture::live().await;
    tokio::time::sleep(seconds(1)).await;
    let start = Instant::now();
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    fixture.failure().await;
    assert_eq!(start.elapsed(), seconds(3));
}

#[tokio::test(start_paused = true)]
async fn a_join_refused_for_another_reason_is_retried() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    let join = server.request().await.unwrap();
    server.send(&json!({"correlationId": join["correlationId"], "status": 503, "error": "Try later"})).await;
    let (_, attempt, why) = fixture.failure().await;
    assert_eq!((attempt, why.as_str()), (1, "The server refused the join with status 503: Try later."));
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn the_backoff_is_reset_only_after_thirty_seconds_joined() {
    let mut fixture = Fixture::online();
    for attempt in 1..=4 {
        let mut server = fixture.join().await;
        tokio::select! {
            () = tokio::time::sleep(seconds(29)) => {}
            request = server.request() => panic!("{request:?}"),
        }
        drop(server);
        assert_eq!(fixture.failure().await.1, attempt, "a connection of 29 s reset the wait");
    }
    let mut server = fixture.join().await;
    tokio::select! {
        () = tokio::time::sleep(seconds(30)) => {}
        request = server.request() => panic!("{request:?}"),
    }
    drop(server);
    assert_eq!(fixture.failure().await.1, 1, "a connection of 30 s did not reset the wait");
}

#[tokio::test(start_paused = true)]
async fn without_a_server_retries_continue_for_hours_with_jitter_up_to_twenty_seconds() {
    let mut fixture = Fixture::online();
    fixture.network.set_network(Network::Refuses);
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    let mut last = 0;
    while start.elapsed() < seconds(12 * 3_600) {
        let (wait, attempt, why) = fixture.failure().await;
        assert!(wait <= seconds(20), "waits {wait:?}");
        assert_eq!(attempt, last + 1);
        assert!(why.starts_with("localhost refused the connection on port 8083."), "{why}");
        (longest, last) = (longest.max(wait), attempt);
    }
    assert!(longest > seconds(19), "{longest:?}: no jitter up to the cap");
    assert!((3_600..6_000).contains(&last), "{last} attempts in 12 hours: not 10 s apart in the mean");
    fixture.network.set_network(Network::Connects);
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn retry_now_and_a_resume_skip_the_wait() {
    let mut fixture = Fixture::online();
    fixture.network.set_network(Network::Refuses);
    for n in 1..=20 {
        fixture.failure().await;
        let start = Instant::now();
        fixture.desired_state.send_modify(|desired_state| {
            if n % 2 == 0 { desired_state.retry_count += 1 } else { desired_state.resume_count += 1 }
        });
        fixture.until(|state| *state == ConnectionState::Connecting).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_requested_while_the_failure_is_being_reported_is_not_lost() {
    let mut fixture = Fixture::online();
    for _ in 0..20 {
        fixture.network.set_network(Network::Refuses);
        fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
        // The window knows of the failure; the supervisor, which is busy, does not yet.
        fixture.reporting.send_replace(false);
        fixture.failure().await;
        fixture.network.set_network(Network::Connects);
        fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
        fixture.reporting.send_replace(true);
        let start = Instant::now();
        let server = fixture.join().await;
        assert_eq!(start.elapsed(), Duration::ZERO, "it waited");
        drop(server);
        fixture.failure().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_servers_and_operators_do_there_is_one_socket_and_no_message_is_lost() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut fixture = Fixture::online();
        let mut sent = Vec::new();
        for round in 0..25 {
            fixture.network.set_network(Network::Connects);
            // A session that is waiting, connecting or idle goes online now.
            fixture.set_target(TargetState::Online(session_credentials(1)));
            fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
            let mut server = fixture.server().await;
            match random.u8(0..6) {
                0 => {}
                1 => {
                    server.request().await;
                }
                2 => {
                    server.accept_join().await;
                }
                kind => {
                    server.accept_join().await;
                    for n in 0..random.usize(1..200) {
                        let id = format!("{round}-{n}");
                        server.send(&outcome_message(&id)).await;
                        sent.push(id);
                    }
                    match kind {
                        // An orderly close: everything before it has to be received.
                        3 => server.frame(Frame::Close(None)).await,
                        4 => {
                            fixture.set_target(TargetState::Offline);
                            while server.request().await.is_some_and(|request| request["action"] != "leaveChannel") {}
                            server.send(&json!({"status": 200})).await;
                        }
                        _ => {
                            fixture.desired_state.send_modify(|desired_state| desired_state.message_limit += 1);
                            while server.request().await.is_some_and(|request| request["action"] != "leaveChannel") {}
                            server.send(&json!({"status": 200})).await;
                        }
                    }
                    // Until the client is gone.
                    while server.request().await.is_some() {}
                }
            }
            drop(server);
        }
        fixture.set_target(TargetState::Stopped);
        assert_eq!((&mut fixture.session).await, Some(()), "it panicked");
        // The journal writer may still be writing.
        run_until_idle().await;
        assert_eq!(fixture.journal_store.ids(), sent, "seed {seed}");
        assert_eq!((fixture.network.open(), fixture.network.max_open()), (0, 1), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_message_above_the_limit_is_reported_and_the_third_in_a_row_offers_a_larger_limit() {
    let mut fixture = Fixture::online();
    let lost = [LIMIT + 1, 3 * LIMIT, LIMIT + 1, 5 * LIMIT, LIMIT + 1];
    for (index, size) in lost.into_iter().enumerate() {
        let mut server = fixture.join().await;
        server.frame(Frame::text("x".repeat(size))).await;
        let notice = fixture.notice().await;
        assert!(notice.sentence().contains(&format!("{size} bytes")), "{}", notice.sentence());
        assert_eq!(notice.remedy.is_some(), index >= 2, "{}", notice.sentence());
        fixture.failure().await;
    }
    // After an end of another kind, following a connection that stayed up, the count starts again.
    let mut server = fixture.join().await;
    tokio::select! {
        () = tokio::time::sleep(seconds(60)) => {}
        request = server.request() => panic!("{request:?}"),
    }
    drop(server);
    fixture.failure().await;
    let mut server = fixture.join().await;
    server.frame(Frame::text("x".repeat(LIMIT + 1))).await;
    assert!(fixture.notice().await.remedy.is_none(), "it counts on");
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf_8_is_a_notice_and_a_new_connection() {
    let (mut fixture, mut server) = Fixture::live().await;
    let frame = RawFrame::message(vec![b'{', 0xff, 0xfe], OpCode::Data(Data::Text), true);
    server.frame(Frame::Frame(frame)).await;
    let notice = fixture.notice().await;
    assert!(notice.sentence().contains("not valid UTF-8"), "{}", notice.sentence());
    assert!(notice.remedy.is_none());
    fixture.join().await;
    run_until_idle().await;
    assert_eq!(fixture.journal_store.ids().len(), 1, "a row says that it was lost");
    let gap = fixture.journal_store.gaps().pop().expect("a gap");
    assert_eq!(gap.cause, GapCause::MessageLost);
    let state = GapState::of(&gap, (0, 0), |_| OpenItemState::Settled);
    assert_eq!((state.is_complete(), state.meaning()), (false, "acknowledgements may be missing"));
}

#[tokio::test(start_paused = true)]
async fn a_message_lost_before_the_join_is_reported_too() {
    let (mut fixture, server) = Fixture::live().await;
    drop(server);
    fixture.failure().await;
    let mut server = fixture.server().await;
    server.request().await.expect("it joins");
    server.frame(Frame::text("x".repeat(LIMIT + 1))).await;
    fixture.failure().await;
    let _server = fixture.join().await;
    run_until_idle().await;
    let gaps = fixture.journal_store.gaps();
    assert_eq!((gaps.len(), gaps[0].cause, gaps[0].to.is_some()), (1, GapCause::MessageLost, true));
    assert_eq!(fixture.journal_store.ids().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_is_an_entry_and_the_next_one_is_read() {
    let (mut fixture, mut server) = Fixture::live().await;
    for frame in
        [Frame::text("not JSON"), Frame::binary(vec![1, 2, 3]), Frame::text(r#"{"data":5}"#), Frame::text("[1]")]
    {
        server.frame(frame).await;
    }
    server.send(&outcome_message("next")).await;
    let told = fixture.received_ids(5).await;
    assert_eq!(told.last().unwrap(), "next");
    assert_eq!(fixture.network.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn several_messages_in_one_frame_are_read_in_order_even_around_the_join_reply() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    let request = server.request().await.expect("it joins");
    let answer = json!({"status": 200, "correlationId": request["correlationId"], "data": {"channelId": "ch-1"}});
    server.frame(Frame::text(format!("{}\n{answer}\n{}", outcome_message("before"), outcome_message("after")))).await;
    fixture.until(|state| *state == ConnectionState::Live).await;
    server
        .frame(Frame::text(format!(
            "[{},{{\"data\":[{}]}}]",
            outcome_message("a"),
            outcome_message("b")["data"].clone()
        )))
        .await;
    server.frame(Frame::binary(format!("{}{}", outcome_message("c"), outcome_message("d")).into_bytes())).await;
    assert_eq!(fixture.received_ids(6).await, ["before", "after", "a", "b", "c", "d"]);
    assert_eq!(fixture.network.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_servers_close_reason_is_shown_without_secrets() {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
    let (mut fixture, mut server) = Fixture::live().await;
    let reason = "maintenance, T-1".into();
    server.frame(Frame::Close(Some(CloseFrame { code: CloseCode::Restart, reason }))).await;
    let (_, _, why) = fixture.failure().await;
    assert_eq!(why, "The server closed the connection with code 1012 (restart): maintenance, hidden.");
}
