//! `kill -9` at random moments of a burst: every entry that was reported as committed is there once, and nothing else is
//! torn.

#![expect(clippy::disallowed_methods, reason = "another program looks into the database that was left")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use privicore_monitor::activity::{Fact, Seq};
use privicore_monitor::journal::{DataDirLock, Journal};

use crate::{child, entry, profile};

/// How often the child is killed.
const DEATHS: u32 = 50;

/// Deaths after which a new folder is used, so that reading all of it does not take ever longer.
const DEATHS_A_FOLDER: u32 = 10;

/// What a child prints before the numbers of a committed batch.
const COMMITTED: &str = "committed ";

#[tokio::test]
async fn whatever_was_committed_before_a_kill_is_there_exactly_once() {
    if let Some(folder) = child::folder() {
        return burst(&folder).await;
    }
    let mut random = fastrand::Rng::new();
    println!("the seed is {}", random.get_seed());
    let (mut folder, mut said, mut total) = (tempfile::tempdir().unwrap(), BTreeMap::new(), 0);
    for death in 0..DEATHS {
        if death % DEATHS_A_FOLDER == 0 {
            (folder, said) = (tempfile::tempdir().unwrap(), BTreeMap::new());
        }
        let before = said.len();
        // Sometimes while it starts, sometimes deep in the burst, across checkpoints of the write-ahead log.
        let lines = if death % 7 == 0 { 0 } else { random.u32(1..100) };
        kill_after(lines, folder.path(), &mut said);
        total += said.len() - before;
        check(folder.path(), &said).await;
    }
    assert!(total > 10_000, "the children committed {total} entries only: too few to be caught in the act");
}

/// The child: appends batches as fast as it can, and prints each one after its commit.
async fn burst(folder: &Path) {
    let _holder = DataDirLock::take(folder).unwrap();
    let opened = Journal::open(folder).unwrap();
    let mut out = std::io::stdout();
    let mut random = fastrand::Rng::new();
    let mut next = opened.live_from.0;
    loop {
        let size = random.u64(1..60);
        let committed = opened.journal.append(profile(), (next..next + size).map(entry).collect()).await.unwrap();
        let (Some(first), Some(last)) = (committed.first(), committed.last()) else { continue };
        writeln!(out, "{COMMITTED}{} {}", first.seq.0, last.seq.0).unwrap();
        out.flush().unwrap();
        next = last.seq.0 + 1;
    }
}

/// Runs a child and kills it after this many lines. Adds everything that it printed, by the number of the entry.
fn kill_after(lines: u32, folder: &Path, said: &mut BTreeMap<u64, u64>) {
    let test = "crash::whatever_was_committed_before_a_kill_is_there_exactly_once";
    let mut child = child::command(&[], test, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut received = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut seen = 0;
    let mut kill = Some(());
    loop {
        if seen >= lines && kill.take().is_some() {
            child.kill().unwrap();
        }
        let Some(line) = received.next() else { break };
        let line = String::from_utf8(line.unwrap()).unwrap();
        let Some((first, last)) = line.strip_prefix(COMMITTED).and_then(|numbers| numbers.split_once(' ')) else {
            continue;
        };
        seen += 1;
        for number in first.parse().unwrap()..=last.parse().unwrap() {
            assert_eq!(said.insert(number, number), None, "number {number} was given twice");
        }
    }
    assert!(!child.wait().unwrap().success(), "the child ended by itself after {seen} lines");
}

/// Checks the journal after a death.
async fn check(folder: &Path, said: &BTreeMap<u64, u64>) {
    // The kernel has released the folder's lock.
    let holder = DataDirLock::take(folder).unwrap();
    let opened = Journal::open(folder).unwrap();
    assert_eq!(opened.recovered, None, "a kill damaged the journal");
    let entries = opened.journal.entries_from(profile(), Seq(0), usize::MAX).await.unwrap();
    assert!(entries.is_sorted_by(|a, b| a.seq < b.seq), "the numbers do not ascend");
    for entry in &entries {
        let Fact::Local(privicore_monitor::activity::LocalEvent::Labelled { label }) = &entry.fact else {
            panic!("what nobody wrote is there: {entry:?}")
        };
        assert_eq!(*label, entry.seq.0.to_string(), "an entry has another's number");
    }
    let kept: BTreeMap<u64, u64> = entries.iter().map(|entry| (entry.seq.0, entry.seq.0)).collect();
    let lost: Vec<_> = said.keys().filter(|number| !kept.contains_key(number)).collect();
    assert!(lost.is_empty(), "committed and lost: {lost:?}");
    opened.journal.close().await;
    drop(holder);
    let database = rusqlite::Connection::open(folder.join("journal.sqlite")).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
