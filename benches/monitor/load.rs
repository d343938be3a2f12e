//! The sandbox under load: 1,000 clients on 100 profiles. Every client has to receive each message of its profile once, and
//! none of another. A message that is lost, foreign or repeated ends the bench; the tally is printed before the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use privicore_monitor::sandbox::{Control, Options, SandboxHandle, Scenario, raise_open_file_limit, start};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::table::Row;

const PROFILES: usize = 100;

/// Clients on each profile. Each receives every message of the profile.
const CLIENTS: usize = 10;

/// How long messages are sent, if `BENCH_LOAD_SECONDS` does not say otherwise.
const SECONDS: u64 = 10;

/// How often a second messages are sent.
const TICKS: u64 = 100;

/// Deliveries a second with queues in memory, and through a broker.
const IN_MEMORY: u64 = 10_000;
#[cfg(feature = "rabbitmq")]
const THROUGH_BROKER: u64 = 1_000;

/// If nothing arrives for this long, nothing more will.
const SILENCE: Duration = Duration::from_secs(20);

/// Connections of the sandbox and of the clients, and some for everything else.
const FILES: u64 = 2 * (PROFILES * CLIENTS) as u64 + 200;

const PASSWORD: &str = "correct-horse";

/// The rows: with queues in memory, and through a private RabbitMQ if that is installed and the bench was built with the
/// feature.
pub(crate) fn rows() -> Vec<Row> {
    let limit = raise_open_file_limit();
    assert!(limit.is_none_or(|limit| limit >= FILES), "only {limit:?} files may be open; this needs {FILES}");
    let runtime = Runtime::new().expect("threads");
    let in_memory = Row {
        figure: "deliveries/s to 1,000 clients on 100 profiles, queues in memory",
        baseline: "sent",
        measured: runtime.block_on(measure("memory", None, IN_MEMORY)),
        against: as_rate(IN_MEMORY),
        goal: "at least 0.99",
    };
    std::iter::once(in_memory).chain(through_broker(&runtime)).collect()
}

#[cfg(not(feature = "rabbitmq"))]
fn through_broker(_runtime: &Runtime) -> Option<Row> {
    println!("load: RabbitMQ is left out, because the bench was built without the feature rabbitmq.");
    None
}

#[cfg(feature = "rabbitmq")]
fn through_broker(runtime: &Runtime) -> Option<Row> {
    if !std::path::Path::new("/usr/sbin/rabbitmq-server").exists() {
        println!("load: RabbitMQ is left out, because rabbitmq-server is not installed.");
        return None;
    }
    let broker = runtime.block_on(crate::broker::Broker::start());
    Some(Row {
        figure: "the same through RabbitMQ",
        baseline: "sent",
        measured: runtime.block_on(measure("RabbitMQ", Some(broker.address()), THROUGH_BROKER)),
        against: as_rate(THROUGH_BROKER),
        goal: "at least 0.99",
    })
}

#[expect(clippy::cast_precision_loss, reason = "rates are small numbers")]
fn as_rate(rate: u64) -> f64 {
    rate as f64
}

fn seconds() -> u64 {
    std::env::var("BENCH_LOAD_SECONDS").map_or(SECONDS, |seconds| seconds.parse().expect("a number of seconds"))
}

/// What all clients together have received.
#[derive(Default)]
struct Tally {
    received: AtomicUsize,
    foreign: AtomicUsize,
    repeated: AtomicUsize,
}

/// Sends at a rate and returns the rate at which messages arrived.
async fn measure(name: &str, amqp: Option<String>, rate: u64) -> f64 {
    let options = Options {
        amqp,
        scenario: Scenario::Quiet,
        latency: Some("0ms".parse().expect("a latency")),
        ..Options::embedded()
    };
    let sandbox = start(options).await.expect("a sandbox");
    let tokens = register(&sandbox).await;
    let deliveries = rate * seconds();
    let messages = usize::try_from(deliveries).expect("few") / CLIENTS;
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for (profile, token) in tokens.iter().enumerate() {
        // Those with a smaller number get what is left over.
        let expected = messages / PROFILES + usize::from(profile < messages % PROFILES);
        for _ in 0..CLIENTS {
            let socket = join(&sandbox.ws_url(), token).await;
            clients.spawn(receive(socket, profile, expected, Arc::clone(&tally)));
        }
    }
    let began = Instant::now();
    send(sandbox.control(), messages, rate).await;
    let sent_for = began.elapsed();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client ends");
    }
    let time = began.elapsed();
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let (received, foreign, repeated) = (count(&tally.received), count(&tally.foreign), count(&tally.repeated));
    let lost = (messages * CLIENTS).saturating_sub(received);
    println!(
        "load, {name}: {messages} messages sent in {:.2} s; {} deliveries expected, {received} received within {:.2} s, \
         {lost} lost, {foreign} foreign, {repeated} repeated",
        sent_for.as_secs_f64(),
        messages * CLIENTS,
        time.as_secs_f64(),
    );
    assert_eq!((lost, foreign, repeated), (0, 0, 0), "the tally is not clean");
    sandbox.shutdown().await;
    // The time in which the last message is sent ends one tick before the sending does.
    let offered = Duration::from_secs(seconds());
    as_rate(u64::try_from(received).expect("few")) / time.max(offered).as_secs_f64()
}

fn username(profile: usize) -> String {
    format!("load-{profile:03}@example.com")
}

/// Registers the profiles as clients do. Returns a token of each.
async fn register(sandbox: &SandboxHandle) -> Vec<String> {
    // Fails only if another part of the bench has installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut tokens = Vec::new();
    for profile in 0..PROFILES {
        let name = username(profile);
        let key = "ab".repeat(100);
        let post = async |path: &str, fields: &[(&str, &str)]| {
            let answer =
                http.post(format!("{}{path}", sandbox.api_url())).form(fields).send().await.expect("an answer");
            let text = answer.text().await.expect("a body");
            serde_json::from_str::<Value>(&text).unwrap_or_default()
        };
        post("/profile/register-profile", &[("username", &name), ("password", PASSWORD)]).await;
        let token = loop {
            let signed = post("/profile/authenticate", &[("username", &name), ("password", PASSWORD)]).await;
            if let Some(token) = signed.get("authorizationToken").and_then(Value::as_str) {
                break token.to_owned();
            }
        };
        post("/public-key/register-public-key", &[("username", &name), ("password", PASSWORD), ("publicKey", &key)])
            .await;
        tokens.push(token);
    }
    tokens
}

type Socket = WebSocketStream<TcpStream>;

async fn join(url: &str, token: &str) -> Socket {
    let stream = TcpStream::connect(url.trim_start_matches("ws://")).await.expect("a connection");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("an upgrade");
    let join = json!({"action": "joinChannel", "data": {"authorizationToken": token}});
    socket.send(Message::text(join.to_string())).await.expect("sent");
    let reply = socket.next().await.expect("a reply").expect("a frame");
    assert!(reply.to_text().is_ok_and(|text| text.contains("200")), "{reply:?}");
    socket
}

/// Receives until everything that is expected has come, or nothing comes any more.
async fn receive(mut socket: Socket, profile: usize, expected: usize, tally: Arc<Tally>) {
    let mut seen = vec![false; expected];
    let mut left = expected;
    let ours = format!("load-{profile}-");
    while left > 0 {
        let Ok(Some(Ok(frame))) = timeout(SILENCE, socket.next()).await else { return };
        let Ok(text) = frame.to_text() else { continue };
        let message: Value = serde_json::from_str(text).expect("JSON");
        let id = message.pointer("/data/id").and_then(Value::as_str).unwrap_or_default();
        if !id.starts_with("load-") {
            // The outcomes of registering the profile.
            continue;
        }
        match id.strip_prefix(&ours).and_then(|number| number.parse::<usize>().ok()).and_then(|n| seen.get_mut(n)) {
            None => {
                tally.foreign.fetch_add(1, Ordering::SeqCst);
            }
            Some(seen) if *seen => {
                tally.repeated.fetch_add(1, Ordering::SeqCst);
            }
            Some(seen) => {
                *seen = true;
                left -= 1;
                tally.received.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// Sends the messages evenly over the profiles and over the time, without waiting for one before the next.
async fn send(control: Control, messages: usize, rate: u64) {
    let each = (usize::try_from(rate / TICKS).expect("few") / CLIENTS).max(1);
    let pause = Duration::from_nanos(1_000_000_000 * u64::try_from(each * CLIENTS).expect("few") / rate);
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut publishing = JoinSet::new();
    for number in 0..messages {
        if number % each == 0 {
            ticks.tick().await;
        }
        let (profile, message) = (number % PROFILES, number / PROFILES);
        let id = format!("load-{profile}-{message}");
        let outcome = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": "Done"}});
        let control = control.clone();
        publishing.spawn(async move { control.publish(&username(profile), &outcome).await.expect("published") });
        while publishing.try_join_next().is_some() {}
    }
    while let Some(ended) = publishing.join_next().await {
        ended.expect("published");
    }
}
