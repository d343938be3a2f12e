//! A locked keyring without a default collection is asked again until it is unlocked. Time is under the test's control.

use std::time::Duration;

use crate::credentials::Keyring;
use crate::credentials::secret_bytes::TIMEOUT;
use crate::engine::events::action::Action;
use crate::engine::events::problem::ProblemKind;
use crate::engine::supervisor::test_fixture::Fixture;

use super::auth::KEYRING_PAUSE;

/// Advances the time, and runs what follows. The test keyring needs no time of its own.
async fn advance(fixture: &Fixture, time: Duration) {
    tokio::time::advance(time).await;
    fixture.run_ready_tasks().await;
}

#[tokio::test(start_paused = true)]
async fn a_locked_keyring_is_retried_every_ten_seconds_until_it_is_unlocked() {
    let mut fixture = Fixture::locked(Keyring::inline).await;
    fixture.notice("is locked or has no default collection").await;
    fixture.until("doubt").await;
    fixture.take_log();
    for round in 0..3 {
        advance(&fixture, KEYRING_PAUSE.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(fixture.take_log(), [""; 0], "round {round}: too early");
        advance(&fixture, Duration::from_millis(1)).await;
        fixture.until("doubt").await;
        assert_eq!(fixture.take_log(), ["doubt"], "round {round}");
    }
    fixture.unlock_keyring();
    advance(&fixture, KEYRING_PAUSE).await;
    fixture.until("join T-0").await;
    advance(&fixture, KEYRING_PAUSE * 10).await;
    assert_eq!(fixture.take_log(), ["join T-0"], "it is asked on");
}

#[tokio::test(start_paused = true)]
async fn connecting_asks_a_locked_keyring_at_once_and_not_more_often_afterwards() {
    let mut fixture = Fixture::locked(Keyring::inline).await;
    fixture.until("doubt").await;
    fixture.take_log();
    for _ in 0..3 {
        advance(&fixture, Duration::from_secs(1)).await;
        fixture.actions.send(Action::Connect(fixture.profile)).await.unwrap();
        fixture.until("doubt").await;
        assert_eq!(fixture.take_log(), ["doubt"]);
        // The keyring's answer has reached the engine.
        fixture.run_ready_tasks().await;
    }
    for _ in 0..3 {
        advance(&fixture, KEYRING_PAUSE).await;
        fixture.until("doubt").await;
        assert_eq!(fixture.take_log(), ["doubt"], "each wish to connect asks on by itself");
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_did_not_answer_is_retried_too() {
    let mut fixture = Fixture::locked(Keyring::with_store).await;
    fixture.notice("is locked or has no default collection").await;
    fixture.silence_keyring();
    fixture.unlock_keyring();
    advance(&fixture, KEYRING_PAUSE).await;
    advance(&fixture, TIMEOUT).await;
    fixture.notice("has not answered").await;
    fixture.wake_keyring();
    advance(&fixture, KEYRING_PAUSE).await;
    fixture.until("join T-0").await;
}

#[tokio::test(start_paused = true)]
async fn an_unlocked_empty_keyring_resolves_the_problem() {
    let mut fixture = Fixture::locked(Keyring::inline).await;
    fixture.notice("is locked or has no default collection").await;
    let is_told = |fixture: &Fixture| {
        let status = fixture.events.status().expect("something has changed");
        status.problems.iter().any(|problem| problem.kind() == ProblemKind::TokenKeyring)
    };
    fixture.empty_keyring();
    advance(&fixture, KEYRING_PAUSE).await;
    assert!(is_told(&fixture), "it is still locked");
    fixture.unlock_keyring();
    advance(&fixture, KEYRING_PAUSE).await;
    assert!(!is_told(&fixture), "it is open, and nothing is in it");
}
