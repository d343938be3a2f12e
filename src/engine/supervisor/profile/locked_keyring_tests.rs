//! A locked keyring without a default collection is asked again until it is unlocked. Time is under the test's control.

use std::time::Duration;

use crate::credentials::Keyring;
use crate::credentials::secret_bytes::DEADLINE;
use crate::engine::events::action::Action;
use crate::engine::events::problem::ProblemKind;
use crate::engine::supervisor::test_bench::Bench;

use super::auth::KEYRING_PAUSE;

/// Advances the time, and runs what follows. The test keyring needs no time of its own.
async fn pass(bench: &Bench, time: Duration) {
    tokio::time::advance(time).await;
    bench.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_keyring_without_a_default_collection_is_asked_every_ten_seconds_until_it_is_unlocked() {
    let mut bench = Bench::locked(Keyring::in_place).await;
    bench.notice("is locked or has no default collection").await;
    bench.until("doubt").await;
    bench.happened();
    for round in 0..3 {
        pass(&bench, KEYRING_PAUSE.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(bench.happened(), [""; 0], "round {round}: too early");
        pass(&bench, Duration::from_millis(1)).await;
        bench.until("doubt").await;
        assert_eq!(bench.happened(), ["doubt"], "round {round}");
    }
    bench.unlock_keyring();
    pass(&bench, KEYRING_PAUSE).await;
    bench.until("join T-0").await;
    pass(&bench, KEYRING_PAUSE * 10).await;
    assert_eq!(bench.happened(), ["join T-0"], "it is asked on");
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_connects_meanwhile_is_answered_at_once_and_the_keyring_is_asked_no_more_often() {
    let mut bench = Bench::locked(Keyring::in_place).await;
    bench.until("doubt").await;
    bench.happened();
    for _ in 0..3 {
        pass(&bench, Duration::from_secs(1)).await;
        bench.actions.send(Action::Connect(bench.profile)).await.unwrap();
        bench.until("doubt").await;
        assert_eq!(bench.happened(), ["doubt"]);
        // The keyring's answer has reached the engine.
        bench.settle().await;
    }
    for _ in 0..3 {
        pass(&bench, KEYRING_PAUSE).await;
        bench.until("doubt").await;
        assert_eq!(bench.happened(), ["doubt"], "each wish to connect asks on by itself");
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_was_silent_is_asked_again_as_well() {
    let mut bench = Bench::locked(Keyring::with_store).await;
    bench.notice("is locked or has no default collection").await;
    bench.silence_keyring();
    bench.unlock_keyring();
    pass(&bench, KEYRING_PAUSE).await;
    pass(&bench, DEADLINE).await;
    bench.notice("has not answered").await;
    bench.wake_keyring();
    pass(&bench, KEYRING_PAUSE).await;
    bench.until("join T-0").await;
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_turns_out_to_be_empty_is_no_problem_any_more() {
    let mut bench = Bench::locked(Keyring::in_place).await;
    bench.notice("is locked or has no default collection").await;
    let is_told = |bench: &Bench| {
        let status = bench.events.status().expect("something has changed");
        status.problems.iter().any(|problem| problem.kind() == ProblemKind::TokenKeyring)
    };
    bench.empty_keyring();
    pass(&bench, KEYRING_PAUSE).await;
    assert!(is_told(&bench), "it is still locked");
    bench.unlock_keyring();
    pass(&bench, KEYRING_PAUSE).await;
    assert!(!is_told(&bench), "it is open, and nothing is in it");
}
