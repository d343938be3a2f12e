//! A server's refusal may quote the token that was sent, and a token may be a word: it is masked in the window, in events, in the
//! journal and in settings, and the other words stay.

use std::path::Path;

use axum::body::Body;
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use privicore_monitor::activity::{ActivityKey, DownloadFailure, Fact, LocalEvent};
use privicore_monitor::engine::{Action, ConnectionState, Event};
use privicore_monitor::protocol::{CommandId, DataToken, StoredData};
use privicore_monitor::settings::Profile;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::beside_curl::answering_all;
use crate::download_failures::wait_for_notice_since;
use crate::downloads::{data, download};
use crate::scripted::{Backend, serve};
use crate::server_answers::profile;
use crate::window::{Machine, Told, Window, with_password, with_token};

/// A word that no sentence of the program has.
const TOKEN: &str = "purple";
const REFUSAL: &str = "The token purple is not valid";
const MASKED: &str = "The token hidden is not valid";

/// The refusal as the body of a response.
fn refusal() -> String {
    json!({ "message": REFUSAL }).to_string()
}

/// A server that refuses to open a socket. Returns its address.
async fn without_sockets() -> String {
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close";
    format!("ws://{}", answering_all(&format!("{head}\r\nContent-Length: {}\r\n\r\n{REFUSAL}", REFUSAL.len())).await)
}

/// A proxy that answers each join with this status and the refusal, and then sends these frames. Returns its address.
async fn proxy(status: i64, frames: Vec<Message>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    serve(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let frames = frames.clone();
            serve(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(frame)) = socket.next().await {
                    let Message::Text(text) = frame else { continue };
                    let request: Value = serde_json::from_str(text.as_str()).expect("JSON");
                    let correlation = &request["correlationId"];
                    let reply = json!({"correlationId": correlation, "status": status, "message": REFUSAL, "data": {}});
                    let then = if request["action"] == "joinChannel" { &*frames } else { &[] };
                    for frame in [Message::text(reply.to_string())].iter().chain(then) {
                        if socket.send(frame.clone()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    url
}

/// Checks that nothing that the window was sent, and no file of the machine, contains the token.
fn assert_masked(told: &Told, machine: &Machine) {
    assert!(!format!("{told:?}").contains(TOKEN), "{told:#?}");
    for folder in ["data", "config"] {
        search(&machine.file(folder));
    }
}

fn search(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            assert!(memchr::memmem::find(&bytes, TOKEN.as_bytes()).is_none(), "it is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_token_that_is_a_word_of_a_refused_sign_in_is_masked_in_it() {
    // Refused when its expiry is asked for, by the join, by the check after a join that failed, and before the join.
    for (expiry, websocket) in [
        (401, proxy(200, Vec::new()).await),
        (403, proxy(200, Vec::new()).await),
        (404, proxy(401, Vec::new()).await),
        (404, proxy(403, Vec::new()).await),
        (404, without_sockets().await),
    ] {
        let backend = Backend::start(move |_| (expiry, refusal())).await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_token(profile(&backend, &websocket), TOKEN))));
        let sentence = window.signed_in().await.expect_err("it signed in");
        assert!(sentence.contains(MASKED), "{expiry} {websocket}: {sentence}");
        assert_masked(&window.quit().await, &machine);
    }
}

#[tokio::test]
async fn a_password_is_not_quoted_by_a_refusal_of_any_status() {
    for status in [400, 401, 403, 429, 500] {
        let backend = Backend::start(move |_| (status, refusal())).await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        let profile = profile(&backend, "ws://127.0.0.1:9");
        window.act(Action::SignIn(Box::new(with_password(profile, TOKEN))));
        let sentence = window.signed_in().await.expect_err("it signed in");
        // A password may be a word that the server uses anyway, and a masked place would say which one.
        assert!(!sentence.contains("The token"), "{status}: {sentence}");
        assert_masked(&window.quit().await, &machine);
    }
}

/// A backend that issues the token, refuses every other call, and serves no link.
async fn refusing_backend() -> Backend {
    Backend::with_headers(|line| {
        let (status, body) = match line {
            "POST /profile/authenticate" => {
                (200, json!({"authorizationToken": TOKEN, "expiresAt": "2100-01-01T00:00:00Z"}).to_string())
            }
            _ => (403, refusal()),
        };
        Response::builder().status(status).body(Body::from(body)).expect("a response")
    })
    .await
}

#[tokio::test]
async fn a_token_that_is_a_word_of_a_refused_call_is_masked_in_it() {
    let backend = refusing_backend().await;
    let link = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": format!("{}/link?auth=once", backend.url),
    }});
    let failed = json!({"data": {"type": "X-DPT-CAB-ID", "id": "failed", "command_status": 3, "body": REFUSAL}});
    let unasked = json!({"correlationId": "other", "status": 500, "message": REFUSAL});
    let frames = [&link, &failed, &unasked].map(|message| Message::text(message.to_string()));
    let websocket = proxy(200, frames.to_vec()).await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = Profile { name: "ops".to_owned(), ..profile(&backend, &websocket) };
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile, "p"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;

    // At the socket.
    let key = ActivityKey::Command(CommandId::from("failed"));
    let entry = window.entry(&key, |entry| matches!(entry.fact, Fact::Received(_))).await;
    assert!(entry.raw.contains(MASKED), "{entry:?}");
    wait_for_notice_since(&mut window, 0, MASKED).await;

    // At calls.
    let mark = window.mark();
    window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from("c-1")] });
    wait_for_notice_since(&mut window, mark, MASKED).await;
    window.act(Action::ListDataTokens { profile: id, page: 1 });
    let refused = |event: &Event| match event {
        Event::DataTokens { answer: Err(error), .. } => Some(error.to_string()),
        _ => None,
    };
    let sentence = window.wait("the refusal", refused).await;
    assert!(sentence.contains(MASKED), "{sentence}");
    let stored = StoredData {
        token: DataToken::new("dtk-1"),
        context: String::new(),
        file_name: "a.csv".to_owned(),
        size: None,
        created: None,
    };
    let mark = window.mark();
    window.act(Action::RequestData { profile: id, data: vec![stored], folder: None });
    wait_for_notice_since(&mut window, mark, MASKED).await;
    let mark = window.mark();
    window.act(Action::RenewToken(id));
    wait_for_notice_since(&mut window, mark, MASKED).await;

    // At a download, to which the token is not sent.
    let mark = window.mark();
    let event = download(&mut window, id, "r", &machine.file("never.bin")).await;
    let LocalEvent::NotSaved { why: DownloadFailure::Refused, sentence, .. } = event else { panic!("{event:?}") };
    assert!(sentence.contains(MASKED), "{sentence}");
    wait_for_notice_since(&mut window, mark, MASKED).await;

    // At the end.
    let mark = window.mark();
    window.act(Action::SignOut { profile: id, revoke: true });
    window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    wait_for_notice_since(&mut window, mark, MASKED).await;
    for call in ["GET /request-status", "GET /data-token", "POST /data-token", "POST /profile/reauthorize", "GET /link"]
    {
        assert!(backend.has_request(call), "no {call}");
    }
    assert_masked(&window.quit().await, &machine);
}

#[tokio::test]
async fn a_token_that_is_a_word_of_the_reason_for_a_close_is_masked_in_it() {
    let backend = refusing_backend().await;
    let close = |code| Message::Close(Some(CloseFrame { code, reason: REFUSAL.into() }));
    for code in [CloseCode::Policy, CloseCode::Again, CloseCode::Iana(3000), CloseCode::Library(4401)] {
        let websocket = proxy(200, vec![close(code)]).await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_password(profile(&backend, &websocket), "p"))));
        let ended = |state: &ConnectionState| {
            matches!(state, ConnectionState::TokenRefused { .. } | ConnectionState::Reconnecting { .. })
        };
        let state = window.state("the end of the connection", ended).await;
        assert!(format!("{state:?}").contains(MASKED), "{code}: {state:?}");
        assert_masked(&window.quit().await, &machine);
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_before_it_begins_is_quoted_without_the_token() {
    let backend = refusing_backend().await;
    let stream = format!("{}/?auth=once", without_sockets().await);
    let ready = json!({"data": {"type": "STREAM-READY", "requestId": "r", "streamUrl": stream}});
    let websocket = proxy(200, vec![Message::text(ready.to_string())]).await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile(&backend, &websocket);
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile, "p"))));
    window.signed_in().await.expect("signed in");
    window.entry(&data("r"), |entry| matches!(entry.fact, Fact::Received(_))).await;
    let event = download(&mut window, id, "r", &machine.file("never.bin")).await;
    let LocalEvent::NotSaved { sentence, .. } = event else { panic!("{event:?}") };
    assert!(sentence.contains(MASKED), "{sentence}");
    assert_masked(&window.quit().await, &machine);
}
