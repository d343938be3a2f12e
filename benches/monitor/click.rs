//! The time from the click on a ready row to the GET of its link, with a long journal and with a short one. The engine may
//! read only what the journal holds about the request, however long the journal is.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use privicore_monitor::activity::{Fact, LocalEvent};
use privicore_monitor::engine::{Action, Credential, Event, SignIn};
use privicore_monitor::protocol::{AuthorizationToken, RequestId};
use privicore_monitor::settings::{Address, Profile};
use serde_json::json;

use crate::ingest::{drain, start_engine, stop};
use crate::server::Server;
use crate::start::fill;
use crate::table::Row;
use crate::{ROUNDS, median, millis};

/// Links per round; each is clicked once.
const LINKS: usize = 20;
/// Entries in the short journal.
const SHORT: usize = 1_000;
/// The longest wait for a GET.
const DEADLINE: Duration = Duration::from_mins(1);

/// The medians over all clicks.
pub(crate) fn row(count: usize) -> Row {
    let (downloads, came) = serve();
    let profile = Profile {
        name: "Bench".to_owned(),
        // Nothing listens on this port. A loopback address allows downloads from loopback.
        api: Address::new("http://127.0.0.1:9"),
        download: Address::new(&downloads),
        keep_signed_in: false,
        ..Profile::default()
    };
    let (long, short) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fill(long.path(), &profile, count);
    fill(short.path(), &profile, SHORT);
    let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Each round needs new links: the engine remembers those used in an earlier round and does not fetch them again.
        let links = (0..LINKS).map(|number| {
            let link = format!("{downloads}/?auth={round}-{number}");
            let data =
                json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id_of(round, number), "output_type": 1, "body": link});
            json!({ "data": data }).to_string()
        });
        let socket = Server::start(links);
        let profile = Profile { websocket: Address::new(&socket.url), ..profile.clone() };
        of_short.extend(clicks(short.path(), &profile, round, &came));
        of_long.extend(clicks(long.path(), &profile, round, &came));
    }
    Row {
        figure: "click to GET with a long journal, ms",
        baseline: "with 1,000 entries, ms",
        measured: millis(median(of_long)),
        against: millis(median(of_short)),
        goal: "at most 1.2",
    }
}

fn id_of(round: usize, number: usize) -> String {
    format!("click-{round}-{number}")
}

/// A server that answers every GET with a few bytes and reports when each GET arrived.
fn serve() -> (String, Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, came): (Sender<Instant>, _) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut asked, mut read) = (Vec::new(), [0; 4096]);
            while !asked.ends_with(b"\r\n\r\n") {
                match stream.read(&mut read) {
                    Ok(count @ 1..) => asked.extend_from_slice(read.get(..count).unwrap_or_default()),
                    _ => break,
                }
            }
            if asked.is_empty() {
                continue;
            }
            sender.send(Instant::now()).expect("somebody measures");
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndata")
                .expect("somebody takes it");
        }
    });
    (address, came)
}

/// Starts the engine, waits until it has read the journal, and clicks each link. Returns the time from each click to its
/// GET.
#[expect(clippy::panic, reason = "a bench fails by panicking")]
fn clicks(folder: &Path, profile: &Profile, round: usize, came: &Receiver<Instant>) -> Vec<Duration> {
    let files = tempfile::tempdir().expect("a folder");
    let (engine, events) = start_engine(folder);
    let credential = Credential::Token(AuthorizationToken::new("T-bench"));
    let sign_in = SignIn { profile: profile.clone(), credential };
    engine.send(Action::SignIn(Box::new(sign_in))).expect("the engine is not busy");
    let (mut heard, mut restored) = (0, false);
    drain(&events, |event| {
        match event {
            Event::Committed { entries, .. } => {
                heard += entries.iter().filter(|entry| matches!(entry.fact, Fact::Received(_))).count();
            }
            Event::Restored { complete, .. } => restored |= complete,
            _ => {}
        }
        heard >= LINKS && restored
    });
    let mut times = Vec::new();
    for number in 0..LINKS {
        let (request, to) = (RequestId::from(id_of(round, number).as_str()), files.path().join(number.to_string()));
        let clicked = Instant::now();
        engine.send(Action::Download { profile: profile.id, request, to }).expect("the engine is not busy");
        times.push(came.recv_timeout(DEADLINE).expect("the GET") - clicked);
        drain(&events, |event| match event {
            Event::Committed { entries, .. } => entries.iter().any(|entry| match &entry.fact {
                Fact::Local(LocalEvent::Saved { .. }) => true,
                Fact::Local(LocalEvent::NotSaved { sentence, .. }) => panic!("{sentence}"),
                _ => false,
            }),
            _ => false,
        });
    }
    stop(&engine, &events);
    times
}
