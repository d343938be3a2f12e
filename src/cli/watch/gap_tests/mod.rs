//! The last line that `watch` prints of a gap agrees with the window and with `export`, and all three agree on what is open:
//! over any journal, with reopened gaps, any outcome of what was open, repeats of settled commands, purges and restarts. And
//! `watch` prints no flood.

mod property;
mod reopened;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::activity::export_record::Record;
use crate::activity::{
    Activities, ActivityKey, DownloadFailure, DownloadReceipt, Entry, Fact, Filter, Gap, GapCause, LocalEvent, Seq,
    Status, StatusCheck, TimeReference, Timestamp, View,
};
use crate::cli::profiles::ProfileNames;
use crate::cli::subcommand::Watch;
use crate::journal::handle::Journal;
use crate::journal::test_support::{export, exported};
use crate::journal::{ExportOptions, Limits, ReadOnlyJournal};
use crate::protocol::incoming::parse;
use crate::protocol::{CommandId, CommandStatus, Incoming, RequestId};
use crate::settings::ProfileId;

use super::model::{Model, ProfileFilter};

const LIFETIME: Duration = Duration::from_mins(10);
/// The maximum age of entries in the journal.
const AGE: Duration = Duration::from_hours(2);

fn profile() -> ProfileId {
    ProfileId::from_u128(7)
}

fn second(n: i64) -> Timestamp {
    Timestamp(n * 1_000_000)
}

fn received(data: &Value) -> Entry {
    let raw = json!({ "data": data }).to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    Entry { raw: raw.into(), ..Entry::local(Timestamp(0), ActivityKey::of(&message), Fact::Received(message)) }
}

fn command(id: &str, status: u8) -> Entry {
    received(&json!({"type": "X-DPT-CAB-ID", "id": id, "command_status": status}))
}

fn data(id: &str, is_ready: bool) -> Entry {
    let body = if is_ready { "https://h/?auth=hidden" } else { "Collecting" };
    received(&json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": u8::from(is_ready), "body": body}))
}

fn token(id: &str) -> Entry {
    received(&json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 1, "body": "a-token"}))
}

fn stream_ready(id: &str) -> Entry {
    received(&json!({"type": "STREAM-READY", "id": id}))
}

fn status_checked(id: &str, check: StatusCheck) -> Entry {
    Entry::local(Timestamp(0), ActivityKey::Command(id.into()), Fact::StatusChecked(check))
}

fn known(status: i64) -> StatusCheck {
    StatusCheck::Known { status: CommandStatus::from_number(status), text: None }
}

/// A journal, a window, and a `watch` that follows the journal.
struct Fixture {
    folder: tempfile::TempDir,
    journal: Journal,
    runtime: tokio::runtime::Runtime,
    at: i64,
    clock: Arc<AtomicI64>,
    window: Activities,
    watch: Model,
    /// Every gap line that `watch` printed.
    printed: Vec<String>,
    /// The gaps by the second at which they began: what their entries name, and how many requests they count.
    gaps: BTreeMap<i64, Gap>,
}

/// Starts a `watch` that keeps `rows` rows in memory.
fn watch(folder: &Path, clock: &Arc<AtomicI64>, rows: usize) -> Model {
    let (wanted, now) = (Watch { json: true, exit_on: None, filter: None }, clock.clone());
    let now = Arc::new(move || Timestamp(now.load(Ordering::SeqCst)));
    let (mut watch, end) = Model::new(folder, ProfileFilter::All, wanted, ((LIFETIME, rows), now)).unwrap();
    while watch.read_history(end).unwrap() {}
    watch
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap().journal;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let watch = watch(folder.path(), &clock, 1_000);
        let window = Activities::new(LIFETIME);
        Self { folder, journal, runtime, at: 1_000, clock, window, watch, printed: Vec::new(), gaps: BTreeMap::new() }
    }

    fn pass(&mut self, seconds: i64) {
        self.at += seconds;
        self.clock.store(second(self.at).0, Ordering::SeqCst);
        self.window.expire(second(self.at));
        // `watch` reads the time when the journal has changed; between two changes its own clock runs on.
        self.runtime.block_on(self.journal.touch(profile(), second(self.at))).unwrap();
        self.poll();
    }

    fn write(&mut self, entry: Entry) {
        self.write_all(vec![entry]);
    }

    fn write_all(&mut self, mut entries: Vec<Entry>) {
        for entry in &mut entries {
            entry.at = second(self.at);
        }
        for entry in self.runtime.block_on(self.journal.append(profile(), entries)).unwrap() {
            self.window.apply(&entry);
        }
        self.read_missing();
        self.poll();
    }

    /// Reads from the journal what is missing in the window's restored rows.
    fn read_missing(&mut self) {
        let incomplete = self.window.take_incomplete(usize::MAX);
        if incomplete.is_empty() {
            return;
        }
        let archive = ReadOnlyJournal::open(self.folder.path()).unwrap().unwrap();
        for incomplete in incomplete {
            let key = &incomplete.key;
            let read = |stretch: &RangeInclusive<Seq>| {
                archive.history(profile(), key, *stretch.start(), *stretch.end()).unwrap()
            };
            self.window.complete(key, &incomplete.ranges.iter().flat_map(read).collect::<Vec<_>>());
        }
    }

    /// Lets `watch` read the journal.
    fn poll(&mut self) {
        let mut names = ProfileNames::default();
        loop {
            let news = self.watch.read_new_entries(&mut names, ProfileNames::default).unwrap();
            self.print(&news.lines);
            if !news.more {
                return;
            }
        }
    }

    fn print(&mut self, lines: &str) {
        self.printed.extend(lines.lines().filter(|line| line.contains(r#""kind":"gap""#)).map(str::to_owned));
    }

    /// The open commands and requests, as the engine would know them.
    fn open(&self) -> (BTreeSet<CommandId>, BTreeSet<RequestId>) {
        let (mut commands, mut requests, view) = (BTreeSet::new(), BTreeSet::new(), View::new());
        for row in (0..self.window.len()).filter_map(|index| view.row(&self.window, index)) {
            let activity = self.window.get(row).unwrap();
            match (activity.key(), activity.status()) {
                (ActivityKey::Command(id), Status::Pending) => _ = commands.insert(id),
                (ActivityKey::Data(id), Status::Preparing) => _ = requests.insert(id),
                _ => {}
            }
        }
        (commands, requests)
    }

    /// Writes the entry that begins or reopens a gap.
    fn lose(&mut self, from: i64) {
        self.lose_by(from, GapCause::Disconnected);
    }

    fn lose_by(&mut self, from: i64, cause: GapCause) {
        let new = Gap { from: second(from), to: None, cause, open: Vec::new(), requests: 0, open_requests: Vec::new() };
        let gap = self.gaps.entry(from).or_insert(new);
        (gap.to, gap.cause) = (None, cause);
        let gap = Gap { open: Vec::new(), open_requests: Vec::new(), ..gap.clone() };
        self.write(Entry::local(Timestamp(0), ActivityKey::Gap(format!("g-{from}").into()), Fact::Gap(gap)));
    }

    /// Writes the entry that ends a gap. An earlier version names every row again, this one only the new ones.
    fn join(&mut self, from: i64, by_earlier_version: bool) {
        let (commands, requests) = self.open();
        let to = Some(second(self.at));
        let Some(gap) = self.gaps.get_mut(&from).filter(|gap| gap.to.is_none()) else { return };
        let new = |named: &[CommandId]| commands.iter().filter(|id| !named.contains(id)).cloned().collect::<Vec<_>>();
        let new_commands = new(&gap.open);
        let new_requests: Vec<_> = requests.iter().filter(|id| !gap.open_requests.contains(id)).cloned().collect();
        gap.merge(&Gap { to, open: new_commands.clone(), open_requests: new_requests.clone(), ..gap.clone() }, true);
        gap.requests = u32::try_from(gap.open_requests.len()).unwrap();
        let entry = if by_earlier_version {
            gap.clone()
        } else {
            Gap { open: new_commands, open_requests: new_requests, ..gap.clone() }
        };
        self.write(Entry::local(Timestamp(0), ActivityKey::Gap(format!("g-{from}").into()), Fact::Gap(entry)));
    }

    /// Deletes old entries from the journal, and from the window.
    fn purge(&mut self) {
        let now = second(self.at);
        let limits = Limits { age: Some(AGE), bytes: None };
        let (mut before, mut gaps) = (Seq(0), Vec::new());
        self.runtime.block_on(async {
            self.journal.delete_expired_secrets(now, LIFETIME).await.unwrap();
            loop {
                let step = self.journal.purge_step(now, &limits).await.unwrap();
                before = before.max(step.before);
                gaps.extend(step.gaps);
                if !step.more {
                    return;
                }
            }
        });
        for (_, gap) in &gaps {
            self.gaps.retain(|from, _| *gap != ActivityKey::Gap(format!("g-{from}").into()));
        }
        self.window.on_purge(before, gaps.iter().map(|(_, gap)| gap));
        while self.window.tidy(3) {}
        self.poll();
    }

    /// The final lines of gaps (by the time at which they began) and the status of open rows (by id), from the window, the
    /// window after a restart, `export` by activity and by message, a running `watch`, and a `watch` that starts at the end.
    fn final_lines(mut self, later: i64) -> [BTreeMap<String, String>; 6] {
        self.pass(later);
        let now = second(self.at);
        let rest = self.watch.changed_gaps(&ProfileNames::default(), true);
        self.print(&rest);
        self.runtime.block_on(self.journal.close());
        let entries =
            ReadOnlyJournal::open(self.folder.path()).unwrap().unwrap().entries_from(Seq(0), usize::MAX).unwrap();
        let mut restarted = Activities::new(LIFETIME);
        restarted.apply_restored(&entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>());
        let window = of_window(&mut self.window, now);
        let mut followed = by_begin(self.printed);
        // The running `watch` keeps gaps that the journal no longer has.
        followed.retain(|from, _| window.contains_key(from));
        followed.extend(self.watch.activities.values().flat_map(open_rows));
        // A `watch` that reads only the newest entries at its start also has older rows that are open or named by a gap.
        let mut begun = watch(self.folder.path(), &self.clock, 5);
        let mut begun = begun.activities.get_mut(&profile()).map(|few| of_window(few, now)).unwrap_or_default();
        let is_gap = |from: &str| from.contains(':');
        // It does not read settled gaps, and it learns only from new entries whether another client is suspected.
        let others = window.iter().filter(|(from, _)| is_gap(from) && (later < 3_700 || !begun.contains_key(*from)));
        let others: Vec<_> = others.map(|(from, line)| (from.clone(), line.clone())).collect();
        begun.extend(others);
        let export = |messages| of_export(self.folder.path(), messages, now);
        [window, of_window(&mut restarted, now), export(false), export(true), followed, begun]
    }
}

/// The line of each gap, and the status of each open row.
fn by_begin(lines: Vec<String>) -> BTreeMap<String, String> {
    let read = |line: String| {
        let fields: Value = serde_json::from_str(&line).unwrap();
        let text = |field: &str| fields[field].as_str().map(str::to_owned);
        match text("status").unwrap().as_str() {
            "Gap" => Some((text("first_seen").unwrap(), line.trim_end().to_owned())),
            open @ ("Pending" | "Preparing") => Some((text("id").unwrap(), open.to_owned())),
            _ => None,
        }
    };
    lines.into_iter().filter_map(read).collect()
}

/// The status of each open row, by its id.
fn open_rows(window: &Activities) -> Vec<(String, String)> {
    let rows = (0..window.len()).filter_map(|index| window.get(window.newest(index)?));
    let open = rows.filter(|row| row.status().is_open());
    open.map(|row| (row.id().into_owned(), row.status().word().into_owned())).collect()
}

fn of_window(window: &mut Activities, now: Timestamp) -> BTreeMap<String, String> {
    window.expire(now);
    let suspected = window.competing_consumer(&window.undelivered_outcomes(), now).is_some();
    let line = |row| {
        let gap = window.gap(row).unwrap().while_suspected(suspected);
        let seen = window.get(row).unwrap().updated();
        Record::of_gap(profile().to_string(), &gap, seen, TimeReference::EXACT).json()
    };
    let mut lines = by_begin(window.gaps().map(line).collect());
    lines.extend(open_rows(window));
    lines
}

fn of_export(folder: &Path, messages: bool, now: Timestamp) -> BTreeMap<String, String> {
    let export = export(messages, LIFETIME, now);
    let lines = |export: &ExportOptions| by_begin(exported(folder, export));
    if messages {
        // With `messages` a line shows what its message says; compare only the gaps, and take open rows from the other export.
        let mut gaps = lines(&ExportOptions { filter: Filter::parse("kind:gap").unwrap(), ..export.clone() });
        gaps.extend(
            lines(&ExportOptions { messages: false, ..export })
                .into_iter()
                .filter(|(id, _)| id.contains('-') && !id.contains(':')),
        );
        return gaps;
    }
    lines(&export)
}

/// Takes the printed lines since the last call, and returns their messages.
fn messages(fixture: &mut Fixture) -> Vec<String> {
    let lines = std::mem::take(&mut fixture.printed);
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_gap_is_printed_again_when_its_numbers_change_but_not_for_each_command() {
    let mut fixture = Fixture::new();
    fixture.write_all((0..100).map(|number| command(&format!("c-{number}"), 1)).collect());
    fixture.lose(1_000);
    fixture.pass(20);
    fixture.join(1_000, false);
    assert_eq!(messages(&mut fixture).len(), 2, "one when it begins and one when it ends");
    // A minute in which more than one command a second settles.
    for number in 0..99 {
        fixture.write(command(&format!("c-{number}"), 2));
        if number % 2 == 0 {
            fixture.pass(1);
        }
    }
    // The lines that were held back are printed once nothing else arrives.
    fixture.pass(11);
    let lines = messages(&mut fixture);
    assert!((3..=7).contains(&lines.len()), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("acknowledgements may be missing")), "{lines:?}");
    let last = "Disconnected: acknowledgements may be missing, 99 of 100 recovered";
    assert_eq!(lines.last().map(String::as_str), Some(last));
    fixture.pass(60);
    assert_eq!(messages(&mut fixture), [""; 0], "nothing has changed");
    // The last line is not delayed.
    fixture.write(command("c-99", 2));
    assert_eq!(messages(&mut fixture), ["Disconnected: nothing known is missing, 100 of 100 recovered"]);
    fixture.write(command("another", 2));
    fixture.pass(60);
    assert_eq!(messages(&mut fixture), [""; 0]);
}

#[test]
fn a_suspected_consumer_withdraws_the_claim_without_a_flood_of_lines() {
    let mut fixture = Fixture::new();
    for number in 0..50 {
        fixture.lose(1_000 + number);
        fixture.pass(1);
        fixture.join(1_000 + number, false);
    }
    fixture.pass(100);
    fixture.write(command("taken", 1));
    fixture.write(status_checked("taken", known(2)));
    messages(&mut fixture);
    fixture.pass(9);
    assert_eq!(messages(&mut fixture).len(), 0, "the socket may still say so");
    fixture.pass(2);
    let lines = messages(&mut fixture);
    assert!(lines.iter().all(|line| line.contains("another client may take messages")), "{lines:?}");
    let mut count = lines.len();
    assert!((1..=20).contains(&count), "{count} lines at once");
    for _ in 0..4 {
        fixture.pass(11);
        count += messages(&mut fixture).len();
    }
    assert_eq!(count, 50, "each gap once");
}
