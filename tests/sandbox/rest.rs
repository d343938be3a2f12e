//! The REST API: authorisation, validation, and the outcome of a command.

use std::collections::BTreeSet;
use std::time::Duration;

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME};
use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Client, Socket, body, text};
use crate::{pass, quiet};

#[tokio::test]
async fn health_needs_no_token() {
    let running = quiet().await;
    let client = Client::new(running.api_url());
    assert_eq!(body(client.get("/health").await, StatusCode::OK).await, json!({"status": "ok"}));
}

#[tokio::test]
async fn a_password_signs_in_and_a_wrong_one_does_not() {
    let running = quiet().await;
    let client = Client::new(running.api_url());
    for (username, password) in [(DEMO_USERNAME, "wrong"), ("nobody@example.com", "demo")] {
        let answer = client.post("/profile/authenticate", &[("username", username), ("password", password)]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{username} {password}");
    }
    let json = json!({"username": DEMO_USERNAME, "password": "demo"});
    let answer = client.http.post(format!("{}/profile/authenticate", running.api_url())).json(&json);
    let answer = body(answer.send().await.expect("an answer"), StatusCode::OK).await;
    assert!(text(&answer, "/authorizationToken").starts_with("T-"));
    text(&answer, "/expiresAt").parse::<jiff::Timestamp>().expect("RFC 3339");
}

#[tokio::test]
async fn tokens_come_short_and_several_hundred_bytes_long() {
    let running = quiet().await;
    let mut lengths = Vec::new();
    for _ in 0..2 {
        lengths.push(Client::signed_in(&running, DEMO_USERNAME).await.token().len());
    }
    assert!(lengths.iter().any(|length| *length > 300) && lengths.iter().any(|length| *length < 100), "{lengths:?}");
}

#[tokio::test]
async fn a_wrong_request_is_told_every_field_that_is_wrong() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    for (path, fields, wrong) in [
        ("/profile/authenticate", vec![], vec!["password", "username"]),
        ("/profile/register-profile", vec![("username", "a"), ("password", "short")], vec!["password"]),
        ("/profile/reauthorize-authorization-token", vec![("ttl", "soon")], vec!["ttl"]),
        ("/public-key/register-public-key", vec![("publicKey", "not hexadecimal")], vec!["publicKey"]),
        ("/data-token/reserve-token-space", vec![("ttl", "0")], vec!["context", "ttl"]),
        ("/data-token/exchange-data-for-token", vec![("data", "***")], vec!["data", "temporaryTokenSpace"]),
        (
            "/data-token/configure-file-meta",
            vec![("size", "-1")],
            vec!["context", "extension", "fileName", "path", "size", "token"],
        ),
        ("/data-token/request-data", vec![], vec!["token"]),
        ("/device/approve-device", vec![], vec!["deviceId"]),
        ("/device/request-unique-identifier", vec![("deviceName", "")], vec!["deviceName"]),
        ("/storage/register", vec![], vec!["deviceId"]),
        ("/storage/sync-device", vec![], vec!["deviceId"]),
        ("/verified-authenticator/register", vec![], vec!["deviceId"]),
        (
            "/verified-authenticator/voting-configuration/register",
            vec![("strategy", "dice"), ("timeLimit", "0"), ("quorum", "0"), ("attempts", "99")],
            vec!["attempts", "name", "quorum", "strategy", "timeLimit"],
        ),
        (
            "/verified-authenticator/voting-configuration/register",
            vec![("name", "n"), ("strategy", "minimum_percentage"), ("timeLimit", "60")],
            vec!["percentageRequired"],
        ),
        (
            "/policy/register",
            vec![("configuration", "{}"), ("applyingEventIds", "101,7")],
            vec!["applyingEventIds", "configuration", "name", "votingConfigurationId"],
        ),
        ("/policy/activate", vec![], vec!["name"]),
        ("/voting/create", vec![], vec!["question", "title", "votingConfigurationId"]),
        ("/sandbox/vote", vec![("vote", "perhaps")], vec!["deviceId", "poolId", "vote"]),
    ] {
        let answer = body(client.post(path, &fields).await, StatusCode::UNPROCESSABLE_ENTITY).await;
        let errors = answer["errors"].as_object().expect("errors");
        let named: BTreeSet<_> = errors.keys().map(String::as_str).collect();
        assert_eq!(named, BTreeSet::from_iter(wrong), "{path}");
        assert!(errors.values().all(|texts| texts[0].is_string()), "{path} {answer}");
    }
}

#[tokio::test]
async fn a_token_tells_its_expiry_is_renewed_and_is_revoked() {
    let running = quiet().await;
    let mut client = Client::signed_in(&running, DEMO_USERNAME).await;
    let old = client.clone();
    text(&body(client.post("/profile/authorization-token/expiry", &[]).await, StatusCode::OK).await, "/expiresAt")
        .parse::<jiff::Timestamp>()
        .expect("RFC 3339");
    let renewed = client.post("/profile/reauthorize-authorization-token", &[("ttl", "60")]).await;
    client.token = Some(text(&body(renewed, StatusCode::OK).await, "/authorizationToken"));
    assert_eq!(old.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED, "superseded");
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK);
    let other = Client::signed_in(&running, DEMO_USERNAME).await;
    assert_eq!(client.post("/profile/revoke-authorization-token", &[]).await.status(), StatusCode::OK);
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED, "revoked");
    assert_eq!(other.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK, "only the one is revoked");
}

#[tokio::test]
async fn a_token_dies_when_its_time_is_over() {
    let running = quiet().await;
    let mut client = Client::signed_in(&running, DEMO_USERNAME).await;
    let renewed = client.post("/profile/reauthorize-authorization-token", &[("ttl", "3600")]).await;
    client.token = Some(text(&body(renewed, StatusCode::OK).await, "/authorizationToken"));
    pass(Duration::from_mins(59)).await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK);
    pass(Duration::from_mins(2)).await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_command_is_pending_then_settled_and_both_methods_report_it() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let id = client.command("/device/reject-device", &[("deviceId", "dev-unknown")]).await;
    let path = format!("/request-status/{id}");
    let pending = body(client.get(&path).await, StatusCode::OK).await;
    assert_eq!(pending, json!({"commandId": id, "command_status": 1, "body": null}));
    assert_eq!(socket.failure(&id).await, "device.not_found");
    let settled = body(client.get(&path).await, StatusCode::OK).await;
    assert_eq!(settled, json!({"commandId": id, "command_status": 3, "body": "device.not_found"}));
    assert_eq!(body(client.post(&path, &[]).await, StatusCode::OK).await, json!(["rejected"]));
    assert_eq!(audit.get(&path).await.status(), StatusCode::NOT_FOUND, "another profile's command");
    assert_eq!(client.get("/request-status/unknown").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_profile_reads_its_id_and_a_token_for_a_qr_code() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let id = text(&client.json("/profile/retrieve-profile-id").await, "/profileId");
    assert!(id.starts_with("prf-"), "{id}");
    let issued = body(client.post("/profile/generate-token-qr", &[]).await, StatusCode::OK).await;
    text(&issued, "/expiresAt").parse::<jiff::Timestamp>().expect("RFC 3339");
    let mut scanned = client.clone();
    scanned.token = Some(text(&issued, "/qrToken"));
    assert_eq!(text(&scanned.json("/profile/retrieve-profile-id").await, "/profileId"), id);
    pass(Duration::from_mins(3)).await;
    assert_eq!(scanned.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED, "short-lived");
}

#[tokio::test]
async fn the_engines_public_key_is_the_same_for_every_profile() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let audit = Client::signed_in(&running, AUDIT_USERNAME).await;
    let key = text(&client.json("/dptcab/public-key").await, "/publicKey");
    assert!(key.starts_with("31420500") && key.len() == 200, "{key}");
    assert_eq!(text(&audit.json("/dptcab/public-key").await, "/publicKey"), key);
    let own = text(&client.json("/public-key/retrieve-public-key").await, "/publicKey");
    assert_ne!(text(&audit.json("/public-key/retrieve-public-key").await, "/publicKey"), own);
}

#[tokio::test]
async fn a_changed_password_signs_in_and_the_old_one_no_longer_does() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let wrong = [("currentPassword", "wrong"), ("newPassword", "another-horse")];
    let id = client.command("/profile/change-password", &wrong).await;
    assert_eq!(socket.failure(&id).await, "profile.invalid_credentials");
    let right = [("currentPassword", "demo"), ("newPassword", "another-horse")];
    let id = client.command("/profile/change-password", &right).await;
    socket.success(&id).await;
    let old = client.post("/profile/authenticate", &[("username", DEMO_USERNAME), ("password", "demo")]).await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    Client::new(running.api_url()).sign_in(DEMO_USERNAME, "another-horse").await;
    assert_eq!(client.get("/profile/retrieve-profile-id").await.status(), StatusCode::OK, "its tokens go on");
}
