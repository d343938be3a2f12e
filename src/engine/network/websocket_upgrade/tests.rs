//! Tests the upgrade against a server that answers with given bytes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::tungstenite::Message;

use crate::engine::client::connector::{self, Connector, Socket};
use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::endpoints::Target;

use super::*;

/// A response that a browser accepts. `{accept}` stands for the accept key of the request.
const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: {accept}\r\n\r\n";
/// The text message `hi`.
const HI: &[u8] = b"\x81\x02hi";

/// Connects to one server through a pipe.
struct Pipe(Mutex<Option<DuplexStream>>);

impl Connector for Pipe {
    fn connect(&self, _target: Target) -> BoxFuture<'static, Result<Box<dyn Transport>, ConnectError>> {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take().expect("one connection");
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Transport>) })
    }
}

/// What a server does after its answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Closes,
    Waits,
}

/// The result of a request that gets this response, and the request as the server read it.
async fn upgrade_with_answer(url: &str, answer: &[u8], then: Then) -> (Result<Socket, ConnectError>, String) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let connector = Arc::new(Pipe(Mutex::new(Some(ours))));
    let server = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(theirs.read_buf(&mut head).await.expect("a request"), 0, "no whole request");
        }
        let head = String::from_utf8(head).expect("text");
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-Websocket-Key: ")).expect("a key");
        let accept = derive_accept_key(key.as_bytes());
        let answer = match answer.windows(8).position(|part| part == b"{accept}") {
            Some(at) => [&answer[..at], accept.as_bytes(), &answer[at + 8..]].concat(),
            None => answer.to_vec(),
        };
        // In pieces, as a network may deliver it. The client may close before it has read everything.
        for piece in answer.chunks(1000) {
            if theirs.write_all(piece).await.is_err() {
                break;
            }
        }
        if then == Then::Closes {
            theirs.shutdown().await.expect("an end");
        }
        (head, theirs)
    };
    let opening = connector::open(connector, Url::parse(url).expect("an address"), Vec::new(), 1024);
    let (opened, (head, _theirs)) = tokio::join!(opening, server);
    (opened.map(|(socket, _date)| socket), head)
}

async fn refused(answer: &[u8], then: Then) -> String {
    let (opened, _) = upgrade_with_answer("wss://ws.example.com/", answer, then).await;
    opened.err().unwrap_or_else(|| panic!("it opened: {}", String::from_utf8_lossy(answer))).to_string()
}

#[tokio::test(start_paused = true)]
async fn the_request_is_that_of_a_websocket_client_and_names_the_program() {
    let (opened, head) = upgrade_with_answer("ws://[::1]:8083/a/b?c=d", GOOD.as_bytes(), Then::Waits).await;
    opened.expect("an upgrade");
    let (_, key) = head.split_once("Sec-Websocket-Key: ").expect("a key");
    let key = key.trim();
    assert_eq!(key.len(), 24, "{key}");
    assert_eq!(
        head,
        format!(
            "GET /a/b?c=d HTTP/1.1\r\nHost: [::1]:8083\r\nUser-Agent: privicore-monitor/{}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-Websocket-Version: 13\r\nSec-Websocket-Key: {key}\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    let (_, head) = upgrade_with_answer("wss://ws.example.com:443", GOOD.as_bytes(), Then::Waits).await;
    assert!(head.starts_with("GET / HTTP/1.1\r\nHost: ws.example.com\r\n"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn header_lists_match_in_any_case_and_bytes_after_the_response_are_read() {
    let many = (0..200).map(|number| format!("X-{number}: y\r\n")).collect::<Vec<_>>().concat();
    for headers in [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n".to_owned(),
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n".to_owned(),
        "upgrade: WebSocket\r\nconnection: upgrade,Keep-Alive\r\nsec-websocket-accept: {accept}\r\n".to_owned(),
        "Connection: keep-alive\r\nConnection: ,UPGRADE ,\r\nUpgrade: h2c, websocket\r\nSec-WebSocket-Accept:{accept}\r\n"
            .to_owned(),
        "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Accept: {accept}\r\nContent-Length: 0\r\n"
            .to_owned(),
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nTransfer-Encoding: chunked\r\n"
            .to_owned(),
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol:\r\n"
            .to_owned(),
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nX: folded\r\n line\r\n".to_owned(),
        "Upgrade: websocket\r\nConnection: Upgrade\r\nPHP Warning: x\r\nSec-WebSocket-Accept: {accept}\r\n".to_owned(),
        format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {{accept}}\r\n{many}"),
    ] {
        let hint = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        for before in ["", hint] {
            let answer = format!("{before}HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n");
            let answer = [answer.as_bytes(), HI].concat();
            let (opened, _) = upgrade_with_answer("wss://ws.example.com", &answer, Then::Closes).await;
            let mut socket = opened.unwrap_or_else(|error| panic!("{headers}: {error}"));
            assert_eq!(socket.next().await.expect("a message").expect("a text"), Message::text("hi"), "{headers}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_violation_of_the_protocol_is_named() {
    let answer = |headers: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n").into_bytes();
    let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
    let cases = [
        (answer("Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"), "“Upgrade: websocket”"),
        (answer("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"), "“Upgrade: websocket”"),
        (answer("Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n"), "“Connection: Upgrade”"),
        (
            answer("Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: {accept}\r\n"),
            "“Connection: Upgrade”",
        ),
        (answer("Upgrade: websocket\r\nConnection: Upgrade\r\n"), "no Sec-WebSocket-Accept"),
        (
            answer(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
            ),
            "belongs to another request",
        ),
        (answer(&format!("{good}Sec-WebSocket-Accept: other\r\n")), "belongs to another request"),
        (answer(&format!("{good}Sec-WebSocket-Protocol: v1.chat, v2\r\n")), "the subprotocol “v1.chat”"),
        (
            answer(&format!("{good}Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")),
            "the extension “permessage-deflate; client_no_context_takeover”",
        ),
        (answer(&format!("{good}Sec-WebSocket-Protocol: {}\r\n", "p".repeat(5_000))), "ppp…”"),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), "its answer is not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), "its answer is not HTTP"),
        (b"HTTP/2 200\r\n\r\n".to_vec(), "its answer is not HTTP"),
        (b"HTTP/1.1 101 Swi".to_vec(), "the connection was closed without an answer"),
        (Vec::new(), "the connection was closed without an answer"),
        (answer(&format!("{good}X: {}\r\n", "x".repeat(100_000))), "its answer is too long"),
    ];
    for (answer, words) in cases {
        let sentence = refused(&answer, Then::Closes).await;
        assert!(sentence.starts_with("ws.example.com did not open a WebSocket: "), "{sentence}");
        assert!(sentence.contains(words) && sentence.ends_with('.') && sentence.len() < 500, "{sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_shows_its_status_its_text_and_what_to_do() {
    let json = r#"{"message":"Under maintenance\u202e."}"#;
    for (answer, wanted) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n<p>",
            "ws.example.com answered with HTTP status 404 instead of a WebSocket. Check the WebSocket address.",
        ),
        (
            &format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n{json}", json.len()),
            "ws.example.com answered with HTTP status 503 instead of a WebSocket: “Under \
             maintenance\\u{202e}.”. If it stays so, ask whoever runs the server.",
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBot!\n\r\n0\r\n\r\n",
            "ws.example.com answered with HTTP status 403 instead of a WebSocket: “Bot!”. Ask whoever runs the \
             server, or the firewall in front of it, to let this computer in.",
        ),
        (
            "HTTP/1.1 308 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
            "ws.example.com answered with HTTP status 308 instead of a WebSocket. It redirects to \
             wss://ws.example.com. If that is the right server, change the WebSocket address.",
        ),
        (
            "HTTP/1.0 302 Found\r\nLocation: https://portal.example.com:8443/login?next=secret\r\n\r\n",
            "ws.example.com answered with HTTP status 302 instead of a WebSocket. It redirects to \
             https://portal.example.com:8443. If that is the right server, change the WebSocket address.",
        ),
    ] {
        assert_eq!(refused(answer.as_bytes(), Then::Closes).await, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusals_body_is_bounded_in_size_and_time_and_its_secrets_are_masked() {
    let endless = [b"HTTP/1.1 500 X\r\nContent-Type: text/plain\r\n\r\n".as_slice(), &vec![b'x'; 900_000]].concat();
    let sentence = refused(&endless, Then::Waits).await;
    assert!(sentence.contains("xxx…”") && sentence.len() < 600, "{sentence}");

    let start = Instant::now();
    let slow =
        refused(b"HTTP/1.1 500 X\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf", Then::Waits).await;
    assert!(slow.contains("500") && slow.contains("“half”"), "{slow}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));

    let echo = b"HTTP/1.1 400 X\r\nContent-Type: text/plain\r\n\r\n/?auth=CANARY-1 is bad";
    let (opened, _) = upgrade_with_answer("wss://ws.example.com/?auth=CANARY-1", echo, Then::Closes).await;
    let error = opened.err().expect("it opened");
    assert!(!format!("{error} {error:?}").contains("CANARY"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_fails_at_the_timeout() {
    let start = Instant::now();
    assert_eq!(refused(b"HTTP/1.1 101", Then::Waits).await, "ws.example.com did not answer within 10 s.");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}
