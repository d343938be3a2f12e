//! The journal under the engine: limits, cleared history, and a journal that disappears.

use std::time::Duration;

use privicore_monitor::activity::{ActivityKey, Entry, Fact, Timestamp};
use privicore_monitor::engine::{Action, Event, Severity};
use privicore_monitor::protocol::CommandId;
use privicore_monitor::sandbox::{DEMO_USERNAME, SandboxHandle};
use privicore_monitor::settings::Preferences;
use serde_json::json;

use crate::quiet;
use crate::window::{Machine, Window, set};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn key(id: &str) -> ActivityKey {
    ActivityKey::Command(CommandId::from(id))
}

/// The server publishes a command, and the window receives it.
async fn publish(window: &mut Window, sandbox: &SandboxHandle, id: &str, status: u8) {
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    window.entry(&key(id), |entry| matches!(entry.fact, Fact::Received(_))).await;
}

/// The ids of the activities that are restored at the start.
async fn restored(window: &mut Window) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    loop {
        let chunk = |event: &Event| match event {
            Event::Restored { entries, complete, .. } => Some((entries.clone(), *complete)),
            _ => None,
        };
        let (entries, complete): (Vec<Entry>, bool) = window.wait("history", chunk).await;
        let received = entries.iter().filter(|entry| !matches!(entry.key, ActivityKey::Gap(_)));
        ids.extend(received.map(|entry| entry.key.id().to_owned()));
        if complete {
            ids.sort();
            ids.dedup();
            return ids;
        }
    }
}

/// Makes everything in the journal older.
#[expect(clippy::disallowed_methods, reason = "time passes in the journal alone")]
fn age(machine: &Machine, days: i64) {
    let journal = rusqlite::Connection::open(machine.folder.path().join("data/journal.sqlite")).expect("a journal");
    journal.busy_timeout(Duration::from_secs(30)).expect("patience");
    journal.execute("UPDATE entry SET at = at - ?1", [days * DAY]).expect("aged");
}

#[tokio::test]
async fn limits_apply_at_once_and_open_activities_stay() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    for (id, status) in [("settled", 2), ("open", 1)] {
        publish(&mut window, &sandbox, id, status).await;
    }
    age(&machine, 40);
    publish(&mut window, &sandbox, "young", 2).await;
    window.act(set(&Preferences { retention_days: 50, ..Preferences::default() }));
    window.act(set(&Preferences { retention_days: 30, ..Preferences::default() }));
    let oldest = |event: &Event| match event {
        Event::Purged { oldest_left, .. } => Some(*oldest_left),
        _ => None,
    };
    let oldest: Option<Timestamp> = window.wait("what went", oldest).await;
    assert!(oldest.is_some(), "the open command went");
    let told = window
        .since(0, "a notice of what went", |event| match event {
            Event::Notice(notice) if notice.sentence().contains("from the journal to stay within") => {
                Some(notice.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(told.severity, Severity::Info);
    window.quit().await;
    let mut window = Window::open(&machine);
    assert_eq!(restored(&mut window).await, ["open", "young"]);
    window.quit().await;
}

#[tokio::test]
async fn clearing_a_profiles_history_deletes_it_from_the_disk_and_the_profile_stays_live() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    publish(&mut window, &sandbox, "CANARYOLD", 1).await;
    window.act(Action::ClearHistory(profile));
    window.wait("the end of it", |event| matches!(event, Event::HistoryCleared { .. }).then_some(())).await;
    let data = machine.folder.path().join("data");
    let on_disk = |needle: &str| {
        ["journal.sqlite", "journal.sqlite-wal"].iter().any(|file| {
            let bytes = std::fs::read(data.join(file)).unwrap_or_default();
            memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
        })
    };
    assert!(!on_disk("CANARYOLD"), "it is still on the disk");
    publish(&mut window, &sandbox, "CANARYNEW", 2).await;
    assert!(on_disk("CANARYNEW"), "the search finds nothing at all");
    window.quit().await;
    let mut window = Window::open(&machine);
    assert_eq!(restored(&mut window).await, ["CANARYNEW"]);
    window.live(1).await;
    window.quit().await;
}

#[tokio::test]
async fn a_replaced_journal_is_reported_until_acknowledged_and_writing_continues() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    publish(&mut window, &sandbox, "before", 2).await;
    for file in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        std::fs::remove_file(machine.folder.path().join("data").join(file)).expect("it is there");
    }
    publish(&mut window, &sandbox, "after", 2).await;
    let vanished = |event: &Event| match event {
        Event::Notice(notice) if notice.sentence().contains("moved, deleted or replaced") => Some(notice.clone()),
        _ => None,
    };
    let told = window.since(0, "the loss", vanished).await;
    assert_eq!(told.severity, Severity::Warning);
    let received = window.quit().await;
    assert!(!received.iter().any(|event| matches!(event, Event::Unpersisted { .. })), "it waited for nothing");

    let mut window = Window::open(&machine);
    assert_eq!(restored(&mut window).await, ["after"]);
    let again = window.since(0, "the loss, which was not read", vanished).await;
    assert_eq!(again.sentence(), told.sentence());
    window.act(Action::DismissNotice { profile: None, sentence: told.sentence() });
    window.live(1).await;
    publish(&mut window, &sandbox, "later", 2).await;
    window.quit().await;
    let mut window = Window::open(&machine);
    window.live(1).await;
    publish(&mut window, &sandbox, "last", 2).await;
    let heard = window.quit().await;
    assert!(!heard.iter().any(|event| vanished(event).is_some()), "it was read");
}
