//! Ready data into files: one GET, whole files or none, and an error for every way in which it can fail.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privicore_monitor::activity::{
    Activities, ActivityKey, DownloadFailure, Entry, Fact, LocalEvent, Seq, Status, path_of_text,
};
use privicore_monitor::engine::{Action, DownloadProgress, Event};
use privicore_monitor::protocol::{Link, RequestId};
use privicore_monitor::sandbox::{DEMO_USERNAME, SandboxHandle};
use privicore_monitor::settings::ProfileId;
use serde_json::{Value, json};

use crate::quiet;
use crate::window::{Machine, Window, set};

/// Offers bytes under a request id and waits until the window knows.
pub(crate) async fn offer(window: &mut Window, sandbox: &SandboxHandle, id: &str, link: &str) {
    let message = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": id, "data_context": "invoices/2026-Q1", "output_type": 1, "body": link,
    }});
    publish(window, sandbox, id, &message).await;
}

pub(crate) async fn publish(window: &mut Window, sandbox: &SandboxHandle, id: &str, message: &Value) {
    sandbox.control().publish(DEMO_USERNAME, message).await.expect("published");
    window.entry(&data(id), |entry| matches!(entry.fact, Fact::Received(_) | Fact::Repeated(_))).await;
}

pub(crate) fn data(id: &str) -> ActivityKey {
    ActivityKey::Data(RequestId::from(id))
}

/// Downloads and waits for the local event that ends the download.
pub(crate) async fn download(window: &mut Window, profile: ProfileId, id: &str, to: &Path) -> LocalEvent {
    window.act(Action::Download { profile, request: RequestId::from(id), to: to.to_owned() });
    end_of(window, id).await
}

pub(crate) async fn end_of(window: &mut Window, id: &str) -> LocalEvent {
    let ended =
        |entry: &Entry| matches!(entry.fact, Fact::Local(LocalEvent::Saved { .. } | LocalEvent::NotSaved { .. }));
    match window.entry(&data(id), ended).await.fact {
        Fact::Local(event) => event,
        other => panic!("{other:?}"),
    }
}

/// Creates a file.
pub(crate) fn put(path: &Path, content: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).expect("a file");
    file.write_all(content).expect("written");
}

/// Bytes that compress badly and reveal where they are wrong.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(count).collect()
}

#[tokio::test]
async fn ready_data_is_downloaded_completely_with_progress_and_only_once() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let bytes = bytes(3_000_000);
    let link = sandbox.control().offer_download(bytes.clone(), Some("invoice.bin"));
    offer(&mut window, &sandbox, "r-1", link.expose()).await;

    let to = machine.file("saved.bin");
    let event = download(&mut window, profile, "r-1", &to).await;
    let LocalEvent::Saved { to: saved_to, size: 3_000_000, .. } = event else { panic!("{event:?}") };
    assert_eq!(saved_to, to.display().to_string());
    assert!(std::fs::read(&to).expect("the file") == bytes, "other bytes");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&to).expect("the file").permissions().mode() & 0o777, 0o600);
    }
    window.no_download().await;

    window.act(Action::Download { profile, request: RequestId::from("r-1"), to });
    window.notice("a link can be fetched once").await;
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_bare_token_is_fetched_from_the_download_address_once_the_stream_is_ready() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let link = sandbox.control().offer_download(b"streamed".to_vec(), None);
    let (_, token) = link.expose().split_once("auth=").expect("a token");
    let to = machine.file("streamed.bin");
    offer(&mut window, &sandbox, "r-2", token).await;
    window.act(Action::Download { profile, request: RequestId::from("r-2"), to: to.clone() });
    window.notice("not ready yet").await;
    let ready = json!({"data": {"type": "STREAM-READY", "requestId": "r-2"}});
    publish(&mut window, &sandbox, "r-2", &ready).await;
    assert!(matches!(download(&mut window, profile, "r-2", &to).await, LocalEvent::Saved { size: 8, .. }));
    assert_eq!(std::fs::read(&to).expect("the file"), b"streamed");
    window.quit().await;
}

/// Offers a download that breaks in its middle, and waits until it has.
async fn broken(window: &mut Window, sandbox: &SandboxHandle, profile: ProfileId, id: &str, to: &Path) -> String {
    let (link, half) = half_a_file().await;
    offer(window, sandbox, id, link.expose()).await;
    window.act(Action::Download { profile, request: RequestId::from(id), to: to.to_owned() });
    half.send(()).expect("the server waits");
    let LocalEvent::NotSaved { why, sentence, .. } = end_of(window, id).await else { panic!("saved") };
    assert_eq!(why, DownloadFailure::Broken, "{sentence}");
    link.expose().to_owned()
}

/// The status that the window shows for a request, from all events so far.
fn status(window: &Window, id: &str) -> Status {
    let mut activities = Activities::new(std::time::Duration::from_mins(10));
    for event in &window.heard {
        match event {
            Event::Committed { entries, .. } => entries.iter().for_each(|entry| activities.apply(entry)),
            Event::Restored { entries, live_from, .. } => {
                activities.set_live_from(*live_from);
                activities.apply_restored(entries);
            }
            _ => {}
        }
    }
    activities.get(activities.find(&data(id)).expect("a row")).expect("a row").status()
}

/// A server that requeues unacknowledged messages sends a link again.
#[tokio::test]
async fn a_repeated_used_link_is_not_ready_again_and_another_link_is() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let to = machine.file("data.bin");
    let link = broken(&mut window, &sandbox, profile, "r", &to).await;
    let before = status(&window, "r");
    assert_eq!(before, Status::Failed);
    for _ in 0..2 {
        offer(&mut window, &sandbox, "r", &link).await;
        assert_eq!(status(&window, "r"), before, "it reads as ready although its link is used");
    }
    window.act(Action::Download { profile, request: RequestId::from("r"), to: to.clone() });
    window.notice("a link can be fetched once").await;
    assert!(window.quit().await.iter().all(|event| !format!("{event:?}").contains("has not requested it before")));

    // The next run also knows it, however early the server sends it.
    let mut window = Window::open(&machine);
    window.wait("the past", |event| matches!(event, Event::Restored { complete: true, .. }).then_some(())).await;
    window.live(1).await;
    offer(&mut window, &sandbox, "r", &link).await;
    assert_eq!(status(&window, "r"), before, "it reads as ready after a restart");
    window.act(Action::Download { profile, request: RequestId::from("r"), to: to.clone() });
    window.notice("a link can be fetched once").await;

    let other = sandbox.control().offer_download(b"again".to_vec(), None);
    offer(&mut window, &sandbox, "r", other.expose()).await;
    assert_eq!(status(&window, "r"), Status::Ready, "another link of the same request");
    assert!(matches!(download(&mut window, profile, "r", &to).await, LocalEvent::Saved { size: 5, .. }));
    window.quit().await;
}

#[tokio::test]
async fn a_servers_refusal_is_quoted_without_the_link() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let to = machine.file("never.bin");
    for (id, head, body, wanted) in [
        (
            "words",
            "403 Forbidden\r\nContent-Type: application/json",
            r#"{"message":"The link has expired."}"#,
            "The server answered with status 403: “The link has expired.” This monitor has not requested it before. \
             Request the data again.",
        ),
        (
            "echo",
            "410 Gone\r\nContent-Type: text/plain",
            "The token once-canary\nis used",
            "The server answered with status 410: “The token hidden is used” This monitor has not requested it before. \
             Request the data again.",
        ),
        (
            "page",
            "404 Not Found\r\nContent-Type: text/html",
            "<html>Not found</html>",
            "The link has been used or has expired. The server answered with status 404. This monitor has not requested it \
             before. Request the data again.",
        ),
    ] {
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let link = crate::download_failures::answers(answer.into_bytes()).await.replace("once", "once-canary");
        offer(&mut window, &sandbox, id, &link).await;
        let LocalEvent::NotSaved { why, sentence, .. } = download(&mut window, profile, id, &to).await else {
            panic!("saved")
        };
        assert_eq!((why, sentence.as_str()), (DownloadFailure::Refused, wanted));
        assert_eq!(status(&window, id), Status::LinkExpired);
    }
    window.quit().await;
}

#[tokio::test]
async fn used_expired_and_unreachable_links_each_have_their_own_outcome() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let to = machine.file("never.bin");

    let gone = format!("{}/?auth=never-was", sandbox.downstream_url());
    offer(&mut window, &sandbox, "used", &gone).await;
    let LocalEvent::NotSaved { why, sentence, .. } = download(&mut window, profile, "used", &to).await else {
        panic!("saved")
    };
    assert_eq!(why, DownloadFailure::Refused, "{sentence}");
    assert!(sentence.ends_with("This monitor has not requested it before. Request the data again."), "{sentence}");

    let mut preferences = privicore_monitor::settings::Preferences { link_lifetime: 0, ..Default::default() };
    window.act(set(&preferences));
    offer(&mut window, &sandbox, "expired", &gone).await;
    let LocalEvent::NotSaved { why, sentence, .. } = download(&mut window, profile, "expired", &to).await else {
        panic!("saved")
    };
    assert_eq!(why, DownloadFailure::LinkExpired, "{sentence}");
    preferences.link_lifetime = 600;
    window.act(set(&preferences));

    let nobody = "http://127.0.0.1:9/?auth=x";
    offer(&mut window, &sandbox, "unreachable", nobody).await;
    for _ in 0..2 {
        let LocalEvent::NotSaved { why, sentence, .. } = download(&mut window, profile, "unreachable", &to).await
        else {
            panic!("saved")
        };
        assert_eq!(why, DownloadFailure::NotStarted, "{sentence}");
        assert!(sentence.contains("The link was not used"), "{sentence}");
    }

    offer(&mut window, &sandbox, "plain", "http://192.0.2.1/?auth=x").await;
    window.act(Action::Download { profile, request: RequestId::from("plain"), to: to.clone() });
    window.notice("without encryption").await;
    window.act(Action::Download { profile, request: RequestId::from("unheard-of"), to: to.clone() });
    window.notice("The link is not known here").await;
    assert!(!to.exists());
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_broken_download_keeps_its_part_file_and_a_cancelled_one_leaves_none() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let to = machine.file("half.bin");

    let (link, half) = half_a_file().await;
    offer(&mut window, &sandbox, "broken", link.expose()).await;
    window.act(Action::Download { profile, request: RequestId::from("broken"), to: to.clone() });
    half.send(()).expect("the server waits");
    let LocalEvent::NotSaved { why, sentence, part } = end_of(&mut window, "broken").await else { panic!("saved") };
    assert_eq!(why, DownloadFailure::Broken, "{sentence}");
    assert!(sentence.contains("500 of 1000 bytes"), "{sentence}");
    let part = part.expect("the part-file is kept");
    assert!(sentence.contains(&part), "{sentence}");
    assert_eq!(part, machine.file("half.bin.part").display().to_string());
    assert_eq!(std::fs::read(&part).expect("the part-file"), [7; 500]);

    let (link, _never) = half_a_file().await;
    offer(&mut window, &sandbox, "stopped", link.expose()).await;
    window.act(Action::Download { profile, request: RequestId::from("stopped"), to: to.clone() });
    window.progress("progress", |progress| (progress.received == 500).then_some(())).await;
    window.act(Action::CancelDownload { profile, request: RequestId::from("stopped") });
    assert!(matches!(
        end_of(&mut window, "stopped").await,
        LocalEvent::NotSaved { why: DownloadFailure::Cancelled, .. }
    ));

    let (link, _never) = half_a_file().await;
    offer(&mut window, &sandbox, "at the end", link.expose()).await;
    window.act(Action::Download { profile, request: RequestId::from("at the end"), to: to.clone() });
    let half = |progress: &DownloadProgress| (progress.received == 500).then(|| progress.clone());
    let half = window.progress("half of it", half).await;
    assert_eq!((half.file_name.as_str(), half.total), ("half.bin", Some(1_000)));
    window.quit().await;
    assert!(!to.exists());
    // Closing the program must not discard what was received.
    let kept = machine.file("half.bin (2).part");
    assert_eq!(std::fs::read(&kept).expect("the part-file"), [7; 500]);
    no_hidden_parts(&machine);
}

/// A server that sends half of a file, and closes the connection on a signal.
async fn half_a_file() -> (Link, tokio::sync::oneshot::Sender<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (close, closed) = tokio::sync::oneshot::channel();
    let server = async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0_u8; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        let request = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
        assert!(request.starts_with("get /?auth=half "), "{request}");
        assert!(!request.contains("x-dpt-authorization"), "the token went to a download host: {request}");
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: application/octet-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&[7; 500]).await.expect("sent");
        // Signalled, or the test is over.
        drop(closed.await);
    };
    crate::scripted::serve(server);
    (Link::new(format!("http://{address}/?auth=half")), close)
}

#[tokio::test]
async fn an_inline_payload_is_saved_from_the_journal() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let payload = bytes(5_000);
    let message = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": "inline", "output_type": 0, "body": STANDARD.encode(&payload),
    }});
    publish(&mut window, &sandbox, "inline", &message).await;
    let to = machine.file("inline.bin");
    let save = |to: PathBuf, span| Action::SaveInline { profile, request: RequestId::from("inline"), to, span };
    window.act(save(to.clone(), None));
    assert!(matches!(end_of(&mut window, "inline").await, LocalEvent::Saved { size: 5_000, .. }));
    assert!(std::fs::read(&to).expect("the file") == payload, "other bytes");
    // Once saved, the request is not open any more: the window knows where the file is.
    let span = Some((Seq(0), Seq(u64::MAX)));
    window.act(save(machine.file("no such folder").join("x"), span));
    window.notice("Choose another place.").await;
    // However it ended, no download is shown as running, and closing asks no question.
    window.no_download().await;
    window.quit().await;
}

/// Checks that no part file is left under its hidden name.
pub(crate) fn no_hidden_parts(machine: &Machine) {
    let left: Vec<_> = std::fs::read_dir(machine.folder.path())
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(".privicore-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_is_not_utf_8_is_used_byte_by_byte_and_found_again() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let at = |name: &[u8]| machine.folder.path().join(std::ffi::OsStr::from_bytes(name));
    // The lossy text of the chosen name is the name of another file.
    let other = at("r\u{fffd}sum\u{fffd}.pdf".as_bytes());
    put(&other, b"mine");
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    offer(&mut window, &sandbox, "r-1", link.expose()).await;
    let to = at(b"r\xe9sum\xe9.pdf");
    let event = download(&mut window, profile, "r-1", &to).await;
    let LocalEvent::Saved { to: told, .. } = event else { panic!("{event:?}") };
    assert_eq!(path_of_text(&told), to, "Open and Show in folder lead elsewhere: {told}");
    assert_eq!(std::fs::read(&to).expect("the file"), b"payload");
    assert_eq!(std::fs::read(&other).expect("the other file"), b"mine", "a file that nobody chose was replaced");
    window.quit().await;
    no_hidden_parts(&machine);
}
