//! Frames of every kind and size, whole and in fragments: up to the message limit they are read, and above it each loss is reported.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::activity::{Fact, GapCause};
use crate::engine::events::action::Action;
use crate::engine::events::event::Event;
use crate::engine::test_support::{Server, outcome_message};
use crate::protocol::{CommandStatus, Message, UnreadableReason};

use super::fixture::{Fixture, LIMIT, run_until_idle};

/// How a message is sent.
#[derive(Debug, Clone, Copy)]
enum Form {
    Whole,
    /// In three frames, with a ping in between.
    Fragmented,
}
use Form::{Fragmented, Whole};

/// Sends a message, whatever its bytes are.
async fn send(server: &mut Server, kind: Data, form: Form, bytes: &[u8]) {
    let frame = |bytes: &[u8], code, last| Frame::Frame(RawFrame::message(bytes.to_vec(), OpCode::Data(code), last));
    let frames = match form {
        Whole => vec![frame(bytes, kind, true)],
        Fragmented => {
            let (first, rest) = bytes.split_at(bytes.len() / 3);
            let (second, third) = rest.split_at(rest.len() / 2);
            let ping = Frame::Ping("between".into());
            vec![
                frame(first, kind, false),
                ping,
                frame(second, Data::Continue, false),
                frame(third, Data::Continue, true),
            ]
        }
    };
    for frame in frames {
        server.frame(frame).await;
    }
}

/// The outcome of a command in this many bytes.
fn outcome(size: usize) -> Vec<u8> {
    let mut message = outcome_message("c");
    message["data"]["body"] = "".into();
    let empty = message.to_string().len();
    message["data"]["body"] = "x".repeat(size - empty).into();
    message.to_string().into_bytes()
}

#[tokio::test(start_paused = true)]
async fn text_and_binary_messages_are_read_in_every_size_whole_and_in_fragments() {
    let (mut fixture, mut server) = Fixture::live().await;
    let mut sent = Vec::new();
    // The lengths around which the header of a frame changes, and the message limit.
    for size in [1, 3, 100, 125, 126, 127, 65_535, LIMIT] {
        for form in [Whole, Fragmented] {
            send(&mut server, Data::Binary, form, &vec![0x9f; size]).await;
            sent.push(("bytes", size));
            for kind in [Data::Text, Data::Binary].into_iter().filter(|_| size >= 100) {
                send(&mut server, kind, form, &outcome(size)).await;
                sent.push(("an outcome", size));
            }
        }
    }
    fixture.received_ids(sent.len()).await;
    let entries = fixture.journal_store.entries();
    let read = entries.iter().map(|entry| match &entry.fact {
        Fact::Received(Message::Command(report)) if report.status == CommandStatus::Succeeded => {
            ("an outcome", entry.raw.len())
        }
        Fact::Unreadable { reason: UnreadableReason::Binary, size } => ("bytes", usize::try_from(*size).unwrap()),
        other => panic!("{other:?}"),
    });
    assert_eq!(read.collect::<Vec<_>>(), sent);
    assert_eq!(fixture.network.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_byte_is_written_in_the_singular() {
    let (mut fixture, mut server) = Fixture::live().await;
    for (kind, bytes) in [(Data::Text, &b"x"[..]), (Data::Binary, &[0x9f]), (Data::Text, b"xy"), (Data::Text, b"5")] {
        send(&mut server, kind, Whole, bytes).await;
    }
    fixture.received_ids(4).await;
    let told = fixture.journal_store.entries().into_iter().map(|entry| match entry.fact {
        Fact::Unreadable { reason, size } => reason.describe(size),
        other => panic!("{other:?}"),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            "1 byte received: not JSON",
            "1 byte received: binary data",
            "2 bytes received: not JSON",
            "1 byte received: not a JSON object",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn each_lost_message_is_reported_and_from_the_third_on_waits_grow_and_the_notice_says_what_to_do() {
    let above = || vec![b'x'; LIMIT + 1];
    let not_utf8 = || b"{\"data\": \xff\xfe}".to_vec();
    for (kind, form, bytes, is_above) in [
        (Data::Text, Whole, above(), true),
        (Data::Text, Fragmented, above(), true),
        (Data::Binary, Whole, above(), true),
        (Data::Binary, Fragmented, above(), true),
        (Data::Text, Whole, not_utf8(), false),
        (Data::Text, Fragmented, not_utf8(), false),
    ] {
        let case = format!("{kind:?}, {form:?}, above the limit: {is_above}");
        let mut fixture = Fixture::online();
        let mut waits = Vec::new();
        for attempt in 1..=8 {
            let mut server = fixture.join().await;
            // Long enough for any other end to reset the wait.
            tokio::select! {
                () = tokio::time::sleep(Duration::from_mins(1)) => {}
                request = server.request() => panic!("{request:?}"),
            }
            server.send(&outcome_message("fits")).await;
            send(&mut server, kind, form, &bytes).await;
            if attempt <= 3 {
                let notice = fixture.notice().await;
                let has = |words: &str| notice.sentence().contains(words);
                assert!(
                    has(if is_above { "is larger than the limit" } else { "is not valid UTF-8" }),
                    "{case}: {notice:?}"
                );
                assert_eq!(has("acknowledgements may be missing"), attempt < 3, "{case}: {notice:?}");
                assert_eq!(has("3 times in a row") && has("after growing pauses"), attempt == 3, "{case}: {notice:?}");
                let asks = "ask the server's owner to take the message out of the queue";
                assert_eq!(has(asks), attempt == 3 && !is_above, "{case}: {notice:?}");
                match &notice.remedy {
                    Some((words, Action::SetMessageLimit(limit))) => {
                        assert_eq!((words.as_str(), attempt, is_above), ("Raise the limit", 3, true));
                        assert!(*limit > LIMIT && limit.is_power_of_two(), "{limit}");
                    }
                    None => assert!(attempt < 3 || !is_above, "{case}: no way out is offered"),
                    other => panic!("{other:?}"),
                }
            }
            let (wait, failures, _) = fixture.failure().await;
            assert_eq!(failures, attempt, "{case}: the wait was reset");
            waits.push(wait.as_secs());
        }
        assert!(waits[..2].iter().all(|wait| *wait <= 20), "{case}: {waits:?}");
        assert!(
            waits[2] >= 30 && waits[2..6].is_sorted() && waits.iter().all(|wait| *wait <= 300),
            "{case}: {waits:?}"
        );
        assert!(waits[5..].iter().all(|wait| *wait >= 149), "{case}: {waits:?}");
        run_until_idle().await;
        let further = fixture.drain_events().into_iter().filter(|event| matches!(event, Event::Notice(_)));
        assert_eq!(further.count(), 0, "{case}: the same loss is reported again and again");
        let ids = fixture.journal_store.ids();
        let (kept, lost): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id == "fits");
        assert_eq!(kept.len(), 8, "{case}: what came before it is kept");
        assert!(
            lost.len() == 8 && lost.iter().all(|id| *id == lost[0]),
            "{case}: one row says what was lost: {lost:?}"
        );
        let gaps = fixture.journal_store.gaps();
        assert!(gaps.iter().all(|gap| gap.cause == GapCause::MessageLost), "{case}: {gaps:?}");
    }
}
