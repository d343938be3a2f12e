//! While the journal refuses and all buffers are full, the operator's actions work at once, and nothing is lost.

use std::time::Duration;

use crate::engine::events::event::ConnectionState;
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::{Server, join_reply, outcome_message};

use super::fixture::{Fixture, session_credentials};

/// Far longer than leaving may take, and far shorter than the pause between two attempts to write.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Sends large messages, numbered from `from`, until no more are accepted; returns the number after the last.
async fn flood(server: &mut Server, from: usize) -> usize {
    let mut message = outcome_message("");
    message["data"]["body"] = "x".repeat(32 * 1024).into();
    let mut next = from;
    let flood = async {
        loop {
            message["data"]["id"] = next.to_string().into();
            next += 1;
            server.send(&message).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), flood).await.is_err());
    assert!(next - from < 1_000, "nothing pushes back");
    next
}

/// Answers every request until the client is gone.
async fn answer(server: &mut Server) {
    while let Some(request) = server.request().await {
        server.send(&join_reply(&request)).await;
    }
}

/// A joined session whose journal refuses and whose buffers are full; also the number of the next message.
async fn full() -> (Fixture, Server, usize) {
    let (fixture, mut server) = Fixture::live().await;
    fixture.journal_store.set_refusing(true);
    let next = flood(&mut server, 0).await;
    (fixture, server, next)
}

/// Waits until the state is reached, while the server answers.
async fn at_once(fixture: &mut Fixture, server: &mut Server, state: ConnectionState) {
    let comes = async { while fixture.state().await != state {} };
    let comes = tokio::time::timeout(AT_ONCE, comes);
    tokio::pin!(comes);
    let came = tokio::select! {
        came = &mut comes => came,
        () = answer(server) => comes.await,
    };
    assert!(came.is_ok(), "{state:?} did not come at once");
}

/// The journal can be written again: everything that was read is in it, once and in order.
async fn all_persisted(fixture: &mut Fixture, sent: usize) {
    fixture.journal_store.set_refusing(false);
    while !fixture.notice().await.sentence().contains("can be written again") {}
    let mut before = 0;
    // What waits for space follows.
    loop {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let now = fixture.journal_store.ids().len();
        if std::mem::replace(&mut before, now) == now {
            break;
        }
    }
    let ids = fixture.journal_store.ids();
    assert_eq!(ids, (0..ids.len()).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(!ids.is_empty() && ids.len() <= sent, "{} of {sent}", ids.len());
}

#[tokio::test(start_paused = true)]
async fn disconnecting_and_signing_out_complete_at_once() {
    for (target, state) in
        [(TargetState::Offline, ConnectionState::Offline), (TargetState::SignedOut, ConnectionState::SignedOut)]
    {
        let (mut fixture, mut server, sent) = full().await;
        fixture.set_target(target);
        at_once(&mut fixture, &mut server, state).await;
        all_persisted(&mut fixture, sent).await;
        let gaps = fixture.journal_store.gaps();
        assert!(matches!(gaps.as_slice(), [gap] if gap.to.is_none()), "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_is_not_delayed_and_reports_lost_messages() {
    let (mut fixture, mut server, _) = full().await;
    fixture.set_target(TargetState::Stopped);
    fixture.spawner.stop();
    let ended = tokio::time::timeout(AT_ONCE, &mut fixture.session);
    tokio::pin!(ended);
    let ended = tokio::select! {
        ended = &mut ended => ended,
        () = answer(&mut server) => ended.await,
    };
    assert_eq!(ended.expect("it waited for the journal"), Some(()), "it panicked");
    while !fixture
        .notice()
        .await
        .sentence()
        .contains("could not be written to the journal before Privicore Monitor closed")
    {}
}

#[tokio::test(start_paused = true)]
async fn reconnecting_while_the_journal_refuses_reports_no_timeout_and_can_be_cancelled() {
    let (mut fixture, mut server, sent) = full().await;
    fixture.set_target(TargetState::Offline);
    at_once(&mut fixture, &mut server, ConnectionState::Offline).await;
    fixture.set_target(TargetState::Online(session_credentials(1)));
    let mut server = fixture.server().await;
    let join = server.request().await.expect("a join");
    // These messages come before the answer, and there is no space for all of them.
    let sent = flood(&mut server, sent).await;
    let states: Vec<_> =
        std::iter::from_fn(|| fixture.events.next_profile_status()).map(|status| status.connection).collect();
    let failed = |state: &Option<ConnectionState>| matches!(state, Some(ConnectionState::Reconnecting { .. }));
    assert!(!states.iter().any(failed), "the journal's fault was taken for the server's: {states:?}");
    // Disconnect once more, and reconnect.
    fixture.set_target(TargetState::Offline);
    at_once(&mut fixture, &mut server, ConnectionState::Offline).await;
    fixture.set_target(TargetState::Online(session_credentials(1)));
    let mut server = fixture.server().await;
    let join_again = server.request().await.expect("a join");
    assert_ne!(join["correlationId"], join_again["correlationId"]);
    fixture.journal_store.set_refusing(false);
    server.send(&join_reply(&join_again)).await;
    fixture.until(|state| *state == ConnectionState::Live).await;
    server.send(&outcome_message("last")).await;
    while fixture.received_ids(1).await.last().is_none_or(|id| id != "last") {}
    let ids = fixture.journal_store.ids();
    let numbers: Vec<usize> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "twice, or out of order: {ids:?}");
    assert!(numbers.len() + 1 == ids.len() && numbers.len() <= sent, "{ids:?}");
    let gaps = fixture.journal_store.gaps();
    assert!(gaps.iter().all(|gap| gap.to.is_some()), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn repeated_connecting_and_disconnecting_leaves_one_gap() {
    let (mut fixture, mut server, _) = full().await;
    for _ in 0..20 {
        fixture.set_target(TargetState::Offline);
        at_once(&mut fixture, &mut server, ConnectionState::Offline).await;
        fixture.set_target(TargetState::Online(session_credentials(1)));
        server = fixture.join().await;
    }
    fixture.journal_store.set_refusing(false);
    server.send(&outcome_message("last")).await;
    while fixture.received_ids(1).await.last().is_none_or(|id| id != "last") {}
    let gaps = fixture.journal_store.gaps();
    assert!(matches!(gaps.as_slice(), [gap] if gap.to.is_some()), "{gaps:?}");
}
