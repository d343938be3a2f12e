//! Pending work is completed, whatever ends the program first: signing out, revoking, removing, clearing history.

#![expect(clippy::disallowed_methods, reason = "another program looks into the database that was left")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use privicore_monitor::activity::{ActivityKey, Entry, Fact, Seq, Timestamp};
use privicore_monitor::engine::{Action, ConnectionState, Event, SandboxAddresses, TokenStatus};
use privicore_monitor::journal::{Journal, Opened, ReadOnlyJournal};
use privicore_monitor::protocol::UnreadableReason;
use privicore_monitor::settings::{Address, Profile, ProfileId};

use crate::child;
use crate::keys::{self, Mood};
use crate::quitting::{silence, until_requested};
use crate::scripted::{Backend, proxy};
use crate::window::{Machine, Told, Window, with_password};

const REVOKE: &str = "POST /profile/revoke-authorization-token";

/// A backend that issues `T-1`, and only revokes it after a signal.
async fn backend() -> (Backend, Arc<AtomicBool>) {
    let revokes = Arc::new(AtomicBool::new(false));
    let answers = revokes.clone();
    let backend = Backend::with_headers(move |line| match line {
        "POST /profile/authenticate" => {
            Response::new(Body::from(r#"{"authorizationToken":"T-1","expiresAt":"2099-01-01T00:00:00Z"}"#))
        }
        REVOKE if !answers.load(Ordering::SeqCst) => silence(),
        REVOKE => Response::new(Body::empty()),
        _ => Response::builder().status(404).body(Body::empty()).expect("a response"),
    })
    .await;
    (backend, revokes)
}

fn profile(backend: &Backend, websocket: &str) -> Profile {
    Profile {
        id: ProfileId::from_u128(77),
        name: "ops".to_owned(),
        api: Address::new(backend.url.as_str()),
        websocket: Address::new(websocket),
        download: Address::new(backend.url.as_str()),
        username: "somebody".to_owned(),
        ..Profile::default()
    }
}

async fn sign_in(window: &mut Window, profile: &Profile) {
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    window.wait_for_stored_token().await;
}

pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looking).await.unwrap_or_else(|_| panic!("{what}: never came"))
}

/// The number of pending work items of a kind in a data folder.
pub(crate) fn pending(data: &Path, kind: i64) -> i64 {
    let count = || {
        let database = rusqlite::Connection::open_with_flags(
            data.join("journal.sqlite"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?;
        database.query_row("SELECT count(*) FROM pending_work WHERE kind = ?1", [kind], |row| row.get(0))
    };
    count().unwrap_or(0)
}

/// Whether any file of a data folder contains a text.
pub(crate) fn is_on_disk(data: &Path, needle: &str) -> bool {
    ["journal.sqlite", "journal.sqlite-wal"].iter().any(|file| {
        let bytes = std::fs::read(data.join(file)).unwrap_or_default();
        memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
    })
}

/// Waits until the window has the whole history, so that whatever follows from it has begun.
async fn history(window: &mut Window) {
    let past = |event: &Event| matches!(event, Event::Restored { complete: true, .. }).then_some(());
    window.since(0, "the past", past).await;
}

fn connected(told: &Told) -> bool {
    let rests = |state: &ConnectionState| matches!(state, ConnectionState::SignedOut | ConnectionState::Offline);
    !told.states.iter().all(rests)
}

#[tokio::test]
async fn a_pending_revocation_is_done_at_the_next_start() {
    let (backend, revokes) = backend().await;
    let machine = Machine::new();
    let data = machine.folder.path().join("data");
    let profile = profile(&backend, &proxy(&["T-1"]).await);
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    window.act(Action::SignOut { profile: profile.id, revoke: true });
    until_requested(&backend, REVOKE).await;
    window.quit().await;
    assert_eq!(backend.got_of(REVOKE).len(), 1);
    assert_eq!(machine.keyring.token(profile.id).await.expect("the keyring works"), None);
    assert!(!is_on_disk(&data, "T-1"), "the token is on the disk");

    revokes.store(true, Ordering::SeqCst);
    let mut window = Window::open(&machine);
    until("the revocation", async || (backend.got_of(REVOKE).len() == 2).then_some(())).await;
    assert_eq!(backend.got_of(REVOKE)[1].token.as_deref(), Some("T-1"));
    history(&mut window).await;
    until("the end of the work", async || (pending(&data, 2) == 0).then_some(())).await;
    assert!(!connected(&window.quit().await), "it signed in again");

    let mut window = Window::open(&machine);
    history(&mut window).await;
    window.quit().await;
    assert_eq!(backend.got_of(REVOKE).len(), 2, "it was revoked once more");
}

#[tokio::test]
async fn a_profile_signed_out_while_the_keyring_is_locked_is_not_signed_in_automatically() {
    let (backend, _) = backend().await;
    let mut machine = Machine::new();
    let control;
    (machine.keyring, control) = keys::moody();
    let data = machine.folder.path().join("data");
    let profile = profile(&backend, &proxy(&["T-1"]).await);
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    control.be(Mood::Locked);
    window.act(Action::SignOut { profile: profile.id, revoke: false });
    window.notice("locked").await;
    window.act(Action::Connect(profile.id));
    window.notice("There is no token to connect with").await;
    window.quit().await;

    // First locked, then open: the token is still there at first, and is not used.
    for mood in [Mood::Locked, Mood::Open] {
        control.be(Mood::Open);
        assert!(machine.keyring.token(profile.id).await.expect("open").is_some(), "{mood:?}");
        control.be(mood);
        let mut window = Window::open(&machine);
        if mood == Mood::Locked {
            window.notice("locked").await;
        } else {
            until("the end of the work", async || (pending(&data, 1) == 0).then_some(())).await;
        }
        history(&mut window).await;
        assert!(!connected(&window.quit().await), "it signed in again");
    }
    assert_eq!(machine.keyring.token(profile.id).await.expect("open"), None);

    // Signed in again, the token is kept as usual.
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    window.quit().await;
    let mut window = Window::open(&machine);
    window.live(1).await;
    window.quit().await;
}

#[tokio::test]
async fn signing_in_again_cancels_the_pending_deletion_of_the_token() {
    let (backend, _) = backend().await;
    let mut machine = Machine::new();
    let control;
    (machine.keyring, control) = keys::moody();
    let profile = profile(&backend, &proxy(&["T-1"]).await);
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    control.be(Mood::Locked);
    window.act(Action::SignOut { profile: profile.id, revoke: false });
    window.notice("locked").await;
    control.be(Mood::Open);
    window.profile("no token", |profile| (profile.token == TokenStatus::Absent).then_some(())).await;
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), "right"))));
    window.wait_for_stored_token().await;
    window.quit().await;
    let mut window = Window::open(&machine);
    window.live(1).await;
    window.quit().await;
    assert!(machine.keyring.token(profile.id).await.expect("open").is_some(), "the new token was forgotten");
}

#[tokio::test]
async fn a_token_that_the_keyring_returns_after_a_sign_out_or_disconnect_is_not_used() {
    let (backend, _) = backend().await;
    let mut machine = Machine::new();
    let control;
    (machine.keyring, control) = keys::moody();
    let profile = profile(&backend, &proxy(&["T-1"]).await);
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    window.quit().await;
    for action in [Action::Disconnect(profile.id), Action::SignOut { profile: profile.id, revoke: false }] {
        control.be(Mood::Silent);
        let before = control.waited();
        let mut window = Window::open(&machine);
        until("the question", async || (control.waited() > before).then_some(())).await;
        let signs_out = matches!(action, Action::SignOut { .. });
        window.act(action);
        // Proves that the engine has processed the earlier actions, because it answers in order.
        window.act(Action::ListDataTokens { profile: profile.id, page: 1 });
        window.notice("Sign in first").await;
        control.be(Mood::Open);
        if signs_out {
            let data = machine.folder.path().join("data");
            until("the end of the work", async || (pending(&data, 1) == 0).then_some(())).await;
        } else {
            window.wait_for_stored_token().await;
        }
        history(&mut window).await;
        assert!(!connected(&window.quit().await), "it connected all the same");
    }
    assert_eq!(machine.keyring.token(profile.id).await.expect("open"), None);
}

#[tokio::test]
async fn signing_out_of_the_sandbox_leaves_no_pending_work() {
    let sandbox = crate::quiet().await;
    let machine = Machine::new();
    let mut options = machine.options();
    options.start_in_sandbox = true;
    let addresses = (sandbox.api_url(), sandbox.ws_url(), sandbox.downstream_url());
    options.sandbox = Some(Arc::new(move || {
        let (api, websocket, download) = addresses.clone();
        Box::pin(async move {
            Ok(SandboxAddresses {
                api: Address::new(api),
                websocket: Address::new(websocket),
                download: Address::new(download),
                username: privicore_monitor::sandbox::DEMO_USERNAME.to_owned(),
                password: privicore_monitor::sandbox::PASSWORD.to_owned(),
                keep_alive: Box::new(()),
            })
        })
    }));
    let mut window = Window::with(options);
    window.live(1).await;
    let id = window.settings("the sandbox's profile", |settings| Some(settings.profiles.first()?.id)).await;
    window.act(Action::SignOut { profile: id, revoke: true });
    window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    window.quit().await;
    let data = machine.folder.path().join("data");
    assert_eq!((pending(&data, 1), pending(&data, 2)), (0, 0));
}

/// Entries of an earlier run.
pub(crate) async fn fill(data: &Path, profile: ProfileId, count: usize) {
    std::fs::create_dir_all(data).expect("a folder");
    let Opened { journal, .. } = Journal::open(data).expect("a journal");
    let entry = |number: usize| Entry {
        seq: Seq(0),
        at: Timestamp(1_700_000_000_000_000),
        key: ActivityKey::Message(number.to_string().into()),
        fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
        raw: format!("CANARY {}", "x".repeat(200)).into(),
    };
    for chunk in (0..count).collect::<Vec<_>>().chunks(5_000) {
        journal.append(profile, chunk.iter().map(|number| entry(*number)).collect()).await.expect("written");
    }
    journal.close().await;
}

/// The number of a profile's entries that an export would read.
fn exported(data: &Path, profile: ProfileId) -> usize {
    let archive = ReadOnlyJournal::open(data).expect("it can be read").expect("a journal");
    let found = archive.entries_from(Seq(0), usize::MAX).expect("it can be read");
    found.iter().filter(|(of, _)| *of == profile).count()
}

fn settings(machine: &Path) -> String {
    std::fs::read_to_string(machine.join("config/settings.toml")).unwrap_or_default()
}

/// Runs a test as a child in a machine's folder, and kills it as soon as it has printed a word.
pub(crate) fn kill_when_it_says(test: &str, folder: &Path, word: &str, variables: &[(&str, &str)]) {
    let mut command = child::command(&[], test, folder);
    command.envs(variables.iter().copied());
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let said = lines.any(|line| line.expect("text").ends_with(word));
    child.kill().expect("killed");
    child.wait().expect("its end");
    assert!(said, "it ended before it said {word:?}");
}

/// Runs a test of this file as a child that uses a backend, and kills it as soon as it has printed a word.
async fn kill_child(test: &'static str, folder: &Path, word: &'static str, backend: &Backend, websocket: &str) {
    let (folder, api, websocket) = (folder.to_owned(), backend.url.clone(), websocket.to_owned());
    let killing = tokio::task::spawn_blocking(move || {
        let variables = [("PENDING_TEST_API", &*api), ("PENDING_TEST_WS", &*websocket)];
        kill_when_it_says(&format!("pending::{test}"), &folder, word, &variables);
    });
    killing.await.expect("killed");
}

/// In the child: the machine, and the profile of the parent's backend.
fn of_parent(folder: &Path) -> (Machine, Profile) {
    let variable = |name| std::env::var(name).expect("given by the parent");
    let (api, websocket) = (variable("PENDING_TEST_API"), variable("PENDING_TEST_WS"));
    let profile = Profile {
        id: ProfileId::from_u128(77),
        name: "ops".to_owned(),
        api: Address::new(api.as_str()),
        websocket: Address::new(websocket),
        download: Address::new(api),
        username: "somebody".to_owned(),
        ..Profile::default()
    };
    (Machine::at(folder), profile)
}

pub(crate) fn say(word: &str) {
    use std::io::Write as _;
    println!("\n{word}");
    std::io::stdout().flush().expect("said");
}

#[tokio::test]
async fn pending_deletion_and_revocation_survive_a_kill_after_signing_out() {
    const TEST: &str = "pending_deletion_and_revocation_survive_a_kill_after_signing_out";
    if let Some(folder) = child::folder() {
        let (machine, profile) = of_parent(&folder);
        let mut window = Window::open(&machine);
        sign_in(&mut window, &profile).await;
        window.act(Action::SignOut { profile: profile.id, revoke: true });
        window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
        until("the promise", async || (pending(&folder.join("data"), 2) == 1).then_some(())).await;
        // Without the settings, the next run would know of no profile.
        let settings = folder.join("config/settings.toml");
        let id = profile.id.to_string();
        let has_profile = || std::fs::read_to_string(&settings).is_ok_and(|text| text.contains(&id));
        until("the settings", async || has_profile().then_some(())).await;
        say("signed out");
        return std::future::pending().await;
    }
    let (backend, revokes) = backend().await;
    let websocket = proxy(&["T-1"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    kill_child(TEST, folder.path(), "signed out", &backend, &websocket).await;
    assert!(!is_on_disk(&folder.path().join("data"), "T-1"), "the token is on the disk");
    // As if the kill had come before the request to the keyring.
    let machine = Machine::at(folder.path());
    let token = privicore_monitor::protocol::AuthorizationToken::new("T-1");
    machine.keyring.store_token(ProfileId::from_u128(77), &token).await.expect("stored");
    let database = rusqlite::Connection::open(folder.path().join("data/journal.sqlite")).expect("the journal");
    let uuid = 77_u128.to_be_bytes();
    database
        .execute("INSERT INTO pending_work (kind, profile, at, details) VALUES (1, ?1, 0, '')", [uuid])
        .expect("written");
    drop(database);
    let asked = backend.got_of(REVOKE).len();
    revokes.store(true, Ordering::SeqCst);
    let mut window = Window::open(&machine);
    until("the revocation", async || (backend.got_of(REVOKE).len() > asked).then_some(())).await;
    assert_eq!(backend.got_of(REVOKE)[asked].token.as_deref(), Some("T-1"));
    history(&mut window).await;
    let data = folder.path().join("data");
    until("the end of the work", async || (pending(&data, 1) + pending(&data, 2) == 0).then_some(())).await;
    assert!(!connected(&window.quit().await), "it signed in again");
    assert_eq!(machine.keyring.token(ProfileId::from_u128(77)).await.expect("it works"), None);
}

#[tokio::test]
async fn a_removal_interrupted_by_a_kill_is_completed_at_the_next_start() {
    const TEST: &str = "a_removal_interrupted_by_a_kill_is_completed_at_the_next_start";
    if let Some(folder) = child::folder() {
        let (machine, profile) = of_parent(&folder);
        let mut window = Window::open(&machine);
        sign_in(&mut window, &profile).await;
        window.act(Action::RemoveProfile(profile.id));
        until("the promise", async || (pending(&folder.join("data"), 3) == 1).then_some(())).await;
        say("removing");
        return std::future::pending().await;
    }
    let (backend, _) = backend().await;
    let websocket = proxy(&["T-1"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (data, id) = (folder.path().join("data"), ProfileId::from_u128(77));
    fill(&data, id, 50_000).await;
    fill(&data, ProfileId::from_u128(78), 10).await;
    kill_child(TEST, folder.path(), "removing", &backend, &websocket).await;
    assert_eq!(exported(&data, id), 0, "an export still prints it");
    assert_eq!(exported(&data, ProfileId::from_u128(78)), 10, "another profile went with it");

    let machine = Machine::at(folder.path());
    let window = Window::open(&machine);
    until("the end of the work", async || (pending(&data, 3) + pending(&data, 5) == 0).then_some(())).await;
    assert!(!connected(&window.quit().await), "it signed in again");
    assert_eq!(exported(&data, id), 0);
    assert_eq!(machine.keyring.token(id).await.expect("it works"), None);
    assert!(!settings(folder.path()).contains(&id.to_string()), "it is in the settings");
    let database = rusqlite::Connection::open(data.join("journal.sqlite")).expect("the journal");
    let left: i64 = database.query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).expect("a count");
    assert_eq!(left, 10, "entries of nobody are left");
}

#[tokio::test]
async fn a_clearing_of_history_interrupted_by_a_kill_restores_nothing() {
    const TEST: &str = "a_clearing_of_history_interrupted_by_a_kill_restores_nothing";
    if let Some(folder) = child::folder() {
        let (machine, profile) = of_parent(&folder);
        let mut window = Window::open(&machine);
        sign_in(&mut window, &profile).await;
        // Entries that are still being read from the journal are only deleted afterwards.
        history(&mut window).await;
        window.act(Action::ClearHistory(profile.id));
        until("the promise", async || (pending(&folder.join("data"), 5) > 0).then_some(())).await;
        say("forgetting");
        return std::future::pending().await;
    }
    let (backend, _) = backend().await;
    let websocket = proxy(&["T-1"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (data, id) = (folder.path().join("data"), ProfileId::from_u128(77));
    fill(&data, id, 50_000).await;
    kill_child(TEST, folder.path(), "forgetting", &backend, &websocket).await;
    let database = rusqlite::Connection::open(data.join("journal.sqlite")).expect("the journal");
    let left: i64 = database.query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).expect("a count");
    drop(database);
    println!("{left} of 50000 entries were left at the kill");
    let canaries = || {
        let archive = ReadOnlyJournal::open(&data).expect("it can be read").expect("a journal");
        let found = archive.entries_from(Seq(0), usize::MAX).expect("it can be read");
        found.iter().filter(|(_, entry)| entry.raw.starts_with("CANARY")).count()
    };
    assert_eq!(canaries(), 0, "an export still prints it");
    let machine = Machine::at(folder.path());
    let mut window = Window::open(&machine);
    window.live(1).await;
    until("the end of the work", async || (pending(&data, 5) == 0).then_some(())).await;
    window.quit().await;
    assert_eq!(canaries(), 0);
    assert!(!is_on_disk(&data, "CANARY"), "it is still on the disk");
}

#[tokio::test]
async fn a_profile_removed_just_before_quitting_is_gone_at_the_next_start() {
    let (backend, _) = backend().await;
    let machine = Machine::new();
    let (data, id) = (machine.folder.path().join("data"), ProfileId::from_u128(77));
    fill(&data, id, 20_000).await;
    let profile = profile(&backend, &proxy(&["T-1"]).await);
    let mut window = Window::open(&machine);
    sign_in(&mut window, &profile).await;
    window.act(Action::RemoveProfile(id));
    window.quit().await;
    assert_eq!(exported(&data, id), 0);
    assert!(!settings(machine.folder.path()).contains(&id.to_string()), "it is in the settings");
    let window = Window::open(&machine);
    until("the end of the work", async || (pending(&data, 3) + pending(&data, 5) == 0).then_some(())).await;
    window.quit().await;
    assert_eq!(machine.keyring.token(id).await.expect("it works"), None);
    assert!(!is_on_disk(&data, "CANARY"), "it is still on the disk");
}
