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
struct Bench {
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

impl Bench {
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
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.is_refused().await;
    bench.settled().await;
    bench.keyring.be(Mood::Silent);
    bench.answer();
    bench.window.notice("The token was renewed.").await;
    bench.window.live(2).await;
    // The keyring has not answered yet, and a call with the old token may still arrive.
    bench.is_refused().await;
    assert!(!bench.was_refused(), "the good token was taken for the dead one");
    bench.keyring.be(Mood::Open);
    bench.keeps(Some("T-2")).await;
    bench.window.quit().await;
}

#[tokio::test]
async fn a_status_check_refused_with_the_old_token_is_repeated_with_the_new_one() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    let commands = ["c-1", "c-2", "c-3"].map(CommandId::from);
    bench.window.act(Action::CheckStatus { profile: bench.id(), commands: commands.to_vec() });
    until_requested(&bench.backend, "GET /request-status/c-1").await;
    bench.settled().await;
    bench.answer();
    for command in commands {
        bench.window.entry(&ActivityKey::Command(command), |entry| matches!(entry.fact, Fact::StatusChecked(_))).await;
    }
    assert!(!bench.was_refused());
    let told = |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence().contains("is not known"));
    assert!(!bench.window.quit().await.iter().any(told), "it was told as not known");
}

#[tokio::test]
async fn a_status_check_refused_with_the_old_token_fails_if_there_is_no_new_one() {
    let mut bench = Bench::new().await;
    bench.grants.store(false, Ordering::SeqCst);
    bench.press_renew().await;
    let commands = ["c-1", "c-2", "c-3"].map(CommandId::from).to_vec();
    bench.window.act(Action::CheckStatus { profile: bench.id(), commands });
    until_requested(&bench.backend, "GET /request-status/c-1").await;
    bench.settled().await;
    bench.answer();
    bench.window.notice("The status of c-1 is not known: ").await;
    bench.window.quit().await;
}

#[tokio::test]
async fn a_waiting_status_check_is_repeated_with_the_token_of_a_sign_in() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    let commands = ["c-1", "c-2"].map(CommandId::from);
    bench.window.act(Action::CheckStatus { profile: bench.id(), commands: commands.to_vec() });
    until_requested(&bench.backend, "GET /request-status/c-1").await;
    bench.settled().await;
    // The server never answers the request for a new token.
    bench.window.act(Action::SignIn(Box::new(with_password(bench.profile.clone(), "right"))));
    bench.window.signed_in().await.expect("signed in anew");
    for command in commands {
        bench.window.entry(&ActivityKey::Command(command), |entry| matches!(entry.fact, Fact::StatusChecked(_))).await;
    }
    let asked = bench.backend.got_of("GET /request-status/c-2");
    assert_eq!(asked.last().and_then(|got| got.token.as_deref()), Some("T-3"), "{asked:?}");
    bench.window.quit().await;
}

#[tokio::test]
async fn a_waiting_status_check_fails_when_the_operator_signs_out() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::CheckStatus { profile: bench.id(), commands: vec![CommandId::from("c-1")] });
    until_requested(&bench.backend, "GET /request-status/c-1").await;
    bench.settled().await;
    bench.window.act(Action::SignOut { profile: bench.id(), revoke: false });
    bench.window.notice("The status of c-1 is not known: ").await;
    bench.answer();
    bench.window.quit().await;
}

#[tokio::test]
async fn a_call_with_the_old_token_that_is_refused_does_not_end_a_sign_in_with_another() {
    let mut bench = Bench::new().await;
    // From here on calls with the old token are refused; the request for a new one is never answered.
    bench.press_renew().await;
    let (joins, decided) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (joining, answers) = (joins.clone(), decided.clone());
    let slow = proxy_that(move |token| {
        joining.fetch_or(token == "T-4", Ordering::SeqCst);
        if token == "T-4" && !answers.load(Ordering::SeqCst) { LATER } else { 200 }
    })
    .await;
    let profile = Profile { websocket: Address::new(slow), ..bench.profile.clone() };
    bench.window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
    bench.window.signed_in().await.expect("signed in");
    bench.window.act(Action::SignIn(Box::new(with_token(profile, "T-4"))));
    until("the join", async || joins.load(Ordering::SeqCst).then_some(())).await;
    bench.window.act(Action::CheckStatus { profile: bench.id(), commands: vec![CommandId::from("c-dead")] });
    bench.window.notice("The status of c-dead is not known: ").await;
    decided.store(true, Ordering::SeqCst);
    bench.window.signed_in().await.expect("the sign-in was ended");
    assert!(!bench.was_refused());
    bench.window.quit().await;
}

#[tokio::test]
async fn a_new_token_that_the_keyring_did_not_store_is_used_and_stored_at_the_next_start() {
    let mut bench = Bench::new().await;
    bench.keyring.be(Mood::Silent);
    bench.press_renew().await;
    bench.answer();
    bench.window.notice("The token was renewed.").await;
    bench.window.live(2).await;
    bench.window.quit().await;
    bench.keyring.be(Mood::Open);
    let Bench { machine, backend, .. } = bench;
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
    let mut bench = Bench::new().await;
    bench.grants.store(false, Ordering::SeqCst);
    bench.press_renew().await;
    bench.is_refused().await;
    bench.settled().await;
    assert!(!bench.was_refused(), "told before the server has answered");
    bench.answer();
    bench.window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    bench.window.quit().await;
}

#[tokio::test]
async fn renewing_twice_sends_one_request() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::RenewToken(bench.id()));
    bench.window.notice("The token is being renewed already.").await;
    bench.answer();
    bench.window.notice("The token was renewed.").await;
    bench.window.live(2).await;
    bench.keeps(Some("T-2")).await;
    assert_eq!(bench.backend.got_of(RENEW).len(), 1);
    // And once more, with the new one.
    bench.answer();
    bench.window.act(Action::RenewToken(bench.id()));
    bench.window.notice("The token was renewed.").await;
    assert_eq!(bench.backend.got_of(RENEW)[1].token.as_deref(), Some("T-2"));
    bench.window.quit().await;
}

#[tokio::test]
async fn signing_out_during_a_renewal_revokes_the_new_token() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::SignOut { profile: bench.id(), revoke: true });
    bench.window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    bench.answer();
    until("the revocation", async || (bench.revoked() == ["T-1", "T-2"]).then_some(())).await;
    bench.keeps(None).await;
    bench.settled().await;
    assert!(!bench.window.heard.iter().any(|event| matches!(
        event,
        Event::Notice(notice) if notice.sentence().contains("was renewed")
    )));
    bench.window.quit().await;
}

#[tokio::test]
async fn removing_the_profile_during_a_renewal_revokes_the_new_token() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::RemoveProfile(bench.id()));
    bench.window.settings("settings without it", |settings| settings.profiles.is_empty().then_some(())).await;
    bench.answer();
    until("the revocation", async || (bench.revoked() == ["T-2"]).then_some(())).await;
    bench.keeps(None).await;
    bench.window.quit().await;
}

#[tokio::test]
async fn signing_in_during_a_renewal_keeps_the_token_of_that_sign_in() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::SignIn(Box::new(with_password(bench.profile.clone(), "right"))));
    bench.window.signed_in().await.expect("signed in");
    bench.window.live(2).await;
    bench.answer();
    bench.keeps(Some("T-3")).await;
    // The answer has arrived by now, or arrives during the next request.
    bench.answer();
    bench.window.act(Action::RenewToken(bench.id()));
    bench.window.notice("The token was renewed.").await;
    assert_eq!(bench.backend.got_of(RENEW)[1].token.as_deref(), Some("T-3"));
    assert_eq!(bench.revoked(), [""; 0]);
    assert!(!bench.was_refused());
    bench.window.quit().await;
}

#[tokio::test]
async fn disconnecting_during_a_renewal_stays_offline_and_connects_later_with_the_new_token() {
    let mut bench = Bench::new().await;
    bench.press_renew().await;
    bench.window.act(Action::Disconnect(bench.id()));
    bench.window.state("offline", |state| *state == ConnectionState::Offline).await;
    bench.answer();
    bench.window.notice("The token was renewed.").await;
    bench.keeps(Some("T-2")).await;
    bench.settled().await;
    let joins = bench.window.profile("the joins", |profile| Some(profile.joins)).await;
    assert_eq!(joins, 1, "it connected by itself");
    bench.window.act(Action::Connect(bench.id()));
    bench.window.live(2).await;
    bench.window.quit().await;
}
