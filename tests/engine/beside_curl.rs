//! Unusual HTTP responses, compared with `curl --compressed -L`: a link works once, so whatever curl saves is saved too,
//! byte for byte the same.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use privicore_monitor::activity::{DownloadFailure, LocalEvent, path_of_text};
use privicore_monitor::engine::{Action, EngineOptions, Event, Notice, Severity};
use privicore_monitor::protocol::RequestId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::download_failures::wait_for_notice_since;
use crate::downloads::{download, end_of, no_hidden_parts, offer};
use crate::quiet;
use crate::scripted::serve;
use crate::tls_and_proxies::{authority, encrypted};
use crate::window::{Machine, Window};

/// The body that the server sends.
pub(crate) const BODY: &[u8] = b"id,amount\n1,2\n3,4\n";

/// The expected result of a response.
enum End {
    /// The file, as curl saves it. Whether its length could not be checked.
    Saved(bool),
    /// The file, as browsers save it, although curl fails.
    Browsers,
    /// Half a file, kept as curl leaves it, and not reported as saved.
    Cut,
    /// The bytes as received, under a name with this ending, although curl fails.
    Coded(&'static str),
    /// Nothing, although curl 7.88 saves it: hyper rejects such a response, has no option to accept it, and its data is
    /// lost. The row reports that.
    Lost,
}
use End::{Browsers, Coded, Cut, Lost, Saved};

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}

/// With a length.
pub(crate) fn sized(head: &str, body: &[u8]) -> Vec<u8> {
    answer(&format!("{head}\nContent-Length: {}", body.len()), body)
}

pub(crate) fn chunked(head: &str, body: &[u8]) -> Vec<u8> {
    let (one, two) = body.split_at(5);
    let chunk = |bytes: &[u8]| [format!("{:x};note=\"x\"\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let chunks = [chunk(one), chunk(two), b"0\r\nX-Trailer: 1\r\n\r\n".to_vec()].concat();
    answer(&format!("{head}\nTransfer-Encoding: chunked"), &chunks)
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut coder = GzEncoder::new(Vec::new(), Compression::default());
    coder.write_all(body).expect("compressed");
    coder.finish().expect("compressed")
}

pub(crate) fn zlib(body: &[u8]) -> Vec<u8> {
    let mut coder = ZlibEncoder::new(Vec::new(), Compression::default());
    coder.write_all(body).expect("compressed");
    coder.finish().expect("compressed")
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut coder = DeflateEncoder::new(Vec::new(), Compression::default());
    coder.write_all(body).expect("compressed");
    coder.finish().expect("compressed")
}

/// [`BODY`] compressed by `zstd --check`.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x24\x12\x91\x00\x00id,amount\n1,2\n3,4\n\xa2\x78\x90\x89";

/// A frame of zstd with an uncompressed block and without a checksum.
fn zstd(body: &[u8]) -> Vec<u8> {
    let size = u8::try_from(body.len()).expect("a short body");
    let last_raw_block = u16::from(size) << 3 | 1;
    [&b"\x28\xb5\x2f\xfd\x20"[..], &[size], &last_raw_block.to_le_bytes(), &[0], body].concat()
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\nConnection: close";

fn cases() -> Vec<(&'static str, Vec<u8>, End)> {
    let ok = |lines: &str| sized(&format!("{OK}\n{lines}"), BODY);
    let many = |count: usize| (0..count).map(|number| format!("X-{number}: {number}\n")).collect::<Vec<_>>().concat();
    let whole = || Saved(false);
    vec![
        ("plain", ok("Server: x"), whole()),
        ("120-headers", ok(many(120).trim_end()), whole()),
        ("2000-headers", ok(many(2_000).trim_end()), whole()),
        ("long-header", ok(&format!("X-Long: {}", "x".repeat(60_000))), whole()),
        ("warning-line", ok("PHP Warning: Unable to load: x\nX: y"), whole()),
        ("no-colon", ok("this is no header\nX: y"), Browsers),
        ("empty-name", ok(": x\nX: y"), whole()),
        ("space-before-colon", ok("X-Spaced : y"), whole()),
        ("folded", ok("X-Folded: one\n two\n\tthree"), whole()),
        ("not-ascii", ok("X-Name: grö\u{df}e\nSet-Cookie: a=\u{e9}"), whole()),
        ("no-reason", sized("HTTP/1.1 200\nConnection: close", BODY), whole()),
        ("line-feeds", [&b"HTTP/1.1 200 OK\nContent-Length: 18\nConnection: close\n\n"[..], BODY].concat(), whole()),
        ("length-twice", ok("Content-Length: 18"), whole()),
        ("early-hints", [&b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"[..], &ok("X: y")].concat(), whole()),
        ("continue", [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &ok("X: y")].concat(), whole()),
        ("old", answer("HTTP/1.0 200 OK", BODY), Saved(true)),
        // RFC 9112, 6.1: an HTTP/1.0 sender may not use chunks, and a message framed this way is to be treated as faulty.
        ("old-chunks", chunked("HTTP/1.0 200 OK\nConnection: close", BODY), Lost),
        ("until-the-end", answer(OK, BODY), Saved(true)),
        ("identity-transfer", answer(&format!("{OK}\nTransfer-Encoding: identity"), BODY), Saved(true)),
        ("identity-and-length", ok("Transfer-Encoding: identity"), whole()),
        ("more-than-told", answer(&format!("{OK}\nContent-Length: 10"), BODY), whole()),
        (
            "more-than-told-identity",
            answer(&format!("{OK}\nTransfer-Encoding: identity\nContent-Length: 10"), BODY),
            whole(),
        ),
        ("chunks", chunked(OK, BODY), whole()),
        ("nothing", sized(OK, b""), whole()),
        ("changed-by-a-proxy", sized("HTTP/1.1 203 Changed\nConnection: close", BODY), whole()),
        ("all-of-it", sized("HTTP/1.1 206 Partial\nConnection: close\nContent-Range: bytes 0-17/18", BODY), whole()),
        ("gzip", sized(&format!("{OK}\nContent-Encoding: gzip"), &gzip(BODY)), whole()),
        ("x-gzip", sized(&format!("{OK}\nContent-Encoding: x-gzip"), &gzip(BODY)), whole()),
        ("gzip-chunks", chunked(&format!("{OK}\nContent-Encoding: GZIP"), &gzip(BODY)), whole()),
        ("gzip-until-the-end", answer(&format!("{OK}\nContent-Encoding: gzip"), &gzip(BODY)), Saved(true)),
        ("gzip-twice", sized(&format!("{OK}\nContent-Encoding: gzip, gzip"), &gzip(&gzip(BODY))), whole()),
        ("deflate", sized(&format!("{OK}\nContent-Encoding: deflate"), &zlib(BODY)), whole()),
        ("raw-deflate", sized(&format!("{OK}\nContent-Encoding: deflate"), &raw_deflate(BODY)), whole()),
        ("brotli", sized(&format!("{OK}\nContent-Encoding: br"), b"\x0b\x02\x80hello\x03"), whole()),
        ("zstd", sized(&format!("{OK}\nContent-Encoding: zstd"), ZSTD), whole()),
        ("zstd-in-capitals", sized(&format!("{OK}\nContent-Encoding: ZSTD"), ZSTD), whole()),
        ("zstd-chunks", chunked(&format!("{OK}\nContent-Encoding: zstd"), ZSTD), whole()),
        ("zstd-until-the-end", answer(&format!("{OK}\nContent-Encoding: zstd"), ZSTD), Saved(true)),
        (
            "zstd-frames",
            sized(&format!("{OK}\nContent-Encoding: zstd"), &[zstd(&BODY[..7]), zstd(&BODY[7..])].concat()),
            whole(),
        ),
        ("zstd-after-gzip", sized(&format!("{OK}\nContent-Encoding: gzip, zstd"), &zstd(&gzip(BODY))), whole()),
        ("identity", sized(&format!("{OK}\nContent-Encoding: identity"), BODY), whole()),
        ("cut", answer(&format!("{OK}\nContent-Length: 640"), BODY), Cut),
        ("cut-identity", answer(&format!("{OK}\nTransfer-Encoding: identity\nContent-Length: 640"), BODY), Cut),
        ("cut-chunks", answer(&format!("{OK}\nTransfer-Encoding: chunked"), b"5\r\nid,am\r\n"), Cut),
        ("no-gzip", sized(&format!("{OK}\nContent-Encoding: gzip"), BODY), Coded(".gz")),
        ("half-a-gzip", sized(&format!("{OK}\nContent-Encoding: gzip"), &gzip(BODY)[..20]), Coded(".gz")),
        ("no-zstd", sized(&format!("{OK}\nContent-Encoding: zstd"), BODY), Coded(".zst")),
        ("half-a-zstd", sized(&format!("{OK}\nContent-Encoding: zstd"), &ZSTD[..14]), Coded(".zst")),
        (
            "zstd-with-another-checksum",
            sized(&format!("{OK}\nContent-Encoding: zstd"), &[&ZSTD[..ZSTD.len() - 1], b"x"].concat()),
            Coded(".zst"),
        ),
        ("no-brotli", sized(&format!("{OK}\nContent-Encoding: br"), BODY), Coded(".br")),
        ("compress", sized(&format!("{OK}\nContent-Encoding: compress"), BODY), Coded(".Z")),
        ("dictionary", sized(&format!("{OK}\nContent-Encoding: sdch"), BODY), Coded(".encoded")),
    ]
}

/// The heads of the requests that a server received.
pub(crate) type Got = Arc<Mutex<Vec<String>>>;

/// A server that answers by the request's path and closes the connection. Any other path is 404.
pub(crate) async fn answering(answers: BTreeMap<String, Vec<u8>>) -> (u16, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (port, got, answers) = (listener.local_addr().expect("an address").port(), Got::default(), Arc::new(answers));
    let heads = got.clone();
    serve(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let (heads, answers) = (heads.clone(), answers.clone());
            serve(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let head = String::from_utf8(head).expect("text");
                let path = head.split(' ').nth(1).expect("a path");
                let path = path.split('?').next().expect("a path").to_owned();
                heads.lock().expect("whole").push(head);
                let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
                // The client may close the connection before it has read everything.
                drop(stream.write_all(answers.get(&path).unwrap_or(&none)).await);
                drop(stream.shutdown().await);
            });
        }
    });
    (port, got)
}

/// A server that answers every request with these bytes and closes the connection. Returns its address.
pub(crate) async fn answering_all(answer: &str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, answer) = (listener.local_addr().expect("an address"), answer.to_owned());
    serve(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let answer = answer.clone();
            serve(async move {
                let mut head = Vec::new();
                while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                // The client may close the connection before it has read everything.
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
                // Closing with unread data would reset the connection.
                drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
            });
        }
    });
    address
}

/// Runs curl without settings, without a proxy, and without the environment.
pub(crate) async fn run_curl(arguments: &[&OsStr]) -> std::process::Output {
    let mut curl = tokio::process::Command::new("curl");
    curl.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    curl.args(["-q", "-s", "--max-time", "20", "--noproxy", "*"]).args(arguments);
    curl.output().await.expect("curl runs: on Debian, install the package curl")
}

/// Saves a file with curl. Returns its exit code and the file that it leaves.
async fn curl(url: &str, to: &Path) -> (Option<i32>, Vec<u8>) {
    let done = run_curl(&["--compressed".as_ref(), "-L".as_ref(), "-o".as_ref(), to.as_ref(), url.as_ref()]).await;
    (done.status.code(), std::fs::read(to).unwrap_or_default())
}

/// Whether this build of curl can decode zstd.
async fn curl_knows_zstd() -> bool {
    let version = run_curl(&["--version".as_ref()]).await;
    String::from_utf8_lossy(&version.stdout).contains(" zstd")
}

#[tokio::test]
async fn a_download_is_byte_for_byte_what_curl_saves() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let answers = cases().into_iter().map(|(name, answer, _)| (format!("/{name}"), answer)).collect();
    let (port, got) = answering(answers).await;
    let knows_zstd = curl_knows_zstd().await;
    if !knows_zstd {
        println!("left out: this curl is built without zstd (its frames were compared with the plain bytes)");
    }
    for (name, answer, end) in cases() {
        let url = format!("http://127.0.0.1:{port}/{name}?auth=once");
        let (code, curled) = match end {
            Saved(_) if name.starts_with("zstd") && !knows_zstd => (Some(0), BODY.to_vec()),
            _ => curl(&url, &machine.file(&format!("{name}.curl"))).await,
        };
        offer(&mut window, &sandbox, name, &url).await;
        let to = machine.file(&format!("{name}.csv"));
        let mark = window.mark();
        let event = download(&mut window, profile, name, &to).await;
        match (end, event) {
            (Saved(unproved), LocalEvent::Saved { to: saved, receipt, .. }) => {
                assert_eq!((code, path_of_text(&saved)), (Some(0), to.clone()), "{name}");
                assert_eq!(std::fs::read(&to).expect("the file"), curled, "{name}");
                assert_eq!(receipt.length_unproved, unproved, "{name}");
            }
            (Browsers, LocalEvent::Saved { .. }) => {
                assert_ne!(code, Some(0), "{name}: curl saves it too");
                assert_eq!(std::fs::read(&to).expect("the file"), BODY, "{name}");
            }
            (Cut, LocalEvent::NotSaved { why: DownloadFailure::Broken, part: Some(kept), .. }) => {
                // Of these two conflicting framings, curl 7.88 uses the invalid one, and later versions use the length.
                assert!(code == Some(18) || name == "cut-identity", "{name}: {code:?}");
                assert_eq!(std::fs::read(path_of_text(&kept)).expect("the part-file"), curled, "{name}");
                assert!(!to.exists(), "{name}: half a file got the name");
            }
            (Coded(ending), LocalEvent::Saved { to: saved, .. }) => {
                // curl 7.88 does not report a compressed body that is cut before its end, and leaves half a file.
                assert!(code != Some(0) || name.starts_with("half-a-"), "{name}: curl can decode it");
                assert_eq!(path_of_text(&saved), machine.file(&format!("{name}.csv{ending}")), "{name}");
                let kept = std::fs::read(path_of_text(&saved)).expect("the file");
                assert!(!kept.is_empty() && answer.ends_with(&kept), "{name}: these are not the bytes that came");
                wait_for_notice_since(&mut window, mark, "could not be decompressed").await;
            }
            (Lost, LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence, part: None }) => {
                assert_eq!((code, &*curled), (Some(0), BODY), "{name}: curl can't read it either");
                for words in ["against the rules of HTTP", "is lost", "Request the data again"] {
                    assert!(sentence.contains(words), "{name}: {sentence}");
                }
                wait_for_notice_since(&mut window, mark, "against the rules of HTTP").await;
            }
            (_, deed) => panic!("{name}: {deed:?}"),
        }
    }
    let heads = got.lock().expect("whole").clone();
    let ours: Vec<_> = heads.iter().filter(|head| head.contains("privicore-monitor/")).collect();
    assert_eq!(ours.len(), cases().len(), "a link was fetched more than once");
    assert!(ours.iter().all(|head| head.to_lowercase().contains("accept-encoding: identity\r\n")), "{ours:?}");
    assert!(!format!("{ours:?}").to_lowercase().contains("x-dpt"), "a token went along");
    no_hidden_parts(&machine);
    window.quit().await;
}

pub(crate) fn sends_to(url: &str) -> Vec<u8> {
    sized(&format!("HTTP/1.1 302 Found\nConnection: close\nSet-Cookie: a=b\nLocation: {url}"), b"elsewhere")
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_to_other_ports_and_to_encryption() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let options = EngineOptions { extra_authority: Some(authority()), ..machine.options() };
    let mut window = Window::with(options);
    let profile = window.sign_in(&sandbox).await;
    let file = |name: &str| (name.to_owned(), sized(OK, BODY));
    let (other, _) = answering([file("/file")].into()).await;
    let secure = encrypted(other).await;
    let around = (0..15).map(|step| (format!("/around{step}"), sends_to(&format!("/around{}", step + 1))));
    let mut answers: BTreeMap<_, _> = around.collect();
    answers.extend([
        ("/around15".to_owned(), sends_to("file")),
        ("/forever".to_owned(), sends_to("/forever")),
        ("/relative".to_owned(), sends_to("file")),
        ("/port".to_owned(), sends_to(&format!("http://localhost:{other}/file"))),
        ("/secure".to_owned(), sends_to(&format!("https://localhost:{secure}/file"))),
        ("/fragment".to_owned(), sends_to("file#part")),
        ("/nowhere".to_owned(), sized("HTTP/1.1 302 Found\nConnection: close", b"")),
        ("/closed".to_owned(), sends_to("http://localhost:1/file")),
        ("/other".to_owned(), sends_to(&format!("http://127.0.0.1:{other}/file"))),
        file("/file"),
    ]);
    for status in [301, 303, 307, 308] {
        let head = format!("HTTP/1.1 {status} Elsewhere\nConnection: close\nLocation: file");
        answers.insert(format!("/{status}"), sized(&head, b"elsewhere"));
    }
    let (port, got) = answering(answers).await;
    for (name, ends) in [
        ("301", Ok(())),
        ("303", Ok(())),
        ("307", Ok(())),
        ("308", Ok(())),
        ("fragment", Ok(())),
        ("relative", Ok(())),
        ("port", Ok(())),
        ("secure", Ok(())),
        ("around0", Ok(())),
        ("forever", Err((DownloadFailure::Broken, "again and again"))),
        ("nowhere", Err((DownloadFailure::Broken, "without an address"))),
        ("other", Err((DownloadFailure::Broken, "127.0.0.1 without encryption"))),
        ("closed", Err((DownloadFailure::NotStarted, "can't be reached"))),
    ] {
        offer(&mut window, &sandbox, name, &format!("http://localhost:{port}/{name}?auth=once")).await;
        let to = machine.file(name);
        match (download(&mut window, profile, name, &to).await, ends) {
            (LocalEvent::Saved { .. }, Ok(())) => assert_eq!(std::fs::read(&to).expect("the file"), BODY, "{name}"),
            (LocalEvent::NotSaved { why, sentence, .. }, Err((wanted, says))) => {
                assert_eq!(why, wanted, "{name}: {sentence}");
                assert!(sentence.contains(says), "{name}: {sentence}");
            }
            (event, _) => panic!("{name}: {event:?}"),
        }
    }
    let heads = got.lock().expect("whole").clone();
    assert!(heads.iter().all(|head| head.starts_with("GET ")), "{heads:?}");
    assert_eq!(heads.iter().filter(|head| head.starts_with("GET /301?")).count(), 1, "a link was used twice");
    window.quit().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_needs_consent_once_and_sends_no_credentials() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let options = EngineOptions { extra_authority: Some(authority()), ..machine.options() };
    let mut window = Window::with(options);
    let profile = window.sign_in(&sandbox).await;
    let (store, got) = answering([("/bucket/file".to_owned(), sized(OK, BODY))].into()).await;
    let secure = encrypted(store).await;
    let there = format!("https://localhost:{secure}/bucket/file?signature=S3CRET");
    let (port, asked) = answering([("/".to_owned(), sends_to(&there))].into()).await;
    offer(&mut window, &sandbox, "r", &format!("http://127.0.0.1:{port}/?auth=once")).await;
    let to = machine.file("data.csv");
    let mark = window.mark();
    let deed = download(&mut window, profile, "r", &to).await;
    let LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence, .. } = deed else { panic!("{deed:?}") };
    assert!(sentence.contains("127.0.0.1 sends you on to localhost"), "{sentence}");
    assert!(!sentence.contains("S3CRET"), "{sentence}");
    assert!(got.lock().expect("whole").is_empty(), "it was fetched unasked");
    let told = |event: &Event| match event {
        Event::Notice(Notice { severity: Severity::Error, reason, remedy: Some(remedy), .. }) => {
            reason.to_string().contains("sends you on to").then(|| remedy.clone())
        }
        _ => None,
    };
    let (words, again) = window.since(mark, "a notice with something to do", told).await;
    assert_eq!(words, "Go on to localhost");
    assert!(matches!(&again, Action::Download { request, .. } if *request == RequestId::from("r")), "{again:?}");
    window.act(again);
    let deed = end_of(&mut window, "r").await;
    let LocalEvent::Saved { receipt, .. } = deed else { panic!("{deed:?}") };
    assert_eq!((receipt.host.as_str(), std::fs::read(&to).expect("the file").as_slice()), ("localhost", BODY));
    let heads = got.lock().expect("whole").clone();
    let [head] = &*heads else { panic!("{heads:?}") };
    for ours in ["x-dpt", "authorization", "cookie", "referer", "auth=once"] {
        assert!(!head.to_lowercase().contains(ours), "{ours} went along: {head}");
    }
    assert_eq!(asked.lock().expect("whole").len(), 1, "the link was used again");
    window.quit().await;
}
