//! What `watch` prints of a gap at last is what the window and `export` say of it: over any journal, with gaps that go on,
//! whatever became of what was open, and after purges and restarts. And it prints no flood.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::{Model, Whose};
use crate::activity::record::{Format, Record};
use crate::activity::{
    Activities, ActivityKey, Chip, Deed, Enquiry, Entry, Fact, Filter, Gap, GapCause, Moment, Seq, Status,
    TimeReference, View,
};
use crate::cli::people::Names;
use crate::cli::task::Watch;
use crate::journal::{Archive, EarlierLinks, Export, Journal, JournalError, Limits};
use crate::protocol::incoming::parse;
use crate::protocol::{CommandId, CommandStatus, Incoming, RequestId};
use crate::settings::ProfileId;

const LIFETIME: Duration = Duration::from_mins(10);
/// How old entries may become in the journal.
const AGE: Duration = Duration::from_hours(2);

fn profile() -> ProfileId {
    ProfileId::from_u128(7)
}

fn second(n: i64) -> Moment {
    Moment(n * 1_000_000)
}

fn heard(data: &Value) -> Entry {
    let raw = json!({ "data": data }).to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    Entry { raw: raw.into(), ..Entry::ours(Moment(0), ActivityKey::of(&message), Fact::Heard(message)) }
}

fn command(id: &str, status: u8) -> Entry {
    heard(&json!({"type": "X-DPT-CAB-ID", "id": id, "command_status": status}))
}

fn data(id: &str, is_ready: bool) -> Entry {
    let body = if is_ready { "https://h/?auth=hidden" } else { "Collecting" };
    heard(&json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": u8::from(is_ready), "body": body}))
}

fn enquired(id: &str, enquiry: Enquiry) -> Entry {
    Entry::ours(Moment(0), ActivityKey::Command(id.into()), Fact::Enquired(enquiry))
}

fn known(status: i64) -> Enquiry {
    Enquiry::Known { status: CommandStatus::from_number(status), text: None }
}

/// A journal, the window beside it, and a `watch` that follows it.
struct Bench {
    folder: tempfile::TempDir,
    journal: Journal,
    runtime: tokio::runtime::Runtime,
    at: i64,
    clock: Arc<AtomicI64>,
    window: Activities,
    watch: Model,
    /// Every line of a gap that `watch` printed.
    printed: Vec<String>,
    /// The gaps by the seconds at which they began; what their entries name, and how many requests they count.
    gaps: BTreeMap<i64, Gap>,
    used_up: BTreeMap<(String, u8), u32>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap().journal;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        let (wanted, now) = (Watch { json: true, exit_on: None, filter: None }, clock.clone());
        let memory = (LIFETIME, 1_000);
        let now = Arc::new(move || Moment(now.load(Ordering::SeqCst)));
        let (mut watch, end) = Model::new(folder.path(), Whose::Everybody, wanted, (memory, now)).unwrap();
        while watch.remember(end).unwrap() {}
        let window = Activities::new(LIFETIME);
        Self {
            folder,
            journal,
            runtime,
            at: 1_000,
            clock,
            window,
            watch,
            printed: Vec::new(),
            gaps: BTreeMap::new(),
            used_up: BTreeMap::new(),
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.at += seconds;
        self.clock.store(second(self.at).0, Ordering::SeqCst);
        self.window.expire(second(self.at));
        // `watch` looks at the clock when the journal has changed; between two changes its own runs on.
        self.runtime.block_on(self.journal.alive(profile(), second(self.at))).unwrap();
        self.look();
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
        self.look();
    }

    /// `watch` looks at the journal.
    fn look(&mut self) {
        let mut names = Names::default();
        loop {
            let news = self.watch.news(&mut names, Names::default).unwrap();
            self.print(&news.lines);
            if !news.more {
                return;
            }
        }
    }

    fn print(&mut self, lines: &str) {
        self.printed.extend(lines.lines().filter(|line| line.contains(r#""kind":"gap""#)).map(str::to_owned));
    }

    /// What is open, as the engine would know it.
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

    /// The entry by which a gap begins or goes on.
    fn lose(&mut self, from: i64) {
        let new = Gap {
            from: second(from),
            to: None,
            cause: GapCause::Disconnected,
            open: Vec::new(),
            requests: 0,
            open_requests: Vec::new(),
        };
        let gap = self.gaps.entry(from).or_insert(new);
        gap.to = None;
        let gap = Gap { open: Vec::new(), open_requests: Vec::new(), ..gap.clone() };
        self.write(Entry::ours(Moment(0), ActivityKey::Gap(format!("g-{from}").into()), Fact::Gap(gap)));
    }

    /// The entry by which a gap ends. An earlier version names everything again, this one only what is new.
    fn join(&mut self, from: i64, by_earlier_version: bool) {
        let (commands, requests) = self.open();
        let to = Some(second(self.at));
        let Some(gap) = self.gaps.get_mut(&from).filter(|gap| gap.to.is_none()) else { return };
        let new = |named: &[CommandId]| commands.iter().filter(|id| !named.contains(id)).cloned().collect::<Vec<_>>();
        let new_commands = new(&gap.open);
        let new_requests: Vec<_> = requests.iter().filter(|id| !gap.open_requests.contains(id)).cloned().collect();
        gap.join(&Gap { to, open: new_commands.clone(), open_requests: new_requests.clone(), ..gap.clone() }, true);
        gap.requests = u32::try_from(gap.open_requests.len()).unwrap();
        let entry = if by_earlier_version {
            gap.clone()
        } else {
            Gap { open: new_commands, open_requests: new_requests, ..gap.clone() }
        };
        self.write(Entry::ours(Moment(0), ActivityKey::Gap(format!("g-{from}").into()), Fact::Gap(entry)));
    }

    /// The journal loses what is old, and the window is told.
    fn purge(&mut self) {
        let now = second(self.at);
        let limits = Limits { age: Some(AGE), bytes: None };
        let (mut before, mut gaps) = (Seq(0), Vec::new());
        self.runtime.block_on(async {
            self.journal.forget_expired_secrets(now, LIFETIME).await.unwrap();
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
        self.window.purged(before, gaps.iter().map(|(_, gap)| gap));
        while self.window.tidy(3) {}
        self.look();
    }

    /// What each says of the gaps at the end, by the moments at which they began: the window, the window after a restart,
    /// `export` by activity and by message, and `watch`.
    fn told(mut self, later: i64) -> [BTreeMap<String, String>; 5] {
        self.pass(later);
        let now = second(self.at);
        let rest = self.watch.changed_gaps(&Names::default(), true);
        self.print(&rest);
        self.runtime.block_on(self.journal.close());
        let entries = Archive::open(self.folder.path()).unwrap().unwrap().since(Seq(0), usize::MAX).unwrap();
        let mut restarted = Activities::new(LIFETIME);
        restarted.apply_restored(&entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>());
        let window = of_window(&mut self.window, now);
        let mut watch = by_begin(self.printed);
        // It does not forget gaps that are no longer in the journal.
        watch.retain(|from, _| window.contains_key(from));
        let export = |messages| of_export(self.folder.path(), messages, now);
        [window, of_window(&mut restarted, now), export(false), export(true), watch]
    }
}

fn by_begin(lines: Vec<String>) -> BTreeMap<String, String> {
    let begin = |line: &String| serde_json::from_str::<Value>(line).unwrap()["first_seen"].as_str().unwrap().to_owned();
    lines.into_iter().map(|line| (begin(&line), line.trim_end().to_owned())).collect()
}

fn of_window(window: &mut Activities, now: Moment) -> BTreeMap<String, String> {
    window.expire(now);
    let suspected = window.competing_consumer(&window.unheard(), now).is_some();
    let line = |row| {
        let gap = window.gap(row).unwrap().while_suspected(suspected);
        let seen = window.get(row).unwrap().updated();
        Record::of_gap(profile().to_string(), &gap, seen, TimeReference::EXACT).json()
    };
    by_begin(window.gaps().map(line).collect())
}

fn of_export(folder: &Path, messages: bool, now: Moment) -> BTreeMap<String, String> {
    let export = Export {
        format: Format::Ndjson,
        only: None,
        filter: Filter::parse("kind:gap").unwrap(),
        chip: Chip::All,
        since: None,
        messages,
        bom: false,
        rows: None,
        link_lifetime: LIFETIME,
        now,
        reference: TimeReference::EXACT,
        links: EarlierLinks::default(),
        names: BTreeMap::new(),
    };
    let mut lines = Vec::new();
    let archive = Archive::open(folder).unwrap();
    let written = export.write(archive.as_ref(), |line| {
        lines.push(line.to_owned());
        Ok::<_, JournalError>(())
    });
    written.unwrap();
    by_begin(lines)
}

#[derive(Debug, Clone)]
enum Step {
    Command(u8, u8),
    Data(u8, bool),
    Unknown(u8),
    Known(u8, i64),
    Tracked(u8),
    /// The connection is lost: another gap begins, or the last one goes on.
    Lost(bool),
    /// A connection is joined; whether an earlier version writes that.
    Joined(bool),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..5_u8;
    prop_oneof![
        3 => (id.clone(), 1..4_u8).prop_map(|(id, status)| Step::Command(id, status)),
        2 => (0..3_u8, any::<bool>()).prop_map(|(id, is_ready)| Step::Data(id, is_ready)),
        1 => id.clone().prop_map(Step::Unknown),
        2 => (id.clone(), 1..4_i64).prop_map(|(id, status)| Step::Known(id, status)),
        1 => id.prop_map(Step::Tracked),
        2 => any::<bool>().prop_map(Step::Lost),
        2 => any::<bool>().prop_map(Step::Joined),
        1 => Just(Step::Purge),
    ]
}

impl Bench {
    /// The name of an id. One that was settled when something was purged is not used again.
    fn id(&self, kind: &str, number: u8) -> String {
        format!("{kind}-{number}-{}", self.used_up.get(&(kind.to_owned(), number)).copied().unwrap_or_default())
    }

    /// Whether an activity is settled. What repeats an earlier state of it is left out of the journals here: a purge may leave
    /// just that.
    fn is_settled(&self, kind: &str, number: u8) -> bool {
        let id = self.id(kind, number);
        let command = ActivityKey::Command(id.as_str().into());
        let key = if kind == "c" { command } else { ActivityKey::Data(id.as_str().into()) };
        let status = self.window.find(&key).and_then(|row| self.window.get(row)).map(|row| row.status());
        status.is_some_and(|status| !status.is_open() && status != Status::Unknown)
    }

    fn take(&mut self, step: &Step) {
        let last = self.gaps.last_key_value().map(|(from, gap)| (*from, gap.to.is_none()));
        match *step {
            Step::Command(id, 1) | Step::Known(id, 1) | Step::Unknown(id) | Step::Tracked(id)
                if self.is_settled("c", id) => {}
            Step::Data(id, false) if self.is_settled("r", id) => {}
            Step::Command(id, status) => self.write(command(&self.id("c", id), status)),
            Step::Data(id, is_ready) => self.write(data(&self.id("r", id), is_ready)),
            Step::Unknown(id) => self.write(enquired(&self.id("c", id), Enquiry::Unknown)),
            Step::Known(id, status) => self.write(enquired(&self.id("c", id), known(status))),
            Step::Tracked(id) => {
                let key = ActivityKey::Command(self.id("c", id).as_str().into());
                self.write(Entry::ours(Moment(0), key, Fact::Done(Deed::Tracked)));
            }
            Step::Lost(goes_on) => match last {
                Some((_, true)) => {}
                Some((from, false)) if goes_on => self.lose(from),
                _ => self.lose(self.at),
            },
            Step::Joined(by_earlier_version) => {
                if let Some((from, true)) = last {
                    self.join(from, by_earlier_version);
                }
            }
            Step::Purge => {
                self.purge();
                for number in 0..5 {
                    let keys = [
                        ActivityKey::Command(self.id("c", number).as_str().into()),
                        ActivityKey::Data(self.id("r", number).as_str().into()),
                    ];
                    for (kind, key) in ["c", "r"].into_iter().zip(keys) {
                        let status =
                            self.window.find(&key).and_then(|row| self.window.get(row)).map(|row| row.status());
                        if status.is_none_or(|status| !status.is_open() && status != Status::Unknown) {
                            *self.used_up.entry((kind.to_owned(), number)).or_default() += 1;
                        }
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn window_export_and_watch_say_the_same_of_every_gap(
        steps in prop::collection::vec((step(), prop_oneof![4 => 0..40_i64, 1 => 2_000..8_000_i64]), 1..40),
        later in prop::sample::select(vec![0_i64, 5, 60]),
    ) {
        let mut bench = Bench::new();
        for (step, pause) in &steps {
            bench.pass(*pause);
            bench.take(step);
        }
        let purged = steps.iter().any(|(step, _)| matches!(step, Step::Purge));
        // Whether an outcome was heard can be purged within the hour in which that counts.
        let [window, others @ ..] = bench.told(if purged { later + 3_700 } else { later });
        for (told, whose) in others.iter().zip(["the window after a restart", "export", "export --messages", "watch"]) {
            prop_assert_eq!(told, &window, "{}", whose);
        }
    }
}

/// The messages of the lines that were printed since the last look.
fn messages(bench: &mut Bench) -> Vec<String> {
    let lines = std::mem::take(&mut bench.printed);
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_gap_is_printed_again_when_its_numbers_change_but_not_for_each_command() {
    let mut bench = Bench::new();
    bench.write_all((0..100).map(|number| command(&format!("c-{number}"), 1)).collect());
    bench.lose(1_000);
    bench.pass(20);
    bench.join(1_000, false);
    assert_eq!(messages(&mut bench).len(), 2, "one when it begins and one when it ends");
    // A minute in which more than one a second settles.
    for number in 0..99 {
        bench.write(command(&format!("c-{number}"), 2));
        if number % 2 == 0 {
            bench.pass(1);
        }
    }
    // What was left out comes when nothing else does.
    bench.pass(11);
    let lines = messages(&mut bench);
    assert!((3..=7).contains(&lines.len()), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("acknowledgements may be missing")), "{lines:?}");
    let last = "Disconnected: acknowledgements may be missing, 99 of 100 recovered";
    assert_eq!(lines.last().map(String::as_str), Some(last));
    bench.pass(60);
    assert_eq!(messages(&mut bench), [""; 0], "nothing has changed");
    // The last one is not waited for.
    bench.write(command("c-99", 2));
    assert_eq!(messages(&mut bench), ["Disconnected: nothing known is missing, 100 of 100 recovered"]);
    bench.write(command("another", 2));
    bench.pass(60);
    assert_eq!(messages(&mut bench), [""; 0]);
}

#[test]
fn a_suspicion_takes_the_claim_back_without_a_flood() {
    let mut bench = Bench::new();
    for number in 0..50 {
        bench.lose(1_000 + number);
        bench.pass(1);
        bench.join(1_000 + number, false);
    }
    bench.pass(100);
    bench.write(command("taken", 1));
    bench.write(enquired("taken", known(2)));
    messages(&mut bench);
    bench.pass(9);
    assert_eq!(messages(&mut bench).len(), 0, "the socket may still say so");
    bench.pass(2);
    let lines = messages(&mut bench);
    assert!(lines.iter().all(|line| line.contains("another client may take messages")), "{lines:?}");
    let mut count = lines.len();
    assert!((1..=20).contains(&count), "{count} lines at once");
    for _ in 0..4 {
        bench.pass(11);
        count += messages(&mut bench).len();
    }
    assert_eq!(count, 50, "each gap once");
}
