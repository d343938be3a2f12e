//! The sandbox on a real RabbitMQ that this test starts, crashes and restarts.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "rabbitmq/broker.rs"]
mod broker;
#[path = "sandbox/client.rs"]
#[expect(dead_code, reason = "shared with the sandbox's own tests, which use all of it")]
mod client;
#[path = "rabbitmq/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privicore_monitor::sandbox::{Control, DEMO_USERNAME, Options, SandboxError, SandboxHandle, Scenario, start};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use broker::{Broker, free_port};
use client::{Client, Socket, until};

fn event(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": null}})
}

async fn sandbox_on(broker: &Broker) -> SandboxHandle {
    // What the sandbox logs is shown if a test fails. Another test may have set this already.
    drop(tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::INFO).try_init());
    let options = Options { amqp: Some(broker.address()), scenario: Scenario::Quiet, ..Options::embedded() };
    start(options).await.expect("a sandbox")
}

/// Publishes as fast as the broker confirms, and records what it confirmed.
async fn publish_all(control: Control, ids: Vec<String>, confirmed: Arc<Mutex<BTreeSet<String>>>) {
    for id in ids {
        control.publish(DEMO_USERNAME, &event(&id)).await.expect("published");
        confirmed.lock().expect("the list").insert(id);
    }
}

/// Reads until all of these have arrived; repetitions are allowed, since delivery is at least once.
async fn hear(socket: &mut Socket, mut expected: BTreeSet<String>) {
    while !expected.is_empty() {
        let message = socket.next().await;
        expected.remove(message["data"]["id"].as_str().expect("an id"));
    }
}

#[tokio::test]
async fn outcomes_go_through_rabbitmq_wait_in_it_and_survive_its_crash() {
    let mut broker = Broker::start().await;
    let running = sandbox_on(&broker).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;

    // An outcome arrives.
    let mut socket = Socket::joined(&running, &client).await;
    let command = client.command("/device/reject-device", &[("deviceId", "dev-unknown")]).await;
    assert_eq!(socket.failure(&command).await, "device.not_found");

    // Messages wait in the broker while nobody is joined, and leave it once they were written to a client.
    drop(socket);
    broker.consumers_of(DEMO_QUEUE, 0).await;
    for id in ["waited-1", "waited-2", "waited-3"] {
        running.control().publish(DEMO_USERNAME, &event(id)).await.expect("published");
    }
    broker.waiting_in(DEMO_QUEUE, 3).await;
    let mut socket = Socket::joined(&running, &client).await;
    for id in ["waited-1", "waited-2", "waited-3"] {
        assert_eq!(socket.next().await, event(id));
    }

    // They were acknowledged: now that the consumer is gone, the broker has none to redeliver.
    drop(socket);
    broker.consumers_of(DEMO_QUEUE, 0).await;
    broker.waiting_in(DEMO_QUEUE, 0).await;

    // The broker crashes while messages are published and nobody is joined.
    let all: Vec<_> = (0..400).map(|n| format!("crash-{n}")).collect();
    let confirmed = Arc::new(Mutex::new(BTreeSet::new()));
    let publishing = publish_all(running.control(), all.clone(), Arc::clone(&confirmed));
    let crashing = async {
        until("some are confirmed", || confirmed.lock().expect("the list").len() >= 20).await;
        broker.crash();
        let before = confirmed.lock().expect("the list").clone();
        // A client joins while the broker is down: the proxy accepts it, and delivers when the broker is up again.
        let socket = Socket::joined(&running, &client).await;
        broker.start_again().await;
        (before, socket)
    };
    let ((), (before, mut socket)) = tokio::join!(publishing, crashing);
    assert!(before.len() < all.len(), "the broker crashed after everything was published");
    hear(&mut socket, all.into_iter().collect()).await;

    // And the proxy's consumer survives a crash while a client is joined.
    broker.crash();
    broker.start_again().await;
    running.control().publish(DEMO_USERNAME, &event("after")).await.expect("published");
    hear(&mut socket, BTreeSet::from(["after".to_owned()])).await;
    running.shutdown().await;
}

/// The queue of the demo profile: its id is the same in every sandbox.
const DEMO_QUEUE: &str = "privicore.profile.prf-01KE6M0DEM0000000000000000";

#[tokio::test]
async fn a_client_that_leaves_while_its_consumer_opens_leaves_none_behind_that_takes_messages_for_nobody() {
    let broker = Broker::start().await;
    let running = sandbox_on(&broker).await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    for pause in 0..200 {
        let socket = Socket::joined(&running, &client).await;
        // A fixed pause on purpose: the client leaves at another point of the opening each time.
        tokio::time::sleep(Duration::from_micros(pause * 50)).await;
        drop(socket);
    }
    broker.consumers_of(DEMO_QUEUE, 0).await;
    running.shutdown().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_a_sentence_without_its_password() {
    let address = format!("amqp://guest:canary@127.0.0.1:{}/%2f", free_port());
    let options = Options { amqp: Some(address), ..Options::embedded() };
    let error = start(options).await.err().expect("no broker is there");
    assert!(matches!(error, SandboxError::Amqp { .. }), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("127.0.0.1") && !shown.contains("canary"), "{shown}");
}

/// A relay to a broker, on which a connection can begin to lose everything while both of its ends stay open.
struct Line {
    port: u16,
    lost: Arc<AtomicUsize>,
}

impl Line {
    #[expect(clippy::disallowed_methods, reason = "the test owns its tasks and ends with them")]
    async fn to(broker: &Broker) -> Self {
        let address = broker.address();
        let to = address.trim_end_matches("/%2f").rsplit_once('@').expect("a host").1.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let lost = Arc::new(AtomicUsize::new(0));
        let losses = Arc::clone(&lost);
        drop(tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a client");
                let server = TcpStream::connect(&to).await.expect("the broker");
                let (born, losses) = (losses.load(Ordering::SeqCst), Arc::clone(&losses));
                drop(tokio::spawn(relay(client, server, move || losses.load(Ordering::SeqCst) > born)));
            }
        }));
        Self { port, lost }
    }

    /// Open connections lose everything from here on.
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::SeqCst);
    }
}

/// Relays bytes both ways until an end is closed; once it loses them, not even a close.
async fn relay(mut client: TcpStream, mut server: TcpStream, loses: impl Fn() -> bool) {
    let (mut up, mut down) = (vec![0; 4096], vec![0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(read @ 1..) = read else { return };
                if !loses() && server.write_all(&up[..read]).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(read @ 1..) = read else { return };
                if !loses() && client.write_all(&down[..read]).await.is_err() { return }
            }
        }
    }
}

/// Many times what it takes here, and less than a silent broker takes to find with the heartbeat that RabbitMQ proposes:
/// one per minute, missed twice.
const PATIENCE: Duration = Duration::from_secs(100);

#[tokio::test]
async fn a_broker_that_keeps_silent_on_an_open_connection_is_spoken_to_on_another() {
    let broker = Broker::start().await;
    let line = Line::to(&broker).await;
    let amqp = format!("amqp://guest:guest@127.0.0.1:{}/%2f", line.port);
    let options = Options { amqp: Some(amqp), scenario: Scenario::Quiet, ..Options::embedded() };
    let running = start(options).await.expect("a sandbox");
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    running.control().publish(DEMO_USERNAME, &event("before")).await.expect("published");
    assert_eq!(socket.next().await, event("before"));

    line.lose();
    // Its confirmation never arrives on that connection: it is published again on the next, and received from there.
    let heard = async {
        running.control().publish(DEMO_USERNAME, &event("during")).await.expect("published");
        hear(&mut socket, BTreeSet::from(["during".to_owned()])).await;
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("the broker's own heartbeat found it, minutes later");
    running.shutdown().await;
}
