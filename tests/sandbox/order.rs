//! The order of answers, outcomes and lines: what comes when, and what comes after what.

use std::time::Duration;

use privicore_monitor::sandbox::{DEMO_USERNAME, Fault, Limit, Options, SandboxHandle, Scenario, start};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Socket, text};
use crate::script::replaying;
use crate::{pass, quiet};

const RESERVATION: [(&str, &str); 2] = [("context", "reports"), ("ttl", "60")];

async fn sandbox(seed: Option<u64>, latency: &str) -> SandboxHandle {
    let latency = Some(latency.parse().expect("a latency"));
    let options = Options { scenario: Scenario::Quiet, seed, latency, ..Options::embedded() };
    start(options).await.expect("a sandbox")
}

/// Does this on a clock that moves on whenever nothing else can happen.
async fn unhurried<T>(work: impl Future<Output = T>) -> T {
    tokio::time::pause();
    let done = work.await;
    tokio::time::resume();
    done
}

async fn joined(running: &SandboxHandle) -> (Client, Socket) {
    let client = Client::signed_in(running, DEMO_USERNAME).await;
    let socket = Socket::joined(running, &client).await;
    (client, socket)
}

#[tokio::test]
async fn an_outcome_begins_when_its_answer_has_been_sent() {
    let running = sandbox(None, "1m").await;
    let (client, mut socket) = unhurried(joined(&running)).await;
    let id = unhurried(client.command("/data-token/reserve-token-space", &RESERVATION)).await;
    assert!(!socket.hears_within(Duration::from_secs(59)).await, "the outcome came early");
    pass(Duration::from_secs(2)).await;
    socket.success(&id).await;
}

#[tokio::test]
async fn an_outcome_does_not_overtake_an_answer_that_a_fault_delays() {
    let running = quiet().await;
    let (client, mut socket) = joined(&running).await;
    let delay = Fault::Delay { by: Duration::from_mins(5), limit: Limit::Times(1) };
    running.control().inject(delay, Some(DEMO_USERNAME)).expect("armed");
    let mut calling = std::pin::pin!(client.command("/data-token/reserve-token-space", &RESERVATION));
    tokio::time::pause();
    assert!(tokio::time::timeout(Duration::from_mins(4), &mut calling).await.is_err(), "it was not delayed");
    tokio::time::resume();
    assert!(!socket.hears_within(Duration::from_secs(30)).await, "the outcome came before its answer");
    pass(Duration::from_mins(1)).await;
    let id = calling.await;
    socket.success(&id).await;
}

/// The ids of commands that are sent one after the other, each after the answer to the last one, and of their outcomes.
async fn called_and_settled(running: &SandboxHandle, count: usize) -> (Vec<String>, Vec<String>) {
    let (client, mut socket) = joined(running).await;
    let (mut called, mut settled) = (Vec::new(), Vec::new());
    for _ in 0..count {
        called.push(client.command("/data-token/reserve-token-space", &RESERVATION).await);
    }
    for _ in 0..count {
        settled.push(text(&socket.next().await, "/data/id"));
    }
    (called, settled)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_one_latency_settle_in_the_order_of_their_calls() {
    for latency in ["0ms", "20ms"] {
        let running = sandbox(Some(1), latency).await;
        let (called, settled) = called_and_settled(&running, 60).await;
        assert_eq!(called, settled, "at {latency}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_several_updates_holds() {
    let running = sandbox(Some(1), "0ms").await;
    let (client, mut socket) = joined(&running).await;
    let token = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "first").expect("stored");
    for round in 0..30 {
        let mut last = String::new();
        for context in ["a", "b"] {
            let context = format!("{context}-{round}");
            let fields = [("token", token.as_str()), ("context", context.as_str())];
            last = client.command("/data-token/update-data-token", &fields).await;
        }
        socket.success(&last).await;
        let tokens = client.json("/data-token/list-data-tokens").await;
        assert_eq!(tokens["items"][0]["context"], format!("b-{round}"));
    }
}

#[tokio::test]
async fn a_range_of_latencies_reorders_outcomes_as_the_seed_says() {
    let mut orders = Vec::new();
    for _ in 0..2 {
        let running = sandbox(Some(7), "1s..20s").await;
        let (called, settled) = unhurried(called_and_settled(&running, 12)).await;
        let order: Vec<_> = settled.iter().map(|id| called.iter().position(|called| called == id)).collect();
        orders.push(order);
    }
    assert_eq!(orders[0], orders[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_other_commands_of_one_latency_keep_their_order_too() {
    let running = sandbox(Some(1), "0ms").await;
    let (client, mut socket) = joined(&running).await;
    let token = running.control().store_data(DEMO_USERNAME, b"payload".to_vec(), "a.txt", "c").expect("stored");
    let mut requests = Vec::new();
    for _ in 0..30 {
        requests.push(client.request_data(token.as_str()).await.1);
    }
    let mut delivered = Vec::new();
    while delivered.len() < requests.len() {
        let message = socket.next().await;
        if message["data"]["type"] == "X-DPT-CAB-REQUEST-ID" {
            delivered.push(text(&message, "/data/id"));
        }
    }
    assert_eq!(requests, delivered);
}

#[tokio::test]
async fn frames_of_a_script_keep_their_place_between_its_texts() {
    let message = |text: String| json!({"kind": "message", "profile": DEMO_USERNAME, "message": text});
    let mut lines = Vec::new();
    for n in 0..20 {
        lines.push(message(format!("text {n}")));
        lines.push(message(format!("{} bytes received: binary data", n + 1)));
        lines.push(message(format!("another {n}")));
    }
    let running = replaying(&lines).await;
    let (_client, mut socket) = joined(&running).await;
    for n in 0..20 {
        for expected in [format!("text {n}"), String::new(), format!("another {n}")] {
            match socket.frame().await.expect("a frame") {
                Message::Text(text) => assert_eq!(text.as_str(), expected),
                Message::Binary(bytes) => assert_eq!((expected.len(), bytes.len()), (0, n + 1)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_a_script_has_before_a_gap_comes_before_the_connection_ends() {
    let at = "2026-12-01T06:00:00Z";
    let event =
        |id: String| json!({"kind": "command", "id": id, "profile": DEMO_USERNAME, "status": "Succeeded", "at": at});
    let mut lines: Vec<_> = (0..200).map(|n| event(n.to_string())).collect();
    lines.push(json!({
        "kind": "gap", "profile": DEMO_USERNAME, "status": "Gap", "first_seen": at, "at": "2026-12-01T06:10:00Z",
    }));
    let running = replaying(&lines).await;
    let (_client, mut socket) = joined(&running).await;
    for n in 0..200 {
        assert_eq!(socket.next().await["data"]["id"], n.to_string());
    }
    assert_eq!(socket.try_next().await, None, "the connection goes on");
}
