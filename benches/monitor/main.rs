//! How fast and how large the monitor is, each figure beside a bare baseline that was measured in the same run.
//!
//! `benches/run` starts this and says how to read it. Rounds of a figure and of its baselines alternate, and medians of five are
//! told, so that what else the machine does weighs on both. Nothing here is a test: figures are for reading, not for passing.
//!
//! | variable | meaning |
//! |---|---|
//! | `BENCH_JSON` | the file that the figures are written to as JSON; none where it is not set |
//! | `BENCH_NODE_MODULES` | a folder with the npm package `ws`; without it Node is left out |
//! | `BENCH_ONLY` | which parts, with commas between: `ingest`, `memory`, `start`, `frames`, `finding`, `download`, `click`; all where it is not set |
//! | `BENCH_MESSAGES` | how many messages and rows; a million where it is not set |

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench fails by panicking, and prints")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and starts the threads that it measures")]

mod click;
mod download;
mod finding;
mod frames;
mod ingest;
mod memory;
mod messages;
mod server;
mod start;
mod table;
mod window;

use std::time::Duration;

use serde_json::json;
use table::{Row, print};

/// How often each figure is measured; the median is told.
const ROUNDS: usize = 5;

/// A part's name, and what measures it with so many messages or rows.
type Part = (&'static str, fn(usize) -> Vec<Row>);

/// The parts, by the names that `BENCH_ONLY` may give.
const PARTS: [Part; 7] = [
    ("ingest", ingest::rows),
    ("memory", |_count| memory::rows()),
    ("start", |count| vec![start::row(count)]),
    ("frames", frames::rows),
    ("finding", finding::rows),
    ("download", |_count| download::rows()),
    ("click", |count| vec![click::row(count)]),
];

fn is_wanted(part: &str) -> bool {
    std::env::var("BENCH_ONLY").map_or(true, |only| only.split(',').any(|name| name == part))
}

fn main() {
    if std::env::args().any(|argument| argument == memory::ARGUMENT) {
        memory::measure_and_print(count());
        return;
    }
    if std::env::args().any(|argument| argument == memory::STREAM) {
        memory::measure_stream_and_print(count());
        return;
    }
    if std::env::args().any(|argument| argument == download::ARGUMENT) {
        download::measure_and_print();
        return;
    }
    let count = count();
    let mut rows = Vec::new();
    for (name, figures) in PARTS {
        if is_wanted(name) {
            rows.extend(figures(count));
            keep(&rows, count);
        }
    }
    print(&rows);
}

/// Writes what has been measured so far, so that a part that fails takes nothing with it.
fn keep(rows: &[Row], count: usize) {
    if let Some(path) = std::env::var_os("BENCH_JSON") {
        let figures: Vec<_> = rows.iter().map(Row::to_json).collect();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let all = json!({"messages": count, "rounds": ROUNDS, "cores": cores, "figures": figures});
        std::fs::write(path, format!("{all:#}\n")).expect("the file for the figures can be written");
    }
}

/// How many messages and rows.
fn count() -> usize {
    match std::env::var("BENCH_MESSAGES") {
        Ok(count) => count.parse().expect("BENCH_MESSAGES is a number"),
        Err(_) => 1_000_000,
    }
}

/// The middle one.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().expect("something was measured")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
