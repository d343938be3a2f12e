//! Measures the monitor's speed and memory. Each figure has a bare baseline that is measured in the same run.
//!
//! `benches/run` starts this program and explains how to read its output. Rounds of a figure and of its baselines
//! alternate, and the median of five is reported, so that other load on the machine affects both. Nothing here is a test: a
//! figure never fails.
//!
//! | variable | meaning |
//! |---|---|
//! | `BENCH_JSON` | the file to write the figures to, as JSON; without it, no file is written |
//! | `BENCH_NODE_MODULES` | a folder with the npm package `ws`; without it, Node is not measured |
//! | `BENCH_ONLY` | the parts to run, comma-separated: `ingest`, `memory`, `start`, `frames`, `finding`, `download`, `click`, `load`; default: all |
//! | `BENCH_MESSAGES` | the number of messages and rows; default: 1,000,000 |
//! | `BENCH_LOAD_SECONDS` | how long `load` sends; default: 10 |

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench fails by panicking, and prints")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and starts the threads that it measures")]

#[cfg(feature = "rabbitmq")]
#[path = "../../tests/rabbitmq/broker.rs"]
#[expect(dead_code, reason = "shared with the test on RabbitMQ, which uses all of it")]
mod broker;
mod click;
mod download;
mod finding;
mod frames;
mod ingest;
#[cfg(feature = "sandbox")]
mod load;
mod memory;
mod messages;
mod server;
mod start;
mod table;
mod window;

use std::time::Duration;

use serde_json::json;
use table::{Row, print};

/// How often each figure is measured. The median is reported.
const ROUNDS: usize = 5;

/// A part's name, and the function that measures it with the given number of messages or rows.
type Part = (&'static str, fn(usize) -> Vec<Row>);

/// The parts, by the names that `BENCH_ONLY` accepts.
const PARTS: &[Part] = &[
    ("ingest", ingest::rows),
    ("memory", |_count| memory::rows()),
    ("start", |count| vec![start::row(count)]),
    ("frames", frames::rows),
    ("finding", finding::rows),
    ("download", |_count| download::rows()),
    ("click", |count| vec![click::row(count)]),
    #[cfg(feature = "sandbox")]
    ("load", |_count| load::rows()),
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

/// Writes what has been measured so far, so that a part that fails does not lose the results of the others.
fn keep(rows: &[Row], count: usize) {
    if let Some(path) = std::env::var_os("BENCH_JSON") {
        let figures: Vec<_> = rows.iter().map(Row::to_json).collect();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let all = json!({"messages": count, "rounds": ROUNDS, "cores": cores, "figures": figures});
        std::fs::write(path, format!("{all:#}\n")).expect("the file for the figures can be written");
    }
}

/// The number of messages and rows.
fn count() -> usize {
    match std::env::var("BENCH_MESSAGES") {
        Ok(count) => count.parse().expect("BENCH_MESSAGES is a number"),
        Err(_) => 1_000_000,
    }
}

/// The median.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().expect("something was measured")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
