//! Quitting waits only for the leave and for writes, whatever else is in progress.

use std::sync::OnceLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use privicore_monitor::activity::{ActivityKey, Entry, Fact, LocalEvent, Seq, Timestamp};
use privicore_monitor::engine::{Action, Engine, WindowPanicked};
use privicore_monitor::journal::{Journal, Opened};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::sandbox::DEMO_USERNAME;
use privicore_monitor::settings::{Address, PreferenceChange, Profile, Store};
use serde_json::json;

use crate::quiet;
use crate::scripted::{Backend, proxy};
use crate::window::{Machine, Window, with_password};

/// A response that never ends.
pub(crate) fn silence() -> Response {
    Response::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
}

/// A backend that signs in and answers nothing after that.
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

/// Signs in to a backend. Returns the profile.
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

/// Waits until a backend has received a request.
pub(crate) async fn until_requested(backend: &Backend, line: &str) {
    let asked = async {
        while !backend.has_request(line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("nobody asked");
}

#[expect(clippy::disallowed_methods, reason = "it is the machine's clock that the engine uses here")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

#[tokio::test]
async fn a_silent_server_delays_neither_the_shutdown_nor_the_last_sign_of_life() {
    let backend = silent_backend().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = sign_in(&mut window, &backend).await.id;
    for check in 0..20 {
        let commands = (0..200).map(|n| CommandId::new(format!("c-{check}-{n}"))).collect();
        window.act(Action::CheckStatus { profile, commands });
    }
    window.act(Action::ListDataTokens { profile, page: 1 });
    until_requested(&backend, "GET /request-status").await;
    until_requested(&backend, "GET /data-token").await;
    let quits = now();
    // The duration is tested where the test controls the time. That it ends shows that it waits for no answer.
    window.quit().await;
    let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
    let alive = journal.last_seen(profile).await.expect("it can be read").expect("no proof of life");
    assert!(alive >= quits, "the last proof of life is of {alive:?}, before the end began at {quits:?}");
    journal.close().await;
}

#[tokio::test]
async fn a_setting_changed_just_before_the_end_is_saved_however_the_window_ends() {
    for in_order in [true, false] {
        let machine = Machine::new();
        let window = Window::open(&machine);
        let newest = 60;
        for days in 1..=newest {
            let changes = vec![PreferenceChange::RetentionDays(days)];
            window.act(Action::ChangePreferences { number: days.into(), changes });
        }
        if in_order {
            window.quit().await;
        } else {
            // As when the window fails: the engine has not processed everything yet.
            window.handle.quit();
            assert!(window.handle.join(Duration::from_mins(1)), "it does not stop");
        }
        let kept = Store::peek(&machine.options().directories).expect("settings").preferences.retention_days;
        assert_eq!(kept, newest, "in order: {in_order}");
    }
}

#[tokio::test]
async fn actions_just_before_the_end_take_effect_at_the_next_start() {
    for in_order in [true, false] {
        let sandbox = quiet().await;
        let machine = Machine::new();
        let mut window = Window::open(&machine);
        let profile = window.sign_in(&sandbox).await;
        window.wait_for_stored_token().await;
        let commands = vec![CommandId::from("c-1")];
        window.act(Action::TrackCommands { profile, commands, label: None });
        for number in 1..=40 {
            let keys = vec![ActivityKey::Command("c-1".into())];
            window.act(Action::SetLabel { profile, keys, label: format!("run {number}") });
        }
        window.act(Action::SignOut { profile, revoke: false });
        if in_order {
            window.quit().await;
        } else {
            // As when the window fails: the engine has not processed everything yet.
            window.handle.quit();
            assert!(window.handle.join(Duration::from_mins(1)), "it does not stop");
        }
        let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
        let kept = journal.entries_from(profile, Seq(0), 99).await.expect("it can be read");
        let label = |entry: &Entry| match &entry.fact {
            Fact::Local(LocalEvent::Labelled { label }) => Some(label.clone()),
            _ => None,
        };
        assert_eq!(kept.iter().filter_map(label).next_back().as_deref(), Some("run 40"), "in order: {in_order}");
        assert!(kept.iter().any(|entry| entry.fact == Fact::Local(LocalEvent::Tracked)), "in order: {in_order}");
        let left = journal.pending_work().await.expect("it can be read");
        let token = machine.keyring.token(profile).await.expect("the keyring works");
        assert!(token.is_none() || !left.is_empty(), "it signs in again at the next start, in order: {in_order}");
        journal.close().await;
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test owns the task")]
async fn a_panicking_window_leaves_its_channels_and_received_messages_are_journaled() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let handle = window.handle.clone();
    // Busy with earlier actions, as a failing window may leave it.
    while handle.send(Action::ListDataTokens { profile, page: 1 }).is_ok() {}
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": "c-1", "command_status": 2}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    window.entry(&ActivityKey::Command("c-1".into()), |_| true).await;
    let began = now();
    let patience = Duration::from_mins(1);
    let running = tokio::task::spawn_blocking(move || {
        let ended =
            Engine::run_window(&OnceLock::from(handle.clone()), patience, || -> u8 { panic!("the window fails") });
        (ended, handle.join(Duration::ZERO))
    });
    assert_eq!(running.await.expect("it goes on"), (Err(WindowPanicked), true));
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 0, "the channel was not left");
    let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
    assert!(journal.last_seen(profile).await.expect("it can be read") >= Some(began), "no proof of life");
    let kept = journal.entries_from(profile, Seq(0), 9).await.expect("it can be read");
    assert!(kept.iter().any(|entry| entry.key.id() == "c-1"), "{kept:?}");
    journal.close().await;
}
