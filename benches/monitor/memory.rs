//! The memory of rows in the model, against the bytes of the messages that they came from.
//!
//! Measured as the growth of the process's resident memory, in a process of its own: what the operator's machine gives, slack of
//! the allocator and of growing tables included.

use std::process::Command;

use privicore_monitor::activity::Activities;
use serde_json::{Value, json};

use crate::ROUNDS;
use crate::ingest::LINK_LIFETIME;
use crate::messages;
use crate::table::Row;

/// What the process of its own is started with.
pub(crate) const ARGUMENT: &str = "measure-memory";

/// The median of rounds.
pub(crate) fn row() -> Row {
    let program = std::env::current_exe().expect("this program");
    let mut rounds: Vec<(u64, u64)> = (0..ROUNDS)
        .map(|_| {
            let output = Command::new(&program).arg(ARGUMENT).output().expect("this program starts");
            let said: Value = serde_json::from_slice(&output.stdout).expect("this program's figures");
            let number = |name: &str| said.get(name).and_then(Value::as_u64).expect("a figure");
            (number("resident"), number("raw"))
        })
        .collect();
    rounds.sort_unstable();
    let &(resident, raw) = rounds.get(ROUNDS / 2).expect("rounds");
    Row {
        figure: "memory of the rows, bytes",
        baseline: "their messages, bytes",
        measured: to_float(resident),
        against: to_float(raw),
        goal: "at most 1.0",
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes that a double holds")]
fn to_float(bytes: u64) -> f64 {
    bytes as f64
}

/// The process of its own.
pub(crate) fn measure_and_print(count: usize) {
    let mut activities = Activities::new(LINK_LIFETIME);
    let mut raw = 0;
    let mut before = None;
    for entry in messages::entries(count) {
        activities.apply(&entry);
        raw += entry.raw.len();
        // The first row brings what a model has without any.
        before.get_or_insert_with(|| from_status("VmRSS:"));
    }
    let after = from_status("VmRSS:");
    assert_eq!(activities.len(), count, "rows are missing");
    println!("{}", json!({"resident": after - before.unwrap_or(after), "raw": raw}));
}

/// What the system says of this process's memory in a line that begins so, in bytes.
pub(crate) fn from_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("memory is measured on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib * 1024
}
