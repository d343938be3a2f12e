//! The path from the socket to the model. The engine commits every message before the model receives it; the two baseline
//! loops store nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use privicore_monitor::activity::{Activities, Timestamp};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{
    Action, Credential, Engine, EngineHandle, EngineOptions, Event, EventReceiver, ProxyEnvironment, SignIn,
};
use privicore_monitor::protocol::AuthorizationToken;
use privicore_monitor::settings::{Address, Directories, Profile};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::Server;
use crate::table::Row;
use crate::{ROUNDS, median, messages};

/// How long the engine may take to stop.
const STOPPING: Duration = Duration::from_secs(30);

/// How often the event queue is polled if no wake-up arrives.
const LOOK: Duration = Duration::from_millis(100);

/// How long a link is valid. These messages contain no links.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_mins(10);

/// Reads and parses every message, then sends `done`.
const NODE: &str = "
const WebSocket = require(process.env.BENCH_NODE_MODULES + '/ws');
const [url, count] = [process.env.BENCH_URL, Number(process.env.BENCH_COUNT)];
const socket = new WebSocket(url, { perMessageDeflate: false });
let heard = 0;
socket.on('open', () => socket.send('join'));
socket.on('message', (text) => {
    const message = JSON.parse(text);
    if (message.data.id !== undefined && ++heard === count) { socket.send('done'); socket.close(); }
});
";

/// The engine against both baselines.
pub(crate) fn rows(count: usize) -> Vec<Row> {
    let server = Server::start(messages::texts(count));
    let modules = std::env::var_os("BENCH_NODE_MODULES").map(PathBuf::from);
    let (mut ours, mut bare_times, mut node_times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare_times.push(bare(&server, count));
        ours.push(engine(&server, count));
        if let Some(modules) = &modules {
            node_times.push(node(&server, count, modules));
        }
    }
    let ours = rate(count, median(ours));
    let mut rows = vec![Row {
        figure: "durable ingest, messages/s",
        baseline: "bare tokio-tungstenite + serde_json, which keep nothing",
        measured: ours,
        against: rate(count, median(bare_times)),
        goal: "none: it shows what keeping costs",
    }];
    if modules.is_some() {
        rows.push(Row {
            figure: "durable ingest, messages/s",
            baseline: "Node's ws + JSON.parse, which keep nothing",
            measured: ours,
            against: rate(count, median(node_times)),
            goal: "at least 1.0",
        });
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "counts that a double holds")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The fields of a message that the bare loop reads without copying.
#[derive(Deserialize)]
struct Bare<'a> {
    #[serde(borrow)]
    data: BareData<'a>,
}

#[derive(Deserialize)]
struct BareData<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    #[serde(default)]
    id: &'a str,
    #[serde(default)]
    command_status: u8,
    #[serde(default)]
    body: &'a str,
}

fn bare(server: &Server, count: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let stream = TcpStream::connect(server.url.trim_start_matches("ws://")).await.expect("a connection");
        let (mut socket, _) = tokio_tungstenite::client_async(&server.url, stream).await.expect("an upgrade");
        socket.send(Message::text("join")).await.expect("sent");
        let (mut heard, mut bytes) = (0, 0);
        while heard < count {
            let Some(Ok(Message::Text(text))) = socket.next().await else { continue };
            let Ok(Bare { data }) = serde_json::from_str::<Bare<'_>>(&text) else { continue };
            heard += usize::from(!data.id.is_empty());
            bytes += data.kind.len() + data.body.len() + usize::from(data.command_status);
        }
        std::hint::black_box(bytes);
        Instant::now()
    });
    ended - server.started()
}

fn node(server: &Server, count: usize, modules: &Path) -> Duration {
    let mut node = Command::new("node")
        .args(["-e", NODE])
        .env("BENCH_NODE_MODULES", modules)
        .env("BENCH_URL", &server.url)
        .env("BENCH_COUNT", count.to_string())
        .spawn()
        .expect("node starts");
    let time = server.started();
    let time = server.finished() - time;
    assert!(node.wait().is_ok_and(|status| status.success()), "node failed");
    time
}

fn engine(server: &Server, count: usize) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, events) = start_engine(folder.path());
    let profile = Profile {
        name: "Bench".to_owned(),
        // Nothing listens on this port, so the token's expiry is unknown. Nothing depends on it.
        api: Address::new("http://127.0.0.1:9"),
        websocket: Address::new(&server.url),
        keep_signed_in: false,
        ..Profile::default()
    };
    let credential = Credential::Token(AuthorizationToken::new("T-bench"));
    engine.send(Action::SignIn(Box::new(SignIn { profile, credential }))).expect("the engine is not busy");
    let mut activities = Activities::new(LINK_LIFETIME);
    let ended = drain(&events, |event| {
        if let Event::Committed { entries, .. } = event {
            for entry in &entries {
                activities.apply(entry);
            }
        }
        activities.len() >= count
    });
    let time = ended - server.started();
    stop(&engine, &events);
    time
}

/// Starts an engine that stores its data in `folder`.
pub(crate) fn start_engine(folder: &Path) -> (EngineHandle, EventReceiver) {
    let here = thread::current();
    Engine::start(EngineOptions {
        directories: Directories::at(folder.join("data"), folder.join("config")).expect("folders"),
        keyring: Keyring::in_memory(),
        keeps_links: true,
        sandbox: None,
        start_in_sandbox: false,
        profile: None,
        connector: None,
        settings: privicore_monitor::engine::SettingsAccess::ReadWrite,
        extra_authority: None,
        proxies: ProxyEnvironment::default(),
        clock: Arc::new(|| Timestamp::from(jiff::Timestamp::now())),
        waker: Arc::new(move || here.unpark()),
    })
    .expect("the engine starts")
}

/// Drains events as the window does until `is_last` returns true. Returns the time of that event.
pub(crate) fn drain(events: &EventReceiver, mut is_last: impl FnMut(Event) -> bool) -> Instant {
    loop {
        while let Some(event) = events.try_next() {
            if is_last(event) {
                return Instant::now();
            }
        }
        thread::park_timeout(LOOK);
    }
}

/// Stops an engine and waits until it has stopped.
pub(crate) fn stop(engine: &EngineHandle, events: &EventReceiver) {
    engine.send(Action::Quit).expect("the engine is not busy");
    drain(events, |event| matches!(event, Event::Stopped));
    assert!(engine.join(STOPPING), "the engine did not stop");
}
