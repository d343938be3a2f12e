//! The time from starting the engine to the rows of the first frame, with a long journal and with an empty one.

use std::path::Path;
use std::time::{Duration, Instant};

use privicore_monitor::activity::{Activities, View};
use privicore_monitor::engine::Event;
use privicore_monitor::journal::Journal;
use privicore_monitor::settings::{Directories, Profile, ProfileId, Settings, Store};

use crate::ingest::{LINK_LIFETIME, drain, start_engine, stop};
use crate::table::Row;
use crate::{ROUNDS, median, messages, millis};

/// Entries per write.
const BATCH: usize = 8_192;

/// Rows that a large window shows.
const SHOWN: usize = 100;

/// Rows processed per frame while the view is built.
const BUDGET: usize = 50_000;

/// The median of all rounds.
pub(crate) fn row(count: usize) -> Row {
    let (full, empty) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let profile = Profile { name: "Bench".to_owned(), keep_signed_in: false, ..Profile::default() };
    let mut long = Vec::new();
    let mut short = Vec::new();
    fill(full.path(), &profile, count);
    fill(empty.path(), &profile, 0);
    for _ in 0..ROUNDS {
        long.push(to_first_rows(full.path(), SHOWN.min(count)));
        short.push(to_first_rows(empty.path(), 0));
    }
    Row {
        figure: "start with a long journal, ms",
        baseline: "start with an empty one, ms",
        measured: millis(median(long)),
        against: millis(median(short)),
        goal: "at most 1.3",
    }
}

/// Writes the settings and a journal with `count` entries.
pub(crate) fn fill(folder: &Path, profile: &Profile, count: usize) {
    let directories = Directories::at(folder.join("data"), folder.join("config")).expect("folders");
    let (store, settings, _) = Store::open(&directories);
    let settings = Settings { profiles: vec![profile.clone()], ..settings };
    store.save(&settings).expect("settings");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(append(directories.data(), profile.id, count));
}

async fn append(folder: &Path, profile: ProfileId, count: usize) {
    let journal = Journal::open(folder).expect("a journal").journal;
    let mut entries = messages::entries(count).peekable();
    while entries.peek().is_some() {
        let batch = entries.by_ref().take(BATCH).collect();
        journal.append(profile, batch).await.expect("the journal takes them");
    }
    journal.close().await;
}

/// Starts the engine and reads the rows that the first frame would show.
fn to_first_rows(folder: &Path, shown: usize) -> Duration {
    let start = Instant::now();
    let (engine, events) = start_engine(folder);
    let mut activities = Activities::new(LINK_LIFETIME);
    drain(&events, |event| match event {
        Event::Restored { entries, live_from, .. } => {
            activities.set_live_from(live_from);
            activities.apply_restored(&entries);
            true
        }
        _ => false,
    });
    let mut view = View::new();
    view.refresh(&mut activities, BUDGET);
    let mut read = 0;
    for row in (0..shown).filter_map(|at| view.row(&activities, at)).filter_map(|id| activities.get(id)) {
        std::hint::black_box((row.message(), row.id()));
        read += 1;
    }
    let time = start.elapsed();
    assert_eq!(read, shown, "the first frame lacks rows");
    stop(&engine, &events);
    time
}
