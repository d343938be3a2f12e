//! Automatic renewal end to end, through supervisor, session, keyring and REST, with time under the test's control.

use crate::engine::events::action::Action;
use crate::engine::events::event::{ConnectionState, Event};
use crate::engine::supervisor::test_fixture::{Fixture, LIFE, Renewal};

/// Connection and keyring do not wait for each other, so the keyring's events are sorted last here.
fn without_keyring_order(mut happened: Vec<String>) -> Vec<String> {
    happened.sort_by_key(|what| what.starts_with("keep"));
    happened
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_at_80_percent_stored_and_used_at_once_whatever_the_clock_says() {
    for years in [0, -5, 5] {
        let mut fixture = Fixture::signed_in(jiff::SignedDuration::from_hours(years * 365 * 24)).await;
        fixture.take_log();
        fixture.pass(LIFE * 8 / 10 - 1).await;
        assert_eq!(fixture.take_log(), [""; 0], "too early, with a clock that is wrong by {years} years");
        fixture.pass(1).await;
        fixture.until("join T-2").await;
        fixture.until("keep T-2").await;
        assert_eq!(
            without_keyring_order(fixture.take_log()),
            ["ask T-1", "leave T-1", "join T-2", "keep T-2"],
            "{years} years"
        );
        fixture.notice("The token was renewed.").await;
        assert_eq!(fixture.keyring_entries(), ["T-2"], "the old one is still there");

        // Once more, with the new token.
        fixture.pass(LIFE * 8 / 10).await;
        fixture.until("join T-3").await;
        fixture.until("keep T-3").await;
        assert_eq!(
            without_keyring_order(fixture.take_log()),
            ["ask T-2", "leave T-2", "join T-3", "keep T-3"],
            "{years} years"
        );
        let mut states = std::iter::from_fn(|| fixture.events.next_profile_status()).map(|status| status.connection);
        let out = |state: Option<ConnectionState>| matches!(state, Some(ConnectionState::TokenRefused { .. }));
        assert!(!states.any(out), "a clock that is wrong by {years} years logged somebody out");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deferred_renewal_is_repeated_and_the_old_tokens_expiry_is_announced_15_and_2_minutes_before() {
    let mut fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
    *fixture.renewal.lock().unwrap() = Renewal::DecidesLater;
    fixture.take_log();
    fixture.pass(800).await;
    fixture.until("ask T-1").await;
    fixture.notice("will decide later. The old token stays in use.").await;
    assert_eq!(fixture.take_log(), ["ask T-1"]);
    for minutes in [100, 50] {
        fixture.pass(minutes).await;
        fixture.until("ask T-1").await;
        assert_eq!(fixture.take_log(), ["ask T-1"], "asked again at 90 % and at 95 %");
    }
    fixture.pass(34).await;
    let ends =
        |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence().contains("The token ends in"));
    assert!(!fixture.received.iter().any(ends), "told too early");
    fixture.pass(1).await;
    let remedy = fixture.notice("The token ends in 15 minutes and was not renewed.").await;
    assert!(matches!(remedy, Some(Action::RenewToken(_))), "{remedy:?}");
    fixture.pass(13).await;
    fixture.notice("The token ends in 2 minutes and was not renewed.").await;
    // The monitor does not act on an expiry by the clock: only the server decides that a token is invalid.
    fixture.pass(600).await;
    assert_eq!(fixture.take_log(), [""; 0], "the connection was given up");
    assert_eq!(fixture.keyring_entries(), ["T-1"]);

    // The operator's request is carried out, however late.
    *fixture.renewal.lock().unwrap() = Renewal::Grants;
    fixture.actions.send(remedy.expect("a remedy")).await.unwrap();
    fixture.until("join T-2").await;
    fixture.until("keep T-2").await;
    assert_eq!(without_keyring_order(fixture.take_log()), ["ask T-1", "leave T-1", "join T-2", "keep T-2"]);
}
