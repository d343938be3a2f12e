//! The memory per row in the model, against the bytes of the messages that the rows were made from.
//!
//! Measured as the growth of resident memory in a separate process. It therefore includes slack of the allocator and of
//! growing tables, as on the operator's machine.

use std::process::Command;

use privicore_monitor::activity::Activities;
use serde_json::{Value, json};

use crate::ROUNDS;
use crate::ingest::LINK_LIFETIME;
use crate::messages;
use crate::table::Row;

/// The argument that starts the separate process.
pub(crate) const ARGUMENT: &str = "measure-memory";

/// The argument that starts another separate process, which measures an endless stream.
pub(crate) const STREAM: &str = "measure-stream";

/// The rows for the table of results.
pub(crate) fn rows() -> Vec<Row> {
    let (resident, raw) = median(ARGUMENT, ("resident", "raw"));
    let (thrice, once) = median(STREAM, ("thrice", "once"));
    vec![
        Row {
            figure: "memory of the rows, bytes",
            baseline: "their messages, bytes",
            measured: to_float(resident),
            against: to_float(raw),
            goal: "at most 1.0",
        },
        Row {
            figure: "memory after three times as many messages as rows in memory, all bodies distinct, bytes",
            baseline: "after as many, bytes",
            measured: to_float(thrice),
            against: to_float(once),
            goal: "at most 1.1",
        },
    ]
}

/// The median of all rounds, by the first of the two figures.
fn median(argument: &str, (measured, against): (&str, &str)) -> (u64, u64) {
    let program = std::env::current_exe().expect("this program");
    let mut rounds: Vec<(u64, u64)> = (0..ROUNDS)
        .map(|_| {
            let output = Command::new(&program).arg(argument).output().expect("this program starts");
            let said: Value = serde_json::from_slice(&output.stdout).expect("this program's figures");
            let number = |name: &str| said.get(name).and_then(Value::as_u64).expect("a figure");
            (number(measured), number(against))
        })
        .collect();
    rounds.sort_unstable();
    rounds.get(ROUNDS / 2).copied().expect("rounds")
}

#[expect(clippy::cast_precision_loss, reason = "sizes that a double holds")]
fn to_float(bytes: u64) -> f64 {
    bytes as f64
}

/// The body of the separate process.
pub(crate) fn measure_and_print(count: usize) {
    let mut activities = Activities::new(LINK_LIFETIME);
    let mut raw = 0;
    let mut before = None;
    for entry in messages::entries(count) {
        activities.apply(&entry);
        raw += entry.raw.len();
        // The first row also allocates what an empty model needs, so measurement starts after it.
        before.get_or_insert_with(|| from_status("VmRSS:"));
    }
    let after = from_status("VmRSS:");
    assert_eq!(activities.len(), count, "rows are missing");
    println!("{}", json!({"resident": after - before.unwrap_or(after), "raw": raw}));
}

/// The body of the separate process for the endless stream.
pub(crate) fn measure_stream_and_print(count: usize) {
    let mut activities = Activities::new(LINK_LIFETIME);
    activities.set_rows_in_memory(count);
    let mut before = None;
    let mut figures = Vec::new();
    for (number, entry) in (1..).zip(messages::distinct(3 * count)) {
        activities.apply(&entry);
        before.get_or_insert_with(|| from_status("VmRSS:"));
        if number == count || number == 3 * count {
            figures.push(from_status("VmRSS:") - before.unwrap_or_default());
        }
    }
    assert_eq!(activities.total_rows(), 3 * count, "rows are missing");
    println!("{}", json!({"once": figures.first(), "thrice": figures.last()}));
}

/// The value in bytes of the line in `/proc/self/status` that begins with `name`.
pub(crate) fn from_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("memory is measured on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line is there");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib * 1024
}
