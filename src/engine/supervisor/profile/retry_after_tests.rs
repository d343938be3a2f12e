//! Calls that are repeated by themselves: not before the time that a busy server asks for. Time is under the test's control.

use std::time::Duration;

use crate::activity::{Fact, LocalEvent};
use crate::credentials::Keyring;
use crate::engine::events::action::Action;
use crate::engine::events::event::Event;
use crate::engine::supervisor::test_fixture::{Fixture, RETRY_AFTER, Renewal};
use crate::protocol::{DataToken, StoredData};

use super::auth::KEYRING_PAUSE;

fn set_backend(fixture: &Fixture, backend: Renewal) {
    *fixture.renewal.lock().unwrap() = backend;
}

/// Waits for the next call, and checks that it is not repeated before its time.
async fn expect_deferred(fixture: &mut Fixture, call: &str) {
    fixture.until(call).await;
    fixture.idle().await;
    fixture.take_log();
    tokio::time::advance(RETRY_AFTER.checked_sub(Duration::from_millis(1)).unwrap()).await;
    fixture.idle().await;
    assert_eq!(fixture.take_log(), [""; 0], "{call}: too early");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_expiry_request_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/profile/authorization-token/expiry T-0";
    let mut fixture = Fixture::locked(Keyring::inline).await;
    fixture.notice("is locked or has no default collection").await;
    set_backend(&fixture, Renewal::Busy);
    fixture.unlock_keyring();
    tokio::time::advance(KEYRING_PAUSE).await;
    for _ in 0..3 {
        expect_deferred(&mut fixture, CALL).await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    fixture.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_data_request_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/data-token/request-data T-1";
    let mut fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
    set_backend(&fixture, Renewal::Busy);
    let stored = StoredData {
        token: DataToken::new("dtk-1"),
        context: String::new(),
        file_name: "a.csv".to_owned(),
        size: None,
        created: None,
    };
    let request = Action::RequestData { profile: fixture.profile, data: vec![stored], folder: None };
    fixture.actions.send(request).await.unwrap();
    fixture
        .notice("The request for data waits. 127.0.0.1 answered with status 429. The server asks to wait 1 min 30 s.")
        .await;
    expect_deferred(&mut fixture, CALL).await;
    set_backend(&fixture, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    fixture.until(CALL).await;
    let requested = |event: &Event| match event {
        Event::Committed { entries, .. } => {
            entries.iter().any(|entry| matches!(&entry.fact, Fact::Local(LocalEvent::Requested(_))))
        }
        _ => false,
    };
    fixture.wait("the request", |received| received.iter().any(requested)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_revocation_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/profile/revoke-authorization-token T-1";
    let mut fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
    set_backend(&fixture, Renewal::Busy);
    fixture.actions.send(Action::SignOut { profile: fixture.profile, revoke: true }).await.unwrap();
    fixture.notice("its token was not revoked yet.").await;
    expect_deferred(&mut fixture, CALL).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    fixture.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_renewal_is_repeated_after_the_requested_wait_and_not_earlier() {
    const CALL: &str = "/profile/reauthorize-authorization-token T-1";
    // Its parts are 1 min and 30 s, shorter than the wait.
    let mut fixture = Fixture::signed_in_for(10).await;
    set_backend(&fixture, Renewal::Busy);
    fixture.pass(8).await;
    // The engine has handled the answer.
    fixture.notice("The server asks to wait 1 min 30 s.").await;
    expect_deferred(&mut fixture, CALL).await;
    set_backend(&fixture, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    fixture.until("join T-2").await;
}
