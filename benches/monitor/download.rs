//! Downloads a gibibyte over loopback to the disk: with the engine, which also hashes it, and with `curl -o` followed by
//! `sync` of the file.
//!
//! The engine runs in a separate process, so that its idle and peak memory can be measured.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privicore_monitor::activity::{Fact, LocalEvent};
use privicore_monitor::engine::{Action, Credential, Event, SignIn};
use privicore_monitor::protocol::{AuthorizationToken, RequestId};
use privicore_monitor::settings::{Address, Profile};
use serde_json::{Value, json};

use crate::ingest::{drain, start_engine, stop};
use crate::memory::from_status;
use crate::server::Server;
use crate::table::Row;
use crate::{ROUNDS, median};

/// The argument that starts the separate process.
pub(crate) const ARGUMENT: &str = "measure-download";
/// The environment variables that name the socket's address and the download's address.
const SOCKET: &str = "BENCH_SOCKET";
const DOWNLOADS: &str = "BENCH_DOWNLOADS";

/// The payload's length in bytes.
const SIZE: u64 = 1 << 30;
/// Bytes per write.
const PIECE: usize = 1 << 20;
/// How far the memory may rise above its idle value, in MiB.
const ALLOWED: f64 = 20.0;
/// The id of the request that the data belongs to.
const REQUEST: &str = "bench";

/// The medians of all rounds.
pub(crate) fn rows() -> Vec<Row> {
    let downloads = serve();
    let message = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": REQUEST, "data_context": "bench", "output_type": 1,
        "body": format!("{downloads}/?auth=bench"),
    }});
    let socket = Server::start(std::iter::once(message.to_string()));
    let has_curl = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_curl {
        println!("download: there is no curl here, so nothing stands beside the engine's download.");
    }
    let (mut ours, mut curls, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        if has_curl {
            curls.push(curl(&downloads));
        }
        let (time, growth) = engine(&socket, &downloads);
        ours.push(time);
        above.push(growth);
    }
    above.sort_unstable();
    let highest = above.last().copied().expect("rounds");
    vec![
        Row {
            figure: "download of 1 GiB to the disk, MB/s",
            baseline: "curl -o, and sync of its file",
            measured: rate(median(ours)),
            against: if has_curl { rate(median(curls)) } else { 0.0 },
            goal: "at least 1.0",
        },
        Row {
            figure: "memory above rest while it comes, MiB, the most of all rounds",
            baseline: "what is allowed, MiB",
            measured: to_float(highest) / to_float(1 << 20),
            against: ALLOWED,
            goal: "at most 1.0",
        },
    ]
}

#[expect(clippy::cast_precision_loss, reason = "sizes that a double holds")]
fn to_float(bytes: u64) -> f64 {
    bytes as f64
}

/// The throughput in megabytes per second.
fn rate(time: Duration) -> f64 {
    to_float(SIZE) / 1e6 / time.as_secs_f64()
}

/// Starts a server that answers every GET with the payload, on its own threads. Returns its address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut random = fastrand::Rng::with_seed(7);
    let piece: Arc<[u8]> = std::iter::repeat_with(|| random.u8(..)).take(PIECE).collect();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.expect("a connection"), &piece);
        }
    });
    address
}

fn answer(mut stream: TcpStream, piece: &[u8]) {
    let (mut asked, mut read) = (Vec::new(), [0; 4096]);
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read(&mut read) {
            Ok(count @ 1..) => asked.extend_from_slice(read.get(..count).unwrap_or_default()),
            // The client closed the connection without a request.
            _ => return,
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("somebody listens");
    for _ in 0..SIZE / PIECE as u64 {
        stream.write_all(piece).expect("somebody takes it all");
    }
}

/// Runs `curl -o`, then `sync` on the file that it wrote.
fn curl(downloads: &str) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("curl.bin");
    let start = Instant::now();
    let done = Command::new("curl").arg("--silent").arg("-o").arg(&to).arg(downloads).status();
    assert!(done.is_ok_and(|status| status.success()), "curl failed");
    let done = Command::new("sync").arg(&to).status();
    assert!(done.is_ok_and(|status| status.success()), "sync failed");
    let time = start.elapsed();
    check(&to);
    time
}

/// Runs the engine in a separate process. Returns the time, and the peak of its memory above the idle value in bytes.
fn engine(socket: &Server, downloads: &str) -> (Duration, u64) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program);
    child.arg(ARGUMENT).env(SOCKET, &socket.url).env(DOWNLOADS, downloads);
    let output = child.output().expect("this program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the download failed: {said}");
    // The engine has joined. The server waits until this is read.
    socket.started();
    let figures: Value = serde_json::from_slice(&output.stdout).expect("this program's figures");
    let number = |name: &str| figures.get(name).and_then(Value::as_u64).expect("a figure");
    (Duration::from_micros(number("microseconds")), number("above"))
}

/// The body of the separate process.
#[expect(clippy::panic, reason = "a bench fails by panicking")]
pub(crate) fn measure_and_print() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("engine.bin");
    let address = |name: &str| Address::new(std::env::var(name).expect("the bench gives an address"));
    let (engine, events) = start_engine(folder.path());
    let profile = Profile {
        name: "Bench".to_owned(),
        // Nothing listens on this port. A loopback address allows downloads from loopback.
        api: Address::new("http://127.0.0.1:9"),
        websocket: address(SOCKET),
        download: address(DOWNLOADS),
        keep_signed_in: false,
        ..Profile::default()
    };
    let id = profile.id;
    let credential = Credential::Token(AuthorizationToken::new("T-bench"));
    engine.send(Action::SignIn(Box::new(SignIn { profile, credential }))).expect("the engine is not busy");
    drain(&events, |event| facts(event).any(|fact| matches!(fact, Fact::Received(_))));
    let rest = from_status("VmRSS:");
    // Resets the process's recorded peak.
    std::fs::write("/proc/self/clear_refs", "5").expect("the highest memory can be forgotten");
    let start = Instant::now();
    let download = Action::Download { profile: id, request: RequestId::from(REQUEST), to: to.clone() };
    engine.send(download).expect("the engine is not busy");
    let ended = drain(&events, |event| {
        facts(event).any(|fact| match fact {
            Fact::Local(LocalEvent::Saved { .. }) => true,
            Fact::Local(LocalEvent::NotSaved { sentence, .. }) => panic!("{sentence}"),
            _ => false,
        })
    });
    let above = from_status("VmHWM:").saturating_sub(rest);
    check(&to);
    println!("{}", json!({"microseconds": micros(ended - start), "above": above}));
    stop(&engine, &events);
}

/// The facts of the journal's entries in an event.
fn facts(event: Event) -> impl Iterator<Item = Fact> {
    let entries = match event {
        Event::Committed { entries, .. } => entries,
        _ => Vec::new(),
    };
    entries.into_iter().map(|entry| entry.fact)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("a round is short")
}

fn check(file: &Path) {
    assert_eq!(std::fs::metadata(file).expect("the file").len(), SIZE, "bytes are missing");
}
