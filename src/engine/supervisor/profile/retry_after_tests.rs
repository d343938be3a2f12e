//! Calls that are repeated by themselves: not before the time that a busy server asks for. Time is under the test's control.

use std::time::Duration;

use crate::activity::{Fact, LocalEvent};
use crate::credentials::Keyring;
use crate::engine::events::action::Action;
use crate::engine::events::event::Event;
use crate::engine::supervisor::test_bench::{Bench, RETRY_AFTER, Renewal};
use crate::protocol::{DataToken, StoredData};

use super::auth::KEYRING_PAUSE;

fn set_backend(bench: &Bench, backend: Renewal) {
    *bench.renewal.lock().unwrap() = backend;
}

/// Waits for the next call, and checks that it is not repeated before its time.
async fn expect_deferred(bench: &mut Bench, call: &str) {
    bench.until(call).await;
    bench.idle().await;
    bench.take_log();
    tokio::time::advance(RETRY_AFTER.checked_sub(Duration::from_millis(1)).unwrap()).await;
    bench.idle().await;
    assert_eq!(bench.take_log(), [""; 0], "{call}: too early");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_expiry_request_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/profile/authorization-token/expiry T-0";
    let mut bench = Bench::locked(Keyring::inline).await;
    bench.notice("is locked or has no default collection").await;
    set_backend(&bench, Renewal::Busy);
    bench.unlock_keyring();
    tokio::time::advance(KEYRING_PAUSE).await;
    for _ in 0..3 {
        expect_deferred(&mut bench, CALL).await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    bench.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_data_request_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/data-token/request-data T-1";
    let mut bench = Bench::signed_in(jiff::SignedDuration::ZERO).await;
    set_backend(&bench, Renewal::Busy);
    let stored = StoredData {
        token: DataToken::new("dtk-1"),
        context: String::new(),
        file_name: "a.csv".to_owned(),
        size: None,
        created: None,
    };
    let request = Action::RequestData { profile: bench.profile, data: vec![stored], folder: None };
    bench.actions.send(request).await.unwrap();
    bench
        .notice("The request for data waits. 127.0.0.1 answered with status 429. The server asks to wait 1 min 30 s.")
        .await;
    expect_deferred(&mut bench, CALL).await;
    set_backend(&bench, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until(CALL).await;
    let requested = |event: &Event| match event {
        Event::Committed { entries, .. } => {
            entries.iter().any(|entry| matches!(&entry.fact, Fact::Local(LocalEvent::Requested(_))))
        }
        _ => false,
    };
    bench.wait("the request", |received| received.iter().any(requested)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_revocation_is_repeated_after_the_requested_wait() {
    const CALL: &str = "/profile/revoke-authorization-token T-1";
    let mut bench = Bench::signed_in(jiff::SignedDuration::ZERO).await;
    set_backend(&bench, Renewal::Busy);
    bench.actions.send(Action::SignOut { profile: bench.profile, revoke: true }).await.unwrap();
    bench.notice("its token was not revoked yet.").await;
    expect_deferred(&mut bench, CALL).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_renewal_is_repeated_after_the_requested_wait_and_not_earlier() {
    const CALL: &str = "/profile/reauthorize-authorization-token T-1";
    // Its parts are 1 min and 30 s, shorter than the wait.
    let mut bench = Bench::signed_in_for(10).await;
    set_backend(&bench, Renewal::Busy);
    bench.pass(8).await;
    // The engine has handled the answer.
    bench.notice("The server asks to wait 1 min 30 s.").await;
    expect_deferred(&mut bench, CALL).await;
    set_backend(&bench, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until("join T-2").await;
}
