//! Storing a payload and retrieving it, and what the links of the stores allow.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME, Fault, Limit, SandboxHandle};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Client, Socket, body, text};
use crate::{pass, quiet};

/// Stores a large payload through the upstream store.
async fn store_streamed(client: &Client, socket: &mut Socket, bytes: &[u8]) -> String {
    let (temporary, stream) = client.reserve(socket, "3600").await;
    let upload = || client.http.post(&stream).header("content-type", "application/octet-stream").body(bytes.to_vec());
    assert_eq!(upload().send().await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(upload().send().await.expect("an answer").status(), StatusCode::GONE, "an upload link is single-use");
    client.commit(&temporary, "invoices/2026-Q1").await
}

#[tokio::test]
async fn a_small_payload_is_stored_and_comes_back_inline() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let payload = b"IV, ciphertext and tag, as far as the sandbox knows";
    let (temporary, _) = client.reserve(&mut socket, "3600").await;
    let data = STANDARD.encode(payload);
    let fields = [("temporaryTokenSpace", temporary.as_str()), ("data", data.as_str())];
    let meta = [
        ("token", temporary.as_str()),
        ("fileName", "f"),
        ("extension", "txt"),
        ("context", "invoices/2026-Q1"),
        ("size", "1"),
        ("path", "/"),
    ];
    let early = client.post("/data-token/configure-file-meta", &meta).await;
    assert_eq!(early.status(), StatusCode::CONFLICT, "nothing fills the space yet");
    let filled = client.command("/data-token/exchange-data-for-token", &fields).await;
    socket.success(&filled).await;
    let again = client.command("/data-token/exchange-data-for-token", &fields).await;
    assert_eq!(socket.failure(&again).await, "data_token.space_already_filled");
    let token = client.commit(&temporary, "invoices/2026-Q1").await;

    let (command, request) = client.request_data(&token).await;
    let messages = socket.data(&request).await;
    let [payload] = &messages[..] else { panic!("more than the payload: {messages:?}") };
    assert_eq!(payload["data"]["type"], "X-DPT-CAB-REQUEST-ID");
    assert_eq!(payload["data"]["output_type"], 0);
    assert_eq!(payload["data"]["data_context"], "invoices/2026-Q1");
    assert_eq!(payload["data"]["body"], data.as_str());
    socket.success(&command).await;
}

#[tokio::test]
async fn a_large_payload_comes_back_by_a_token_and_then_by_stream_ready() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let payload: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let token = store_streamed(&client, &mut socket, &payload).await;

    let (command, request) = client.request_data(&token).await;
    let messages = socket.data(&request).await;
    let [announced, ready] = &messages[..] else { panic!("other messages: {messages:?}") };
    assert_eq!(announced["data"]["output_type"], 1);
    assert_eq!(ready["data"], json!({"type": "STREAM-READY", "id": request, "requestId": request}));
    let link = format!("{}/?auth={}", running.downstream_url(), text(announced, "/data/body"));
    let answer = client.http.get(&link).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"hello.txt\"");
    assert_eq!(answer.content_length(), Some(800_000));
    assert!(answer.bytes().await.expect("the bytes") == payload, "other bytes came back");
    socket.success(&command).await;
}

#[tokio::test]
async fn a_link_is_good_once_and_for_ten_minutes() {
    let running = quiet().await;
    let client = Client::new(running.api_url());
    let get = async |link: &str| client.http.get(link).send().await.expect("an answer");
    let control = running.control();
    let link = control.offer_download(b"bytes".to_vec(), None);
    let head = client.http.head(link.expose()).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED, "a HEAD does not use the link up");
    let answer = get(link.expose()).await;
    assert!(answer.headers().get("content-disposition").is_none(), "no name was given");
    assert_eq!(answer.bytes().await.expect("bytes"), "bytes");
    assert_eq!(get(link.expose()).await.status(), StatusCode::GONE, "used");
    let late = control.offer_download(b"bytes".to_vec(), None);
    pass(Duration::from_mins(10)).await;
    assert_eq!(get(late.expose()).await.status(), StatusCode::FORBIDDEN, "expired");
    assert_eq!(get(&format!("{}/?auth=unknown", running.downstream_url())).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&running.downstream_url()).await.status(), StatusCode::NOT_FOUND, "no auth at all");
}

#[tokio::test]
async fn a_reservation_expires_with_its_ttl() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let (temporary, _) = client.reserve(&mut socket, "60").await;
    pass(Duration::from_mins(2)).await;
    let fields = [("temporaryTokenSpace", temporary.as_str()), ("data", "AAAA")];
    let late = client.command("/data-token/exchange-data-for-token", &fields).await;
    assert_eq!(socket.failure(&late).await, "data_token.space_expired");
}

#[tokio::test]
async fn the_list_is_paged_and_updates_and_deletions_show_in_it() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let first = store_streamed(&client, &mut socket, b"one").await;
    store_streamed(&client, &mut socket, b"two").await;
    let page = async |query: &str| {
        body(client.get(&format!("/data-token/list-data-tokens{query}")).await, StatusCode::OK).await
    };
    let all = page("").await;
    assert_eq!(all["meta"], json!({"count": 2, "page": 1, "perPage": 25}));
    let keys: BTreeSet<_> = all["items"][0].as_object().expect("an item").keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["context", "createdAt", "extension", "fileName", "size", "token"]));
    let second_page = page("?page=2&perPage=1").await;
    assert_eq!(second_page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.get("/data-token/list-data-tokens?page=x").await.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let renamed = client.command("/data-token/update-data-token", &[("token", &first), ("fileName", "new.txt")]).await;
    socket.success(&renamed).await;
    let listed = page("").await;
    assert!(listed["items"].as_array().expect("items").iter().any(|item| item["fileName"] == "new.txt"), "{listed}");
    let deleted = client.command("/data-token/delete-data", &[("token", &first)]).await;
    socket.success(&deleted).await;
    assert_eq!(page("").await["meta"]["count"], 1);
    let gone = client.post("/data-token/request-data", &[("token", &first)]).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let again = client.command("/data-token/delete-data", &[("token", &first)]).await;
    assert_eq!(socket.failure(&again).await, "data_token.not_found");
}

#[tokio::test]
async fn any_fields_are_kept_as_risk_meta() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let token = store_streamed(&client, &mut socket, b"one").await;
    let path = "/data-token/configure-information-security-risk-meta";
    let fields = [("token", token.as_str()), ("classification", "secret"), ("owner", "finance")];
    client.done(&mut socket, path, &fields).await;
    let listed = client.json("/data-token/list-data-tokens").await;
    assert_eq!(listed["items"][0]["riskMeta"], json!({"classification": "secret", "owner": "finance"}));
    assert_eq!(client.failed(&mut socket, path, &[("token", "dtk-unknown")]).await, "data_token.not_found");
    let large = "x".repeat(65 * 1024);
    let refused = client.post(path, &[("token", token.as_str()), ("note", &large)]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_data_token_is_its_owners_alone() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let mut audits = Socket::joined(&running, &audit).await;
    let token = store_streamed(&client, &mut socket, b"one").await;
    let foreign = audit.post("/data-token/request-data", &[("token", &token)]).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    let deletion = audit.command("/data-token/delete-data", &[("token", &token)]).await;
    assert_eq!(audits.failure(&deletion).await, "profile.not_an_owner");
    assert_eq!(count(&running, AUDIT_USERNAME).await, 0);
    assert_eq!(count(&running, DEMO_USERNAME).await, 1);
}

async fn count(running: &SandboxHandle, username: &str) -> u64 {
    let client = Client::signed_in(running, username).await;
    let list = body(client.get("/data-token/list-data-tokens").await, StatusCode::OK).await;
    list["meta"]["count"].as_u64().expect("a count")
}

/// The link of a request's bare token.
async fn link(running: &SandboxHandle, socket: &mut Socket, request: &str) -> String {
    loop {
        let message = socket.next().await;
        if message["data"]["id"] == request && message["data"]["output_type"] == 1 {
            return format!("{}/?auth={}", running.downstream_url(), text(&message, "/data/body"));
        }
    }
}

#[tokio::test]
async fn a_link_is_good_from_stream_ready_on() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let token = running.control().store_data(DEMO_USERNAME, vec![7; 100_000], "a.bin", "c").expect("stored");
    // The clock stands still until the link was tried.
    tokio::time::pause();
    let (command, request) = client.request_data(token.as_str()).await;
    let link = link(&running, &mut socket, &request).await;
    let early = client.http.get(&link).send().await.expect("an answer");
    assert_eq!(early.status(), StatusCode::NOT_FOUND, "it is not ready");
    tokio::time::resume();
    let ready = socket.next().await;
    assert_eq!(ready["data"]["type"], "STREAM-READY");
    assert_eq!(client.http.get(&link).send().await.expect("an answer").status(), StatusCode::OK);
    socket.success(&command).await;
}

#[tokio::test]
async fn a_link_to_data_that_was_deleted_is_gone() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let token = running.control().store_data(DEMO_USERNAME, vec![7; 100_000], "a.bin", "c").expect("stored");
    let (command, request) = client.request_data(token.as_str()).await;
    let link = link(&running, &mut socket, &request).await;
    socket.success(&command).await;
    client.done(&mut socket, "/data-token/delete-data", &[("token", token.as_str())]).await;
    assert_eq!(client.http.get(&link).send().await.expect("an answer").status(), StatusCode::GONE);
}

#[tokio::test]
async fn a_request_whose_data_is_deleted_meanwhile_fails_and_delivers_nothing() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    for bytes in [b"small".to_vec(), vec![7; 100_000]] {
        let token = running.control().store_data(DEMO_USERNAME, bytes, "a.bin", "c").expect("stored");
        // The deletion is faster than the request, whose answer a fault delays.
        let delay = Fault::Delay { by: Duration::from_mins(5), limit: Limit::Times(1) };
        running.control().inject(delay, Some(DEMO_USERNAME)).expect("armed");
        let requester = client.clone();
        let wanted = token.as_str().to_owned();
        let requesting = tokio::spawn(async move { requester.request_data(&wanted).await });
        // The fault is used up by the request.
        tokio::task::yield_now().await;
        tokio::time::pause();
        assert!(tokio::time::timeout(Duration::from_mins(1), std::future::pending::<()>()).await.is_err());
        tokio::time::resume();
        client.done(&mut socket, "/data-token/delete-data", &[("token", token.as_str())]).await;
        pass(Duration::from_mins(5)).await;
        let (command, _) = requesting.await.expect("requested");
        let outcome = socket.next().await;
        assert_eq!(outcome["data"]["id"], command.as_str(), "data came: {outcome}");
        assert_eq!(outcome["data"]["body"], "data_token.not_found");
    }
}

#[tokio::test]
async fn the_list_names_the_wrong_field_of_its_query() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    for (query, field) in [
        ("perPage=abc", "perPage"),
        ("page=abc", "page"),
        ("page=0", "page"),
        ("perPage=0", "perPage"),
        ("page=-1", "page"),
        ("page=1.5", "page"),
    ] {
        let answer = client.get(&format!("/data-token/list-data-tokens?{query}")).await;
        let refused = body(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        let fields: Vec<_> = refused["errors"].as_object().expect("errors").keys().collect();
        assert_eq!(fields, [field], "{query}: {refused}");
    }
    let large = client.json("/data-token/list-data-tokens?perPage=1000").await;
    assert_eq!(large["meta"]["perPage"], 200);
}
