//! The journal against a failing machine: processes that are killed, and disks that are full or read-only.
//!
//! Each test runs itself again as a child: the child is the program that is killed, or the one that may mount a small disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they leave out"
)]

#[path = "journal/child.rs"]
mod child;
#[path = "journal/crash.rs"]
mod crash;
#[path = "journal/disk.rs"]
mod disk;

use privicore_monitor::activity::{ActivityKey, Entry, Fact, LocalEvent, Seq, Timestamp};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::settings::ProfileId;

/// The profile of every entry here.
fn profile() -> ProfileId {
    ProfileId::from_u128(7)
}

/// An entry that contains its own number.
fn entry(number: u64) -> Entry {
    Entry {
        seq: Seq(0),
        at: Timestamp(1_700_000_000_000_000),
        key: ActivityKey::Command(CommandId::new(format!("command {number}"))),
        fact: Fact::Local(LocalEvent::Labelled { label: number.to_string() }),
        raw: "".into(),
    }
}
