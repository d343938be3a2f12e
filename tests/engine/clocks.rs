//! A computer's clock that is wrong at the start, or is set while the engine runs: no status changes, no chart is empty,
//! nothing is deleted, and the operator is warned once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{
    Activities, ActivityKey, Entry, Fact, Filter, LocalEvent, Status, StatusFilter, TimeRange, Timestamp,
};
use privicore_monitor::engine::{Action, EngineClock, EngineOptions, Event, ProfileStatus, TokenStatus};
use privicore_monitor::journal::{ExportOptions, JournalError, LinkOpener, ReadOnlyJournal};
use privicore_monitor::protocol::RequestId;
use privicore_monitor::sandbox::{DEMO_USERNAME, SandboxHandle};
use privicore_monitor::settings::Preferences;
use serde_json::{Value, json};

use crate::quiet;
use crate::window::{Machine, Window};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const JUMPS: [i64; 4] = [2 * HOUR, -2 * HOUR, 2 * DAY, -2 * DAY];

/// A machine whose clock the test sets, by its deviation.
struct Wrong {
    machine: Machine,
    by: Arc<AtomicI64>,
}

impl Wrong {
    fn by(micros: i64) -> Self {
        Self { machine: Machine::new(), by: Arc::new(AtomicI64::new(micros)) }
    }

    fn set(&self, micros: i64) {
        self.by.store(micros, Ordering::SeqCst);
    }

    fn options(&self) -> EngineOptions {
        let (right, by) = (self.machine.options(), self.by.clone());
        let clock = right.clock.clone();
        EngineOptions { clock: Arc::new(move || Timestamp(clock().0 + by.load(Ordering::SeqCst))), ..right }
    }

    /// What `export` prints for every data request, while the engine runs or afterwards.
    fn exported(&self) -> Vec<(String, String)> {
        let archive =
            ReadOnlyJournal::open(&self.machine.folder.path().join("data")).expect("a journal").expect("a journal");
        let clock = EngineClock::of_writer(Some(&archive), self.options().clock).expect("a clock");
        let export = ExportOptions {
            format: Format::Ndjson,
            only: None,
            filter: Filter::parse("kind:data").expect("a filter"),
            status_filter: StatusFilter::All,
            since: None,
            messages: false,
            bom: false,
            rows: None,
            link_lifetime: Preferences::default().link_lifetime(),
            now: clock.now(),
            reference: clock.reference(),
            links: archive.earlier_links(&LinkOpener::Run).expect("links"),
            names: std::collections::BTreeMap::new(),
        };
        let mut lines = Vec::new();
        let keep = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            lines.push((text(&line["id"]), text(&line["status"])));
            Ok::<_, JournalError>(())
        };
        export.write(Some(&archive), keep).expect("exported");
        lines
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn offer(window: &mut Window, sandbox: &SandboxHandle, id: &str, more: &[(&str, Value)]) {
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    let mut data = json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 1, "body": link.expose()});
    for (name, value) in more {
        data[*name] = value.clone();
    }
    sandbox.control().publish(DEMO_USERNAME, &json!({ "data": data })).await.expect("published");
    window.entry(&ActivityKey::Data(RequestId::from(id)), |_| true).await;
}

/// The model that a window has by now.
fn model(window: &Window) -> Activities {
    let mut activities = Activities::new(Preferences::default().link_lifetime());
    for event in &window.heard {
        match event {
            Event::Restored { entries, live_from, .. } => {
                activities.set_live_from(*live_from);
                activities.apply_restored(entries);
            }
            Event::Committed { entries, .. } => entries.iter().for_each(|entry| activities.apply(entry)),
            _ => {}
        }
    }
    for profile in window.seen.last().expect("a status").profiles.values() {
        activities.restore_links(&profile.restored_links.iter().cloned().collect::<Vec<_>>());
    }
    let clock = window.handle.clock();
    activities.set_reference(clock.reference());
    activities.expire(clock.now());
    activities
}

fn statuses(window: &Window, ids: &[&str]) -> Vec<Status> {
    let activities = model(window);
    let status = |id: &&str| {
        let row = activities.find(&ActivityKey::Data(RequestId::from(*id))).expect("a row");
        activities.get(row).expect("a row").status()
    };
    ids.iter().map(status).collect()
}

fn contains_notice(event: &Event, words: &str) -> Option<()> {
    matches!(event, Event::Notice(notice) if notice.sentence().contains(words)).then_some(())
}

fn notices(window: &Window) -> Vec<String> {
    let sentence = |event: &Event| match event {
        Event::Notice(notice) if notice.sentence().contains("clock") => Some(notice.sentence()),
        _ => None,
    };
    window.heard.iter().filter_map(sentence).collect()
}

#[tokio::test]
async fn a_clock_set_while_the_engine_runs_changes_no_status_and_is_reported_once() {
    let sandbox = quiet().await;
    for jump in JUMPS {
        let machine = Wrong::by(0);
        let mut window = Window::with(machine.options());
        let profile = window.sign_in(&sandbox).await;
        offer(&mut window, &sandbox, "before", &[]).await;
        let mark = window.mark();
        machine.set(jump);
        offer(&mut window, &sandbox, "during", &[]).await;
        assert_eq!(statuses(&window, &["before", "during"]), [Status::Ready; 2], "{jump}");
        window.since(mark, "a notice", |event| contains_notice(event, "The system clock jumped")).await;
        let mark = window.mark();
        machine.set(0);
        offer(&mut window, &sandbox, "after", &[]).await;
        window.since(mark, "a notice", |event| contains_notice(event, "It agrees with the server's clock now")).await;
        let ids = ["before", "during", "after"];
        assert_eq!(statuses(&window, &ids), [Status::Ready; 3], "{jump}");
        let ready = |id: &str| (id.to_owned(), "Ready".to_owned());
        assert_eq!(machine.exported(), ids.map(ready), "{jump}: export and the window contradict each other");
        let (activities, now) = (model(&window), window.handle.clock().now());
        assert_eq!(activities.per_minute(now, 5).iter().sum::<u32>(), 3, "{jump}: a chart is blank");
        assert_eq!(activities.insight(TimeRange::HOUR, now).messages.iter().sum::<u32>(), 3, "{jump}");
        assert_eq!(notices(&window).len(), 2, "{jump}: {:?}", notices(&window));
        let to = machine.machine.file("saved");
        window.act(Action::Download { profile, request: RequestId::from("during"), to: to.clone() });
        let saved = |entry: &Entry| matches!(entry.fact, Fact::Local(LocalEvent::Saved { .. }));
        window.entry(&ActivityKey::Data(RequestId::from("during")), saved).await;
        assert_eq!(std::fs::read(to).expect("a file"), b"payload");
        window.quit().await;
    }
}

#[tokio::test]
async fn a_wrong_clock_at_the_start_expires_nothing_and_is_reported_once() {
    let sandbox = quiet().await;
    for wrong in JUMPS {
        let machine = Wrong::by(wrong);
        let mut window = Window::with(machine.options());
        window.sign_in(&sandbox).await;
        let right = Timestamp((machine.options().clock)().0 - wrong);
        let until = Timestamp(right.0 + 5 * MINUTE).timestamp().to_string();
        offer(&mut window, &sandbox, "absolute", &[("expiresAt", json!(until))]).await;
        offer(&mut window, &sandbox, "usual", &[]).await;
        assert_eq!(statuses(&window, &["absolute", "usual"]), [Status::Ready; 2], "{wrong}");
        let activities = model(&window);
        let row = activities.find(&ActivityKey::Data(RequestId::from("absolute"))).expect("a row");
        let left = activities.get(row).and_then(|row| row.link_expires()).expect("an end");
        let left = left.0 - window.handle.clock().now().0;
        assert!((0..=5 * MINUTE + 5_000_000).contains(&left), "{wrong}: {left}");
        let ends = |profile: &ProfileStatus| match profile.token {
            TokenStatus::Held { expires_at, .. } => expires_at,
            _ => None,
        };
        let ends = window.profile("the token's end", ends).await;
        let lives = ends.since(window.handle.clock().now());
        assert!(lives.as_secs() > 60, "{wrong}: the token seems to live for {lives:?}");
        window.since(0, "a notice", |event| contains_notice(event, "The system clock is 2 ")).await;
        assert_eq!(notices(&window).len(), 1, "{wrong}: {:?}", notices(&window));
        window.quit().await;
    }
}

#[tokio::test]
async fn a_clock_set_between_two_runs_changes_no_status_and_deletes_no_link() {
    let sandbox = quiet().await;
    for jump in JUMPS {
        let machine = Wrong::by(0);
        let mut window = Window::with(machine.options());
        window.sign_in(&sandbox).await;
        window.wait_for_stored_token().await;
        offer(&mut window, &sandbox, "kept", &[]).await;
        window.quit().await;
        machine.set(jump);
        assert_eq!(machine.exported(), [("kept".to_owned(), "Ready".to_owned())], "{jump}");
        let mut window = Window::with(machine.options());
        window.live(1).await;
        let restored = |event: &Event| matches!(event, Event::Restored { complete: true, .. }).then_some(());
        window.since(0, "history", restored).await;
        let kept = |profile: &ProfileStatus| (!profile.restored_links.is_empty()).then_some(());
        window.profile("the link of the earlier run", kept).await;
        assert_eq!(statuses(&window, &["kept"]), [Status::Ready], "{jump}");
        offer(&mut window, &sandbox, "new", &[]).await;
        assert_eq!(statuses(&window, &["kept", "new"]), [Status::Ready; 2], "{jump}");
        let now = window.handle.clock().now();
        assert_eq!(model(&window).per_minute(now, 5).iter().sum::<u32>(), 2, "{jump}: a chart is blank");
        window.quit().await;
    }
}
