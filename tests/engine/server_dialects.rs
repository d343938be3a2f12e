//! Responses of other generations of servers, and what must never follow from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::response::Response;
use privicore_monitor::activity::{ActivityKey, DownloadFailure, Fact, LocalEvent, StatusCheck};
use privicore_monitor::engine::{Action, ConnectionState};
use privicore_monitor::protocol::{CommandId, CommandStatus, RequestId};
use privicore_monitor::sandbox::DEMO_USERNAME;
use privicore_monitor::settings::{Address, Profile};
use serde_json::json;

use crate::quiet;
use crate::scripted::{Backend, proxy, proxy_that};
use crate::tls_and_proxies::{authority, encrypted, port_of};
use crate::window::{Machine, Window, with_password, with_token};

fn profile(api: &str, websocket: &str) -> Profile {
    Profile {
        name: "scripted".to_owned(),
        api: Address::new(api),
        websocket: Address::new(websocket),
        download: Address::new(api),
        username: "somebody".to_owned(),
        ..Profile::default()
    }
}

const OLD: &str = r#"{"authorizationToken":"T-old","expiresAt":"2100-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn a_new_token_that_the_proxy_refuses_is_replaced_by_the_old_one() {
    let backend = Backend::start(|line| match line {
        "POST /profile/authenticate" => (200, OLD.to_owned()),
        "POST /profile/reauthorize-authorization-token" => (200, r#"{"authorizationToken":"T-new"}"#.to_owned()),
        _ => (404, String::new()),
    })
    .await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile(&backend.url, &proxy(&["T-old"]).await);
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile, "right"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    window.act(Action::RenewToken(id));
    window.notice("refused the new token, so the old one stays in use").await;
    window.live(2).await;
    let kept = async {
        while machine.keyring.token(id).await.expect("the keyring works").is_none_or(|token| token.expose() != "T-old")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), kept).await.expect("the old token is kept again");
    let asked = backend.got_of("POST /profile/reauthorize");
    assert_eq!((asked.len(), asked[0].token.as_deref(), asked[0].body.as_str()), (1, Some("T-old"), "ttl=2592000"));
    window.quit().await;
}

#[tokio::test]
async fn a_server_that_decides_later_leaves_the_old_token_in_use() {
    let backend = Backend::start(|line| match line {
        "POST /profile/authenticate" => (200, OLD.to_owned()),
        "POST /profile/reauthorize-authorization-token" => (202, r#""c-1""#.to_owned()),
        _ => (404, String::new()),
    })
    .await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile(&backend.url, &proxy(&["T-old"]).await);
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile, "right"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    window.act(Action::RenewToken(id));
    window.notice("The old token stays in use.").await;
    window.quit().await;
}

#[tokio::test]
async fn an_invalid_token_is_reported_by_rest_and_by_the_connection() {
    let backend = Backend::start(|line| match line {
        "POST /profile/authenticate" => (200, OLD.to_owned()),
        _ => (401, r#"{"message":"Token T-old expired"}"#.to_owned()),
    })
    .await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let scripted = profile(&backend.url, &proxy(&["T-old"]).await);
    let id = scripted.id;
    window.act(Action::SignIn(Box::new(with_password(scripted, "right"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from("c")] });
    let state = window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    let ConnectionState::TokenRefused { why } = state else { panic!("{state:?}") };
    assert_eq!(why.to_string(), "The server refused the token: Token hidden expired. Sign in again.");
    window.quit().await;
}

#[tokio::test]
async fn a_join_refused_with_400_makes_the_token_invalid_only_if_the_expiry_request_is_refused_too() {
    for (expiry, dead) in
        [(401, true), (403, true), (400, false), (404, false), (429, false), (500, false), (200, false)]
    {
        let backend = Backend::start(move |line| match line {
            "POST /profile/authenticate" => (200, OLD.to_owned()),
            "POST /profile/authorization-token/expiry" => (expiry, r#"{"message":"Token trouble."}"#.to_owned()),
            _ => (404, String::new()),
        })
        .await;
        let status = Arc::new(AtomicI64::new(400));
        let answered = status.clone();
        let websocket = proxy_that(move |_token| answered.load(Ordering::SeqCst)).await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        let profile = profile(&backend.url, &websocket);
        let id = profile.id;
        window.act(Action::SignIn(Box::new(with_password(profile, "right"))));
        window.signed_in().await.expect("signed in");
        let ended = |state: &ConnectionState| {
            matches!(state, ConnectionState::TokenRefused { .. } | ConnectionState::Reconnecting { .. })
        };
        match window.state("the end of the join", ended).await {
            ConnectionState::TokenRefused { why } => {
                assert!(dead, "{expiry}");
                assert_eq!(why.to_string(), "The server refused the token: Token trouble. Sign in again.");
            }
            other => assert!(!dead, "{expiry}: {other:?}"),
        }
        assert_eq!(backend.got_of("POST /profile/authorization-token/expiry")[0].token.as_deref(), Some("T-old"));
        status.store(200, Ordering::SeqCst);
        window.act(Action::RetryNow(id));
        window.live(1).await;
        window.quit().await;
    }
}

#[tokio::test]
async fn a_server_that_wants_post_for_a_status_gets_it_with_an_empty_object() {
    let backend = Backend::start(|line| match line {
        "POST /profile/authenticate" => (200, OLD.to_owned()),
        "GET /request-status/c%2F1" => (405, String::new()),
        "POST /request-status/c%2F1" => (200, r#"["rejected"]"#.to_owned()),
        _ => (500, String::new()),
    })
    .await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile(&backend.url, &proxy(&["T-old"]).await);
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile, "right"))));
    window.signed_in().await.expect("signed in");
    window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from("c/1")] });
    let entry = window.entry(&ActivityKey::Command(CommandId::from("c/1")), |_| true).await;
    assert_eq!(entry.fact, Fact::StatusChecked(StatusCheck::Known { status: CommandStatus::Failed, text: None }));
    assert_eq!(backend.got_of("POST /request-status")[0].body, "{}");
    window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from("other")] });
    window.notice("answered with status 500").await;
    window.quit().await;
}

/// A server's answers to `request-status` by GET and by POST, the requests of the first and the second status check, and
/// whether the command is known.
type Generation = ((u16, &'static str), (u16, &'static str), &'static [&'static str], bool);

#[tokio::test]
async fn the_request_method_is_learnt_from_the_first_answer() {
    const ANSWER: &str = r#"["succeeded"]"#;
    let generations: [Generation; 7] = [
        ((200, ANSWER), (200, ANSWER), &["GET 1", "GET 2"], true),
        ((200, ANSWER), (405, ""), &["GET 1", "GET 2"], true),
        ((405, ""), (200, ANSWER), &["GET 1", "POST 1", "POST 2"], true),
        // Routes that differ by method: the other method is 404 there, which says nothing about the command.
        ((404, ""), (200, ANSWER), &["GET 1", "POST 1", "POST 2"], true),
        ((404, ""), (405, ""), &["GET 1", "POST 1", "GET 2"], false),
        ((405, ""), (404, ""), &["GET 1", "POST 1", "POST 2"], false),
        // Both methods give the same answer, so nothing is learnt.
        ((404, ""), (404, ""), &["GET 1", "POST 1", "GET 2", "POST 2"], false),
    ];
    for (get, post, expected, known) in generations {
        let backend = Backend::start(move |line| match line {
            "POST /profile/authenticate" => (200, OLD.to_owned()),
            line if line.starts_with("GET /request-status/") => (get.0, get.1.to_owned()),
            line if line.starts_with("POST /request-status/") => (post.0, post.1.to_owned()),
            _ => (500, String::new()),
        })
        .await;
        let mut window = Window::open(&Machine::new());
        let profile = profile(&backend.url, &proxy(&["T-old"]).await);
        let id = profile.id;
        window.act(Action::SignIn(Box::new(with_password(profile, "right"))));
        window.signed_in().await.expect("signed in");
        for command in ["1", "2"] {
            window.act(Action::CheckStatus { profile: id, commands: vec![CommandId::from(command)] });
            let key = ActivityKey::Command(CommandId::from(command));
            let entry = window.entry(&key, |entry| matches!(entry.fact, Fact::StatusChecked(_))).await;
            assert_eq!(
                entry.fact != Fact::StatusChecked(StatusCheck::Unknown),
                known,
                "{get:?} {post:?}: {:?}",
                entry.fact
            );
        }
        window.quit().await;
        let asked = backend.got().into_iter().filter(|got| got.line.contains("/request-status/"));
        let asked: Vec<_> = asked.map(|got| got.line.replace("/request-status/", "")).collect();
        assert_eq!(asked, expected, "GET {get:?}, POST {post:?}");
    }
}

/// Redirects every request to another host.
async fn redirecting(to: &Backend) -> Backend {
    let to = to.url.replace("127.0.0.1", "localhost");
    Backend::with_headers(move |line| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let response = Response::builder().status(307).header("location", format!("{to}{path}"));
        response.body(Body::empty()).expect("a response")
    })
    .await
}

#[tokio::test]
async fn neither_token_nor_password_nor_link_follows_a_redirect_to_another_host() {
    let elsewhere = Backend::start(|_| (200, OLD.to_owned())).await;
    let backend = redirecting(&elsewhere).await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let scripted = profile(&backend.url, &proxy(&["T-old"]).await);
    window.act(Action::SignIn(Box::new(with_password(scripted.clone(), "right"))));
    let sentence = window.signed_in().await.expect_err("it signed in elsewhere");
    assert!(sentence.contains("status 307"), "{sentence}");
    window.act(Action::SignIn(Box::new(with_token(scripted.clone(), "T-old"))));
    window.signed_in().await.expect("joining proves the token");
    window.act(Action::RenewToken(scripted.id));
    window.notice("The token was not renewed").await;
    window.quit().await;

    let sandbox = quiet().await;
    let mut window = Window::open(&Machine::new());
    let id = window.sign_in(&sandbox).await;
    let request = RequestId::from("r");
    let link = format!("{}/?auth=once", backend.url);
    let message = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": link}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    let key = ActivityKey::Data(request.clone());
    window.entry(&key, |_| true).await;
    window.act(Action::Download { profile: id, request, to: machine.file("never.bin") });
    let entry = window.entry(&key, |entry| matches!(entry.fact, Fact::Local(LocalEvent::NotSaved { .. }))).await;
    let Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence, .. }) = entry.fact else {
        panic!("{entry:?}")
    };
    assert!(sentence.contains("localhost without encryption"), "{sentence}");
    window.quit().await;

    assert!(elsewhere.got().is_empty(), "{:?}", elsewhere.got());
    let fetched = backend.got_of("GET /?auth=once");
    assert_eq!((fetched.len(), fetched[0].token.as_deref()), (1, None), "one GET, without the token");
    assert_eq!(backend.got().iter().filter(|got| got.line.starts_with("HEAD")).count(), 0);
}

#[tokio::test]
async fn a_download_sends_one_get_even_if_the_server_fails() {
    let sandbox = quiet().await;
    let store = Backend::start(|_| (503, String::new())).await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    let request = RequestId::from("r");
    let link = format!("{}/?auth=once", store.url);
    let message = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": link}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    let key = ActivityKey::Data(request.clone());
    window.entry(&key, |_| true).await;
    for _ in 0..2 {
        window.act(Action::Download { profile: id, request: request.clone(), to: machine.file("never.bin") });
        window.notice("was not saved").await;
    }
    window.quit().await;
    assert_eq!(store.got().len(), 1, "{:?}", store.got());
}

#[tokio::test]
async fn an_encrypted_connection_is_trusted_by_its_authority_only() {
    let plain = proxy(&["T-old"]).await;
    let url = format!("wss://localhost:{}", encrypted(port_of(&plain)).await);
    let scripted = profile("http://127.0.0.1:9", &url);
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.act(Action::SignIn(Box::new(with_token(scripted.clone(), "T-old"))));
    let sentence = window.signed_in().await.expect_err("a stranger's certificate was trusted");
    assert!(sentence.starts_with("The encrypted connection to localhost failed: "), "{sentence}");
    window.quit().await;

    let mut options = machine.options();
    options.extra_authority = Some(authority());
    let mut window = Window::with(options);
    window.act(Action::SignIn(Box::new(with_token(scripted, "T-old"))));
    window.signed_in().await.expect("the authority vouches for it");
    window.live(1).await;
    window.quit().await;
}
