//! Calls that are repeated by themselves: not before the time that a busy server asks for. Time is under the test's control.

use std::time::Duration;

use crate::activity::{Fact, LocalEvent};
use crate::credentials::Keyring;
use crate::engine::events::action::Action;
use crate::engine::events::event::Event;
use crate::engine::supervisor::test_bench::{ASKED, Bench, Renewal};
use crate::protocol::{DataToken, StoredData};

use super::auth::KEYRING_PAUSE;

fn be(bench: &Bench, backend: Renewal) {
    *bench.renewal.lock().unwrap() = backend;
}

/// Waits for the next call, and checks that it is not repeated before its time.
async fn is_deferred(bench: &mut Bench, call: &str) {
    bench.until(call).await;
    bench.idle().await;
    bench.happened();
    tokio::time::advance(ASKED.checked_sub(Duration::from_millis(1)).unwrap()).await;
    bench.idle().await;
    assert_eq!(bench.happened(), [""; 0], "{call}: too early");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_token_is_asked_for_again_when_the_server_has_time() {
    const CALL: &str = "/profile/authorization-token/expiry T-0";
    let mut bench = Bench::locked(Keyring::in_place).await;
    bench.notice("is locked or has no default collection").await;
    be(&bench, Renewal::Busy);
    bench.unlock_keyring();
    tokio::time::advance(KEYRING_PAUSE).await;
    for _ in 0..3 {
        is_deferred(&mut bench, CALL).await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    bench.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_for_data_is_sent_again_when_the_server_has_time() {
    const CALL: &str = "/data-token/request-data T-1";
    let mut bench = Bench::signed_in(jiff::SignedDuration::ZERO).await;
    be(&bench, Renewal::Busy);
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
    is_deferred(&mut bench, CALL).await;
    be(&bench, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until(CALL).await;
    let requested = |event: &Event| match event {
        Event::Committed { entries, .. } => {
            entries.iter().any(|entry| matches!(&entry.fact, Fact::Done(LocalEvent::Requested(_))))
        }
        _ => false,
    };
    bench.wait("the request", |heard| heard.iter().any(requested)).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_revoked_when_the_server_has_time() {
    const CALL: &str = "/profile/revoke-authorization-token T-1";
    let mut bench = Bench::signed_in(jiff::SignedDuration::ZERO).await;
    be(&bench, Renewal::Busy);
    bench.actions.send(Action::SignOut { profile: bench.profile, revoke: true }).await.unwrap();
    bench.notice("its token was not revoked yet.").await;
    is_deferred(&mut bench, CALL).await;
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until(CALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_when_the_server_has_time_and_not_at_the_next_part_of_a_short_life() {
    const CALL: &str = "/profile/reauthorize-authorization-token T-1";
    // Its parts are 1 min and 30 s, shorter than the wait.
    let mut bench = Bench::signed_in_for(10).await;
    be(&bench, Renewal::Busy);
    bench.pass(8).await;
    is_deferred(&mut bench, CALL).await;
    be(&bench, Renewal::Grants);
    tokio::time::advance(Duration::from_millis(1)).await;
    bench.until("join T-2").await;
}
