//! Each state and the transitions between them.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::engine::events::connection_reason::TokenRefusal;
use crate::engine::events::event::ConnectionState;
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Network, join_reply, outcome_message};

use super::fixture::{Fixture, LIMIT, run_until_idle, session_credentials};

#[tokio::test(start_paused = true)]
async fn a_session_goes_from_signed_out_to_live_and_to_offline() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.state().await, ConnectionState::SignedOut);
    fixture.set_target(TargetState::Online(session_credentials(1)));
    assert_eq!(fixture.state().await, ConnectionState::Connecting);
    let mut server = fixture.server().await;
    assert_eq!(fixture.state().await, ConnectionState::Joining);
    let join = server.accept_join().await;
    assert_eq!(join["data"]["authorizationToken"], "T-1");
    assert_eq!(fixture.state().await, ConnectionState::Live);
    fixture.set_target(TargetState::Offline);
    assert_eq!(fixture.state().await, ConnectionState::Leaving);
    let leave = server.request().await.unwrap();
    assert_eq!(leave["action"], "leaveChannel");
    assert_eq!(leave["data"]["channelId"], "ch-1");
    assert_eq!(leave["data"]["authorizationToken"], "T-1");
    server.send(&json!({"status": 200, "data": {"channelId": "ch-1"}})).await;
    assert_eq!(server.request().await, None, "the socket is closed");
    assert_eq!(fixture.state().await, ConnectionState::Offline);
    assert_eq!(fixture.network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_retried_until_there_is_another() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    let join = server.request().await.unwrap();
    server.send(&json!({"correlationId": join["correlationId"], "status": 401, "message": "Token expired"})).await;
    let refused = fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    let why = TokenRefusal::Join { words: "Token expired".to_owned() };
    assert_eq!(why.to_string(), "The server refused the token: Token expired. Sign in again.");
    assert_eq!(refused, ConnectionState::TokenRefused { why });
    let attempts = fixture.network.attempts();
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    fixture.desired_state.send_modify(|desired_state| desired_state.message_limit += 1);
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(fixture.network.attempts(), attempts, "a refused token was tried again");
    fixture.set_target(TargetState::Online(session_credentials(2)));
    let mut server = fixture.server().await;
    assert_eq!(server.accept_join().await["data"]["authorizationToken"], "T-2");
    fixture.until(|state| *state == ConnectionState::Live).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_while_live_ends_the_connection() {
    let (mut fixture, mut server) = Fixture::live().await;
    server.send(&json!({"status": 401, "message": "Token revoked"})).await;
    fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    assert_eq!(fixture.network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn leaving_takes_a_second_at_most() {
    let (mut fixture, _server) = Fixture::live().await;
    let start = Instant::now();
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1), "the server never answers");
    assert_eq!(fixture.network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_that_arrive_while_leaving_are_stored() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.set_target(TargetState::Offline);
    server.request().await.unwrap();
    server.send(&outcome_message("late")).await;
    server.send(&json!({"status": 200})).await;
    assert_eq!(fixture.received_ids(1).await, ["late"]);
}

#[tokio::test(start_paused = true)]
async fn the_target_stopped_leaves_and_ends_the_session() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.set_target(TargetState::Stopped);
    assert_eq!(server.request().await.unwrap()["action"], "leaveChannel");
    server.send(&json!({"status": 200})).await;
    fixture.until(|state| *state == ConnectionState::Offline).await;
    assert_eq!(fixture.session.await, Some(()), "it panicked");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_handle_is_dropped() {
    let (fixture, _server) = Fixture::live().await;
    drop(fixture.desired_state);
    assert_eq!(fixture.session.await, Some(()), "it panicked");
    assert_eq!(fixture.network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_can_be_cancelled_at_any_time() {
    let mut fixture = Fixture::online();
    fixture.network.set_network(Network::Silent);
    assert_eq!(fixture.until(|state| *state == ConnectionState::Connecting).await, ConnectionState::Connecting);
    let start = Instant::now();
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "giving up an attempt takes no time");

    fixture.network.set_network(Network::Connects);
    fixture.set_target(TargetState::Online(session_credentials(1)));
    let _server = fixture.server().await;
    fixture.until(|state| *state == ConnectionState::Joining).await;
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
    assert_eq!(fixture.network.open(), 0);

    fixture.network.set_network(Network::Refuses);
    fixture.set_target(TargetState::Online(session_credentials(1)));
    fixture.failure().await;
    fixture.set_target(TargetState::SignedOut);
    assert_eq!(fixture.state().await, ConnectionState::SignedOut);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_leaves_with_the_old_one_and_joins_with_the_new_one() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.set_target(TargetState::Online(session_credentials(2)));
    let leave = server.request().await.unwrap();
    assert_eq!((&leave["action"], &leave["data"]["authorizationToken"]), (&json!("leaveChannel"), &json!("T-1")));
    server.send(&json!({"status": 200})).await;
    let mut server = fixture.server().await;
    assert_eq!(server.accept_join().await["data"]["authorizationToken"], "T-2");
    fixture.until(|state| *state == ConnectionState::Live).await;
    assert_eq!(fixture.network.max_open(), 1, "two sockets at once");
}

#[tokio::test(start_paused = true)]
async fn a_new_message_limit_applies_at_once() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.desired_state.send_modify(|desired_state| desired_state.message_limit = LIMIT * 2);
    server.request().await.unwrap();
    server.send(&json!({"status": 200})).await;
    let mut server = fixture.join().await;
    let mut large = outcome_message("large");
    large["data"]["body"] = "x".repeat(LIMIT + 1).into();
    server.send(&large).await;
    assert_eq!(fixture.received_ids(1).await, ["large"]);
}

#[tokio::test(start_paused = true)]
async fn messages_before_with_and_after_the_join_reply_are_stored_in_order() {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::tungstenite::Message as Frame;
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    let join = server.request().await.unwrap();
    // One write, so that the client reads everything at once.
    for message in [outcome_message("before"), join_reply(&join), outcome_message("with"), outcome_message("after")] {
        server.0.feed(Frame::text(message.to_string())).await.unwrap();
    }
    server.0.flush().await.unwrap();
    assert_eq!(fixture.received_ids(3).await, ["before", "with", "after"]);
    assert_eq!(fixture.journal_store.ids(), ["before", "with", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_join_reply_without_a_correlation_id_is_accepted_and_one_with_another_is_not() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    server.request().await.unwrap();
    server.send(&json!({"correlationId": "someone else's", "status": 401})).await;
    server.send(&json!({"status": 200, "data": {"channelId": "ch-1"}})).await;
    fixture.until(|state| *state == ConnectionState::Live).await;
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_measured_and_keep_alives_are_counted() {
    let (mut fixture, mut server) = Fixture::live().await;
    server.send(&json!({"type": "heartbeat"})).await;
    let pulse = fixture.status("a pulse", |status| status.health.round_trip.map(|_measured| status.health.keep_alives));
    // The server answers pings only while the test reads.
    let keep_alives = tokio::select! {
        keep_alives = pulse => keep_alives,
        request = server.request() => panic!("{request:?}"),
    };
    assert_eq!(keep_alives, 1);
    assert_eq!(fixture.journal_store.ids(), Vec::<String>::new(), "a keep-alive is no entry");
}

#[tokio::test(start_paused = true)]
async fn events_with_a_numeric_status_before_the_join_reply_are_events_and_no_refusal() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    let join = server.request().await.unwrap();
    for (id, status) in [("c-1", 202), ("c-2", 401), ("c-3", 500)] {
        let data = json!({"type": "X-DPT-CAB-ID", "id": id, "command_status": 2});
        server.send(&json!({"status": status, "data": data})).await;
    }
    server.send(&join_reply(&join)).await;
    fixture.until(|state| *state == ConnectionState::Live).await;
    run_until_idle().await;
    assert_eq!(fixture.journal_store.ids(), ["c-1", "c-2", "c-3"]);
}
