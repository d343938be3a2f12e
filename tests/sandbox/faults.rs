//! Injected faults: what clients see of each, and how they are requested.

use std::time::Duration;

use privicore_monitor::sandbox::{
    AUDIT_USERNAME, DEMO_USERNAME, Delivery, Fault, Garbage, Limit, Options, SandboxError, SandboxHandle, Scenario,
    start,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, DEADLINE, Socket, body, until};
use crate::quiet;

fn event(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": null}})
}

/// Longer than any test: something else ends what lasts this long.
const FOR_EVER: Duration = Duration::from_hours(1);

/// Long enough for everything in flight, under a clock that tests advance.
const A_WHILE: Duration = Duration::from_secs(5);

async fn request_fault(running: &SandboxHandle, fault: &Value) -> reqwest::Response {
    let client = Client::new(running.api_url());
    client.http.post(format!("{}/sandbox/faults", running.api_url())).json(fault).send().await.expect("an answer")
}

async fn with_faults() -> SandboxHandle {
    start(Options { scenario: Scenario::Quiet, faults: true, ..Options::embedded() }).await.expect("a sandbox")
}

#[tokio::test]
async fn faults_can_be_requested_over_rest_only_if_the_option_is_set() {
    let without = quiet().await;
    assert_eq!(request_fault(&without, &json!({"fault": "drop"})).await.status(), StatusCode::NOT_FOUND);

    let running = with_faults().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    until("it has joined", || running.control().joined(DEMO_USERNAME).expect("a profile") == 1).await;
    for profile in [AUDIT_USERNAME, DEMO_USERNAME] {
        let struck = request_fault(&running, &json!({"fault": "drop", "profile": profile})).await;
        let count = u64::from(profile == DEMO_USERNAME);
        assert_eq!(body(struck, StatusCode::OK).await, json!({"struck": count}), "{profile}");
    }
    assert_eq!(socket.try_next().await, None, "the connection was not dropped");
}

#[tokio::test]
async fn an_order_that_is_wrong_is_refused_by_its_field() {
    let running = with_faults().await;
    for (fault, field) in [
        (json!({"fault": "earthquake"}), "fault"),
        (json!({"fault": "stall", "for_ms": "soon"}), "for_ms"),
        (json!({"fault": "drop", "by_ms": 1}), "by_ms"),
        (json!({"fault": "drop", "profile": "nobody@example.com"}), "profile"),
    ] {
        let refused = body(request_fault(&running, &fault).await, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(refused["errors"][field][0].is_string(), "{fault}: {refused}");
    }
    // A web page can send a form to any origin, but not JSON.
    let client = Client::new(running.api_url());
    let form = client.post("/sandbox/faults", &[("fault", "drop")]).await;
    assert_eq!(form.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_over_rest_and_an_address_for_all_do_not_go_together() {
    let options = Options { bind: std::net::Ipv4Addr::UNSPECIFIED.into(), faults: true, ..Options::embedded() };
    let refused = start(options).await.err();
    assert!(matches!(refused, Some(SandboxError::FaultsForAll { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_dropped_connection_is_the_oldest_and_the_others_go_on() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut oldest = Socket::joined(&running, &client).await;
    let mut other = Socket::joined(&running, &client).await;
    let control = running.control();
    until("both have joined", || control.joined(DEMO_USERNAME).expect("a profile") == 2).await;
    assert_eq!(control.inject(Fault::Drop { count: Some(1) }, Some(DEMO_USERNAME)).expect("injected"), 1);
    assert_eq!(oldest.try_next().await, None);
    control.publish(DEMO_USERNAME, &event("later")).await.expect("published");
    assert_eq!(other.next().await, event("later"));
}

#[tokio::test]
async fn a_stalled_connection_stays_open_and_carries_nothing_until_it_is_over() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    until("it has joined", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    let stall = Fault::Stall { count: None, lasting: FOR_EVER };
    assert_eq!(control.inject(stall, Some(DEMO_USERNAME)).expect("injected"), 1);
    control.publish(DEMO_USERNAME, &event("held")).await.expect("published");
    // Not a leave: whichever arrives first, both are answered.
    socket.send("no request").await;
    assert!(!socket.hears_within(A_WHILE).await, "a stalled connection spoke");
    crate::pass(FOR_EVER).await;
    let (first, second) = (socket.next().await, socket.next().await);
    assert!([&first, &second].contains(&&event("held")), "{first} {second}");
    assert!([&first, &second].iter().any(|message| message["status"] == 400), "{first} {second}");
}

#[tokio::test]
async fn a_stalled_connection_can_still_be_dropped() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    control.inject(Fault::Stall { count: None, lasting: FOR_EVER }, None).expect("injected");
    control.drop_connections();
    assert_eq!(socket.try_next().await, None);
}

#[tokio::test]
async fn joins_are_refused_as_often_as_ordered_and_the_connection_stays_usable() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let control = running.control();
    control.inject(Fault::RefuseJoins { status: 503, limit: Limit::Times(2) }, Some(DEMO_USERNAME)).expect("taken");
    let mut socket = Socket::open(&running).await;
    for _ in 0..2 {
        let refused = socket.join(client.token()).await;
        assert_eq!(refused["status"], 503, "{refused}");
        let text = refused["data"]["message"].as_str().expect("a reason").to_lowercase();
        assert!(!text.contains("token"), "a client would take it for the token's fault: {text}");
    }
    Socket::joined(&running, &audit).await;
    assert_eq!(socket.join(client.token()).await["status"], 200);
}

#[tokio::test]
async fn joins_are_refused_for_a_time() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let refuse = Fault::RefuseJoins { status: 503, limit: Limit::During(FOR_EVER) };
    running.control().inject(refuse, None).expect("taken");
    let mut socket = Socket::open(&running).await;
    for _ in 0..5 {
        assert_eq!(socket.join(client.token()).await["status"], 503);
    }
    crate::pass(FOR_EVER).await;
    let again = Client::signed_in(&running, DEMO_USERNAME).await;
    assert_eq!(socket.join(again.token()).await["status"], 200);
}

#[tokio::test]
async fn expired_tokens_are_counted_by_profile() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let control = running.control();
    assert_eq!(control.inject(Fault::ExpireTokens, Some(DEMO_USERNAME)).expect("injected"), 1);
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(audit.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK);
    assert_eq!(control.inject(Fault::ExpireTokens, None).expect("injected"), 1, "one was left");
}

#[tokio::test]
async fn garbage_is_of_every_kind_and_comes_between_messages() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    until("it has joined", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    assert_eq!(control.inject(Fault::Garbage { frames: 4, kind: None }, None).expect("injected"), 1);
    let first = socket.frame().await.expect("a frame");
    let not_json = first.to_text().is_ok_and(|text| serde_json::from_str::<Value>(text).is_err());
    assert!(first.is_text() && not_json, "{first:?}");
    assert!(socket.frame().await.expect("a frame").is_binary());
    assert!(socket.frame().await.expect("a frame").len() > 1024 * 1024);
    assert!(matches!(socket.frame().await, Err(Error::Utf8(_))), "it was UTF-8");

    drop(socket);
    until("its place is given up", || control.joined(DEMO_USERNAME).expect("a profile") == 0).await;
    let mut socket = Socket::joined(&running, &client).await;
    until("it has joined again", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    let binary = Fault::Garbage { frames: 2, kind: Some(Garbage::Binary) };
    assert_eq!(control.inject(binary, Some(DEMO_USERNAME)).expect("injected"), 1);
    control.publish(DEMO_USERNAME, &event("after")).await.expect("published");
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.push(socket.frame().await.expect("a frame"));
    }
    assert_eq!(frames.iter().filter(|frame| frame.is_binary()).count(), 2, "{frames:?}");
    assert!(frames.contains(&Message::text(event("after").to_string())), "{frames:?}");
}

#[tokio::test]
async fn answers_and_outcomes_come_late_but_come() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();

    // The response of the REST API, and the command's first message.
    let late = FOR_EVER / 4;
    control.inject(Fault::Delay { by: late, limit: Limit::Times(2) }, Some(DEMO_USERNAME)).expect("taken");
    let mut command = std::pin::pin!(client.command("/device/reject-device", &[("deviceId", "dev-unknown")]));
    tokio::time::pause();
    assert!(timeout(A_WHILE, &mut command).await.is_err(), "the answer was not late");
    tokio::time::resume();
    assert!(!socket.hears_within(A_WHILE).await, "the outcome was not late");
    crate::pass(late).await;
    let command = timeout(DEADLINE, command).await.expect("an answer");
    // The outcome's own delay begins after the answer.
    assert!(!socket.hears_within(A_WHILE).await, "the outcome was not late");
    crate::pass(late).await;
    assert_eq!(socket.failure(&command).await, "device.not_found");
}

#[tokio::test]
async fn pings_are_ignored_for_a_time_while_messages_come() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    until("it has joined", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    let deaf = Fault::IgnorePings { count: None, lasting: FOR_EVER };
    assert_eq!(control.inject(deaf, Some(DEMO_USERNAME)).expect("injected"), 1);
    // Once this has arrived, the connection has applied the fault, which came first or is the only other thing that it can
    // do.
    control.publish(DEMO_USERNAME, &event("while deaf")).await.expect("published");
    assert_eq!(socket.next().await, event("while deaf"));
    socket.ping().await;
    assert!(!socket.hears_within(A_WHILE).await, "a ping was answered");
    crate::pass(FOR_EVER).await;
    assert!(socket.frame().await.expect("a frame").is_pong(), "the ping was forgotten");
}

#[tokio::test]
async fn competing_clients_hear_each_message_once_among_them() {
    let options = Options { scenario: Scenario::Quiet, delivery: Delivery::Competing, ..Options::embedded() };
    let running = start(options).await.expect("a sandbox");
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut sockets = [Socket::joined(&running, &client).await, Socket::joined(&running, &client).await];
    let control = running.control();
    until("both have joined", || control.joined(DEMO_USERNAME).expect("a profile") == 2).await;
    for n in 0..100 {
        control.publish(DEMO_USERNAME, &event(&n.to_string())).await.expect("published");
    }
    let mut heard = Vec::new();
    for socket in &mut sockets {
        for _ in 0..50 {
            heard.push(socket.next().await["data"]["id"].as_str().expect("an id").parse::<u32>().expect("a number"));
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..100).collect::<Vec<_>>(), "not each of them once");
}
