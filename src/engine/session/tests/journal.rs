//! First durable, then visible; and what happens while the journal can't be written.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::bench::Bench;
use crate::engine::event::{Event, Severity};
use crate::engine::testing::done;

#[tokio::test(start_paused = true)]
async fn what_the_journal_refuses_is_not_visible_until_it_is_written_and_nothing_is_lost() {
    let (mut bench, mut server) = Bench::live().await;
    bench.ledger.refuse(true);
    for n in 0..100 {
        server.send(&done(&n.to_string())).await;
    }
    let notice = bench.notice().await;
    assert_eq!(notice.severity, Severity::Error);
    assert!(notice.sentence.contains("The disk is full."), "{}", notice.sentence);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_hours(1)) => {}
        request = server.request() => panic!("{request:?}"),
    }
    let told = bench.told_by_now();
    assert!(!told.iter().any(|event| matches!(event, Event::Committed { .. })), "seen before it was durable");
    bench.ledger.refuse(false);
    let told = bench.told(100).await;
    assert_eq!(told, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(bench.ledger.ids(), told);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_can_not_be_written_holds_the_server_back_instead_of_filling_the_memory() {
    let (mut bench, mut server) = Bench::live().await;
    bench.ledger.refuse(true);
    let mut sent = 0_usize;
    let mut message = done("");
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
    assert_eq!(bench.network.attempts(), 1, "the silence was ours: the server is not dead");
    bench.ledger.refuse(false);
    let told = bench.told(sent).await;
    assert_eq!(told, (0..sent).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_slows_the_server_down_and_nothing_is_lost() {
    let (bench, mut server) = Bench::live().await;
    let mut message = done("");
    message["data"]["body"] = "x".repeat(32 * 1024).into();
    let (mut sent, mut written) = (0_usize, 0_usize);
    // A commit takes two seconds: what is under way is bounded whatever the time, and grows with what is written only.
    bench.ledger.take(Duration::from_secs(2));
    for _minute in 0..5 {
        let flood = async {
            loop {
                message["data"]["id"] = sent.to_string().into();
                // Cut off at the end of its minute, it was either taken or not.
                server.0.feed(Frame::text(message.to_string())).await.expect("the client is there");
                sent += 1;
            }
        };
        assert!(tokio::time::timeout(Duration::from_mins(1), flood).await.is_err());
        let before = std::mem::replace(&mut written, bench.ledger.ids().len());
        assert!(written > before, "it stands still");
        assert!(sent - written < 400, "{} messages of 32 KiB wait in the memory", sent - written);
    }
    assert_eq!(bench.network.attempts(), 1, "the slowness was ours: the server is not dead");
    bench.ledger.take(Duration::ZERO);
    server.0.flush().await.expect("the client is there");
    let whole = async {
        while bench.ledger.ids().len() < sent {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_hours(1), whole).await.expect("all of it in the journal");
    assert_eq!(bench.ledger.ids(), (0..sent).map(|n| n.to_string()).collect::<Vec<_>>());
}
