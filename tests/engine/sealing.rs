//! Links outlive the run in which they arrived, encrypted with a key that only the keyring has.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use privicore_monitor::activity::{Activities, ActivityKey, Entry, Fact, LocalEvent, Seq};
use privicore_monitor::credentials::{Keyring, SecretBytes, SecretStore, StoreError};
use privicore_monitor::engine::{Action, Event, Notice, ProfileStatus, Severity};
use privicore_monitor::protocol::{RequestId, UnreadableReason, redact};
use privicore_monitor::sandbox::{DEMO_USERNAME, Fault, Garbage, SandboxHandle};
use privicore_monitor::settings::ProfileId;
use serde_json::{Value, json};

use crate::quiet;
use crate::window::{Machine, Window};

/// Generous: nothing here measures speed.
const DEADLINE: std::time::Duration = std::time::Duration::from_mins(1);

fn data(id: &str) -> ActivityKey {
    ActivityKey::Data(RequestId::from(id))
}

pub(crate) fn message(id: &str, body: &str) -> Value {
    json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 1, "body": body}})
}

fn ready(id: &str) -> Value {
    json!({"data": {"type": "STREAM-READY", "id": id}})
}

/// Publishes a message of a request and waits until the window has it.
pub(crate) async fn publish(window: &mut Window, sandbox: &SandboxHandle, id: &str, message: &Value) {
    sandbox.control().publish(DEMO_USERNAME, message).await.expect("published");
    window.entry(&data(id), |entry| matches!(entry.fact, Fact::Received(_))).await;
}

/// Downloads and waits for the local event that ends the download.
async fn download(window: &mut Window, machine: &Machine, profile: ProfileId, id: &str) -> LocalEvent {
    window.act(Action::Download { profile, request: RequestId::from(id), to: machine.file(id) });
    let ended =
        |entry: &Entry| matches!(entry.fact, Fact::Local(LocalEvent::Saved { .. } | LocalEvent::NotSaved { .. }));
    match window.entry(&data(id), ended).await.fact {
        Fact::Local(event) => event,
        other => panic!("{other:?}"),
    }
}

/// The live window after a restart, and the links that it received as restored.
async fn again(machine: &Machine) -> (Window, Vec<RequestId>) {
    let mut window = Window::open(machine);
    window.live(1).await;
    let kept = |profile: &ProfileStatus| {
        (!profile.restored_links.is_empty()).then(|| profile.restored_links.iter().cloned().collect::<Vec<_>>())
    };
    let kept = window.profile("the links of the earlier run", kept).await;
    (window, kept)
}

fn token_of(link: &str) -> &str {
    link.split_once("auth=").expect("a link with a token").1
}

/// Whether any file below a folder contains this.
fn is_in(folder: &Path, secret: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in(&path, secret);
        }
        // A socket can't be read as a file.
        path.is_file() && memchr::memmem::find(&std::fs::read(&path).expect("a file"), secret.as_bytes()).is_some()
    })
}

fn warnings(events: &[Event]) -> Vec<&Notice> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Notice(notice) if notice.severity > Severity::Info => Some(notice),
            _ => None,
        })
        .collect()
}

/// An activity's messages before they were redacted.
async fn reveal(window: &mut Window, profile: ProfileId, of: &ActivityKey) -> Vec<String> {
    window.act(Action::Reveal { profile, key: of.clone(), from: Seq(0), to: Seq(1_000_000) });
    let revealed = |event: &Event| match event {
        Event::Revealed { key, messages, .. } if key == of => Some(messages.clone()),
        _ => None,
    };
    let messages = window.since(0, "the messages with their secrets", revealed).await;
    messages.iter().map(|(_, message)| message.expose().to_owned()).collect()
}

#[tokio::test]
async fn masked_secrets_can_be_revealed_even_after_a_restart() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let link = sandbox.control().offer_download(vec![1; 100], None).expose().to_owned();
    let with_link = message("r", &link);
    publish(&mut window, &sandbox, "r", &with_link).await;
    let told =
        json!({"data": {"type": "X-DPT-CAB-ID", "id": "c", "command_status": 2, "body": "see https://h/?auth=canary"}});
    sandbox.control().publish(DEMO_USERNAME, &told).await.expect("published");
    let command = ActivityKey::Command("c".into());
    window.entry(&command, |entry| matches!(entry.fact, Fact::Received(_))).await;
    assert_eq!(reveal(&mut window, profile, &data("r")).await, [with_link.to_string()]);
    assert_eq!(reveal(&mut window, profile, &command).await, [told.to_string()]);
    window.quit().await;

    let (mut window, _) = again(&machine).await;
    assert_eq!(reveal(&mut window, profile, &data("r")).await, [with_link.to_string()]);
    assert_eq!(reveal(&mut window, profile, &command).await, [told.to_string()]);
    let received = window.quit().await;
    assert!(!format!("{received:?}").contains("canary"), "an event shows a secret");
}

#[tokio::test]
async fn data_ready_before_a_restart_can_be_downloaded_after_it() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let links: Vec<String> =
        (0..5).map(|number| sandbox.control().offer_download(vec![number; 100], None).expose().to_owned()).collect();
    let [whole, bare, late, early, used] = links.as_slice() else { panic!("not five") };
    publish(&mut window, &sandbox, "whole", &message("whole", whole)).await;
    publish(&mut window, &sandbox, "bare", &message("bare", token_of(bare))).await;
    publish(&mut window, &sandbox, "bare", &ready("bare")).await;
    publish(&mut window, &sandbox, "late", &message("late", token_of(late))).await;
    publish(&mut window, &sandbox, "early", &ready("early")).await;
    publish(&mut window, &sandbox, "used", &message("used", used)).await;
    assert!(matches!(download(&mut window, &machine, profile, "used").await, LocalEvent::Saved { .. }));
    window.quit().await;
    for link in &links {
        assert!(!is_in(&machine.folder.path().join("data"), token_of(link)), "a link is in a file");
    }

    let (mut window, kept) = again(&machine).await;
    let mut expected: Vec<RequestId> = ["whole", "bare", "late", "early"].map(RequestId::from).into();
    expected.sort();
    assert_eq!(kept, expected, "the used one is used");
    publish(&mut window, &sandbox, "late", &ready("late")).await;
    publish(&mut window, &sandbox, "early", &message("early", token_of(early))).await;
    for (id, byte) in [("whole", 0), ("bare", 1), ("late", 2), ("early", 3)] {
        let event = download(&mut window, &machine, profile, id).await;
        assert!(matches!(event, LocalEvent::Saved { size: 100, .. }), "{id}: {event:?}");
        assert_eq!(std::fs::read(machine.file(id)).expect("the file"), vec![byte; 100], "{id}");
    }
    let received = window.quit().await;
    assert!(warnings(&received.events).is_empty(), "{:?}", warnings(&received.events));
    // All of them are used, so none is stored any more. A link of this run may be, if it arrived before the journal was
    // read.
    let mut window = Window::open(&machine);
    window.live(1).await;
    publish(&mut window, &sandbox, "new", &message("new", whole)).await;
    let told = window.quit().await;
    let kept =
        || told.seen.iter().flat_map(|status| status.profiles.values()).flat_map(|one| one.restored_links.iter());
    assert!(kept().all(|request| *request == RequestId::from("new")), "{told:?}");
}

/// A keyring that stores tokens but no key.
#[derive(Default)]
struct NoSeal(Vec<(String, Vec<u8>)>);

impl SecretStore for NoSeal {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        let found = self.0.iter().find(|(known, _)| known == user);
        Ok(found.map(|(_, secret)| SecretBytes::new(secret.clone())))
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        if user.starts_with("seal:") {
            return Err(StoreError::Refused);
        }
        self.0.push((user.to_owned(), secret.to_vec()));
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.0.retain(|(known, _)| known != user);
        Ok(())
    }
}

#[tokio::test]
async fn without_a_key_links_are_in_memory_only_with_one_warning() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    machine.keyring = Keyring::inline(Box::new(NoSeal::default()));
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None).expose().to_owned();
    publish(&mut window, &sandbox, "kept", &message("kept", &link)).await;
    publish(&mut window, &sandbox, "lost", &message("lost", &link)).await;
    let event = download(&mut window, &machine, profile, "kept").await;
    assert!(matches!(event, LocalEvent::Saved { .. }), "{event:?}");
    let received = window.quit().await;
    let told = warnings(&received.events);
    let [notice] = told.as_slice() else { panic!("{told:?}") };
    assert!(notice.sentence().contains("kept in memory only"), "{}", notice.sentence());
    assert!(!is_in(&machine.folder.path().join("data"), token_of(&link)), "a link is in a file");

    let mut window = Window::open(&machine);
    window.live(1).await;
    window.act(Action::Download { profile, request: RequestId::from("lost"), to: machine.file("lost") });
    window.notice("Request the data again").await;
    let told = window.quit().await;
    let mut seen = told.seen.iter().flat_map(|status| status.profiles.values());
    assert!(seen.all(|profile| profile.restored_links.is_empty()), "{told:?}");
}

#[tokio::test]
async fn a_missing_key_is_reported_and_new_links_are_encrypted_with_a_new_one() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let links: Vec<String> =
        (0..2).map(|_| sandbox.control().offer_download(b"payload".to_vec(), None).expose().to_owned()).collect();
    publish(&mut window, &sandbox, "old", &message("old", &links[0])).await;
    window.quit().await;

    machine.keyring = Keyring::in_memory();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let notice = window
        .since(0, "the loss of the key", |event| match event {
            Event::Notice(notice) if notice.sentence().contains("the system keyring") => Some(notice.clone()),
            _ => None,
        })
        .await;
    assert!(notice.sentence().contains("1 earlier request"), "{}", notice.sentence());
    publish(&mut window, &sandbox, "new", &message("new", &links[1])).await;
    let received = window.quit().await;
    let old = received.iter().any(|event| match event {
        Event::Restored { entries, .. } => entries.iter().any(|entry| entry.key == data("old")),
        _ => false,
    });
    assert!(old, "its row is gone");

    let (mut window, kept) = again(&machine).await;
    assert_eq!(kept, [RequestId::from("new")]);
    assert!(matches!(download(&mut window, &machine, profile, "new").await, LocalEvent::Saved { .. }));
    window.quit().await;
}

#[tokio::test]
async fn links_received_while_the_keyring_is_read_are_encrypted_afterwards() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let (open, gate) = std::sync::mpsc::sync_channel(8);
    machine.keyring = Keyring::with_store(Box::new(Gated { gate, held: NoSeal::default(), opened: false }));
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None).expose().to_owned();
    publish(&mut window, &sandbox, "early", &message("early", &link)).await;
    open.send(()).expect("the keyring waits");
    tokio::time::timeout(DEADLINE, sealed(&machine)).await.expect("nothing was sealed");
    window.wait_for_stored_token().await;
    window.quit().await;

    let (mut window, kept) = again(&machine).await;
    assert_eq!(kept, [RequestId::from("early")]);
    assert!(matches!(download(&mut window, &machine, profile, "early").await, LocalEvent::Saved { .. }));
    window.quit().await;
}

/// Waits until the journal contains something encrypted.
#[expect(clippy::disallowed_methods, reason = "another program looks into the journal")]
async fn sealed(machine: &Machine) {
    let journal = rusqlite::Connection::open(machine.folder.path().join("data/journal.sqlite")).expect("a journal");
    let count = || journal.query_row("SELECT count(*) FROM secret", (), |row| row.get::<_, i64>(0));
    while count().expect("a count") == 0 {
        tokio::task::yield_now().await;
    }
}

/// A keyring that answers after its gate was opened.
struct Gated {
    gate: std::sync::mpsc::Receiver<()>,
    opened: bool,
    held: NoSeal,
}

impl SecretStore for Gated {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        if !self.opened {
            self.gate.recv().map_err(|_gone| StoreError::Stopped)?;
            self.opened = true;
        }
        self.held.get(user)
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.held.0.push((user.to_owned(), secret.to_vec()));
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.held.delete(user)
    }
}

/// A keyring that counts its requests.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl SecretStore for Counting {
    fn get(&mut self, _user: &str) -> Result<Option<SecretBytes>, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Locked)
    }

    fn set(&mut self, _user: &str, _secret: &[u8]) -> Result<(), StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Locked)
    }

    fn delete(&mut self, _user: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn without_stored_links_the_keyring_is_not_asked_and_there_is_no_warning() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let asked = Counting::default();
    machine.keyring = Keyring::inline(Box::new(asked.clone()));
    let mut options = machine.options();
    options.keeps_links = false;
    let mut window = Window::with(options);
    let mut profile = crate::window::profile_of(&sandbox);
    profile.keep_signed_in = false;
    let id = profile.id;
    let sign_in = crate::window::with_password(profile, privicore_monitor::sandbox::PASSWORD);
    window.act(Action::SignIn(Box::new(sign_in)));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None).expose().to_owned();
    publish(&mut window, &sandbox, "one", &message("one", &link)).await;
    assert!(matches!(download(&mut window, &machine, id, "one").await, LocalEvent::Saved { .. }));
    let received = window.quit().await;
    assert!(warnings(&received.events).is_empty(), "{:?}", warnings(&received.events));
    assert_eq!(asked.0.load(Ordering::SeqCst), 0, "the keyring was asked");
}

/// The bytes that the sandbox sends as a message.
const BYTES: [u8; 4] = [0, 159, 146, 150];

/// Makes the sandbox send a binary message. Returns its entry.
async fn bytes_from(window: &mut Window, sandbox: &SandboxHandle) -> Entry {
    let garbage = Fault::Garbage { frames: 1, kind: Some(Garbage::Binary) };
    assert_eq!(sandbox.control().inject(garbage, None).expect("injected"), 1);
    let size = BYTES.len() as u64;
    let is_bytes = |entry: &&Entry| entry.fact == Fact::Unreadable { reason: UnreadableReason::Binary, size };
    let committed = |event: &Event| match event {
        Event::Committed { entries, .. } => entries.iter().find(is_bytes).cloned(),
        _ => None,
    };
    window.since(0, "the bytes", committed).await
}

/// Whether the window offers to save an entry's data.
fn is_offered(entry: &Entry) -> bool {
    let mut activities = Activities::new(std::time::Duration::from_mins(10));
    activities.apply(entry);
    activities.get(activities.find(&entry.key).expect("a row")).expect("a row").can_save_inline()
}

#[tokio::test]
async fn a_binary_message_that_is_not_stored_can_not_be_saved() {
    for has_keyring in [true, false] {
        let sandbox = quiet().await;
        let mut machine = Machine::new();
        let mut options = machine.options();
        if has_keyring {
            // Links must not outlive the run.
            options.keeps_links = false;
        } else {
            machine.keyring = Keyring::inline(Box::new(NoSeal::default()));
            options = machine.options();
        }
        let mut window = Window::with(options);
        window.sign_in(&sandbox).await;
        let entry = bytes_from(&mut window, &sandbox).await;
        assert_eq!(&*entry.raw, redact::UNSTORED_BYTES);
        assert!(!is_offered(&entry), "{entry:?}");
        window.quit().await;
    }
}

#[tokio::test]
async fn a_binary_message_is_encrypted_and_can_be_saved_even_after_a_restart() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let entry = bytes_from(&mut window, &sandbox).await;
    assert!(is_offered(&entry), "{entry:?}");
    let key = entry.key;
    for round in ["now", "later"] {
        let to = machine.file(round);
        window.act(Action::SaveMessage { profile, key: key.clone(), to: to.clone(), span: None });
        window.notice(&format!("{round} is saved")).await;
        assert_eq!(std::fs::read(&to).expect("a file"), BYTES, "{round}");
        window.quit().await;
        window = Window::open(&machine);
        window.live(1).await;
    }
    assert!(!is_in(&machine.folder.path().join("data"), "AJ+Slg=="), "the bytes are in a file");
}
