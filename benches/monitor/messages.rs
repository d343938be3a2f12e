//! The messages: command statuses of about 135 bytes with random ids. They are the same in every run.

use privicore_monitor::activity::{ActivityKey, Entry, Fact, Seq, Timestamp};
use privicore_monitor::protocol::incoming::{self, Incoming};

/// 2026-01-01, in microseconds since 1970.
const START: i64 = 1_767_225_600_000_000;

/// The time of the last of `count` entries.
pub(crate) fn moment_after(count: usize) -> Timestamp {
    Timestamp(START + i64::try_from(count).unwrap_or(0) * 1_000)
}

/// The messages as a server sends them.
pub(crate) fn texts(count: usize) -> impl Iterator<Item = String> {
    let mut random = fastrand::Rng::with_seed(20_260_101);
    (0..count).map(move |_| {
        let id = uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
        format!(
            r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":2,"body":"Command completed successfully"}}}}"#
        )
    })
}

/// The same messages as journal entries, one millisecond apart.
pub(crate) fn entries(count: usize) -> impl Iterator<Item = Entry> {
    as_entries(texts(count))
}

/// Entries that each have a different body.
pub(crate) fn distinct(count: usize) -> impl Iterator<Item = Entry> {
    let texts = texts(count).zip(0_usize..);
    as_entries(
        texts.map(|(text, number)| text.replace("completed successfully", &format!("{number} completed successfully"))),
    )
}

fn as_entries(texts: impl Iterator<Item = String>) -> impl Iterator<Item = Entry> {
    texts.zip(1_i32..).map(|(raw, number)| {
        let Incoming::Message(message) = incoming::parse(&raw) else { unreachable_message(&raw) };
        Entry {
            seq: Seq(u64::from(number.unsigned_abs())),
            at: Timestamp(START + i64::from(number) * 1_000),
            key: ActivityKey::of(&message),
            fact: Fact::Received(message),
            raw: raw.into(),
        }
    })
}

#[expect(clippy::panic, reason = "the bench is wrong, not what it measures")]
fn unreachable_message(raw: &str) -> ! {
    panic!("not read as a message: {raw}")
}
