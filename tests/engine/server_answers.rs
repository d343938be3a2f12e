//! Servers that ask the client to wait, that require its name, and that write a token's expiry in their own format.

use axum::body::Body;
use axum::response::Response;
use privicore_monitor::activity::{ActivityKey, Fact, LocalEvent, StatusCheck};
use privicore_monitor::engine::{Action, Event, TokenStatus};
use privicore_monitor::protocol::{CommandId, CommandStatus, RequestId};
use privicore_monitor::settings::{Address, Profile};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::beside_curl::answering_all;
use crate::downloads::download;
use crate::scripted::{Backend, proxy, proxy_sending};
use crate::window::{Machine, Window, with_password, with_token};

pub(crate) fn profile(backend: &Backend, websocket: &str) -> Profile {
    let api = Address::new(&backend.url);
    Profile {
        username: "ops".to_owned(),
        download: api.clone(),
        api,
        websocket: Address::new(websocket),
        ..Profile::default()
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_at_a_call_is_quoted() {
    for (status, asks, said) in [
        (429, "90", "The server asks to wait 1 min 30 s."),
        (503, "7200", "The server asks to wait 2 h; Privicore Monitor waits 5 min."),
        (500, "Fri, 31 Dec 2100 23:59:59 GMT", "Privicore Monitor waits 5 min."),
    ] {
        let backend = Backend::with_headers(move |_| {
            let busy = Response::builder().status(status).header("retry-after", asks);
            busy.body(Body::from(r#"{"message":"Busy"}"#)).expect("a response")
        })
        .await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_password(profile(&backend, "ws://127.0.0.1:9"), "p"))));
        let sentence = window.signed_in().await.expect_err("it signed in");
        let answered = format!("answered with status {status}: Busy. ");
        assert!(sentence.contains(&answered) && sentence.ends_with(said), "{sentence}");
        window.quit().await;
    }
}

#[tokio::test]
async fn the_expiry_of_a_token_is_read_in_every_form() {
    for (answer, is_known) in [
        (r#"{"expiresAt":4102444800}"#, true),
        (r#"{"expiresAt":"4102444800000"}"#, true),
        (r#"{"expiresAt":"2100-01-01 00:00:00"}"#, true),
        (r#"{"expires_in":86400}"#, true),
        ("Fri, 01 Jan 2100 00:00:00 GMT", true),
        (r#"{"expiresAt":"next T-good week"}"#, false),
    ] {
        let backend = Backend::start(move |_| (200, answer.to_owned())).await;
        let websocket = proxy(&["T-good"]).await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_token(profile(&backend, &websocket), "T-good"))));
        window.signed_in().await.expect("signed in");
        if is_known {
            let known = |token| matches!(token, TokenStatus::Held { expires_at: Some(_), .. }).then_some(());
            window.profile("the token's end", |profile| known(profile.token)).await;
        } else {
            let notice = window.notice("The token's expiry “next hidden week” can't be read").await;
            assert!(
                notice.sentence().contains("so it is not renewed automatically and there is no warning"),
                "{}",
                notice.sentence()
            );
            assert!(matches!(notice.remedy, Some((_, Action::RenewToken(_)))), "{notice:?}");
        }
        window.quit().await;
    }
}

/// A backend that knows every call and issues one link, of the request `requested`. It comes with its proxy's address, and
/// the link is sent after the join.
pub(crate) async fn complete_backend() -> (Backend, String) {
    let backend = Backend::with_headers(|line| {
        let (status, body) = match line {
            "POST /profile/authenticate" => (200, r#"{"authorizationToken":"T-1","expiresAt":"2100-01-01T00:00:00Z"}"#),
            "POST /profile/reauthorize-authorization-token" => (200, r#"{"authorizationToken":"T-2"}"#),
            "POST /profile/authorization-token/expiry" => (200, r#"{"expiresAt":"2100-01-01T00:00:00Z"}"#),
            "GET /data-token/list-data-tokens?page=1&perPage=100" => {
                (200, r#"{"items":[{"token":"dtk-1","fileName":"a.csv"}],"meta":{"count":1}}"#)
            }
            "POST /data-token/request-data" => (202, ""),
            "GET /request-status/c-1" => (405, ""),
            "POST /request-status/c-1" => (200, "succeeded"),
            "POST /profile/revoke-authorization-token" => (200, ""),
            "GET /link?auth=once" => (200, "payload"),
            other => panic!("nobody expects {other}"),
        };
        let answer = Response::builder().status(status).header("x-dpt-cab-request-id", "requested");
        answer.body(Body::from(body)).expect("a response")
    })
    .await;
    let link = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": "requested", "output_type": 1,
        "body": format!("{}/link?auth=once", backend.url),
    }});
    let websocket = proxy_sending(vec![Message::text(link.to_string())]).await;
    (backend, websocket)
}

#[tokio::test]
async fn every_request_names_the_program_because_some_firewalls_refuse_those_without_a_name() {
    let (backend, websocket) = complete_backend().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile(&backend, &websocket);
    let id = profile.id;
    for sign_in in [with_token(profile.clone(), "T-0"), with_password(profile, "p")] {
        window.act(Action::SignIn(Box::new(sign_in)));
        window.signed_in().await.expect("signed in");
    }
    window.act(Action::ListDataTokens { profile: id, page: 1 });
    let page = window
        .wait("the data tokens", |event| match event {
            Event::DataTokens { answer, .. } => Some(answer.clone().expect("a page")),
            _ => None,
        })
        .await;
    window.act(Action::RequestData { profile: id, data: page.items, folder: None });
    let requested = ActivityKey::Data(RequestId::from("requested"));
    window.entry(&requested, |entry| matches!(entry.fact, Fact::Local(LocalEvent::Requested(_)))).await;
    window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from("c-1")] });
    let known = StatusCheck::Known { status: CommandStatus::Succeeded, text: None };
    let is_known = |fact: &Fact| *fact == Fact::StatusChecked(known.clone());
    window.entry(&ActivityKey::Command(CommandId::from("c-1")), |entry| is_known(&entry.fact)).await;
    let saved = download(&mut window, id, "requested", &machine.file("saved")).await;
    assert!(matches!(saved, LocalEvent::Saved { size: 7, .. }), "{saved:?}");
    window.act(Action::RenewToken(id));
    window.notice("The token was renewed.").await;
    window.act(Action::SignOut { profile: id, revoke: true });
    let revoked = async {
        while !backend.has_request("POST /profile/revoke-authorization-token") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), revoked).await.expect("the token is revoked");
    window.quit().await;
    let calls = [
        "POST /profile/authorization-token/expiry",
        "POST /profile/authenticate",
        "GET /data-token/list-data-tokens",
        "POST /data-token/request-data",
        "GET /request-status",
        "POST /request-status",
        "GET /link",
        "POST /profile/reauthorize",
    ];
    for call in calls {
        assert!(backend.has_request(call), "no {call}");
    }
    let nameless: Vec<_> = backend.got().into_iter().filter(|got| !got.is_named).collect();
    assert!(nameless.is_empty(), "{nameless:?}");
}

/// Answers that no server should give: each is explained, at calls and at the socket, without the words of a library.
#[tokio::test]
async fn invalid_http_responses_are_explained_for_calls_and_for_the_socket() {
    const AGAINST: &str = "is not HTTP, or breaks its rules";
    const UNKNOWN: &str = "in a way that Privicore Monitor does not understand";
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(500_000));
    for (answer, at_call, at_socket) in [
        ("", "the connection broke off", "the connection was closed without an answer"),
        ("SSH-2.0-OpenSSH_9.9\r\n", UNKNOWN, AGAINST),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", UNKNOWN, AGAINST),
        ("HTTP/1.0 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", UNKNOWN, AGAINST),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", UNKNOWN, AGAINST),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", UNKNOWN, AGAINST),
        ("HTTP/1.1 OK\r\n\r\n", UNKNOWN, AGAINST),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", UNKNOWN, "answered with HTTP status 200"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{",
            "the connection broke off",
            "answered with HTTP status 200",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "answered with status 101", "does not say"),
        (&*endless, UNKNOWN, "its answer is too long"),
    ] {
        let raw = answering_all(answer).await;
        let good = Backend::start(|_| (200, "{}".to_owned())).await;
        let websocket = proxy(&["T-good"]).await;
        let at_calls = Profile { api: Address::new(format!("http://{raw}")), ..profile(&good, &websocket) };
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        for (what, sign_in, words) in [
            ("a call", with_password(at_calls, "p"), at_call),
            ("the socket", with_token(profile(&good, &format!("ws://{raw}")), "T-good"), at_socket),
        ] {
            window.act(Action::SignIn(Box::new(sign_in)));
            let sentence = window.signed_in().await.expect_err("it signed in");
            let head: String = answer.chars().take(80).collect();
            assert!(sentence.contains(words), "{what}, {head:?}: {sentence}");
            assert!(sentence.starts_with("127.0.0.1 ") && sentence.ends_with('.'), "{what}, {head:?}: {sentence}");
            for inner in ["hyper", "Parse", "Error", "error", "invalid", "http://", "::"] {
                assert!(!sentence.contains(inner), "{what}, {head:?}: {sentence}");
            }
        }
        window.quit().await;
    }
}
