//! Token renewal against whatever else happens at the same time: a call that finds the old token invalid, a slow keyring,
//! the button pressed twice, signing out, signing in, removing, disconnecting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use privicore_monitor::activity::{ActivityKey, Fact};
use privicore_monitor::engine::{Action, ConnectionState, Event};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::settings::{Address, Profile, ProfileId};
use tokio::sync::Semaphore;

use crate::keys::{self, Mood};
use crate::pending::{is_on_disk, pending};
use crate::quitting::until_requested;
use crate::scripted::{Backend, LATER, proxy, proxy_that};
use crate::window::{Machine, Window, with_password, with_token};

const RENEW: &str = "POST /profile/reauthorize-authorization-token";
const REVOKE: &str = "POST /profile/revoke-authorization-token";

/// A profile that is signed in with `T-1`, and its server. Once a new token was requested, REST calls with the old one are
/// refused.
struct Fixture {
    backend: Backend,
    window: Window,
    profile: Profile,
    machine: Machine,
    keyring: keys::Control,
    /// Each permit releases one answer to the request for a new token.
    answers: Arc<Semaphore>,
    /// Whether the server issues a new token.
    grants: Arc<AtomicBool>,
}

fn granted(token: &str) -> String {
    format!(r#"{{"authorizationToken":"{token}","expiresAt":"2099-01-01T00:00:00Z"}}"#)
}

fn status(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).expect("a response")
}

impl Fixture {
    async fn new() -> Self {
        let (answers, grants) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(true)));
        let (permits, granting) = (answers.clone(), grants.clone());
        let (signed_in, asked) = (AtomicUsize::new(0), AtomicBool::new(false));
        let state = Arc::new((signed_in, asked));
        let backend = Backend::by_request(move |got| match &*got.line {
            "POST /profile/authenticate" => {
                let token = if state.0.fetch_add(1, Ordering::SeqCst) == 0 { "T-1" } else { "T-3" };
                status(200, granted(token))
            }
            RENEW => {
                state.1.store(true, Ordering::SeqCst);
                let permits = permits.clone();
                let answer = async move {
                    permits.acquire_owned().await.expect("open").forget();
                    Ok::<_, std::io::Error>(Bytes::from(granted("T-2")))
                };
                let code = if granting.load(Ordering::SeqCst) { 200 } else { 500 };
                status(code, Body::from_stream(stream::once(answer)))
            }
            REVOKE => status(200, Body::empty()),
            line if line.contains("/request-status/c-dead") => status(401, r#"{"message":"The token has expired."}"#),
            line if line.contains("/request-status") && state.1.load(Ordering::SeqCst) => match got.token.as_deref() {
                Some("T-1") => status(401, r#"{"message":"The token has been superseded."}"#),
                _ => status(200, r#"["succeeded"]"#),
            },
            _ => status(404, Body::empty()),
        })
        .await;
        let profile = Profile {
            id: ProfileId::from_u128(77),
            name: "ops".to_owned(),
            api: Address::new(backend.url.as_str()),
            websocket: Address::new(proxy(&["T-1", "T-2", "T-3"]).await),
            download: Address::new(backend.url.as_str()),
            username: "somebody".to_owned(),
            renew_automatically: false,
            ..Profile::default()
        };
        let mut machine = Machine::new();
        let keyring;
        (machine.keyring, keyring) = keys::moody();
        let mut window = Window::open(&machine);
        window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
        window.signed_in().await.expect("signed in");
        window.live(1).await;
        window.wait_for_stored_token().await;
        Self { backend, window, profile, machine, keyring, answers, grants }
    }

    fn id(&self) -> ProfileId {
        self.profile.id
    }

    /// Presses the button and waits until the server has received the request.
    async fn press_renew(&mut self) {
        self.window.act(Action::RenewToken(self.id()));
        until_requested(&self.backend, RENEW).await;
    }

    /// Makes a call that is refused with the current token.
    async fn is_refused(&mut self) {
        let before = self.backend.got_of("GET /request-status").len();
        self.window.act(Action::CheckStatus { profile: self.id(), commands: vec![CommandId::from("c-1")] });
        let backend = self.backend.clone();
        until("the call", async || (backend.got_of("GET /request-status").len() > before).then_some(())).await;
    }

    fn answer(&self) {
        self.answers.add_permits(1);
    }

    fn was_refused(&self) -> bool {
        self.window.was(|state| matches!(state, ConnectionState::TokenRefused { .. }))
    }

    /// Waits until the keyring has that token.
    async fn keeps(&self, token: Option<&str>) {
        until("the token in the keyring", async || {
            let kept = self.machine.keyring.token(self.id()).await.expect("it works");
            (kept.as_ref().map(privicore_monitor::protocol::AuthorizationToken::expose) == token).then_some(())
        })
        .await;
    }

    /// The tokens that were revoked, in order.
    fn revoked(&self) -> Vec<String> {
        let mut tokens: Vec<_> = self.backend.got_of(REVOKE).into_iter().filter_map(|got| got.token).collect();
        tokens.sort();
        tokens
    }

    /// Waits until the engine has processed everything so far: it answers in order.
    async fn settled(&mut self) {
        self.window.act(Action::TrackCommands { profile: self.id(), commands: Vec::new(), label: None });
        self.window.notice("There is no command to track").await;
    }
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looking).await.unwrap_or_else(|_| panic!("{what}: never came"))
}

#[tokio::test]
async fn a_call_refused_with_the_old_token_during_a_renewal_does_not_disconnect() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.is_refused().await;
    fixture.settled().await;
    fixture.keyring.be(Mood::Silent);
    fixture.answer();
    fixture.window.notice("The token was renewed.").await;
    fixture.window.live(2).await;
    // The keyring has not answered yet, and a call with the old token may still arrive.
    fixture.is_refused().await;
    assert!(!fixture.was_refused(), "the good token was taken for the dead one");
    fixture.keyring.be(Mood::Open);
    fixture.keeps(Some("T-2")).await;
    fixture.window.quit().await;
}

#[tokio::test]
async fn a_status_check_refused_with_the_old_token_is_repeated_with_the_new_one() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    let commands = ["c-1", "c-2", "c-3"].map(CommandId::from);
    fixture.window.act(Action::CheckStatus { profile: fixture.id(), commands: commands.to_vec() });
    until_requested(&fixture.backend, "GET /request-status/c-1").await;
    fixture.settled().await;
    fixture.answer();
    for command in commands {
        fixture
            .window
            .entry(&ActivityKey::Command(command), |entry| matches!(entry.fact, Fact::StatusChecked(_)))
            .await;
    }
    assert!(!fixture.was_refused());
    let told = |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence().contains("is not known"));
    assert!(!fixture.window.quit().await.iter().any(told), "it was told as not known");
}

#[tokio::test]
async fn a_status_check_refused_with_the_old_token_fails_if_there_is_no_new_one() {
    let mut fixture = Fixture::new().await;
    fixture.grants.store(false, Ordering::SeqCst);
    fixture.press_renew().await;
    let commands = ["c-1", "c-2", "c-3"].map(CommandId::from).to_vec();
    fixture.window.act(Action::CheckStatus { profile: fixture.id(), commands });
    until_requested(&fixture.backend, "GET /request-status/c-1").await;
    fixture.settled().await;
    fixture.answer();
    fixture.window.notice("The status of c-1 is not known: ").await;
    fixture.window.quit().await;
}

#[tokio::test]
async fn a_waiting_status_check_is_repeated_with_the_token_of_a_sign_in() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    let commands = ["c-1", "c-2"].map(CommandId::from);
    fixture.window.act(Action::CheckStatus { profile: fixture.id(), commands: commands.to_vec() });
    until_requested(&fixture.backend, "GET /request-status/c-1").await;
    fixture.settled().await;
    // The server never answers the request for a new token.
    fixture.window.act(Action::SignIn(Box::new(with_password(fixture.profile.clone(), "right"))));
    fixture.window.signed_in().await.expect("signed in anew");
    for command in commands {
        fixture
            .window
            .entry(&ActivityKey::Command(command), |entry| matches!(entry.fact, Fact::StatusChecked(_)))
            .await;
    }
    let asked = fixture.backend.got_of("GET /request-status/c-2");
    assert_eq!(asked.last().and_then(|got| got.token.as_deref()), Some("T-3"), "{asked:?}");
    fixture.window.quit().await;
}

#[tokio::test]
async fn a_waiting_status_check_fails_when_the_operator_signs_out() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::CheckStatus { profile: fixture.id(), commands: vec![CommandId::from("c-1")] });
    until_requested(&fixture.backend, "GET /request-status/c-1").await;
    fixture.settled().await;
    fixture.window.act(Action::SignOut { profile: fixture.id(), revoke: false });
    fixture.window.notice("The status of c-1 is not known: ").await;
    fixture.answer();
    fixture.window.quit().await;
}

#[tokio::test]
async fn a_call_with_the_old_token_that_is_refused_does_not_end_a_sign_in_with_another() {
    let mut fixture = Fixture::new().await;
    // From here on calls with the old token are refused; the request for a new one is never answered.
    fixture.press_renew().await;
    let (joins, decided) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (joining, answers) = (joins.clone(), decided.clone());
    let slow = proxy_that(move |token| {
        joining.fetch_or(token == "T-4", Ordering::SeqCst);
        if token == "T-4" && !answers.load(Ordering::SeqCst) { LATER } else { 200 }
    })
    .await;
    let profile = Profile { websocket: Address::new(slow), ..fixture.profile.clone() };
    fixture.window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
    fixture.window.signed_in().await.expect("signed in");
    fixture.window.act(Action::SignIn(Box::new(with_token(profile, "T-4"))));
    until("the join", async || joins.load(Ordering::SeqCst).then_some(())).await;
    fixture.window.act(Action::CheckStatus { profile: fixture.id(), commands: vec![CommandId::from("c-dead")] });
    fixture.window.notice("The status of c-dead is not known: ").await;
    decided.store(true, Ordering::SeqCst);
    fixture.window.signed_in().await.expect("the sign-in was ended");
    assert!(!fixture.was_refused());
    fixture.window.quit().await;
}

#[tokio::test]
async fn a_new_token_that_the_keyring_did_not_store_is_used_and_stored_at_the_next_start() {
    let mut fixture = Fixture::new().await;
    fixture.keyring.be(Mood::Silent);
    fixture.press_renew().await;
    fixture.answer();
    fixture.window.notice("The token was renewed.").await;
    fixture.window.live(2).await;
    fixture.window.quit().await;
    fixture.keyring.be(Mood::Open);
    let Fixture { machine, backend, .. } = fixture;
    let data = machine.folder.path().join("data");
    assert_eq!(pending(&data, 6), 1, "the token is not written down");
    assert!(!is_on_disk(&data, "T-2"), "the token is on the disk");
    let mut window = Window::open(&machine);
    window.live(1).await;
    window.wait_for_stored_token().await;
    let expiry = backend.got_of("POST /profile/authorization-token/expiry");
    assert_eq!(expiry.last().and_then(|got| got.token.as_deref()), Some("T-2"), "{expiry:?}");
    let kept = machine.keyring.token(ProfileId::from_u128(77)).await.expect("it is open");
    assert_eq!(kept.as_ref().map(privicore_monitor::protocol::AuthorizationToken::expose), Some("T-2"));
    until("the end of the work", async || (pending(&data, 6) == 0).then_some(())).await;
    // Signed out, the token is neither kept nor used any more.
    window.act(Action::SignOut { profile: ProfileId::from_u128(77), revoke: false });
    window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    window.quit().await;
    assert_eq!(pending(&data, 6), 0);
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_old_token_invalid() {
    let mut fixture = Fixture::new().await;
    fixture.grants.store(false, Ordering::SeqCst);
    fixture.press_renew().await;
    fixture.is_refused().await;
    fixture.settled().await;
    assert!(!fixture.was_refused(), "told before the server has answered");
    fixture.answer();
    fixture.window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    fixture.window.quit().await;
}

#[tokio::test]
async fn renewing_twice_sends_one_request() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::RenewToken(fixture.id()));
    fixture.window.notice("The token is being renewed already.").await;
    fixture.answer();
    fixture.window.notice("The token was renewed.").await;
    fixture.window.live(2).await;
    fixture.keeps(Some("T-2")).await;
    assert_eq!(fixture.backend.got_of(RENEW).len(), 1);
    // And once more, with the new one.
    fixture.answer();
    fixture.window.act(Action::RenewToken(fixture.id()));
    fixture.window.notice("The token was renewed.").await;
    assert_eq!(fixture.backend.got_of(RENEW)[1].token.as_deref(), Some("T-2"));
    fixture.window.quit().await;
}

#[tokio::test]
async fn signing_out_during_a_renewal_revokes_the_new_token() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::SignOut { profile: fixture.id(), revoke: true });
    fixture.window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    fixture.answer();
    until("the revocation", async || (fixture.revoked() == ["T-1", "T-2"]).then_some(())).await;
    fixture.keeps(None).await;
    fixture.settled().await;
    assert!(!fixture.window.heard.iter().any(|event| matches!(
        event,
        Event::Notice(notice) if notice.sentence().contains("was renewed")
    )));
    fixture.window.quit().await;
}

#[tokio::test]
async fn removing_the_profile_during_a_renewal_revokes_the_new_token() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::RemoveProfile(fixture.id()));
    fixture.window.settings("settings without it", |settings| settings.profiles.is_empty().then_some(())).await;
    fixture.answer();
    until("the revocation", async || (fixture.revoked() == ["T-2"]).then_some(())).await;
    fixture.keeps(None).await;
    fixture.window.quit().await;
}

#[tokio::test]
async fn signing_in_during_a_renewal_keeps_the_token_of_that_sign_in() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::SignIn(Box::new(with_password(fixture.profile.clone(), "right"))));
    fixture.window.signed_in().await.expect("signed in");
    fixture.window.live(2).await;
    fixture.answer();
    fixture.keeps(Some("T-3")).await;
    // The answer has arrived by now, or arrives during the next request.
    fixture.answer();
    fixture.window.act(Action::RenewToken(fixture.id()));
    fixture.window.notice("The token was renewed.").await;
    assert_eq!(fixture.backend.got_of(RENEW)[1].token.as_deref(), Some("T-3"));
    assert_eq!(fixture.revoked(), [""; 0]);
    assert!(!fixture.was_refused());
    fixture.window.quit().await;
}

#[tokio::test]
async fn disconnecting_during_a_renewal_stays_offline_and_connects_later_with_the_new_token() {
    let mut fixture = Fixture::new().await;
    fixture.press_renew().await;
    fixture.window.act(Action::Disconnect(fixture.id()));
    fixture.window.state("offline", |state| *state == ConnectionState::Offline).await;
    fixture.answer();
    fixture.window.notice("The token was renewed.").await;
    fixture.keeps(Some("T-2")).await;
    fixture.settled().await;
    let joins = fixture.window.profile("the joins", |profile| Some(profile.joins)).await;
    assert_eq!(joins, 1, "it connected by itself");
    fixture.window.act(Action::Connect(fixture.id()));
    fixture.window.live(2).await;
    fixture.window.quit().await;
}
