//! Quitting: it waits for nothing but what leaves and what writes, whatever else is under way.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use privicore_monitor::activity::Moment;
use privicore_monitor::engine::Action;
use privicore_monitor::journal::{Journal, Opened};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::settings::{Address, Profile};

use crate::scripted::{Backend, proxy};
use crate::window::{Machine, Window, with_password};

/// An answer that never ends.
fn silence() -> Response {
    Response::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
}

/// A backend that signs in and, after that, answers nothing.
async fn silent_backend() -> Backend {
    Backend::with_headers(|line| {
        if line.starts_with("POST /profile/authenticate") {
            let granted = r#"{"authorizationToken":"T-1","expiresAt":"2099-01-01T00:00:00Z"}"#;
            Response::new(Body::from(granted))
        } else {
            silence()
        }
    })
    .await
}

/// Signs in to a backend; the profile.
async fn sign_in(window: &mut Window, backend: &Backend) -> Profile {
    let profile = Profile {
        name: "ops".to_owned(),
        api: Address::new(backend.url.as_str()),
        websocket: Address::new(proxy(&["T-1"]).await),
        download: Address::new(backend.url.as_str()),
        username: "somebody".to_owned(),
        ..Profile::default()
    };
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    profile
}

/// Waits until a backend was asked for something.
pub(crate) async fn until_asked(backend: &Backend, line: &str) {
    let asked = async {
        while !backend.is_asked(line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("nobody asked");
}

#[expect(clippy::disallowed_methods, reason = "it is the machine's clock that the engine uses here")]
fn now() -> Moment {
    jiff::Timestamp::now().into()
}

#[tokio::test]
async fn a_server_that_never_answers_holds_neither_the_end_nor_the_last_proof_of_life_up() {
    let backend = silent_backend().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = sign_in(&mut window, &backend).await.id;
    for check in 0..20 {
        let commands = (0..200).map(|n| CommandId::new(format!("c-{check}-{n}"))).collect();
        window.act(Action::CheckStatus { profile, commands });
    }
    window.act(Action::ListDataTokens { profile, page: 1 });
    until_asked(&backend, "GET /request-status").await;
    until_asked(&backend, "GET /data-token").await;
    let quits = (now(), Instant::now());
    window.quit().await;
    // Far above what it takes, and far below what REST calls may take.
    assert!(quits.1.elapsed() < Duration::from_secs(5), "it took {:?}", quits.1.elapsed());
    let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
    let alive = journal.last_alive(profile).await.expect("it can be read").expect("no proof of life");
    assert!(alive >= quits.0, "the last proof of life is of {alive:?}, before the end began at {:?}", quits.0);
    journal.close().await;
}
