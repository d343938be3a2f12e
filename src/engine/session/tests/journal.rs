//! First durable, then visible; and what happens while the journal can't be written.

use std::time::Duration;

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
