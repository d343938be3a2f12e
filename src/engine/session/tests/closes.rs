//! How a server closes or declines connections, how that is reported, and how long the next attempt waits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::engine::events::event::{ConnectionState, Event};
use crate::engine::session::desired_state::TargetState;
use crate::engine::test_support::Server;

use super::fixture::{Fixture, run_until_idle, session_credentials};

/// Makes a server close a connection with any code and any bytes as a reason.
async fn close(server: &mut Server, code: u16, reason: &[u8]) {
    let length = u8::try_from(reason.len() + 2).unwrap();
    let frame = [&[0x88, length], code.to_be_bytes().as_slice(), reason].concat();
    server.0.get_mut().write_all(&frame).await.unwrap();
}

/// Declines the next attempt with these header fields; returns the resulting state.
async fn decline(fixture: &mut Fixture, status: &str, fields: &str) -> (Duration, u32, String) {
    let mut stream = fixture.connection().await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut head).await.unwrap();
    }
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{fields}\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    fixture.failure().await
}

#[tokio::test(start_paused = true)]
async fn every_close_code_is_shown_with_its_reason_and_retried() {
    let mut fixture = Fixture::online();
    for code in 1000..=4999 {
        let mut server = fixture.join().await;
        close(&mut server, code, b"why\x1b[31m, T-1").await;
        let (_, _, why) = fixture.failure().await;
        assert!(why.starts_with(&format!("The server closed the connection with code {code}")), "{why}");
        assert!(why.contains(": why␛[31m, hidden.") && !why.contains("T-1"), "{why}");
        fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    }
    for (code, meaning) in [(1000, "normal end"), (1012, "restart"), (1014, "bad gateway"), (3003, "forbidden")] {
        let mut server = fixture.join().await;
        close(&mut server, code, b"").await;
        let (_, _, why) = fixture.failure().await;
        assert!(why.starts_with(&format!("The server closed the connection with code {code} ({meaning}).")), "{why}");
        fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_reason_cut_within_a_character_is_shown_and_is_no_lost_message() {
    let mut fixture = Fixture::online();
    let mut server = fixture.join().await;
    close(&mut server, 1011, "Über".as_bytes().get(..1).unwrap()).await;
    let (_, _, why) = fixture.failure().await;
    assert_eq!(why, "The server closed the connection with code 1011 (internal error): \u{fffd}.");
    let mut server = fixture.join().await;
    server.frame(Frame::Close(None)).await;
    assert_eq!(fixture.failure().await.2, "The server closed the connection.");
    let notices = fixture.drain_events().into_iter().filter(|event| matches!(event, Event::Notice(_)));
    assert_eq!(notices.count(), 0, "a notice of a message that was lost");
}

#[tokio::test(start_paused = true)]
async fn repeated_policy_closes_lengthen_the_wait_and_say_what_to_do() {
    for code in [1008, 3000, 3003, 4000, 4401, 4999] {
        let mut fixture = Fixture::online();
        let mut waits = Vec::new();
        for attempt in 1..=12 {
            let mut server = fixture.join().await;
            close(&mut server, code, b"").await;
            let (wait, number, why) = fixture.failure().await;
            assert_eq!(number, attempt);
            let advice = format!("It closed {attempt} connections in a row like this");
            assert_eq!(why.contains(&advice), attempt > 1, "{why}");
            assert_eq!(why.contains(&format!("what code {code} means.")), attempt > 1, "{why}");
            waits.push(wait);
        }
        let grows = waits[1..8].is_sorted() && waits[9..].iter().all(|wait| (150..=300).contains(&wait.as_secs()));
        assert!(grows, "{code}: {waits:?}");
        // The operator can retry immediately, and a new token starts afresh.
        fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
        fixture.join().await;
        fixture.set_target(TargetState::Online(session_credentials(2)));
        let mut server = fixture.join().await;
        close(&mut server, code, b"").await;
        let (wait, _, why) = fixture.failure().await;
        assert!(wait <= Duration::from_secs(20) && !why.contains("in a row"), "{wait:?} {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_of_a_long_connection_does_not_count_as_a_repeated_policy_close() {
    let mut fixture = Fixture::online();
    for _ in 0..4 {
        let mut server = fixture.join().await;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_mins(6)) => {}
            request = server.request() => panic!("{request:?}"),
        }
        close(&mut server, 4000, b"idle").await;
        let (wait, _, why) = fixture.failure().await;
        assert!(wait <= Duration::from_millis(500) && !why.contains("in a row"), "{wait:?} {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_wait_is_retried_then_or_after_five_minutes_at_most() {
    let mut fixture = Fixture::online();
    for (status, fields, least, most, words) in [
        ("503 Busy", "Retry-After: 120\r\n", 120, 120, "The server asks to wait 2 min."),
        ("429 Slow down", "Retry-After: 90\r\n", 90, 90, "The server asks to wait 1 min 30 s."),
        ("403 No", "Retry-After: 3600\r\n", 300, 300, "The server asks to wait 1 h; Privicore Monitor waits 5 min."),
        (
            "503 Busy",
            "Date: Sun, 06 Nov 1994 08:49:07 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n",
            90,
            90,
            "The server asks to wait 1 min 30 s.",
        ),
        // By this computer's clock, which is at 1,700,000,000 s at the beginning of the test.
        ("301 Gone", "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT\r\n", 300, 300, "Privicore Monitor waits 5 min."),
        ("503 Busy", "Retry-After: 0\r\n", 0, 20, "The server asks to wait 0 s."),
        ("503 Busy", "Retry-After: soon\r\n", 0, 20, "If it stays so, ask whoever runs the server."),
    ] {
        let (wait, _, why) = decline(&mut fixture, status, fields).await;
        assert!((least..=most).contains(&wait.as_secs()), "{fields}: {wait:?}");
        assert!(why.contains(words), "{fields}: {why}");
        let (start, attempts) = (Instant::now(), fixture.network.attempts());
        tokio::time::sleep(wait.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(fixture.network.attempts(), attempts, "{fields}: asked after {:?}", start.elapsed());
    }
    fixture.join().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_operator_cuts_a_requested_wait_short() {
    let mut fixture = Fixture::online();
    decline(&mut fixture, "503 Busy", "Retry-After: 250\r\n").await;
    let attempts = fixture.network.attempts();
    // The machine slept, but not long enough.
    fixture.slept.fetch_add(100, Ordering::SeqCst);
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    run_until_idle().await;
    assert_eq!(fixture.network.attempts(), attempts);
    let start = Instant::now();
    decline(&mut fixture, "503 Busy", "Retry-After: 250\r\n").await;
    assert!(start.elapsed() <= Duration::from_secs(151), "the time asleep did not count: {:?}", start.elapsed());
    // Now it slept long enough.
    fixture.slept.fetch_add(300, Ordering::SeqCst);
    fixture.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
    let start = Instant::now();
    decline(&mut fixture, "503 Busy", "Retry-After: 250\r\n").await;
    assert!(start.elapsed() <= Duration::from_secs(1), "{:?}", start.elapsed());
    fixture.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
    let start = Instant::now();
    fixture.join().await;
    assert!(start.elapsed() <= Duration::from_secs(1), "{:?}", start.elapsed());
    fixture.set_target(TargetState::Offline);
    fixture.until(|state| *state == ConnectionState::Offline).await;
}
