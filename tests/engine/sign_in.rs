//! Signing in and out, what is kept, and the consequences of a refused token.

use std::sync::Arc;

use privicore_monitor::activity::{ActivityKey, Fact};
use privicore_monitor::engine::{Action, ConnectionState, Event, ProfileStatus, SandboxAddresses, TokenStatus};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::sandbox::{DEMO_USERNAME, Options, PASSWORD, Scenario, start};
use privicore_monitor::settings::{Address, Profile};
use serde_json::json;

use crate::pending::until;
use crate::quiet;
use crate::scripted::Backend;
use crate::window::{Machine, Window, post, profile_of, token_of, with_password, with_token};

#[tokio::test]
async fn a_profile_is_signed_in_automatically_at_the_next_start_with_its_rows() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let key = ActivityKey::Command(CommandId::from("c-1"));

    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let ends =
        |profile: &ProfileStatus| matches!(profile.token, TokenStatus::Held { expires_at: Some(_), .. }).then_some(());
    window.profile("the token's end", ends).await;
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": "c-1", "command_status": 2}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    window.entry(&key, |entry| matches!(entry.fact, Fact::Received(_))).await;
    window.quit().await;
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 0, "the channel was not left");

    let mut window = Window::open(&machine);
    let restored = window
        .wait("the old row", |event| match event {
            Event::Restored { profile, entries, .. } if *profile == id => Some(entries.clone()),
            _ => None,
        })
        .await;
    assert_eq!(restored.iter().map(|entry| &entry.key).collect::<Vec<_>>(), [&key]);
    window.live(1).await;
    window.quit().await;
}

#[tokio::test]
async fn a_session_that_is_not_stored_is_signed_out_at_the_next_start() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut profile = profile_of(&sandbox);
    profile.keep_signed_in = false;
    let id = profile.id;

    let mut window = Window::open(&machine);
    window.act(Action::SignIn(Box::new(with_password(profile, PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    window.quit().await;
    assert_eq!(machine.keyring.token(id).await.expect("the keyring works"), None);

    let mut window = Window::open(&machine);
    window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    window.quit().await;
}

#[tokio::test]
async fn a_token_is_verified_by_joining_before_the_profile_is_stored() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = profile_of(&sandbox);

    window.act(Action::SignIn(Box::new(with_token(profile.clone(), "T-wrong"))));
    let sentence = window.signed_in().await.expect_err("a wrong token signed in");
    assert!(sentence.contains("refused the token"), "{sentence}");

    window.act(Action::SignIn(Box::new(with_token(profile.clone(), &token_of(&sandbox).await))));
    window.signed_in().await.expect("signed in");
    let profiles = window.settings("the settings", |settings| Some(settings.profiles.clone())).await;
    assert_eq!(profiles, [profile]);
    window.quit().await;
}

#[tokio::test]
async fn a_failed_sign_in_is_explained_in_a_sentence() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let good = profile_of(&sandbox);
    let mut nobody_there = good.clone();
    nobody_there.api = Address::new("http://127.0.0.1:9");
    let mut plain = good.clone();
    plain.websocket = Address::new("ws://192.0.2.1:8083");
    let mut nameless = good.clone();
    nameless.username = String::new();
    for (profile, password, says) in [
        (good, "wrong", "Check user name and password"),
        (nobody_there, PASSWORD, "127.0.0.1 can't be reached"),
        (plain, PASSWORD, "192.0.2.1 would not be encrypted"),
        (nameless, PASSWORD, "Enter a user name."),
    ] {
        window.act(Action::SignIn(Box::new(with_password(profile, password))));
        let sentence = window.signed_in().await.expect_err("it signed in");
        assert!(sentence.contains(says), "{sentence}");
    }
    let told = window.quit().await;
    let mut settings = told.seen.iter().filter_map(|status| status.settings.as_ref());
    assert!(settings.all(|settings| settings.profiles.is_empty()), "a profile that never signed in is in the settings");
}

#[tokio::test]
async fn an_expired_token_is_refused_once_and_not_retried() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    sandbox.control().expire_tokens(DEMO_USERNAME).expect("a profile");
    sandbox.control().drop_connections();
    let refused = window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    let ConnectionState::TokenRefused { why } = refused else { panic!("{refused:?}") };
    assert!(why.to_string().ends_with("Sign in again."), "{why}");

    // A manual retry is possible at any time, and is refused again.
    for action in [Action::RetryNow(id), Action::Connect(id)] {
        window.act(action);
        window.state("joining", |state| *state == ConnectionState::Joining).await;
        window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    }
    window.act(Action::SignIn(Box::new(with_password(profile_with(&sandbox, id), PASSWORD))));
    window.signed_in().await.expect("signed in anew");
    window.live(2).await;
    window.quit().await;
}

fn profile_with(
    sandbox: &privicore_monitor::sandbox::SandboxHandle,
    id: privicore_monitor::settings::ProfileId,
) -> privicore_monitor::settings::Profile {
    privicore_monitor::settings::Profile { id, ..profile_of(sandbox) }
}

#[tokio::test]
async fn a_renewed_token_is_stored_and_used_to_join() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let old = machine.keyring.token(id).await.expect("the keyring works").expect("a token");
    window.act(Action::RenewToken(id));
    window.notice("The token was renewed.").await;
    window.live(2).await;
    // The keyring may store it after the channel was joined.
    until("the new token in the keyring", async || {
        machine.keyring.token(id).await.expect("the keyring works").filter(|new| *new != old)
    })
    .await;
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 1);
    window.quit().await;
}

#[tokio::test]
async fn a_profile_that_signs_in_with_a_token_is_live_with_all_its_rows() {
    for keep in [true, false] {
        let sandbox = quiet().await;
        let machine = Machine::new();
        let profile = Profile { keep_signed_in: keep, ..profile_of(&sandbox) };
        let id = profile.id;
        let token = token_of(&sandbox).await;
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_token(profile, &token))));
        // It joins before the settings list it.
        window
            .until("listed and live", |status| {
                let listed = status.settings.as_ref()?.profile(id).is_some();
                (listed && status.profile(id)?.connection == Some(ConnectionState::Live)).then_some(())
            })
            .await;
        let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": "c-1", "command_status": 2}});
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
        let key = ActivityKey::Command(CommandId::from("c-1"));
        window.entry(&key, |entry| matches!(entry.fact, Fact::Received(_))).await;
        window.quit().await;
    }
}

#[tokio::test]
async fn signing_out_leaves_the_channel_and_deletes_and_revokes_the_token() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let token = machine.keyring.token(id).await.expect("the keyring works").expect("a token");
    window.act(Action::SignOut { profile: id, revoke: true });
    window
        .profile("signed out, without a token", |profile| {
            let out = profile.connection == Some(ConnectionState::SignedOut) && profile.token == TokenStatus::Absent;
            out.then_some(())
        })
        .await;
    let path = "/profile/authorization-token/expiry";
    let dead = async {
        while post(&sandbox, path, Some(token.expose()), &[]).await.get("expiresAt").is_some() {
            tokio::task::yield_now().await;
        }
        while machine.keyring.token(id).await.expect("the keyring works").is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), dead)
        .await
        .expect("the token is neither dead nor forgotten");
    window.act(Action::Connect(id));
    window.quit().await;
}

#[tokio::test]
async fn a_profile_that_is_removed_is_gone_from_settings_keyring_and_journal() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    let key = ActivityKey::Command(CommandId::from("c-1"));
    window.act(Action::SetLabel { profile: id, keys: vec![key.clone()], label: "mine".to_owned() });
    window.entry(&key, |_| true).await;
    window.act(Action::RemoveProfile(id));
    window.settings("settings without it", |settings| settings.profiles.is_empty().then_some(())).await;
    window.quit().await;
    assert_eq!(machine.keyring.token(id).await.expect("the keyring works"), None);
    let settings = std::fs::read_to_string(machine.folder.path().join("config/settings.toml")).expect("settings");
    assert!(!settings.contains(&id.to_string()), "{settings}");
}

#[tokio::test]
async fn the_sandbox_signs_in_automatically_and_is_stored_nowhere() {
    let machine = Machine::new();
    let mut options = machine.options();
    options.start_in_sandbox = true;
    options.sandbox = Some(Arc::new(|| {
        Box::pin(async {
            let options = Options { scenario: Scenario::Demo, ..Options::embedded() };
            let running = start(options).await.map_err(|error| error.to_string())?;
            Ok(SandboxAddresses {
                api: Address::new(running.api_url()),
                websocket: Address::new(running.ws_url()),
                download: Address::new(running.downstream_url()),
                username: DEMO_USERNAME.to_owned(),
                password: PASSWORD.to_owned(),
                keep_alive: Box::new(running),
            })
        })
    }));
    let mut window = Window::with(options);
    window.live(1).await;
    window.wait("an outcome", |event| matches!(event, Event::Committed { .. }).then_some(())).await;
    window.signed_in().await.expect("signed in");
    // After its removal it can be started again.
    let sandbox = window.settings("the sandbox", |settings| settings.profiles.first().map(|profile| profile.id)).await;
    window.act(Action::RemoveProfile(sandbox));
    window.settings("no profile", |settings| settings.profiles.is_empty().then_some(())).await;
    window.act(Action::TrySandbox);
    window.settings("the sandbox again", |settings| (!settings.profiles.is_empty()).then_some(())).await;
    window.live(1).await;
    window.quit().await;
    let settings = std::fs::read_to_string(machine.folder.path().join("config/settings.toml")).expect("settings");
    assert!(!settings.contains("127.0.0.1"), "{settings}");

    let mut window = Window::open(&machine);
    assert_eq!(window.settings("settings", |settings| Some(settings.profiles.clone())).await, []);
    window.act(Action::TrySandbox);
    window.notice("has no sandbox in it").await;
    window.quit().await;
}

#[tokio::test]
async fn a_password_that_occurs_in_the_refusal_is_masked_without_damaging_the_text() {
    let backend = Backend::start(|_| (401, json!({"message": "wrong credentials"}).to_string())).await;
    for (password, quoted) in [("wrong", false), ("credentials", false), ("right", true)] {
        let mut window = Window::open(&Machine::new());
        let profile = Profile { api: Address::new(&backend.url), username: "ops".to_owned(), ..Profile::default() };
        window.act(Action::SignIn(Box::new(with_password(profile, password))));
        let sentence = window.signed_in().await.expect_err("it signed in");
        assert!(sentence.starts_with("The server refused to sign in"), "{sentence}");
        assert!(!sentence.contains("hidden"), "{sentence}");
        assert_eq!(sentence.contains("wrong credentials"), quoted, "{sentence}");
        assert!(quoted || !sentence.contains(password), "{sentence}");
        window.quit().await;
    }
}
