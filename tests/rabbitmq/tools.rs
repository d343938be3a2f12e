//! What an operator's own tools show of the sandbox's queues, as `docs/sandbox.md` says: `rabbitmqctl` and the management API.

use std::collections::BTreeSet;
use std::time::Duration;

use privicore_monitor::sandbox::{DEMO_USERNAME, Delivery, Options, SandboxHandle, Scenario, start};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::broker::Broker;
use super::client::{Client, Socket, body};
use super::{DEMO_QUEUE, event};

async fn sandbox(broker: &Broker, delivery: Delivery) -> SandboxHandle {
    let options = Options { amqp: Some(broker.address()), scenario: Scenario::Quiet, delivery, ..Options::embedded() };
    start(options).await.expect("a sandbox")
}

/// The row of a list of `rabbitmqctl` that describes the demo profile's queue.
fn demo_rows(list: &Value, column: &str) -> Vec<Value> {
    let rows = list.as_array().expect("rows").iter();
    rows.filter(|row| row[column] == DEMO_QUEUE).cloned().collect()
}

fn queue(broker: &Broker) -> Value {
    let columns = ["name", "durable", "auto_delete", "exclusive", "arguments", "messages_ready", "messages_persistent"];
    let list = broker.list(&[&["list_queues"], &columns[..]].concat());
    demo_rows(&list, "name").pop().expect("the queue")
}

fn consumers(broker: &Broker) -> Vec<Value> {
    let columns = ["queue_name", "consumer_tag", "ack_required", "prefetch_count"];
    demo_rows(&broker.list(&[&["list_consumers"], &columns[..]].concat()), "queue_name")
}

/// Asks the management API until its statistics, which it collects every few seconds, have what is wanted.
async fn management(broker: &Broker, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let client = Client::new(String::new());
    let mut again = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..600 {
        again.tick().await;
        let asked = client.http.get(broker.management(path)).basic_auth("guest", Some("guest"));
        let Ok(answer) = asked.send().await else { continue };
        if answer.status() == StatusCode::OK {
            let found = body(answer, StatusCode::OK).await;
            if holds(&found) {
                return found;
            }
        }
    }
    panic!("the management API never showed it at {path}");
}

#[tokio::test]
async fn rabbitmqctl_and_the_management_api_show_durable_queues_and_one_consumer_for_all_clients() {
    let broker = Broker::start_with_management().await;
    let running = sandbox(&broker, Delivery::FanOut).await;
    for id in ["waits-1", "waits-2"] {
        running.control().publish(DEMO_USERNAME, &event(id)).await.expect("published");
    }
    let arguments = json!({"x-max-length": 100_000, "x-overflow": "reject-publish"});
    let found = queue(&broker);
    for (column, wanted) in [
        ("durable", json!(true)),
        ("auto_delete", json!(false)),
        ("exclusive", json!(false)),
        ("messages_ready", json!(2)),
        ("messages_persistent", json!(2)),
    ] {
        assert_eq!(found[column], wanted, "{column}: {found}");
    }
    let printed = found["arguments"].to_string();
    assert!(printed.contains("100000") && printed.contains("reject-publish"), "{printed}");
    assert_eq!(consumers(&broker), [json!(null); 0], "nobody has joined");

    let path = format!("queues/%2f/{DEMO_QUEUE}");
    let shown = management(&broker, &path, |queue| queue["messages_ready"] == 2).await;
    assert_eq!((&shown["durable"], &shown["arguments"]), (&json!(true), &arguments), "{shown}");
    let client = Client::new(String::new());
    let peek = json!({"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"});
    let peeked = client.http.post(broker.management(&format!("{path}/get"))).basic_auth("guest", Some("guest"));
    let peeked = body(peeked.json(&peek).send().await.expect("an answer"), StatusCode::OK).await;
    assert_eq!(peeked[0]["payload"], event("waits-1").to_string(), "{peeked}");
    assert_eq!(peeked[0]["properties"], json!({"delivery_mode": 2, "content_type": "application/json"}), "{peeked}");

    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut sockets = [Socket::joined(&running, &client).await, Socket::joined(&running, &client).await];
    // The first client may have joined, and read, before the second.
    while sockets[0].next().await != event("waits-2") {}
    broker.waiting_in(DEMO_QUEUE, 0).await;
    let tag = DEMO_QUEUE.replace("privicore.profile.", "privicore-sandbox.");
    let wanted = json!({
        "queue_name": DEMO_QUEUE, "consumer_tag": tag, "ack_required": true, "prefetch_count": 64,
    });
    assert_eq!(consumers(&broker), [wanted]);
    let named = |list: &Value| {
        let list = list.as_array().expect("connections");
        list.iter().any(|connection| connection["user_provided_name"] == "privicore-sandbox")
    };
    management(&broker, "connections", named).await;
    running.shutdown().await;
}

#[tokio::test]
async fn competing_clients_are_consumers_of_their_own_and_what_one_did_not_write_goes_to_the_other() {
    let broker = Broker::start().await;
    let running = sandbox(&broker, Delivery::Competing).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut first = Socket::joined(&running, &client).await;
    let mut second = Socket::joined(&running, &client).await;
    broker.consumers_of(DEMO_QUEUE, 2).await;
    let found = consumers(&broker);
    let tags: BTreeSet<_> = found.iter().map(|consumer| consumer["consumer_tag"].to_string()).collect();
    assert!(tags.len() == 2 && tags.iter().all(|tag| tag.contains(".client-")), "{tags:?}");

    let mut received = BTreeSet::new();
    for n in 0..40 {
        running.control().publish(DEMO_USERNAME, &event(&format!("m-{n}"))).await.expect("published");
    }
    for socket in [&mut first, &mut second] {
        for _ in 0..20 {
            received.insert(socket.next().await["data"]["id"].to_string());
        }
    }
    assert_eq!(received.len(), 40, "not each message once");

    drop(first);
    broker.consumers_of(DEMO_QUEUE, 1).await;
    running.control().publish(DEMO_USERNAME, &event("alone")).await.expect("published");
    assert_eq!(second.next().await, event("alone"));
    running.shutdown().await;
}
