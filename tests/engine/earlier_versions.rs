//! Today's engine opens files that earlier versions wrote, with all their content, and they stay readable afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use privicore_monitor::activity::{ActivityKey, Seq};
use privicore_monitor::credentials::{Keyring, MemoryStore, SecretStore as _};
use privicore_monitor::engine::{Action, Event};
use privicore_monitor::protocol::{CommandId, RequestId};
use privicore_monitor::settings::{ProfileId, Theme};
use toml::{Table, Value};

use crate::window::{Machine, Window};

/// The folder with the files that the program at commit 20094b1 wrote.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/20094b1")
}

/// A machine with these files, and with the keyring's content.
fn machine() -> Machine {
    let mut machine = Machine::new();
    for (file, folder) in [("journal.sqlite", "data"), ("settings.toml", "config")] {
        let folder = machine.file(folder);
        privicore_monitor::settings::atomic::make_folder(&folder).expect("a folder");
        std::fs::copy(fixture().join(file), folder.join(file)).expect("a copy");
    }
    let keyring = std::fs::read_to_string(fixture().join("keyring.json")).expect("a text");
    let secrets: BTreeMap<String, String> = serde_json::from_str(&keyring).expect("JSON");
    let mut store = MemoryStore::default();
    for (name, hex) in secrets {
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex digits");
        let digits: Vec<u8> = hex.as_bytes().chunks(2).map(pair).collect();
        store.set(&name, &digits).expect("it takes secrets");
    }
    machine.keyring = Keyring::inline(Box::new(store));
    machine
}

fn settings(machine: &Machine) -> Table {
    let text = std::fs::read_to_string(machine.file("config/settings.toml")).expect("a text");
    toml::from_str(&text).expect("TOML")
}

/// The ids of the two profiles, in their order.
fn profiles(settings: &Table) -> Vec<ProfileId> {
    let profiles = settings["profiles"].as_array().expect("a list");
    let id = |profile: &Value| profile["id"].clone().try_into().expect("an id");
    profiles.iter().map(id).collect()
}

/// What `export` printed at that commit, except gaps: a gap continues while nobody is signed in.
fn exported() -> Vec<serde_json::Value> {
    let lines = std::fs::read_to_string(fixture().join("export.ndjson")).expect("a text");
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    lines.filter(|record| record["kind"] != "gap").collect()
}

/// Every row that is restored at the start, by profile.
async fn restored(window: &mut Window, of: &[ProfileId]) -> BTreeSet<(ProfileId, String)> {
    for profile in of {
        let complete = |event: &Event| match event {
            Event::Restored { profile: restored, complete: true, .. } => (restored == profile).then_some(()),
            _ => None,
        };
        window.since(0, "everything restored", complete).await;
    }
    let mut rows = BTreeSet::new();
    for event in &window.heard {
        if let Event::Restored { profile, entries, .. } = event {
            let entries = entries.iter().filter(|entry| !matches!(entry.key, ActivityKey::Gap(_)));
            rows.extend(entries.map(|entry| (*profile, entry.key.id().to_owned())));
        }
    }
    rows
}

async fn restored_links(window: &mut Window, of: ProfileId) -> Vec<String> {
    window
        .until("the links that were kept", |status| {
            let kept = &status.profile(of)?.restored_links;
            (!kept.is_empty()).then(|| kept.iter().map(ToString::to_string).collect())
        })
        .await
}

async fn reveal(window: &mut Window, profile: ProfileId, of: ActivityKey) -> String {
    window.act(Action::Reveal { profile, key: of.clone(), from: Seq(0), to: Seq(1_000_000) });
    let revealed = |event: &Event| match event {
        Event::Revealed { key, messages, .. } if *key == of => Some(messages.clone()),
        _ => None,
    };
    let messages = window.wait("the message with its secret", revealed).await;
    messages.iter().map(|(_, message)| message.expose().to_owned()).collect()
}

#[tokio::test]
async fn the_files_of_20094b1_open_without_loss() {
    let machine = machine();
    let before = settings(&machine);
    let [ops, audit] = profiles(&before)[..] else { panic!("not two profiles") };
    let mut window = Window::open(&machine);

    // Every row, of both profiles.
    let names = [("ops", ops), ("audit 監査 🔎", audit)];
    let row = |record: &serde_json::Value| {
        let (_, profile) = names.iter().find(|(name, _)| record["profile"] == *name).expect("a profile");
        (*profile, record["id"].as_str().expect("an id").to_owned())
    };
    let expected: BTreeSet<_> = exported().iter().map(row).collect();
    assert_eq!(restored(&mut window, &[ops, audit]).await, expected);

    // Encrypted links, and a secret in a message.
    assert_eq!(
        restored_links(&mut window, ops).await,
        ["r-early", "r-link", "r-not-started", "r-token", "r-url", "r-waits"]
    );
    assert_eq!(restored_links(&mut window, audit).await, ["r-link"]);
    for (key, secret) in [
        (ActivityKey::Data(RequestId::from("r-link")), "https://data.example.com/d?auth=fixture-link-1"),
        (ActivityKey::Data(RequestId::from("r-url")), "https://data.example.com/s?auth=fixture-stream-url"),
        (ActivityKey::Command(CommandId::from("c-secret")), "?auth=fixture-secret-in-a-body"),
    ] {
        let message = reveal(&mut window, ops, key).await;
        assert!(message.contains(secret), "{message}");
    }

    // Notices that nobody had dismissed.
    for says in ["A notice of the whole program", "A notice of a profile", "The link has been used or has expired"] {
        let said = |event: &Event| match event {
            Event::Notice(notice) => notice.sentence().contains(says).then_some(()),
            _ => None,
        };
        window.since(0, says, said).await;
    }

    // The settings.
    let preferences = window.settings("the settings", |settings| Some(settings.preferences.clone())).await;
    assert_eq!((preferences.theme, preferences.scale, preferences.retention_days), (Theme::Dark, 150, 0));
    window.quit().await;
    assert_eq!(settings(&machine), before, "the settings changed by themselves");
}
