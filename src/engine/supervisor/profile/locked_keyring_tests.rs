//! A locked keyring without a default collection is asked again until it is unlocked. Time is under the test's control.

use std::time::Duration;

use crate::credentials::Keyring;
use crate::credentials::secret_bytes::TIMEOUT;
use crate::engine::events::action::Action;
use crate::engine::events::problem::ProblemKind;
use crate::engine::supervisor::test_bench::Bench;

use super::auth::KEYRING_PAUSE;

/// Advances the time, and runs what follows. The test keyring needs no time of its own.
async fn advance(bench: &Bench, time: Duration) {
    tokio::time::advance(time).await;
    bench.run_ready_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_locked_keyring_is_retried_every_ten_seconds_until_it_is_unlocked() {
    let mut bench = Bench::locked(Keyring::inline).await;
    bench.notice("is locked or has no default collection").await;
    bench.until("doubt").await;
    bench.take_log();
    for round in 0..3 {
        advance(&bench, KEYRING_PAUSE.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(bench.take_log(), [""; 0], "round {round}: too early");
        advance(&bench, Duration::from_millis(1)).await;
        bench.until("doubt").await;
        assert_eq!(bench.take_log(), ["doubt"], "round {round}");
    }
    bench.unlock_keyring();
    advance(&bench, KEYRING_PAUSE).await;
    bench.until("join T-0").await;
    advance(&bench, KEYRING_PAUSE * 10).await;
    assert_eq!(bench.take_log(), ["join T-0"], "it is asked on");
}

#[tokio::test(start_paused = true)]
async fn connecting_asks_a_locked_keyring_at_once_and_not_more_often_afterwards() {
    let mut bench = Bench::locked(Keyring::inline).await;
    bench.until("doubt").await;
    bench.take_log();
    for _ in 0..3 {
        advance(&bench, Duration::from_secs(1)).await;
        bench.actions.send(Action::Connect(bench.profile)).await.unwrap();
        bench.until("doubt").await;
        assert_eq!(bench.take_log(), ["doubt"]);
        // The keyring's answer has reached the engine.
        bench.run_ready_tasks().await;
    }
    for _ in 0..3 {
        advance(&bench, KEYRING_PAUSE).await;
        bench.until("doubt").await;
        assert_eq!(bench.take_log(), ["doubt"], "each wish to connect asks on by itself");
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_did_not_answer_is_retried_too() {
    let mut bench = Bench::locked(Keyring::with_store).await;
    bench.notice("is locked or has no default collection").await;
    bench.silence_keyring();
    bench.unlock_keyring();
    advance(&bench, KEYRING_PAUSE).await;
    advance(&bench, TIMEOUT).await;
    bench.notice("has not answered").await;
    bench.wake_keyring();
    advance(&bench, KEYRING_PAUSE).await;
    bench.until("join T-0").await;
}

#[tokio::test(start_paused = true)]
async fn an_unlocked_empty_keyring_resolves_the_problem() {
    let mut bench = Bench::locked(Keyring::inline).await;
    bench.notice("is locked or has no default collection").await;
    let is_told = |bench: &Bench| {
        let status = bench.events.status().expect("something has changed");
        status.problems.iter().any(|problem| problem.kind() == ProblemKind::TokenKeyring)
    };
    bench.empty_keyring();
    advance(&bench, KEYRING_PAUSE).await;
    assert!(is_told(&bench), "it is still locked");
    bench.unlock_keyring();
    advance(&bench, KEYRING_PAUSE).await;
    assert!(!is_told(&bench), "it is open, and nothing is in it");
}
