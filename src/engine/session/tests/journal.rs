//! Entries are durable before they are visible; and what is visible without being durable while the journal can't be written.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::activity::Seq;
use crate::engine::events::event::{Event, Severity};
use crate::engine::test_support::outcome_message;

use super::fixture::Fixture;

/// The entries of the next [`Event::Unpersisted`], by their numbers and ids.
async fn next_unpersisted(fixture: &mut Fixture) -> Vec<(Seq, String)> {
    fixture
        .wait("what is not kept", |event| match event {
            Event::Unpersisted { entries, .. } => {
                Some(entries.iter().map(|entry| (entry.seq, entry.key.id().to_owned())).collect())
            }
            _ => None,
        })
        .await
}

/// Waits for the notice that the journal can be written again.
async fn journal_writable(fixture: &mut Fixture) {
    while !fixture.notice().await.sentence().contains("can be written again") {}
}

#[tokio::test(start_paused = true)]
async fn entries_that_the_journal_refuses_are_shown_as_unpersisted_and_persisted_later() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.journal_store.set_refusing(true);
    server.send(&outcome_message("0")).await;
    let notice = fixture.notice().await;
    assert_eq!(notice.severity, Severity::Error);
    assert!(
        notice.sentence().contains("The disk is full.") && notice.sentence().contains("not kept"),
        "{}",
        notice.sentence()
    );
    let mut shown = next_unpersisted(&mut fixture).await;
    for n in 1..100 {
        server.send(&outcome_message(&n.to_string())).await;
    }
    while shown.len() < 100 {
        shown.extend(next_unpersisted(&mut fixture).await);
    }
    let ids: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(shown.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>(), ids);
    assert!(shown.iter().all(|(seq, _)| !seq.is_persisted()) && shown.is_sorted(), "{shown:?}");
    tokio::select! {
        () = tokio::time::sleep(Duration::from_hours(1)) => {}
        request = server.request() => panic!("{request:?}"),
    }
    let told = fixture.drain_events();
    assert!(!told.iter().any(|event| matches!(event, Event::Committed { .. })), "taken for durable");
    assert!(!told.iter().any(|event| matches!(event, Event::Notice(_))), "told again and again: {told:?}");
    fixture.journal_store.set_refusing(false);
    let kept = fixture
        .wait("what is kept", |event| match event {
            Event::Persisted { from, to, count, .. } => Some((from, to, count)),
            Event::Committed { entries, .. } => panic!("told twice: {entries:?}"),
            _ => None,
        })
        .await;
    let first = fixture.journal_store.entries().iter().find(|entry| entry.key.id() == "0").expect("it is written").seq;
    assert_eq!(kept, (shown[0].0, first, 100));
    assert_eq!(fixture.journal_store.ids(), ids);
    journal_writable(&mut fixture).await;
    // From here on everything works as usual.
    server.send(&outcome_message("later")).await;
    assert_eq!(fixture.received_ids(1).await, ["later"]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_while_the_journal_refuses_is_persisted_later_with_its_open_commands() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.journal_store.set_refusing(true);
    let mut pending = outcome_message("open");
    pending["data"]["command_status"] = 1.into();
    server.send(&pending).await;
    assert_eq!(next_unpersisted(&mut fixture).await.len(), 1);
    drop(server);
    let mut server = fixture.join().await;
    server.send(&outcome_message("behind")).await;
    while next_unpersisted(&mut fixture).await.last().is_none_or(|(_, id)| id != "behind") {}
    fixture.journal_store.set_refusing(false);
    journal_writable(&mut fixture).await;
    server.send(&outcome_message("last")).await;
    assert_eq!(fixture.received_ids(1).await, ["last"]);
    assert_eq!(fixture.journal_store.ids(), ["open", "behind", "last"]);
    let gaps = fixture.journal_store.gaps();
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.to.is_some(), gap.open.as_slice()), (true, ["open".into()].as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_refusing_journal_holds_the_server_back_instead_of_filling_the_memory() {
    let (mut fixture, mut server) = Fixture::live().await;
    fixture.journal_store.set_refusing(true);
    let mut sent = 0_usize;
    let mut message = outcome_message("");
    message["data"]["body"] = "x".repeat(32 * 1024).into();
    let flood = async {
        loop {
            message["data"]["id"] = sent.to_string().into();
            server.send(&message).await;
            sent += 1;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), flood).await.is_err());
    assert!(sent < 400, "{sent} messages of 32 KiB were taken in");
    assert_eq!(fixture.network.attempts(), 1, "the silence was ours: the server is not dead");
    fixture.journal_store.set_refusing(false);
    journal_writable(&mut fixture).await;
    server.send(&outcome_message("last")).await;
    while fixture.received_ids(1).await.last().is_none_or(|id| id != "last") {}
    // The message whose sending was cancelled may have arrived all the same.
    let ids = fixture.journal_store.ids();
    let numbers = (0..ids.len() - 1).map(|n| n.to_string());
    assert_eq!(ids, numbers.chain(["last".to_owned()]).collect::<Vec<_>>());
    assert!(ids.len() > sent, "{} of {sent} are in the journal", ids.len());
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_slows_the_server_down_and_nothing_is_lost() {
    let (fixture, mut server) = Fixture::live().await;
    let mut message = outcome_message("");
    message["data"]["body"] = "x".repeat(32 * 1024).into();
    let (mut sent, mut written) = (0_usize, 0_usize);
    // A commit takes two seconds: the number of messages in flight is bounded at any time, and grows only with what is written.
    fixture.journal_store.set_append_time(Duration::from_secs(2));
    for _minute in 0..5 {
        let flood = async {
            loop {
                message["data"]["id"] = sent.to_string().into();
                // If it is cancelled at the end of its minute, it was either taken or not.
                server.0.feed(Frame::text(message.to_string())).await.expect("the client is there");
                sent += 1;
                // Without its own limit a failing test would use up the machine's memory first.
                assert!(sent - written < 20_000, "nothing pushes back");
            }
        };
        assert!(tokio::time::timeout(Duration::from_mins(1), flood).await.is_err());
        let before = std::mem::replace(&mut written, fixture.journal_store.ids().len());
        assert!(written > before, "it stands still");
        assert!(sent - written < 400, "{} messages of 32 KiB wait in the memory", sent - written);
    }
    assert_eq!(fixture.network.attempts(), 1, "the slowness was ours: the server is not dead");
    fixture.journal_store.set_append_time(Duration::ZERO);
    server.0.flush().await.expect("the client is there");
    let whole = async {
        while fixture.journal_store.ids().len() < sent {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_hours(1), whole).await.expect("all of it in the journal");
    assert_eq!(fixture.journal_store.ids(), (0..sent).map(|n| n.to_string()).collect::<Vec<_>>());
}
