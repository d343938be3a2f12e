//! Download failures: each has its own outcome, half a file is never reported as a whole one, and no link is lost.

use futures_util::SinkExt as _;
use privicore_monitor::activity::{DownloadFailure, Entry, Fact, LocalEvent, Seq, Timestamp};
use privicore_monitor::engine::{Action, DownloadProgress, DownloadStage, Event};
use privicore_monitor::journal::{Journal, Opened};
use privicore_monitor::protocol::{DataToken, RequestId, StoredData};
use privicore_monitor::sandbox::{DEMO_USERNAME, DownloadFault, Fault, Limit, SandboxHandle};
use privicore_monitor::settings::ProfileId;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::downloads::{bytes, data, download, end_of, no_hidden_parts, offer, publish, put};
use crate::quiet;
use crate::window::{Machine, Window};

/// Offers bytes whose download fails.
async fn download_with_fault(window: &mut Window, sandbox: &SandboxHandle, id: &str, fault: DownloadFault) {
    let link = sandbox.control().offer_download(bytes(100_000), Some("data.bin"));
    offer(window, sandbox, id, link.expose()).await;
    sandbox.control().inject(Fault::Downloads { fault, limit: Limit::Times(1) }, None).expect("injected");
}

/// Waits for a notice that arrived at any time since `mark`.
pub(crate) async fn wait_for_notice_since(window: &mut Window, mark: usize, says: &str) {
    let told = |event: &Event| match event {
        Event::Notice(notice) => notice.sentence().contains(says).then_some(()),
        _ => None,
    };
    window.since(mark, says, told).await;
}

#[tokio::test]
async fn each_failure_has_its_own_outcome_and_no_partial_file_gets_the_final_name() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    for (id, fault, wanted, says, kept) in [
        ("used", DownloadFault::Used, DownloadFailure::Refused, "This monitor has not requested it before.", None),
        ("forbidden", DownloadFault::Expired, DownloadFailure::Refused, "status 403", None),
        ("redirect", DownloadFault::Redirect, DownloadFailure::Broken, "elsewhere.invalid without encryption", None),
        ("cut", DownloadFault::Cut, DownloadFailure::Broken, "after 50000 of 100000 bytes", Some(50_000)),
        ("lie", DownloadFault::Lie, DownloadFailure::Broken, "after 100000 of 200000 bytes", Some(100_000)),
    ] {
        download_with_fault(&mut window, &sandbox, id, fault).await;
        let to = machine.file(id);
        let LocalEvent::NotSaved { why, sentence, part } = download(&mut window, profile, id, &to).await else {
            panic!("{id} was saved")
        };
        assert_eq!(why, wanted, "{sentence}");
        assert!(sentence.contains(says), "{sentence}");
        assert!(!to.exists(), "{id} got its name");
        let size = part.as_ref().map(|part| std::fs::metadata(part).expect("the part-file").len());
        assert_eq!(size, kept, "{id}");
        if let Some(part) = part {
            assert!(sentence.contains(&part) && sentence.contains("Request the data again"), "{sentence}");
        }
    }
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn without_disk_space_the_response_is_held_open_until_another_path_is_chosen() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    download_with_fault(&mut window, &sandbox, "huge", DownloadFault::Huge).await;
    let no_room = |place: std::path::PathBuf| {
        move |progress: &DownloadProgress| match &progress.stage {
            DownloadStage::NoSpace { needed, free, folder } if *folder == place => Some((*needed, *free)),
            _ => None,
        }
    };
    let request = RequestId::from("huge");
    window.act(Action::Download { profile, request: request.clone(), to: machine.file("huge.bin") });
    let here = machine.folder.path().to_owned();
    let (needed, free) = window.progress("that room is short", no_room(here)).await;
    assert_eq!(needed, 1 << 60);
    assert!(free < needed);
    let there = machine.file("elsewhere");
    std::fs::create_dir(&there).expect("a folder");
    window.act(Action::MoveDownload { profile, request: request.clone(), to: machine.file("no folder").join("x") });
    window.notice("Choose another place.").await;
    window.act(Action::MoveDownload { profile, request: request.clone(), to: there.join("huge.bin") });
    window.progress("that room is short there", no_room(there.clone())).await;
    window.act(Action::ResumeDownload { profile, request: request.clone() });
    window.act(Action::CancelDownload { profile, request });
    let LocalEvent::NotSaved { why, .. } = end_of(&mut window, "huge").await else { panic!("saved") };
    assert_eq!(why, DownloadFailure::Cancelled);
    window.quit().await;
    no_hidden_parts(&machine);
    assert_eq!(std::fs::read_dir(&there).expect("the folder").count(), 0);
}

#[tokio::test]
async fn a_refused_link_is_reported_at_each_start_until_acknowledged() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    download_with_fault(&mut window, &sandbox, "spent", DownloadFault::Used).await;
    let mark = window.mark();
    download(&mut window, profile, "spent", &machine.file("x")).await;
    wait_for_notice_since(&mut window, mark, "This monitor has not requested it before.").await;
    window.quit().await;

    let mut window = Window::open(&machine);
    let notice = window.notice("This monitor has not requested it before.").await;
    let (words, remedy) = notice.remedy.expect("a remedy");
    assert_eq!(words, "I have read this");
    window.act(remedy);
    window.entry(&data("spent"), |entry| matches!(entry.fact, Fact::Local(LocalEvent::WarningRead))).await;
    window.quit().await;

    let mut window = Window::open(&machine);
    window.wait("the past", |event| matches!(event, Event::Restored { complete: true, .. }).then_some(())).await;
    // Everything about the past is reported before the profile is live.
    window.live(1).await;
    let received = window.quit().await;
    let told =
        |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence().contains("not requested it before"));
    assert!(!received.iter().any(told), "it was told again after it was read");
}

#[tokio::test]
async fn a_crash_during_a_download_is_detected_at_the_next_start() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.quit().await;
    // As a crash leaves it.
    let (to, part) = (machine.file("data.bin"), machine.file(".privicore-abc123.part"));
    put(&part, &[7; 500]);
    let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
    let entry = |key: &str, part: Option<&std::path::Path>| Entry {
        seq: Seq::default(),
        at: Timestamp(1),
        key: data(key),
        fact: Fact::Local(LocalEvent::Fetching {
            to: to.display().to_string(),
            part: part.map(|part| part.display().to_string()),
            links: Vec::new(),
        }),
        raw: "".into(),
    };
    journal.append(profile, vec![entry("left", Some(&part)), entry("gone", None)]).await.expect("written");
    journal.close().await;
    drop(journal);

    let mut window = Window::open(&machine);
    let mark = window.mark();
    for (id, size) in [("left", Some(500)), ("gone", None)] {
        let deed = window
            .since(mark, "what became of it", |event| match event {
                Event::Committed { entries, .. } => entries.iter().find(|entry| entry.key == data(id)).cloned(),
                _ => None,
            })
            .await;
        let Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence, part }) = deed.fact else {
            panic!("{deed:?}")
        };
        assert!(sentence.contains("ended in the middle of the download"), "{sentence}");
        let kept = part.map(|part| std::fs::metadata(part).expect("the part-file").len());
        assert_eq!(kept, size);
    }
    assert!(!to.exists() && machine.file("data.bin.part").exists());
    window.quit().await;
    no_hidden_parts(&machine);
}

/// A server that answers one request with these bytes and closes the connection.
pub(crate) async fn answers(answer: impl AsRef<[u8]> + Send + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    crate::scripted::serve(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0_u8; 4096];
        assert!(stream.read(&mut request).await.expect("a request") > 0);
        stream.write_all(answer.as_ref()).await.expect("sent");
        stream.shutdown().await.expect("closed");
    });
    format!("http://{address}/?auth=once")
}

#[tokio::test]
async fn a_payload_of_unknown_length_is_saved_with_a_notice() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let endless = answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nis this all?").await;
    offer(&mut window, &sandbox, "endless", &endless).await;
    let mark = window.mark();
    let LocalEvent::Saved { size: 12, receipt, .. } =
        download(&mut window, profile, "endless", &machine.file("a")).await
    else {
        panic!("not saved")
    };
    assert!(receipt.length_unproved);
    wait_for_notice_since(&mut window, mark, "so it may be incomplete").await;
    // Chunked bodies mark their end, so one without the end is broken.
    let chunked = answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    offer(&mut window, &sandbox, "chunked", &chunked).await;
    let LocalEvent::Saved { size: 3, receipt, .. } =
        download(&mut window, profile, "chunked", &machine.file("b")).await
    else {
        panic!("not saved")
    };
    assert!(!receipt.length_unproved);
    let cut = answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    offer(&mut window, &sandbox, "cut", &cut).await;
    let event = download(&mut window, profile, "cut", &machine.file("c")).await;
    assert!(matches!(&event, LocalEvent::NotSaved { why: DownloadFailure::Broken, part: Some(_), .. }), "{event:?}");
    window.quit().await;
}

/// A WebSocket server that sends frames to one client.
pub(crate) async fn streams(frames: Vec<Frame>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    crate::scripted::serve(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
        for frame in frames {
            socket.send(frame).await.expect("sent");
        }
    });
    format!("ws://{address}/stream?auth=once")
}

async fn stream_ready(window: &mut Window, sandbox: &SandboxHandle, id: &str, frames: Vec<Frame>) {
    let url = streams(frames).await;
    let ready = json!({"data": {"type": "STREAM-READY", "requestId": id, "streamUrl": url}});
    publish(window, sandbox, id, &ready).await;
}

#[tokio::test]
async fn a_stream_is_complete_only_if_it_is_closed() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let payload = bytes(300_000);
    let pieces = || payload.chunks(70_000).map(|piece| Frame::binary(piece.to_vec()));
    let closed = |code| Frame::Close(Some(CloseFrame { code, reason: "".into() }));

    let whole = pieces().chain([Frame::Ping("x".into()), closed(CloseCode::Normal)]).collect();
    stream_ready(&mut window, &sandbox, "whole", whole).await;
    let to = machine.file("whole.bin");
    assert!(matches!(download(&mut window, profile, "whole", &to).await, LocalEvent::Saved { size: 300_000, .. }));
    assert!(std::fs::read(&to).expect("the file") == payload, "other bytes");

    for (id, last, says) in [
        ("failed", Some(closed(CloseCode::Error)), "closed the stream as failed"),
        ("cut", None, "connection broke off"),
        ("text", Some(Frame::text("an error")), "sent text"),
    ] {
        stream_ready(&mut window, &sandbox, id, pieces().chain(last).collect()).await;
        let to = machine.file(id);
        let LocalEvent::NotSaved { why, sentence, part } = download(&mut window, profile, id, &to).await else {
            panic!("{id} was saved")
        };
        assert_eq!(why, DownloadFailure::Broken, "{sentence}");
        assert!(sentence.contains(says), "{sentence}");
        assert_eq!(std::fs::metadata(part.expect("the part-file")).expect("the part-file").len(), 300_000);
        assert!(!to.exists(), "{id} got its name");
    }
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn with_a_known_data_token_a_broken_download_can_be_requested_again() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile: ProfileId = window.sign_in(&sandbox).await;
    let folder = machine.file("in");
    std::fs::create_dir(&folder).expect("a folder");
    sandbox.control().store_data(DEMO_USERNAME, bytes(100_000), "scan.tiff", "scans").expect("stored");
    window.act(Action::ListDataTokens { profile, page: 1 });
    let wanted = window
        .wait("the data tokens", |event| match event {
            Event::DataTokens { answer: Ok(page), .. } => {
                page.items.iter().find(|item| item.file_name == "scan.tiff").cloned()
            }
            _ => None,
        })
        .await;
    sandbox
        .control()
        .inject(Fault::Downloads { fault: DownloadFault::Cut, limit: Limit::Times(1) }, None)
        .expect("struck");
    window.act(Action::RequestData { profile, data: vec![wanted], folder: Some(folder.clone()) });
    let notice = window.notice("its data token is known here").await;
    let (words, remedy) = notice.remedy.expect("a remedy");
    assert_eq!(words, "Request again");
    assert!(folder.join("scan.tiff.part").exists());
    window.act(remedy);
    window
        .wait("the new request", |event| match event {
            Event::Committed { entries, .. } => entries
                .iter()
                .any(|entry| matches!(&entry.fact, Fact::Local(LocalEvent::Requested(requested)) if requested.again.is_some()))
                .then_some(()),
            _ => None,
        })
        .await;
    window.quit().await;
}

/// Folders and names that refuse a file, to anyone: also to root, under which no permission counts.
fn refusing(machine: &Machine) -> Vec<(&'static str, std::path::PathBuf)> {
    let file = machine.file("a file");
    put(&file, b"");
    let mut refusing = vec![
        ("a folder that is not there", machine.file("missing").join("x")),
        ("a file in place of the folder", file.join("x")),
        ("a folder in place of the file", machine.folder.path().to_owned()),
        ("a name that is too long", machine.file(&"x".repeat(300))),
    ];
    if cfg!(target_os = "linux") {
        refusing.push(("a folder that is read-only", "/proc/x".into()));
        refusing.push(("a folder whose files can't be renamed", "/proc/self/fd/x".into()));
    }
    refusing
}

#[tokio::test]
async fn if_the_file_can_not_be_written_the_link_is_not_used() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let payload = crate::beside_curl::sized(crate::beside_curl::OK, b"payload");
    let (port, got) = crate::beside_curl::answering([("/link".to_owned(), payload)].into()).await;
    offer(&mut window, &sandbox, "r", &format!("http://127.0.0.1:{port}/link?auth=once")).await;
    let request = || RequestId::from("r");
    for (what, to) in refusing(&machine) {
        let mark = window.mark();
        window.act(Action::Download { profile, request: request(), to: to.clone() });
        wait_for_notice_since(&mut window, mark, &format!("It can't be written to {}: ", to.display())).await;
        window.no_download().await;
        if let Some(folder) = to.parent().filter(|folder| to != machine.folder.path() && !folder.is_dir()) {
            let mark = window.mark();
            window.act(Action::DownloadAll { profile, requests: vec![request()], folder: folder.to_owned() });
            wait_for_notice_since(&mut window, mark, "Choose another place.").await;
            window.no_download().await;
        }
        assert_eq!(got.lock().expect("whole").len(), 0, "{what}: the link was requested");
    }
    let saved = download(&mut window, profile, "r", &machine.file("saved")).await;
    assert!(matches!(saved, LocalEvent::Saved { size: 7, .. }), "{saved:?}");
    assert_eq!(got.lock().expect("whole").len(), 1);
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn without_space_for_a_known_size_the_link_is_not_used() {
    let (backend, websocket) = crate::server_answers::complete_backend().await;
    let profile = crate::server_answers::profile(&backend, &websocket);
    let id = profile.id;
    let machine = Machine::new();
    let folder = machine.file("in");
    std::fs::create_dir(&folder).expect("a folder");
    let mut window = Window::open(&machine);
    window.act(Action::SignIn(Box::new(crate::window::with_token(profile, "T-1"))));
    window.entry(&data("requested"), |entry| matches!(entry.fact, Fact::Received(_))).await;
    let stored = StoredData {
        token: DataToken::new("dtk-1"),
        context: String::new(),
        file_name: "a.csv".to_owned(),
        size: Some(1 << 60),
        created: None,
    };
    window.act(Action::RequestData { profile: id, data: vec![stored], folder: Some(folder.clone()) });
    let request = || RequestId::from("requested");
    for to in [&folder, machine.folder.path()] {
        let is_short = |progress: &DownloadProgress| match &progress.stage {
            DownloadStage::NoSpace { needed, folder, .. } => (folder == to).then_some(*needed),
            _ => None,
        };
        assert_eq!(window.progress("that room is short", is_short).await, 1 << 60);
        window.act(Action::CancelDownload { profile: id, request: request() });
        window.no_download().await;
        assert!(!backend.has_request("GET /link"), "the link was requested");
        // A link that was used would be refused.
        window.act(Action::Download { profile: id, request: request(), to: machine.file("again") });
    }
    window.quit().await;
    assert!(!backend.has_request("GET /link"), "the link was requested");
    no_hidden_parts(&machine);
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0);
}
