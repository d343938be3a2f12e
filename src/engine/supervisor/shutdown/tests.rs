//! The shutdown takes a second at most, whichever service is silent, and unfinished work is recorded.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::events::action::Action;
use crate::engine::supervisor::test_fixture::{Fixture, Renewal};
use crate::journal::PendingWork;
use crate::protocol::DataKey;

/// From the request to quit until the engine has ended. The rest of a second is for blocking threads and the window.
const MAX_DURATION: Duration = Duration::from_millis(800);

/// What is in progress when the operator quits, with a server and a keyring that do not answer.
#[derive(Debug, Clone, Copy)]
enum UnderWay {
    Nothing,
    StatusChecks,
    Renewal,
    StoringAKey,
    SigningOut,
    Removal,
    EverythingBefore,
}

/// Starts it.
async fn begin(fixture: &mut Fixture, what: UnderWay) {
    let profile = fixture.profile;
    let mut actions = Vec::new();
    if matches!(what, UnderWay::StatusChecks | UnderWay::EverythingBefore) {
        actions.push(Action::CheckStatus { profile, commands: ["c-1", "c-2"].map(Into::into).into() });
        actions.push(Action::ListDataTokens { profile, page: 1 });
    }
    if matches!(what, UnderWay::Renewal | UnderWay::EverythingBefore) {
        actions.push(Action::RenewToken(profile));
    }
    if matches!(what, UnderWay::StoringAKey | UnderWay::EverythingBefore) {
        let key = Some(DataKey::new([1; 32]));
        actions.push(Action::SetDataKey { profile, key, persist: true });
    }
    if matches!(what, UnderWay::SigningOut | UnderWay::EverythingBefore) {
        actions.push(Action::SignOut { profile, revoke: true });
    }
    if matches!(what, UnderWay::Removal | UnderWay::EverythingBefore) {
        actions.push(Action::RemoveProfile(profile));
    }
    for action in actions {
        fixture.actions.send(action).await.unwrap();
    }
    if matches!(what, UnderWay::Renewal) {
        fixture.until("ask T-1").await;
    }
}

#[tokio::test(start_paused = true)]
async fn quitting_ends_within_a_second_whoever_is_silent_and_pending_work_is_recorded() {
    for what in [
        UnderWay::Nothing,
        UnderWay::StatusChecks,
        UnderWay::Renewal,
        UnderWay::StoringAKey,
        UnderWay::SigningOut,
        UnderWay::Removal,
        UnderWay::EverythingBefore,
    ] {
        let mut fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
        *fixture.renewal.lock().unwrap() = Renewal::Silent;
        fixture.silence_keyring();
        fixture.silence_proxy();
        begin(&mut fixture, what).await;
        let began = Instant::now();
        fixture.actions.send(Action::Quit).await.unwrap();
        fixture.ended().await;
        let took = began.elapsed();
        assert!(took <= MAX_DURATION, "{what:?}: it took {took:?}");
        fixture.until("leave T-1").await;

        let left = fixture.journal.pending_work().await;
        let profile = fixture.profile;
        let signs_out = matches!(what, UnderWay::SigningOut | UnderWay::EverythingBefore);
        let removes = matches!(what, UnderWay::Removal | UnderWay::EverythingBefore);
        let is_left = |fits: &dyn Fn(&PendingWork) -> bool| left.iter().any(fits);
        assert_eq!(is_left(&|work| *work == PendingWork::DeleteToken(profile)), signs_out, "{what:?}: {left:?}");
        assert_eq!(is_left(&|work| matches!(work, PendingWork::RevokeToken { .. })), signs_out, "{what:?}: {left:?}");
        assert_eq!(is_left(&|work| *work == PendingWork::RemoveProfile(profile)), removes, "{what:?}: {left:?}");
        // The next run's gap begins there.
        let alive = fixture.journal.last_seen(profile).await;
        assert!(removes || alive.is_some(), "{what:?}: no sign of life was written down");
    }
}

#[tokio::test(start_paused = true)]
async fn quitting_waits_for_a_slow_disk_so_that_received_messages_are_stored() {
    let fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
    fixture.journal.set_append_time(Duration::from_secs(2));
    fixture.silence_keyring();
    fixture.silence_proxy();
    fixture.receive("c-1").await;
    fixture.actions.send(Action::SetDataKey { profile: fixture.profile, key: None, persist: false }).await.unwrap();
    fixture.actions.send(Action::Quit).await.unwrap();
    fixture.ended().await;
    assert_eq!(fixture.journal.ids(), ["c-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_stays_recorded_although_the_keyring_stores_an_earlier_token_after_it() {
    let mut fixture = Fixture::signed_in(jiff::SignedDuration::ZERO).await;
    let profile = fixture.profile;
    fixture.silence_keyring();
    fixture.actions.send(Action::RenewToken(profile)).await.unwrap();
    fixture.until("join T-2").await;
    fixture.idle().await;
    fixture.refuse_deletion();
    fixture.actions.send(Action::SignOut { profile, revoke: false }).await.unwrap();
    let is_recorded = async |fixture: &Fixture| {
        let works = fixture.journal.journal.pending_work().await.unwrap();
        works.iter().any(|(_, work)| *work == PendingWork::DeleteToken(profile))
    };
    while !is_recorded(&fixture).await {
        tokio::task::yield_now().await;
    }
    fixture.wake_keyring();
    fixture.until("keep T-2").await;
    fixture.notice("is locked").await;
    fixture.idle().await;
    assert!(is_recorded(&fixture).await, "a program that is killed now would keep a token that is to be deleted");
}
