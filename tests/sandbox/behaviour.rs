//! What makes the sandbox predictable for other people's tests: seed, latency, failures, lifetimes, and the reset.

use std::time::Duration;

use privicore_monitor::sandbox::{
    AUDIT_USERNAME, DEMO_USERNAME, Fault, Limit, Options, SandboxHandle, Scenario, start,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Socket, body, text, until};

/// A quiet sandbox with these arguments of the program.
async fn sandbox(change: impl FnOnce(&mut Options)) -> SandboxHandle {
    let mut options = Options { scenario: Scenario::Quiet, ..Options::embedded() };
    change(&mut options);
    start(options).await.expect("a sandbox")
}

/// The ids and outcomes of commands that would succeed, sent one after the other.
async fn outcomes(running: &SandboxHandle, count: usize) -> Vec<(String, u64, Value)> {
    let client = Client::signed_in(running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(running, &client).await;
    let mut outcomes = Vec::new();
    for _ in 0..count {
        let fields = [("context", "reports"), ("ttl", "60")];
        let id = client.command("/data-token/reserve-token-space", &fields).await;
        let (status, body) = socket.outcome(&id).await;
        outcomes.push((id, status, body));
    }
    outcomes
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_and_failures_and_without_one_ids_differ() {
    let seeded = |seed| {
        move |options: &mut Options| {
            options.seed = seed;
            options.failure_rate = 0.5;
            options.latency = Some("0ms".parse().expect("a latency"));
        }
    };
    let first = outcomes(&sandbox(seeded(Some(11))).await, 30).await;
    assert_eq!(first, outcomes(&sandbox(seeded(Some(11))).await, 30).await);
    let failed = first.iter().filter(|(_, status, _)| *status == 3).count();
    assert!((5..25).contains(&failed), "{failed} of 30 failed at a rate of 0.5");
    assert!(first.iter().all(|(_, status, body)| *status == 2 || body == "sandbox.failure_rate"), "{first:?}");
    assert_ne!(first, outcomes(&sandbox(seeded(Some(12))).await, 30).await);
    let (one, other) = (sandbox(seeded(None)).await, sandbox(seeded(None)).await);
    assert_ne!(outcomes(&one, 1).await[0].0, outcomes(&other, 1).await[0].0);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_of_devices_and_requests() {
    let ids = async |seed| {
        let running = sandbox(|options| options.seed = seed).await;
        let token = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "reports");
        let client = Client::signed_in(&running, DEMO_USERNAME).await;
        let mut socket = Socket::joined(&running, &client).await;
        let device = client.approved_device(&mut socket, "phone").await;
        (device, client.request_data(token.expect("stored").as_str()).await)
    };
    assert_eq!(ids(Some(11)).await, ids(Some(11)).await);
    assert_ne!(ids(Some(11)).await.0, ids(Some(12)).await.0);
    assert_ne!(ids(None).await.1, ids(None).await.1);
}

#[tokio::test]
async fn a_request_that_fails_delivers_nothing() {
    let running = sandbox(|options| options.failure_rate = 1.0).await;
    let token = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "reports").expect("stored");
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let (command, _) = client.request_data(token.as_str()).await;
    loop {
        let message = socket.next().await;
        assert_eq!(message["data"]["type"], "X-DPT-CAB-ID", "data came: {message}");
        if message["data"]["command_status"] != 1 {
            assert_eq!((&message["data"]["id"], &message["data"]["command_status"]), (&json!(command), &json!(3)));
            break;
        }
    }
}

#[tokio::test]
async fn latency_is_how_long_answers_take() {
    let running = sandbox(|options| options.latency = Some("10m".parse().expect("a latency"))).await;
    let client = Client::new(running.api_url());
    let mut asking = std::pin::pin!(client.get("/health"));
    tokio::time::pause();
    assert!(tokio::time::timeout(Duration::from_mins(9), &mut asking).await.is_err(), "it came at once");
    tokio::time::resume();
    crate::pass(Duration::from_mins(2)).await;
    assert_eq!(asking.await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_from_a_sign_in_lives_as_long_as_the_option_says() {
    let running = sandbox(|options| options.token_life = Duration::from_mins(5)).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    crate::pass(Duration::from_mins(4)).await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK);
    crate::pass(Duration::from_mins(2)).await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_reset_forgets_profiles_tokens_data_faults_and_what_waits_in_queues() {
    let running = sandbox(|options| options.seed = Some(5)).await;
    let (control, nobody) = (running.control(), Client::new(running.api_url()));
    let before = outcomes(&running, 3).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let registered = [("username", "new@example.com"), ("password", "correct-horse")];
    nobody.command("/profile/register-profile", &registered).await;
    control.store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "reports").expect("stored");
    control.inject(Fault::RefuseJoins { status: 503, limit: Limit::Times(100) }, None).expect("armed");
    let waits = json!({"data": {"type": "X-DPT-CAB-ID", "id": "waits", "command_status": 2, "body": null}});
    control.publish(AUDIT_USERNAME, &waits).await.expect("published");
    let change = [("currentPassword", "demo"), ("newPassword", "another-horse")];
    client.command("/profile/change-password", &change).await;

    let answer = body(nobody.post("/sandbox/reset", &[]).await, StatusCode::OK).await;
    assert_eq!(answer, json!({"status": "reset"}));
    while socket.try_next().await.is_some() {}
    until("the place is given up", || control.joined(DEMO_USERNAME).expect("a profile") == 0).await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED, "a token lives on");
    let gone = nobody.post("/profile/authenticate", &registered).await;
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED, "a registered profile is still there");
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut audits = Socket::joined(&running, &audit).await;
    let id = audit.command("/device/reject-device", &[("deviceId", "dev-unknown")]).await;
    let first = audits.next().await;
    assert_eq!(first["data"]["id"], id.as_str(), "something waited in the queue: {first}");
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let list = body(client.get("/data-token/list-data-tokens").await, StatusCode::OK).await;
    assert_eq!(list["meta"]["count"], 0, "{list}");

    // And what the seed decides begins anew.
    body(nobody.post("/sandbox/reset", &[]).await, StatusCode::OK).await;
    assert_eq!(outcomes(&running, 3).await, before);
}

#[tokio::test]
async fn a_reset_ends_connections_that_carry_nothing_and_outcomes_that_are_on_their_way() {
    let running = sandbox(|_| {}).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    until("it has joined", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    let stall = Fault::Stall { count: None, lasting: Duration::from_hours(1) };
    assert_eq!(control.inject(stall, None).expect("struck"), 1);
    client.command("/device/reject-device", &[("deviceId", "dev-unknown")]).await;
    body(Client::new(running.api_url()).post("/sandbox/reset", &[]).await, StatusCode::OK).await;
    assert_eq!(socket.try_next().await, None);
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    assert!(!socket.hears_within(Duration::from_secs(5)).await, "an outcome from before the reset came");
}

#[tokio::test]
async fn a_web_page_resets_nothing_and_neither_does_another_computer() {
    let running = sandbox(|_| {}).await;
    let client = Client::new(running.api_url());
    let url = format!("{}/sandbox/reset", running.api_url());
    let page = client.http.post(&url).header("origin", "https://example.com").send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
    let open = sandbox(|options| options.bind = std::net::Ipv4Addr::UNSPECIFIED.into()).await;
    let client = Client::new(open.api_url());
    assert_eq!(client.post("/sandbox/reset", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_demo_begins_again_after_a_reset() {
    let running = start(Options::embedded()).await.expect("a sandbox");
    for _ in 0..2 {
        let client = Client::signed_in(&running, DEMO_USERNAME).await;
        let mut socket = Socket::joined(&running, &client).await;
        for _ in 0..20 {
            text(&socket.next().await, "/data/type");
        }
        drop(socket);
        body(Client::new(running.api_url()).post("/sandbox/reset", &[]).await, StatusCode::OK).await;
    }
}

#[tokio::test]
async fn the_failure_rate_leaves_failures_that_would_come_anyway() {
    let running = sandbox(|options| options.failure_rate = 1.0).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let unknown = client.failed(&mut socket, "/device/reject-device", &[("deviceId", "dev-unknown")]).await;
    assert_eq!(unknown, "device.not_found");
    let fields = [("context", "reports"), ("ttl", "60")];
    let reservation = client.command("/data-token/reserve-token-space", &fields).await;
    assert_eq!(socket.failure(&reservation).await, "sandbox.failure_rate");
    let path = format!("/data-token/retrieve-temporary-data-token/{reservation}");
    assert_eq!(client.get(&path).await.status(), StatusCode::NOT_FOUND, "it was done although it failed");
    let changed = [("currentPassword", "wrong"), ("newPassword", "another-horse")];
    let reason = client.failed(&mut socket, "/profile/change-password", &changed).await;
    assert_eq!(reason, "profile.invalid_credentials");
    let data = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "c").expect("stored");
    let (command, _) = client.request_data(data.as_str()).await;
    assert_eq!(socket.failure(&command).await, "sandbox.failure_rate");
}
