//! Which refusals make a token invalid, by their status and never by their text; and how the operator recovers from that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::engine::events::event::{ConnectionState, Event};
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Server, outcome_message};

use super::fixture::{Expiry, Fixture, invalid_token, run_until_idle, session_credentials};

/// The statuses that a server can refuse with, and some that no server should send.
fn statuses() -> impl Iterator<Item = i64> {
    (300..600).chain([i64::MIN, -401, -1, 0, 1, 100, 199, 201, 204, 299, 600, 401_403, i64::MAX])
}

/// Refusals with this status, in each form of the text.
fn refusals(status: i64) -> Vec<Value> {
    let words =
        ["Token service unavailable", "too many TOKEN requests", "authorizationToken: required", "Unauthorized", ""];
    let mut refusals: Vec<Value> = words
        .iter()
        .flat_map(|words| {
            [
                json!({"status": status, "message": words}),
                json!({"status": status, "error": words}),
                json!({"status": status, "data": {"message": words}}),
            ]
        })
        .collect();
    refusals.push(json!({"status": status}));
    refusals
}

/// Makes the server answer the join of the next attempt with `reply`; returns how that ended.
async fn answer_join(fixture: &mut Fixture, mut reply: Value) -> ConnectionState {
    let mut server = fixture.server().await;
    let join = server.request().await.expect("a join");
    reply["correlationId"] = join["correlationId"].clone();
    server.send(&reply).await;
    fixture
        .until(|state| matches!(state, ConnectionState::Reconnecting { .. } | ConnectionState::TokenRefused { .. }))
        .await
}

#[tokio::test(start_paused = true)]
async fn at_the_join_only_status_401_and_403_make_the_token_invalid_whatever_the_text() {
    let mut fixture = Fixture::online();
    let mut number = 1;
    for status in statuses() {
        for reply in refusals(status) {
            let asked_before = fixture.expiry_requests.load(Ordering::SeqCst);
            let ended = answer_join(&mut fixture, reply.clone()).await;
            let refused = matches!(ended, ConnectionState::TokenRefused { .. });
            assert_eq!(refused, matches!(status, 401 | 403), "{reply}: {ended:?}");
            let asked = fixture.expiry_requests.load(Ordering::SeqCst) - asked_before;
            let doubtful = (400..500).contains(&status) && !matches!(status, 401 | 403 | 429);
            assert_eq!(asked, u64::from(doubtful), "{reply}: how often the end of the token was asked");
            if refused {
                number += 1;
                fixture.set_target(TargetState::Online(session_credentials(number)));
            } else {
                fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
            }
        }
    }
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn after_another_4xx_the_token_is_invalid_only_if_the_expiry_request_says_so() {
    let mut fixture = Fixture::online();
    *fixture.expiry.lock().unwrap() = Expiry::Refuses;
    for (status, dead) in [(400, true), (404, true), (422, true), (499, true), (429, false), (399, false), (500, false)]
    {
        fixture.set_target(TargetState::Online(session_credentials(status)));
        let ended = answer_join(&mut fixture, json!({"status": status, "message": "no"})).await;
        assert_eq!(matches!(ended, ConnectionState::TokenRefused { .. }), dead, "{status}: {ended:?}");
        if let ConnectionState::TokenRefused { why } = ended {
            assert_eq!(why.to_string(), "The server refused the token: It has expired. Sign in again.");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_the_expiry_request_can_be_left_and_retried() {
    let mut fixture = Fixture::online();
    *fixture.expiry.lock().unwrap() = Expiry::Never;
    let refuse = async |fixture: &mut Fixture| {
        let mut server = fixture.server().await;
        server.request().await.expect("a join");
        server.send(&json!({"status": 400})).await;
        // The client is gone.
        while server.request().await.is_some() {}
        run_until_idle().await;
    };
    refuse(&mut fixture).await;
    fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    refuse(&mut fixture).await;
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_on_a_live_connection_ends_it_only_with_401_or_403_and_if_it_answers_our_join() {
    let (mut fixture, mut server) = Fixture::live().await;
    for status in statuses() {
        for mut reply in refusals(status) {
            if matches!(status, 401 | 403) {
                reply["correlationId"] = "somebody else's".into();
            }
            server.send(&reply).await;
        }
    }
    server.send(&outcome_message("heard")).await;
    while !fixture.received_ids(1).await.iter().any(|id| id == "heard") {}
    assert_eq!(fixture.network.attempts(), 1, "a stray reply ended a healthy connection");
    for (number, status) in [(2, 401), (3, 403)] {
        server.send(&json!({"status": status, "message": "no"})).await;
        fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
        fixture.set_target(TargetState::Online(session_credentials(number)));
        server = fixture.join().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unrelated_refusal_is_shown_with_its_status_and_text() {
    let (mut fixture, mut server) = Fixture::live().await;
    server.send(&json!({"status": 503, "message": "Token service unavailable"})).await;
    assert_eq!(
        fixture.notice().await.sentence(),
        "The server sent an error with status 503 that belongs to no request: Token service unavailable. The \
         connection stays open."
    );
}

/// A session whose token was refused.
async fn refused() -> Fixture {
    let mut fixture = Fixture::online();
    let ended = answer_join(&mut fixture, json!({"status": 401})).await;
    assert!(matches!(ended, ConnectionState::TokenRefused { .. }), "{ended:?}");
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_retried_only_when_the_operator_asks() {
    let mut fixture = refused().await;
    tokio::time::sleep(Duration::from_hours(48)).await;
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    run_until_idle().await;
    assert_eq!(fixture.network.attempts(), 1, "tried again by itself");
    fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    let start = Instant::now();
    let ended = answer_join(&mut fixture, json!({"status": 403})).await;
    assert!(matches!(ended, ConnectionState::TokenRefused { .. }), "{ended:?}");
    fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    let _server: Server = fixture.join().await;
    assert_eq!(start.elapsed(), Duration::ZERO, "it waited");
}

#[tokio::test(start_paused = true)]
async fn a_retry_requested_while_the_refusal_is_being_reported_is_not_lost() {
    let mut fixture = Fixture::online();
    let mut server = fixture.server().await;
    server.request().await.expect("a join");
    fixture.reporting.send_replace(false);
    server.send(&json!({"status": 401})).await;
    fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    fixture.reporting.send_replace(true);
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_call_found_invalid_is_retried_when_the_target_is_online_again() {
    let (mut fixture, server) = Fixture::live().await;
    fixture.set_target(invalid_token());
    fixture.until(|state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    drop(server);
    fixture.desired_state.send_modify(|desired_state| {
        desired_state.target = TargetState::Online(session_credentials(1));
        desired_state.retry_count += 1;
    });
    fixture.join().await;
    assert!(!fixture.drain_events().iter().any(|event| matches!(event, Event::Notice(_))));
}
