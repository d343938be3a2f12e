//! Servers that ask the client to wait, that require its name, and that write a token's expiry in their own format.

use axum::body::Body;
use axum::response::Response;
use privicore_monitor::engine::{Action, TokenStatus};
use privicore_monitor::settings::{Address, Profile};

use crate::scripted::{Backend, proxy};
use crate::window::{Machine, Window, with_password, with_token};

fn profile(backend: &Backend, websocket: &str) -> Profile {
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
async fn the_end_of_a_token_is_known_in_other_forms_and_said_to_be_unreadable_in_none() {
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
            let notice = window.notice("gives the end of the token as “next hidden week”").await;
            assert!(notice.sentence.contains("not renewed automatically, and no warning comes"), "{}", notice.sentence);
            assert!(matches!(notice.remedy, Some((_, Action::RenewToken(_)))), "{notice:?}");
        }
        window.quit().await;
    }
}
