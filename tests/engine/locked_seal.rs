//! What is shown for links that are encrypted with a key from a locked keyring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{Activities, Filter, Kind, StatusFilter};
use privicore_monitor::credentials::{Keyring, MemoryStore, SecretBytes, SecretStore, StoreError};
use privicore_monitor::engine::{EngineClock, Event};
use privicore_monitor::journal::{ExportOptions, JournalError, LinkOpener, ReadOnlyJournal};
use privicore_monitor::settings::ProfileId;
use serde_json::Value;

use crate::quiet;
use crate::sealing::{message, publish};
use crate::window::{Machine, Told, Window};

/// A keyring that returns tokens, and the link encryption's key unless it is locked.
struct LockedSeal {
    kept: MemoryStore,
    locked: Arc<AtomicBool>,
}

impl SecretStore for LockedSeal {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        if user.starts_with("seal:") && self.locked.load(Ordering::SeqCst) {
            return Err(StoreError::Locked);
        }
        self.kept.get(user)
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.kept.set(user, secret)
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.kept.delete(user)
    }
}

/// What `export` prints for the data requests, during a run or before the next one.
async fn exported(machine: &Machine, is_under_way: bool) -> Vec<String> {
    let archive = ReadOnlyJournal::open(&machine.folder.path().join("data")).expect("readable").expect("a journal");
    let opener = match archive.sealed_as().expect("readable") {
        _ if is_under_way => LinkOpener::Run,
        Some(journal) => LinkOpener::NextRun(machine.keyring.known_seal_key(journal).await.ok().flatten()),
        None => LinkOpener::NextRun(None),
    };
    let clock = EngineClock::of_writer(Some(&archive), machine.options().clock).expect("a clock");
    let export = ExportOptions {
        format: Format::Ndjson,
        only: None,
        filter: Filter::parse("kind:data").expect("a filter"),
        status_filter: StatusFilter::All,
        since: None,
        messages: false,
        bom: false,
        rows: None,
        link_lifetime: Duration::from_mins(10),
        now: clock.now(),
        reference: clock.reference(),
        links: archive.earlier_links(&opener).expect("readable"),
        names: std::collections::BTreeMap::new(),
    };
    let mut statuses = Vec::new();
    let keep = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        statuses.push(line["status"].as_str().expect("a status").to_owned());
        Ok::<_, JournalError>(())
    };
    export.write(Some(&archive), keep).expect("exported");
    statuses
}

/// What a window that received these events shows for the data requests.
fn shown(told: &Told, profile: ProfileId) -> Vec<String> {
    let mut activities = Activities::new(Duration::from_mins(10));
    for event in told.iter() {
        if let Event::Restored { entries, live_from, .. } = event {
            activities.set_live_from(*live_from);
            activities.apply_restored(entries);
        }
    }
    if let Some(status) = told.seen.last().and_then(|status| status.profiles.get(&profile)) {
        activities.restore_links(&status.restored_links.iter().cloned().collect::<Vec<_>>());
    }
    let rows = (0..activities.len()).filter_map(|index| activities.get(activities.newest(index)?));
    let requests = rows.filter(|row| row.kind() == Kind::Data);
    requests.map(|row| row.status().word().into_owned()).collect()
}

#[tokio::test]
async fn export_and_window_agree_on_a_stored_link_even_while_the_keyring_is_locked() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let locked = Arc::new(AtomicBool::new(false));
    let store = LockedSeal { kept: MemoryStore::default(), locked: locked.clone() };
    machine.keyring = Keyring::inline(Box::new(store));
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None).expose().to_owned();
    publish(&mut window, &sandbox, "r", &message("r", &link)).await;
    assert_eq!(exported(&machine, true).await, ["Ready"]);
    window.quit().await;
    for (is_locked, expected) in [(true, "Link expired"), (false, "Ready"), (true, "Link expired")] {
        locked.store(is_locked, Ordering::SeqCst);
        assert_eq!(exported(&machine, false).await, [expected], "before the window, locked: {is_locked}");
        let mut window = Window::open(&machine);
        window.live(1).await;
        let is_restored = |event: &Event| matches!(event, Event::Restored { complete: true, .. }).then_some(());
        window.since(0, "what the journal has", is_restored).await;
        if !is_locked {
            window.profile("the kept link", |profile| (!profile.restored_links.is_empty()).then_some(())).await;
        }
        assert_eq!(exported(&machine, true).await, [expected], "beside the window, locked: {is_locked}");
        let told = window.quit().await;
        assert_eq!(shown(&told, profile), [expected], "the window, locked: {is_locked}");
    }
}
