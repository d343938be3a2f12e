//! `--script`: what clients receive of a file.

use std::time::Duration;

use privicore_monitor::sandbox::{DEMO_USERNAME, Options, SandboxHandle, start};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Socket, body, text};

/// A sandbox that replays these lines. The file is read at the start only.
pub(crate) async fn replaying(lines: &[Value]) -> SandboxHandle {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("script.ndjson");
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    start(Options { script: Some(file), ..Options::embedded() }).await.expect("a sandbox")
}

/// A client of a profile of the file.
async fn joined(running: &SandboxHandle, username: &str) -> (Client, Socket) {
    let client = Client::signed_in(running, username).await;
    let socket = Socket::joined(running, &client).await;
    (client, socket)
}

fn command(id: &str, status: &str, at: &str) -> Value {
    json!({"kind": "command", "id": id, "profile": DEMO_USERNAME, "status": status, "at": at})
}

fn data(id: &str, status: &str, message: &str, context: &str) -> Value {
    json!({"kind": "data", "id": id, "profile": DEMO_USERNAME, "status": status, "message": message, "context": context})
}

#[tokio::test]
async fn lines_come_in_order_at_their_times_once_the_first_client_has_joined() {
    let running = replaying(&[
        command("c-1", "Pending", "2026-12-01T06:00:00Z"),
        command("c-1", "Succeeded", "2026-12-01T07:00:00Z"),
        // The clock was set back: it comes at once.
        command("c-2", "Unrecognised 7", "2026-12-01T06:30:00Z"),
    ])
    .await;
    let (client, mut socket) = joined(&running, DEMO_USERNAME).await;
    let status = |message: &Value| (message["data"]["id"].clone(), message["data"]["command_status"].clone());
    assert_eq!(status(&socket.next().await), (json!("c-1"), json!(1)));
    let asked =
        || async { body(client.get("/request-status/c-1").await, StatusCode::OK).await["command_status"].clone() };
    assert_eq!(asked().await, 1);
    assert!(!socket.hears_within(Duration::from_mins(59)).await, "it came early");
    crate::pass(Duration::from_mins(2)).await;
    assert_eq!(status(&socket.next().await), (json!("c-1"), json!(2)));
    assert_eq!(status(&socket.next().await), (json!("c-2"), json!(7)));
    assert_eq!(asked().await, 2);
}

#[tokio::test]
async fn every_name_is_a_profile_of_its_own_with_the_usual_password() {
    let running = replaying(&[
        json!({"kind": "command", "id": "c-1", "profile": "Production", "status": "Failed", "message": "device.not_found"}),
        json!({"kind": "command", "id": "c-2", "profile": "Audit 監査", "status": "Failed", "message": "{\"left\":0}"}),
    ])
    .await;
    let (_, mut first) = joined(&running, "Production").await;
    let (_, mut second) = joined(&running, "Audit 監査").await;
    assert_eq!(first.next().await["data"]["body"], "device.not_found");
    assert_eq!(second.next().await["data"]["body"], json!({"left": 0}));
}

#[tokio::test]
async fn data_is_announced_as_the_lines_say_and_its_links_are_fresh() {
    let running = replaying(&[
        data("r-link", "Preparing", "10 % of it", "reports"),
        data("r-link", "Ready", "", "reports"),
        data("r-token", "Preparing", "", "reports"),
        data("r-token", "Ready", "", "reports"),
        data("r-bare", "Preparing", "", ""),
        data("r-bare", "Ready", "", "reports"),
        data("r-url", "Ready", "", ""),
        data("r-inline", "Inline", "90 B in the message", "notes"),
    ])
    .await;
    let (client, mut socket) = joined(&running, DEMO_USERNAME).await;
    let mut messages = Vec::new();
    for _ in 0..8 {
        messages.push(socket.next().await["data"].take());
    }
    let shown: Vec<_> = messages.iter().map(|data| (data["id"].clone(), data["type"].clone())).collect();
    let (report, ready) = ("X-DPT-CAB-REQUEST-ID", "STREAM-READY");
    let wanted = [
        ("r-link", report),
        ("r-link", report),
        ("r-token", report),
        ("r-token", ready),
        ("r-bare", report),
        ("r-bare", ready),
        ("r-url", ready),
        ("r-inline", report),
    ];
    assert_eq!(shown, wanted.map(|(id, kind)| (json!(id), json!(kind))));
    assert_eq!(messages[0]["body"], "10 % of it");
    let bare = |message: &Value| format!("{}/?auth={}", running.downstream_url(), text(message, "/body"));
    for link in [text(&messages[1], "/body"), bare(&messages[2]), bare(&messages[4]), text(&messages[6], "/streamUrl")]
    {
        let answer = client.http.get(&link).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{link}");
    }
    assert_eq!(text(&messages[7], "/body").len(), 120, "90 bytes in base64");
}

#[tokio::test]
async fn messages_that_were_unread_come_as_they_were_with_fresh_secrets() {
    let message = |text: &str| json!({"kind": "message", "profile": DEMO_USERNAME, "message": text});
    let running = replaying(&[
        message(r#"{"data":{"id":"m-1","password":"hidden","type":"X-NEW"}}"#),
        message("25 bytes received: not JSON. {\"data\": this is not JSON"),
        message("4 bytes received: binary data"),
    ])
    .await;
    let (client, mut socket) = joined(&running, DEMO_USERNAME).await;
    let mut texts = Vec::new();
    let mut binary = 0;
    for _ in 0..3 {
        match socket.frame().await.expect("a frame") {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Binary(bytes) => binary += bytes.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(binary, 4);
    assert!(texts[0].contains(client.token()) && !texts[0].contains("hidden"), "{}", texts[0]);
    assert_eq!(texts[1], "{\"data\": this is not JSON");
}

#[tokio::test]
async fn a_gap_ends_connections_and_refuses_joins_until_it_is_over() {
    let running = replaying(&[
        command("before", "Succeeded", "2026-12-01T06:00:00Z"),
        json!({
            "kind": "gap", "id": null, "profile": DEMO_USERNAME, "status": "Gap", "message": "Disconnected: ",
            "first_seen": "2026-12-01T06:00:01Z", "at": "2026-12-01T06:10:01Z",
        }),
        command("within", "Succeeded", "2026-12-01T06:05:00Z"),
    ])
    .await;
    let (client, mut socket) = joined(&running, DEMO_USERNAME).await;
    assert_eq!(socket.next().await["data"]["id"], "before");
    crate::pass(Duration::from_secs(2)).await;
    assert_eq!(socket.try_next().await, None, "the connection goes on");
    let mut socket = Socket::open(&running).await;
    assert_eq!(socket.join(client.token()).await["status"], 503);
    crate::pass(Duration::from_mins(11)).await;
    assert_eq!(socket.join(client.token()).await["status"], 200);
    assert_eq!(socket.next().await["data"]["id"], "within");
}

#[tokio::test]
async fn what_only_a_status_check_told_comes_over_rest_only_and_a_reset_begins_the_file_again() {
    let running = replaying(&[
        command("c-1", "Pending", ""),
        json!({
            "kind": "command", "id": "c-1", "profile": DEMO_USERNAME, "status": "Failed", "message": "quota",
            "source": "enquiry",
        }),
        command("c-2", "Succeeded", ""),
        json!({"kind": "command", "id": "c-2", "profile": DEMO_USERNAME, "status": "Unknown", "source": "enquiry"}),
        command("end", "Succeeded", ""),
    ])
    .await;
    for _ in 0..2 {
        let (client, mut socket) = joined(&running, DEMO_USERNAME).await;
        for id in ["c-1", "c-2", "end"] {
            assert_eq!(socket.next().await["data"]["id"], id);
        }
        let known = body(client.get("/request-status/c-1").await, StatusCode::OK).await;
        assert_eq!(known, json!({"commandId": "c-1", "command_status": 3, "body": "quota"}));
        assert_eq!(client.get("/request-status/c-2").await.status(), StatusCode::NOT_FOUND);
        body(client.post("/sandbox/reset", &[]).await, StatusCode::OK).await;
    }
}
