//! `kill -9` of the whole program at random moments of a burst: whatever it printed is in the journal exactly once, and
//! each death lies in a gap.

use std::collections::BTreeMap;

use jiff::Timestamp;
use privicore_monitor::sandbox::DEMO_USERNAME;
use serde_json::{Value, json};

use super::Privicore;
use super::program::Home;

/// How often the program is killed.
const DEATHS: u32 = 6;

/// Outcomes per burst: more than are read before the kill.
const BURST: u64 = 1_500;

fn time(line: &Value, field: &str) -> Timestamp {
    line[field].as_str().expect("text").parse().expect("a time")
}

#[test]
fn every_line_printed_before_a_kill_is_in_the_journal_once_and_each_kill_is_in_a_gap() {
    let mut random = fastrand::Rng::new();
    println!("the seed is {}", random.get_seed());
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let (control, mut number) = (privicore.control.clone(), 0_u64);
    let (mut printed, mut deaths) = (BTreeMap::<String, u32>::new(), Vec::new());
    for death in 0..DEATHS {
        let mut watch = home.start(&["watch", "--json"]);
        privicore.until_joined(1);
        let (control, first) = (control.clone(), number);
        number += BURST;
        let burst = privicore.runtime.spawn(async move {
            for id in first..first + BURST {
                let status = 1 + id % 3;
                let message =
                    json!({"data": {"type": "X-DPT-CAB-ID", "id": format!("c-{id}"), "command_status": status}});
                control.publish(DEMO_USERNAME, &message).await.expect("published");
            }
        });
        // Sometimes after the first line, sometimes deep in the burst.
        let lines = if death % 4 == 0 { 1 } else { random.u32(2..1_000) };
        let mut note = |line: &Value| {
            if line["kind"] == "command" && line["source"] == "socket" {
                *printed.entry(line["id"].as_str().expect("an id").to_owned()).or_default() += 1;
            }
        };
        for _ in 0..lines {
            note(&watch.json());
        }
        let alive = Timestamp::now();
        watch.signal("KILL");
        assert_eq!(watch.end().code(), None, "it ended by itself: {}", watch.said());
        deaths.push((alive, Timestamp::now()));
        burst.abort();
        for line in watch.rest() {
            note(&line);
        }
        privicore.until_joined(0);
    }
    let mut watch = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    privicore.outcome("last", 2, "");
    while watch.json()["id"] != "last" {}
    watch.signal("TERM");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());

    let kept = home.run(&["export", "--format", "ndjson", "--messages"]).with(0).json();
    let mut journaled = BTreeMap::<&str, u32>::new();
    for line in kept.iter().filter(|line| line["kind"] == "command" && line["source"] == "socket") {
        *journaled.entry(line["id"].as_str().expect("an id")).or_default() += 1;
    }
    assert!(printed.len() > 100, "{} outcomes were printed only: too few to be caught in the act", printed.len());
    for (id, times) in &printed {
        assert_eq!(journaled.get(id.as_str()), Some(times), "{id} was printed, and is not in the journal as often");
    }
    let rows = home.run(&["export", "--format", "ndjson"]).with(0).json();
    let gaps: Vec<_> = rows.iter().filter(|row| row["kind"] == "gap").collect();
    for (alive, dead) in deaths {
        let covered = gaps.iter().any(|gap| time(gap, "first_seen") <= dead && time(gap, "at") > dead);
        assert!(covered, "no gap reaches over the death between {alive} and {dead}: {gaps:#?}");
    }
}
