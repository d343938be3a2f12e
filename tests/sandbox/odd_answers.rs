//! Faults of answers: refusals by status, close codes, binary frames, and downloads that are odd but whole, or refused.

use std::io::Read as _;
use std::time::Duration;

use privicore_monitor::sandbox::{
    AUDIT_USERNAME, DEMO_USERNAME, DownloadFault, Fault, HttpRefusal, Limit, SandboxHandle,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, Socket, body, until};
use crate::quiet;

const PAYLOAD: &[u8] = b"a payload that is long enough to be cut, compressed and named";

const LATER: HttpRefusal = HttpRefusal { status: 503, retry_after: Some(Duration::from_secs(7)) };

fn event(id: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": null}})
}

#[tokio::test]
async fn calls_are_refused_by_a_status_with_retry_after_and_nothing_is_done() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let refuse = Fault::RefuseCalls { refusal: LATER, limit: Limit::Times(2) };
    running.control().inject(refuse, Some(DEMO_USERNAME)).expect("armed");
    assert_eq!(audit.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK, "another profile");
    for _ in 0..2 {
        let refused = client.post("/profile/revoke-authorization-token", &[]).await;
        assert_eq!(refused.headers()["retry-after"], "7");
        body(refused, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK, "the token was revoked");
    let refusal = HttpRefusal { status: 429, retry_after: None };
    running.control().inject(Fault::RefuseCalls { refusal, limit: Limit::Times(1) }, None).expect("armed");
    let refused = client.get("/health").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(!refused.headers().contains_key("retry-after"), "it was not asked for");
}

#[tokio::test]
async fn the_upgrade_is_refused_by_a_status_with_retry_after() {
    let running = quiet().await;
    let refuse = Fault::RefuseUpgrades { refusal: LATER, limit: Limit::Times(1) };
    running.control().inject(refuse, None).expect("armed");
    let stream = TcpStream::connect(running.ws_url().trim_start_matches("ws://")).await.expect("a connection");
    match tokio_tungstenite::client_async(running.ws_url(), stream).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status().as_u16(), 503);
            assert_eq!(answer.headers()["retry-after"], "7");
        }
        other => panic!("not refused: {other:?}"),
    }
    Socket::open(&running).await;
}

#[tokio::test]
async fn joins_are_refused_by_the_status_that_was_ordered() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::open(&running).await;
    for status in [401, 403, 429, 500] {
        let refuse = Fault::RefuseJoins { status, limit: Limit::Times(1) };
        running.control().inject(refuse, None).expect("armed");
        let refused = socket.join(client.token()).await;
        assert_eq!(refused["status"], status);
        let text = refused["data"]["message"].as_str().expect("a reason");
        assert_eq!(text.contains("token"), status < 404, "{status}: {text}");
    }
    assert_eq!(socket.join(client.token()).await["status"], 200);
}

#[tokio::test]
async fn a_connection_is_closed_with_the_code_and_reason_that_were_ordered_and_what_comes_then_waits() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    until("it has joined", || control.joined(DEMO_USERNAME).expect("a profile") == 1).await;
    let close = Fault::Close { count: None, code: 4001, reason: "policy".into() };
    assert_eq!(control.inject(close, Some(DEMO_USERNAME)).expect("struck"), 1);
    let Message::Close(Some(frame)) = socket.frame().await.expect("a frame") else { panic!("it was not closed") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4001, "policy"));
    until("the place is given up", || control.joined(DEMO_USERNAME).expect("a profile") == 0).await;
    control.publish(DEMO_USERNAME, &event("meanwhile")).await.expect("published");
    let mut socket = Socket::joined(&running, &client).await;
    assert_eq!(socket.next().await, event("meanwhile"));
}

#[tokio::test]
async fn outcomes_come_in_binary_frames_as_often_as_ordered() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let control = running.control();
    let binary = Fault::BinaryFrames { limit: Limit::Times(2) };
    control.inject(binary, Some(DEMO_USERNAME)).expect("armed");
    for id in ["1", "2", "3"] {
        control.publish(DEMO_USERNAME, &event(id)).await.expect("published");
    }
    for (id, is_binary) in [("1", true), ("2", true), ("3", false)] {
        let frame = socket.frame().await.expect("a frame");
        assert_eq!(frame.is_binary(), is_binary, "{id}");
        assert_eq!(frame.into_data(), event(id).to_string().as_bytes(), "{id}");
    }
}

/// What the store answers under a fault to a request that follows no redirect.
async fn download(running: &SandboxHandle, fault: DownloadFault) -> Response {
    let control = running.control();
    control.inject(Fault::Downloads { fault, limit: Limit::Times(1) }, None).expect("armed");
    let link = control.offer_download(PAYLOAD.to_vec(), Some("report.pdf"));
    get(link.expose()).await
}

async fn get(url: &str) -> Response {
    // Installs the TLS provider that the library needs.
    drop(Client::new(String::new()));
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    client.expect("a client").get(url).send().await.expect("an answer")
}

#[tokio::test]
async fn a_payload_without_a_length_ends_with_its_last_chunk_or_with_the_connection() {
    let running = quiet().await;
    for (fault, version, encoding) in [
        (DownloadFault::Chunked, reqwest::Version::HTTP_11, Some("chunked")),
        (DownloadFault::NoLength, reqwest::Version::HTTP_10, None),
    ] {
        let answer = download(&running, fault).await;
        assert_eq!(answer.version(), version, "{fault:?}");
        let headers = answer.headers();
        let found = headers.get("transfer-encoding").map(|value| value.to_str().expect("text").to_owned());
        assert_eq!((found.as_deref(), headers.contains_key("content-length")), (encoding, false), "{fault:?}");
        assert_eq!(answer.bytes().await.expect("bytes"), PAYLOAD, "{fault:?}");
    }
}

#[tokio::test]
async fn a_compressed_payload_says_so_and_is_whole() {
    let running = quiet().await;
    let answer = download(&running, DownloadFault::Gzip).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let compressed = answer.bytes().await.expect("bytes");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut bytes).expect("gzip");
    assert_eq!(bytes, PAYLOAD);
}

#[tokio::test]
async fn a_redirect_within_the_store_leads_to_the_payload_once() {
    let running = quiet().await;
    let answer = download(&running, DownloadFault::RedirectWithin).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert!(location.starts_with("/?auth="), "{location}");
    let there = format!("{}{location}", running.downstream_url());
    assert_eq!(get(&there).await.bytes().await.expect("bytes"), PAYLOAD);
    assert_eq!(get(&there).await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn a_download_can_be_empty_wrongly_named_or_dressed_with_headers() {
    let running = quiet().await;
    let empty = download(&running, DownloadFault::NoContent).await;
    assert_eq!(empty.status(), StatusCode::NO_CONTENT);
    let named = download(&running, DownloadFault::WrongName).await;
    let name = named.headers()["content-disposition"].to_str().expect("text").to_owned();
    assert!(name.contains("../") && name.contains("%ff"), "{name}");
    assert_eq!(named.bytes().await.expect("bytes"), PAYLOAD);

    // Most clients take a hundred headers at most, so this is read as it comes.
    let control = running.control();
    let extra = Fault::Downloads { fault: DownloadFault::ExtraHeaders, limit: Limit::Times(1) };
    control.inject(extra, None).expect("armed");
    let link = control.offer_download(PAYLOAD.to_vec(), Some("report.pdf"));
    let answer = raw_answer(link.expose()).await;
    let (head, payload) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.lines().count() > 200 && head.contains("text/html"), "{head}");
    assert_eq!(payload.as_bytes(), PAYLOAD);
}

/// The whole answer to a GET, without a library that could refuse it.
async fn raw_answer(url: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}
