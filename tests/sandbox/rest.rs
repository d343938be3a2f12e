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

#[tokio::test]
async fn many_tokens_live_at_a_time_and_those_of_one_kind_end_none_of_another() {
    let running = quiet().await;
    let first = Client::signed_in(&running, DEMO_USERNAME).await;
    let qr = text(&body(first.post("/profile/generate-token-qr", &[]).await, StatusCode::OK).await, "/qrToken");
    for _ in 0..70 {
        Client::signed_in(&running, DEMO_USERNAME).await;
    }
    for _ in 0..1_000 {
        assert_eq!(first.post("/profile/generate-token-qr", &[]).await.status(), StatusCode::OK);
    }
    let mut used = first.clone();
    used.token = Some(qr);
    assert_eq!(used.get("/profile/retrieve-profile-id").await.status(), StatusCode::UNAUTHORIZED, "the oldest ends");
}

#[tokio::test]
async fn a_text_that_is_none_is_refused_by_its_field() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    for value in [json!({"a": 1}), json!(["a"]), json!(true), json!(false)] {
        for (path, mut fields, field) in [
            ("/profile/register-profile", json!({"password": "correct-horse"}), "username"),
            ("/profile/register-profile", json!({"username": "new@example.com"}), "password"),
            ("/profile/authenticate", json!({"username": DEMO_USERNAME}), "password"),
            ("/data-token/exchange-data-for-token", json!({"temporaryTokenSpace": "tmp-1"}), "data"),
            ("/data-token/reserve-token-space", json!({"ttl": 60}), "context"),
            ("/data-token/reserve-token-space", json!({"context": "c"}), "ttl"),
            ("/data-token/update-data-token", json!({"token": "dtk-1"}), "fileName"),
            ("/data-token/request-data", json!({}), "token"),
            ("/device/request-unique-identifier", json!({}), "deviceName"),
            ("/device/configure-meta", json!({"deviceId": "dev-1"}), "displayName"),
            ("/storage/sync-device", json!({}), "deviceIdentifier"),
            ("/policy/activate", json!({}), "name"),
            ("/voting/create", json!({"votingConfigurationId": "v", "title": "t", "question": "q"}), "nonce"),
            ("/public-key/register-public-key", json!({}), "publicKey"),
        ] {
            fields[field] = value.clone();
            let refused = body(client.post_json(path, &fields).await, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert!(refused["errors"][field].is_array(), "{path} {fields}: {refused}");
        }
    }
    for tags in [json!([{"x": 1}]), json!([["x"]]), json!([true]), json!({"x": 1}), json!(true)] {
        let fields = json!({"deviceId": "dev-1", "tags": tags});
        let refused = body(client.post_json("/device/configure-meta", &fields).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.await["errors"]["tags"].is_array(), "{fields}");
    }
    let by_form = client.post("/device/configure-meta", &[("deviceId", "d"), ("tags", r#"[{"x":1}]"#)]).await;
    assert_eq!(by_form.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let fine = json!({"deviceName": 17, "unknown": {"a": 1}});
    body(client.post_json("/device/request-unique-identifier", &fine).await, StatusCode::ACCEPTED).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let large = "x".repeat(2 * 1024 * 1024);
    let refused = client.post("/data-token/update-data-token", &[("token", "dtk-1"), ("fileName", &large)]).await;
    let refused = body(refused, StatusCode::PAYLOAD_TOO_LARGE).await;
    assert!(text(&refused, "/message").contains("2 MiB"), "{refused}");
}

#[tokio::test]
async fn a_body_of_the_wrong_type_is_415_and_every_refusal_is_json() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let path = "/device/request-unique-identifier";
    for (kind, sent) in [
        ("application/x-www-form-urlencoded", r#"{"deviceName":"phone"}"#),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"deviceName\"\r\n\r\nphone\r\n--x--",
        ),
    ] {
        let request = client.http.post(client.url(path)).header("content-type", kind).body(sent);
        let answer = request.header("x-dpt-authorization", client.token()).send().await.expect("an answer");
        let refused = body(answer, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
        assert!(text(&refused, "/message").contains("application/"), "{refused}");
    }
    for path in ["/request-status/%00%ff", "/device/retrieve-device-id/%ff", "/voting/check-pool-status/%ff"] {
        body(client.get(path).await, StatusCode::BAD_REQUEST).await;
    }
    let wrong_method = client.get(path).await;
    assert_eq!(wrong_method.headers()["allow"], "POST");
    body(wrong_method, StatusCode::METHOD_NOT_ALLOWED).await;
}

#[tokio::test]
async fn answers_are_not_to_be_cached_and_401_says_what_would_help() {
    let running = quiet().await;
    let nobody = Client::new(running.api_url());
    let challenge =
        |answer: &reqwest::Response| answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
    let refused = nobody.get("/profile/retrieve-profile-id").await;
    assert_eq!(
        (refused.status(), challenge(&refused)),
        (StatusCode::UNAUTHORIZED, r#"Bearer realm="privicore""#.to_owned())
    );
    let refused = nobody.post("/oauth-application/obtain-access-token", &[]).await;
    assert_eq!(
        (refused.status(), challenge(&refused)),
        (StatusCode::UNAUTHORIZED, r#"Basic realm="privicore""#.to_owned())
    );
    let signed_in = nobody.post("/profile/authenticate", &[("username", DEMO_USERNAME), ("password", "demo")]).await;
    assert_eq!(signed_in.headers()["cache-control"], "no-store");
}
