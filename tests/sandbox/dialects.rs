//! The two generations of the wire: what clients in the field rely on, and what the older documents describe.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Client, DEADLINE, Socket, body, text};
use crate::{quiet, quiet_docs};

const CREDENTIALS: [(&str, &str); 2] = [("username", "new@example.com"), ("password", "correct-horse")];

/// Sends this many commands. Returns the statuses on the socket, by command, until all have settled.
async fn statuses(client: &Client, socket: &mut Socket, commands: usize) -> Vec<Vec<u64>> {
    let mut ids = Vec::new();
    for _ in 0..commands {
        ids.push(client.command("/device/reject-device", &[("deviceId", "dev-unknown")]).await);
    }
    let mut seen = vec![Vec::new(); commands];
    while seen.iter().any(|statuses: &Vec<u64>| statuses.last() != Some(&3)) {
        let message = socket.next().await;
        let command = ids.iter().position(|id| message["data"]["id"] == id.as_str()).expect("a command of this client");
        seen[command].push(message["data"]["command_status"].as_u64().expect("a status"));
    }
    seen
}

#[tokio::test]
async fn live_clients_receive_the_final_status_only() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    for statuses in statuses(&client, &mut socket, 20).await {
        assert_eq!(statuses, [3]);
    }
}

#[tokio::test]
async fn docs_clients_receive_pending_first() {
    let running = quiet_docs().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    for statuses in statuses(&client, &mut socket, 20).await {
        assert_eq!(statuses, [1, 3]);
    }
}

#[tokio::test]
async fn live_clients_store_and_retrieve_by_json_with_another_context_within_five_seconds() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let post = async |path: &str, fields: Value, status| body(client.post_json(path, &fields).await, status).await;

    let reservation = json!({"context": "invoices", "ttl": 5});
    let reserved = post("/data-token/reserve-token-space", reservation, StatusCode::ACCEPTED).await;
    let command = text(&reserved, "/commandId");
    socket.success(&command).await;
    let path = format!("/data-token/retrieve-temporary-data-token/{command}");
    let temporary = text(&body(client.get(&path).await, StatusCode::OK).await, "/token");
    let data = STANDARD.encode(b"IV, ciphertext and tag");
    let exchange = json!({"temporaryTokenSpace": temporary, "data": data});
    let filled = post("/data-token/exchange-data-for-token", exchange, StatusCode::ACCEPTED).await;
    socket.success(&text(&filled, "/commandId")).await;
    let meta = json!({
        "token": temporary, "fileName": "a.txt", "extension": "txt", "context": "elsewhere/2026", "size": 22, "path": "/",
    });
    let committed = post("/data-token/configure-file-meta", meta, StatusCode::OK).await;
    let token = text(&committed, "/token");
    assert!(token.starts_with("dtk-"), "{token}");

    let requested = post("/data-token/request-data", json!({"token": token}), StatusCode::ACCEPTED).await;
    let request = text(&requested, "/requestId");
    let first = socket.next().await;
    let expected = json!({
        "type": "X-DPT-CAB-REQUEST-ID", "id": request, "data_context": "elsewhere/2026", "output_type": 0, "body": data,
    });
    assert_eq!(first["data"], expected);
    let second = socket.next().await;
    assert_eq!((&second["data"]["id"], &second["data"]["command_status"]), (&requested["commandId"], &json!(2)));
}

#[tokio::test]
async fn docs_clients_receive_texts_and_then_the_payload_or_a_link() {
    let running = quiet_docs().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let large = vec![7; 100_000];
    for bytes in [b"small".to_vec(), large.clone()] {
        let control = running.control();
        let token = control.store_data(DEMO_USERNAME, bytes.clone(), "a.txt", "c").expect("stored");
        let (command, request) = client.request_data(token.as_str()).await;
        let messages = socket.data(&request).await;
        let (last, texts) = messages.split_last().expect("messages");
        assert!(!texts.is_empty() && texts.iter().all(|m| m["data"]["output_type"] == 0), "{texts:?}");
        let payload = text(last, "/data/body");
        if bytes == large {
            let answer = client.http.get(&payload).send().await.expect("an answer");
            assert_eq!(answer.bytes().await.expect("bytes"), large);
        } else {
            assert_eq!(payload, STANDARD.encode(&bytes));
        }
        socket.success(&command).await;
    }
}

#[tokio::test]
async fn live_clients_poll_a_command_without_a_token_and_other_profiles_do_not() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let nobody = Client::new(running.api_url());
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let id = client.command("/device/request-unique-identifier", &[("deviceName", "phone")]).await;
    let path = format!("/request-status/{id}");
    let pending = body(nobody.post_json(&path, &json!({})).await, StatusCode::OK).await;
    assert_eq!(pending, json!(["started"]));
    nobody.settled(&id).await;
    let settled = body(nobody.get(&path).await, StatusCode::OK).await;
    assert_eq!(settled, json!({"commandId": id, "command_status": 2, "body": null}));
    assert_eq!(audit.post_json(&path, &json!({})).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(nobody.post("/request-status/unknown", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn docs_clients_need_a_token_to_poll_and_get_an_object_by_both_methods() {
    let running = quiet_docs().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let id = client.command("/device/request-unique-identifier", &[("deviceName", "phone")]).await;
    let path = format!("/request-status/{id}");
    assert_eq!(Client::new(running.api_url()).post(&path, &[]).await.status(), StatusCode::UNAUTHORIZED);
    socket.success(&id).await;
    let expected = json!({"commandId": id, "command_status": 2, "body": null});
    assert_eq!(body(client.get(&path).await, StatusCode::OK).await, expected);
    assert_eq!(body(client.post(&path, &[]).await, StatusCode::OK).await, expected);
}

#[tokio::test]
async fn a_live_profile_signs_in_first_and_registers_its_key_with_the_token_alone() {
    let running = quiet().await;
    let mut client = Client::new(running.api_url());
    let registered = client.command("/profile/register-profile", &CREDENTIALS).await;
    client.settled(&registered).await;
    let again = client.post("/profile/register-profile", &CREDENTIALS).await;
    assert_eq!(again.status(), StatusCode::CONFLICT, "the name is taken");
    client.sign_in(CREDENTIALS[0].1, CREDENTIALS[1].1).await;
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::UNAUTHORIZED, "no key yet");
    let key = "ab".repeat(32);
    let command = client.command("/public-key/register-public-key", &[("publicKey", &key)]).await;
    // Without a token, as the vendor's own client polls.
    Client::new(running.api_url()).settled(&command).await;
    let found = body(client.get("/public-key/retrieve-public-key").await, StatusCode::OK).await;
    assert_eq!(found["publicKey"], key.as_str());
    let mut socket = Socket::joined(&running, &client).await;
    // Both outcomes waited for the first join.
    socket.success(&registered).await;
    socket.success(&command).await;
}

#[tokio::test]
async fn a_docs_profile_signs_in_once_its_key_is_registered_with_its_password() {
    let running = quiet_docs().await;
    let mut client = Client::new(running.api_url());
    let registered = client.command("/profile/register-profile", &CREDENTIALS).await;
    let path = format!("/request-status/{registered}");
    let polling = async { while body(client.get(&path).await, StatusCode::OK).await["command_status"] != 2 {} };
    timeout(DEADLINE, polling).await.expect("registered");
    let early = client.post("/profile/authenticate", &CREDENTIALS).await;
    assert_eq!(early.status(), StatusCode::UNAUTHORIZED, "no key yet");
    let key = "31420500".to_owned() + &"ab".repeat(96);
    let with_key = [CREDENTIALS[0], CREDENTIALS[1], ("publicKey", key.as_str())];
    client.command("/public-key/register-public-key", &with_key).await;
    let signing_in = async {
        while client.post("/profile/authenticate", &CREDENTIALS).await.status() == StatusCode::UNAUTHORIZED {}
    };
    timeout(DEADLINE, signing_in).await.expect("the key was never registered");
    client.sign_in(CREDENTIALS[0].1, CREDENTIALS[1].1).await;
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_key_is_registered_with_the_password_in_the_live_dialect_too() {
    let running = quiet().await;
    let mut client = Client::new(running.api_url());
    let registered = client.command("/profile/register-profile", &CREDENTIALS).await;
    client.settled(&registered).await;
    // A token that is no longer valid does not stand in the way of the password.
    client.token = Some("T-expired".to_owned());
    let key = "ab".repeat(100);
    let without = client.post("/public-key/register-public-key", &[("publicKey", &key)]).await;
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    let with_key = [CREDENTIALS[0], CREDENTIALS[1], ("publicKey", key.as_str())];
    let command = client.command("/public-key/register-public-key", &with_key).await;
    client.token = None;
    client.settled(&command).await;
    let wrong = [CREDENTIALS[0], ("password", "wrong-horse"), ("publicKey", key.as_str())];
    let refused = client.post("/public-key/register-public-key", &wrong).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}
