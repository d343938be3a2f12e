//! The proxy: who receives what.

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, DEADLINE, Socket, until};
use crate::quiet;

fn event(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": null}})
}

#[tokio::test]
async fn a_join_is_answered_with_its_correlation_id_and_a_channel() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let reply = socket.join(client.token()).await;
    assert_eq!(reply["status"], 200);
    assert_eq!(reply["correlationId"], "c-1");
    assert_eq!(reply["data"]["message"], "Successfully joined profile channel.");
    assert!(reply["data"]["channelId"].as_str().is_some_and(|id| id.len() == 36), "{reply}");
    let mut live = Socket::open(&running).await;
    live.send(&json!({"action": "joinChannel", "data": {"authorizationToken": client.token()}}).to_string()).await;
    let reply = live.next().await;
    assert_eq!((&reply["status"], reply.get("correlationId")), (&json!(200), None), "none sent, none echoed");
}

#[tokio::test]
async fn nothing_comes_before_the_join_and_what_waited_comes_after_it_in_order() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    for n in 0..200 {
        running.control().publish(DEMO_USERNAME, &event(&n.to_string())).await.expect("published");
    }
    // `join` fails if anything arrives before its reply.
    socket.join(client.token()).await;
    for n in 0..200 {
        assert_eq!(socket.next().await, event(&n.to_string()));
    }
}

#[tokio::test]
async fn every_client_of_the_profile_hears_a_message_and_nobody_else_does() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut first = Socket::joined(&running, &client).await;
    let mut second = Socket::joined(&running, &client).await;
    let mut other = Socket::joined(&running, &audit).await;
    let control = running.control();
    until("both have joined", || control.joined(DEMO_USERNAME).expect("a profile") == 2).await;
    for n in 0..50 {
        control.publish(DEMO_USERNAME, &event(&format!("demo-{n}"))).await.expect("published");
    }
    control.publish(AUDIT_USERNAME, &event("audit")).await.expect("published");
    for n in 0..50 {
        let expected = event(&format!("demo-{n}"));
        assert_eq!(first.next().await, expected);
        assert_eq!(second.next().await, expected);
    }
    assert_eq!(other.next().await, event("audit"), "another profile's message came");
}

#[tokio::test]
async fn a_bad_an_expired_and_a_missing_token_are_refused_on_a_connection_that_stays_usable() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let refused = socket.join("T-made-up").await;
    assert_eq!(refused["status"], 401);
    assert!(refused["data"]["message"].is_string(), "{refused}");
    running.control().expire_tokens(DEMO_USERNAME).expect("a profile");
    assert_eq!(socket.join(client.token()).await["status"], 401, "expired");
    socket.send(r#"{"action":"joinChannel","data":{}}"#).await;
    assert_eq!(socket.next().await["status"], 400);
    socket.send("not JSON").await;
    assert_eq!(socket.next().await["status"], 400);
    let again = Client::signed_in(&running, DEMO_USERNAME).await;
    assert_eq!(socket.join(again.token()).await["status"], 200);
}

#[tokio::test]
async fn after_leaving_nothing_comes_and_the_connection_can_join_another_profile() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    let channel = socket.join(client.token()).await["data"]["channelId"].clone();
    assert_eq!(socket.join(audit.token()).await["status"], 409, "one channel a connection");
    socket.send(r#"{"action":"leaveChannel","data":{"channelId":"another"}}"#).await;
    assert_eq!(socket.next().await["status"], 404);
    socket
        .send(&json!({"action": "leaveChannel", "correlationId": "l", "data": {"channelId": channel}}).to_string())
        .await;
    let left = socket.next().await;
    assert_eq!((&left["status"], &left["correlationId"]), (&json!(200), &json!("l")));
    assert_eq!(left["data"], json!({"channelId": channel, "message": "Successfully left profile channel."}));
    running.control().publish(DEMO_USERNAME, &event("missed")).await.expect("published");
    assert_eq!(socket.join(audit.token()).await["status"], 200);
    running.control().publish(AUDIT_USERNAME, &event("audit")).await.expect("published");
    assert_eq!(socket.next().await, event("audit"));
    let mut later = Socket::joined(&running, &client).await;
    assert_eq!(later.next().await, event("missed"), "the queue did not keep it");
}

#[tokio::test]
async fn a_cut_connection_ends_and_what_came_meanwhile_waits() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    running.control().drop_connections();
    assert_eq!(socket.try_next().await, None);
    until("the place is given up", || running.control().joined(DEMO_USERNAME).expect("a profile") == 0).await;
    running.control().publish(DEMO_USERNAME, &event("meanwhile")).await.expect("published");
    let mut socket = Socket::joined(&running, &client).await;
    assert_eq!(socket.next().await, event("meanwhile"));
}

#[tokio::test]
async fn a_client_that_closes_gets_its_code_back_and_leaves_its_place() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    until("it has joined", || running.control().joined(DEMO_USERNAME).expect("a profile") == 1).await;
    socket.close(1000).await;
    let Ok(Message::Close(Some(frame))) = socket.frame().await else { panic!("the close was not answered") };
    assert_eq!(u16::from(frame.code), 1000);
    assert!(matches!(socket.frame().await, Err(Error::ConnectionClosed)), "it did not end cleanly");
    until("the place is given up", || running.control().joined(DEMO_USERNAME).expect("a profile") == 0).await;
}

/// A masked frame: its first byte, the length in the second byte and further ones, and what it carries.
fn masked(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, length[0] | 0x80];
    frame.extend(&length[1..]);
    // A mask of zeros leaves the payload as it is.
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_client_that_violates_the_protocol_gets_a_close_frame_that_says_how() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let large = [&[127][..], &70_000_u64.to_be_bytes()].concat();
    let half = [&[127][..], &40_000_u64.to_be_bytes()].concat();
    let halves = [masked(0x01, &half, &vec![b'x'; 40_000]), masked(0x80, &half, &vec![b'x'; 40_000])].concat();
    for (what, bytes, code) in [
        ("a frame that is too long", masked(0x81, &large, &vec![b'x'; 70_000]), 1009),
        ("a message that is too long", halves, 1009),
        ("invalid UTF-8", masked(0x81, &[2], &[0xc3, 0x28]), 1007),
        ("an unmasked frame", vec![0x81, 0x02, b'h', b'i'], 1002),
        ("a reserved bit", masked(0xc1, &[2], b"hi"), 1002),
        ("an unknown opcode", masked(0x83, &[2], b"hi"), 1002),
        ("a fragmented ping", masked(0x09, &[2], b"hi"), 1002),
        ("a continuation of nothing", masked(0x80, &[2], b"hi"), 1002),
    ] {
        for has_joined in [false, true] {
            let mut socket = Socket::open(&running).await;
            if has_joined {
                socket.join(client.token()).await;
            }
            socket.raw(&bytes).await;
            match socket.frame().await {
                Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), code, "{what}"),
                other => panic!("{what}: {other:?}"),
            }
        }
    }
    until("the place is given up", || running.control().joined(DEMO_USERNAME).expect("a profile") == 0).await;
}

#[tokio::test]
async fn a_sandbox_that_stops_tells_its_clients_that_it_goes_away() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let (mut first, mut second) = (Socket::joined(&running, &client).await, Socket::open(&running).await);
    let stopping = tokio::spawn(running.shutdown());
    for socket in [&mut first, &mut second] {
        match socket.frame().await {
            Ok(Message::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1001),
            other => panic!("not closed: {other:?}"),
        }
    }
    drop((first, second));
    stopping.await.expect("it stops");
}

/// The head of the answer to these bytes on a connection of their own.
async fn answered(running: &privicore_monitor::sandbox::SandboxHandle, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = running.ws_url().trim_start_matches("ws://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    reading.expect("it never ended").expect("the end");
    String::from_utf8_lossy(&answer).to_ascii_lowercase()
}

const UPGRADE: &str =
    "Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn what_is_no_handshake_is_answered_with_a_status() {
    let running = quiet().await;
    let upgrade = |method: &str, rest: &str| format!("{method} / HTTP/1.1\r\n{UPGRADE}{rest}\r\n");
    for (request, status, header) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "426", "sec-websocket-version: 13"),
        (upgrade("GET", "Sec-WebSocket-Version: 8\r\n"), "426", "sec-websocket-version: 13"),
        (upgrade("GET", ""), "426", "sec-websocket-version: 13"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b".to_owned(), "405", "allow: get"),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n".to_owned(),
            "400", "content-type: application/json"),
        ("nonsense\r\n\r\n".to_owned(), "400", "content-type: application/json"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(40_000)), "431", "content-type: application/json"),
    ] {
        let answer = answered(&running, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("http/1.1 {status} ")) && answer.contains(header), "{request:.60}: {answer}");
    }
}

#[tokio::test]
async fn a_frame_that_comes_together_with_the_handshake_is_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let running = quiet().await;
    let address = running.ws_url().trim_start_matches("ws://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let mut bytes = format!("GET / HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Version: 13\r\n\r\n").into_bytes();
    bytes.extend(masked(0x89, &[3], b"now"));
    stream.write_all(&bytes).await.expect("sent");
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"\x8a\x03now") {
            let read = stream.read_buf(&mut answer).await.expect("bytes");
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&answer));
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("no pong");
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
}
