//! More activities than may be in memory: those that are only in the journal are found, searched and restored.

use std::time::Duration;

use privicore_monitor::activity::{
    Activities, ActivityKey, Entry, Fact, Filter, Gap, GapCause, Kind, LocalEvent, OpenItemState, Status, StatusCheck,
    StatusFilter, Timestamp,
};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{Action, Event, SearchEnd};
use privicore_monitor::journal::Journal;
use privicore_monitor::protocol::incoming::parse;
use privicore_monitor::protocol::{CommandId, Incoming};
use privicore_monitor::sandbox::{DEMO_USERNAME, SandboxHandle};
use privicore_monitor::settings::{PreferenceChange, ProfileId};
use serde_json::json;

use crate::quiet;
use crate::window::{Machine, Window};

/// The smallest limit of rows in memory.
const ROWS: usize = 10_000;
/// The commands in the journal.
const COMMANDS: usize = 26_000;

fn id_of(number: usize) -> String {
    format!("c-{number:05}")
}

fn command(number: usize) -> ActivityKey {
    ActivityKey::Command(CommandId::new(id_of(number)))
}

/// The time at which a command was tracked, and so first seen.
fn first_seen(number: usize) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + i64::try_from(number).expect("a small number") * 1_000)
}

/// The entries of an earlier run for a command: its label, and its failure.
fn entries_of(number: usize) -> [Entry; 2] {
    let label = Fact::Local(LocalEvent::Labelled { label: format!("job {number}") });
    let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": id_of(number), "command_status": 3, "body": "denied"}});
    let raw = raw.to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
    let at = first_seen(number);
    [
        Entry::local(at, command(number), label),
        Entry { raw: raw.into(), ..Entry::local(Timestamp(at.0 + 1), command(number), Fact::Received(message)) },
    ]
}

/// A machine whose journal has all commands, with the smallest limit of rows in memory.
async fn with_history(sandbox: &SandboxHandle) -> (Machine, ProfileId) {
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(sandbox).await;
    window.wait_for_stored_token().await;
    let rows = u32::try_from(ROWS).expect("a small number");
    window.act(Action::ChangePreferences { number: 1, changes: vec![PreferenceChange::RowsInMemory(rows)] });
    window.settings("the rows", |settings| (settings.preferences.rows_in_memory == rows).then_some(())).await;
    window.quit().await;
    let journal = Journal::open(&machine.folder.path().join("data")).expect("the journal").journal;
    for batch in (0..COMMANDS).collect::<Vec<_>>().chunks(2_000) {
        let entries = batch.iter().flat_map(|number| entries_of(*number)).collect();
        journal.append(profile, entries).await.expect("written");
    }
    journal.close().await;
    (machine, profile)
}

/// A window's model of one profile, built from the engine's events.
struct Model {
    profile: ProfileId,
    activities: Activities,
    /// The number of processed events.
    taken: usize,
    /// Whether all older entries have been indexed.
    indexed: bool,
}

impl Model {
    fn new(profile: ProfileId) -> Self {
        let mut activities = Activities::new(Duration::from_mins(10));
        activities.set_rows_in_memory(ROWS);
        Self { profile, activities, taken: 0, indexed: false }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Restored { entries, live_from, .. } => {
                self.activities.set_live_from(*live_from);
                self.activities.apply_restored(entries);
            }
            Event::Committed { entries, .. } => {
                for entry in entries {
                    self.activities.apply(entry);
                }
            }
            Event::Older { rows, .. } => self.activities.set_older(rows.clone()),
            Event::OlderEntries { entries, complete, .. } => {
                self.activities.index_older(entries, *complete);
                self.indexed |= complete;
            }
            Event::EarlierEntries { rows, .. } => {
                for (key, entries) in rows {
                    self.activities.complete(key, entries);
                }
            }
            _ => {}
        }
    }

    /// Processes events, and requests missing rows, until a condition holds.
    async fn until(&mut self, window: &mut Window, what: &str, is_true: impl Fn(&Self) -> bool) {
        loop {
            while let Some(event) = window.heard.get(self.taken) {
                self.taken += 1;
                self.take(event);
            }
            let rows = self.activities.take_incomplete(100);
            if !rows.is_empty() {
                window.act(Action::ReadEarlierEntries { profile: self.profile, rows });
            }
            if is_true(self) {
                return;
            }
            window.since(self.taken, what, |_any| Some(())).await;
        }
    }

    fn status(&self, key: &ActivityKey) -> Option<Status> {
        Some(self.activities.get(self.activities.find(key)?)?.status())
    }

    /// The number of rows except gaps.
    fn known(&self) -> usize {
        self.activities.total_rows() - self.activities.gaps().count()
    }

    /// Checks that a row contains all of its entries.
    fn is_whole(&self, number: usize) {
        let activity =
            self.activities.find(&command(number)).and_then(|row| self.activities.get(row)).expect("the row");
        assert_eq!((activity.status(), activity.kind()), (Status::Failed, Kind::Command));
        assert_eq!((activity.label(), activity.message().as_ref()), (format!("job {number}").as_str(), "denied"));
        assert_eq!(activity.first_seen(), first_seen(number));
    }
}

async fn late(sandbox: &SandboxHandle, id: &str, status: u8) {
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "late"}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
}

#[tokio::test]
async fn a_late_message_updates_a_row_that_is_only_in_the_journal() {
    let sandbox = quiet().await;
    let (machine, profile) = with_history(&sandbox).await;
    let mut window = Window::open(&machine);
    let mut model = Model::new(profile);
    model.until(&mut window, "what is older", |model| model.indexed).await;
    window.live(1).await;
    // From an earlier run, and older than the restored entries.
    let known = model.known();
    assert!(known >= COMMANDS, "{known}");
    assert_eq!(model.status(&command(7)), None);
    late(&sandbox, &id_of(7), 1).await;
    model.until(&mut window, "the older row", |model| model.status(&command(7)) == Some(Status::Failed)).await;
    model.is_whole(7);
    assert_eq!(model.known(), known, "it is counted twice, or not at all");
    // Evicted by newer rows.
    let oldest = COMMANDS - ROWS + 200;
    assert_eq!(model.status(&command(oldest)), Some(Status::Failed));
    for number in 0..400 {
        late(&sandbox, &format!("new-{number}"), 2).await;
    }
    model.until(&mut window, "the eviction", |model| model.status(&command(oldest)).is_none()).await;
    late(&sandbox, &id_of(oldest), 1).await;
    let is_back = |model: &Model| model.status(&command(oldest)) == Some(Status::Failed);
    model.until(&mut window, "the evicted row", is_back).await;
    model.is_whole(oldest);
    let new = |number: usize| ActivityKey::Command(CommandId::new(format!("new-{number}")));
    assert!((0..400).all(|number| model.status(&new(number)) == Some(Status::Succeeded)));
    assert_eq!(model.known(), known + 400);
    window.quit().await;
}

/// The answers to a search so far: the progress, the results, and the end.
fn found(window: &Window, number: u32) -> (Vec<u8>, Vec<(ActivityKey, usize)>, Option<SearchEnd>) {
    let (mut percents, mut all, mut ended) = (Vec::new(), Vec::new(), None);
    for event in &window.heard {
        if let Event::SearchResults { search, rows, percent, end, .. } = event
            && *search == number
        {
            assert_eq!(ended, None, "it goes on after its end");
            percents.push(*percent);
            all.extend(rows.iter().map(|(key, entries)| (key.clone(), entries.len())));
            ended = *end;
        }
    }
    (percents, all, ended)
}

#[tokio::test]
async fn a_search_reports_progress_finds_complete_activities_and_can_be_cancelled() {
    let sandbox = quiet().await;
    let (machine, profile) = with_history(&sandbox).await;
    let mut window = Window::open(&machine);
    let mut model = Model::new(profile);
    model.until(&mut window, "what is older", |model| model.indexed).await;
    let before = model.activities.older_than();
    let search = |search: u32, filter: &str| {
        let filter = Filter::parse(filter).expect("a filter");
        Action::SearchOlder { profile, search, filter, status_filter: StatusFilter::All, before }
    };
    // The first search is cancelled, and the third replaces the second.
    window.act(search(1, "label:job"));
    window.act(Action::CancelSearch(profile));
    window.act(search(2, "label:job"));
    window.act(search(3, "id:c-0001"));
    let end = |event: &Event| match event {
        Event::SearchResults { search: 3, end, .. } => *end,
        _ => None,
    };
    assert_eq!(window.since(0, "the end", end).await, SearchEnd::Complete);
    let (percents, rows, _) = found(&window, 3);
    let mut expected: Vec<_> = (10..20).map(|number| (command(number), 2)).collect();
    expected.reverse();
    assert_eq!(rows, expected, "the newest first, with all of its entries");
    assert!(percents.len() >= 3 && percents.is_sorted(), "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    assert!(percents.iter().rev().skip(1).all(|percent| *percent < 100), "{percents:?}");
    for number in [1, 2] {
        assert_eq!(found(&window, number).2, None, "search {number} went on");
    }
    window.quit().await;
}

#[tokio::test]
async fn a_gap_counts_unrestored_activities_as_the_journal_knows_them() {
    let sandbox = quiet().await;
    let (mut machine, profile) = with_history(&sandbox).await;
    // Without a token no server is asked.
    machine.keyring = Keyring::in_memory();
    let journal = Journal::open(&machine.folder.path().join("data")).expect("the journal").journal;
    let id = |text: &str| CommandId::new(text.to_owned());
    let received = |text: &str, status: u8| {
        let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": text, "command_status": status}}).to_string();
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        Entry { raw: raw.into(), ..Entry::local(first_seen(0), ActivityKey::of(&message), Fact::Received(message)) }
    };
    let key = |text: &str| ActivityKey::Command(id(text));
    let gap = Gap {
        from: first_seen(0),
        to: Some(first_seen(1)),
        cause: GapCause::Disconnected,
        open: ["unknown", "open", "settled", "never there"].map(id).to_vec(),
        requests: 0,
        open_requests: Vec::new(),
    };
    let gap = Entry::local(first_seen(1), ActivityKey::Gap("g".into()), Fact::Gap(gap));
    let mut entries = vec![received("unknown", 1), received("open", 1), received("settled", 1), gap.clone()];
    entries.push(received("settled", 2));
    let unknown = Fact::StatusChecked(StatusCheck::Unknown);
    entries.push(Entry::local(first_seen(2), key("unknown"), unknown));
    journal.append(profile, entries).await.expect("written");
    for batch in (0..2 * COMMANDS).collect::<Vec<_>>().chunks(2_000) {
        let newer = batch.iter().map(|number| received(&format!("n-{number}"), 2)).collect();
        journal.append(profile, newer).await.expect("written");
    }
    // The gap continued, and names nothing more.
    let Fact::Gap(more) = gap.fact else { panic!("no gap") };
    let more = Fact::Gap(Gap { open: Vec::new(), ..more });
    journal
        .append(profile, vec![Entry::local(first_seen(3), ActivityKey::Gap("g".into()), more)])
        .await
        .expect("written");
    journal.close().await;
    let mut window = Window::open(&machine);
    let mut model = Model::new(profile);
    model.until(&mut window, "what is older", |model| model.indexed).await;
    let state = |model: &Model| {
        let row = model.activities.find(&ActivityKey::Gap("g".into())).expect("the gap");
        let gap = model.activities.gap(row).expect("a gap");
        (gap.open, gap.recovered, gap.unknown)
    };
    assert_eq!(state(&model), (4, 1, 1));
    assert_eq!(model.status(&key("unknown")), Some(Status::Unknown));
    // Each counts once: those of the journal, the new ones, and those that the gap names.
    assert_eq!(model.known(), COMMANDS + 2 * COMMANDS + 3);
    // Nothing is claimed about a command that is only in the journal.
    assert_eq!(model.activities.answer(&command(7)), OpenItemState::Open);
    window.quit().await;
}
