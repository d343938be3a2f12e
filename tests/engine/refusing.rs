//! A journal that refuses writes blocks nothing: disconnecting, signing out, removing and quitting work at once.

#![expect(clippy::disallowed_methods, reason = "another program makes the journal refuse")]

use privicore_monitor::engine::{Action, ConnectionState, EngineStatus, Event, ProblemKind};
use privicore_monitor::journal::ReadOnlyJournal;
use privicore_monitor::sandbox::{DEMO_USERNAME, SandboxHandle};
use privicore_monitor::settings::ProfileId;
use serde_json::json;

use crate::keys::{self, Mood};
use crate::pending::until;
use crate::quiet;
use crate::window::{Machine, Window, post};

/// Sets whether the journal refuses entries and pending work.
fn refuse(machine: &Machine, refuses: bool) {
    let database = rusqlite::Connection::open(machine.folder.path().join("data/journal.sqlite")).expect("the journal");
    for table in ["entry", "pending_work"] {
        let sql = if refuses {
            format!(
                "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'The disk is full.'); END"
            )
        } else {
            format!("DROP TRIGGER refuse_{table}")
        };
        database.execute_batch(&sql).expect("the trigger");
    }
}

/// The number of a profile's entries that an export would read.
fn rows(machine: &Machine, profile: ProfileId) -> u64 {
    let archive = ReadOnlyJournal::open(&machine.folder.path().join("data"));
    archive.expect("it can be read").expect("a journal").count(Some(profile)).expect("it can be read")
}

async fn publish(sandbox: &SandboxHandle, id: &str) {
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
}

#[tokio::test]
async fn actions_take_effect_at_once_while_the_journal_refuses_and_messages_are_stored_later() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let token = machine.keyring.token(id).await.expect("the keyring works").expect("a token");
    refuse(&machine, true);
    publish(&sandbox, "c-1").await;
    let not_kept = |event: &Event| matches!(event, Event::Unpersisted { .. }).then_some(());
    window.wait("what is not kept", not_kept).await;
    window.act(Action::Disconnect(id));
    window.state("offline", |state| *state == ConnectionState::Offline).await;
    window.act(Action::Connect(id));
    window.state("live", |state| *state == ConnectionState::Live).await;
    window.act(Action::SignOut { profile: id, revoke: true });
    window.state("signed out", |state| *state == ConnectionState::SignedOut).await;
    until("the token's end", async || {
        let path = "/profile/authorization-token/expiry";
        post(&sandbox, path, Some(token.expose()), &[]).await.get("expiresAt").is_none().then_some(())
    })
    .await;
    until("the empty keyring", async || {
        machine.keyring.token(id).await.expect("the keyring works").is_none().then_some(())
    })
    .await;
    refuse(&machine, false);
    window.notice("can be written again").await;
    let kept = |event: &Event| matches!(event, Event::Persisted { .. }).then_some(());
    window.since(0, "what is kept", kept).await;
    window.quit().await;
}

#[tokio::test]
async fn a_removal_fails_while_the_journal_refuses_and_succeeds_on_retry() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    publish(&sandbox, "c-1").await;
    window.wait("the outcome", |event| matches!(event, Event::Committed { .. }).then_some(())).await;
    refuse(&machine, true);
    window.act(Action::RemoveProfile(id));
    window.notice("was not removed, and nothing of it was deleted").await;
    // Nothing is shown as done, and nothing is.
    let of = |status: &EngineStatus| {
        let listed = status.settings.as_ref().is_some_and(|settings| settings.profile(id).is_some());
        let live = status.profile(id).is_some_and(|profile| profile.connection == Some(ConnectionState::Live));
        (listed && live).then_some(())
    };
    window.until("the profile, live", of).await;
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 1, "it was disconnected");
    assert!(machine.keyring.token(id).await.expect("the keyring works").is_some(), "its token is gone");
    assert_eq!(rows(&machine, id), 1, "its activity is gone");
    // The window does not wait for the disk, so neither the profile nor the file has to be there yet.
    let file = machine.folder.path().join("config/settings.toml");
    let is_stored = || std::fs::read_to_string(&file).is_ok_and(|settings| settings.contains(&id.to_string()));
    until("the profile in the settings", async || is_stored().then_some(())).await;

    refuse(&machine, false);
    window.act(Action::RemoveProfile(id));
    window.settings("settings without it", |settings| settings.profiles.is_empty().then_some(())).await;
    until("the empty channel", async || {
        (sandbox.control().joined(DEMO_USERNAME).expect("a profile") == 0).then_some(())
    })
    .await;
    until("the empty journal", async || (rows(&machine, id) == 0).then_some(())).await;
    window.quit().await;
    assert!(!is_stored(), "it is still in the settings");
}

#[tokio::test]
async fn clearing_the_history_fails_with_a_notice_while_the_journal_refuses() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    publish(&sandbox, "c-1").await;
    window.wait("the outcome", |event| matches!(event, Event::Committed { .. }).then_some(())).await;
    refuse(&machine, true);
    window.act(Action::ClearHistory(id));
    window.notice("The activity is still in the journal").await;
    refuse(&machine, false);
    let received = window.quit().await;
    assert!(
        !received.iter().any(|event| matches!(event, Event::HistoryCleared { .. })),
        "it is shown as done: {received:#?}"
    );
    assert_eq!(rows(&machine, id), 1, "it is gone");
}

#[tokio::test]
async fn a_sign_out_that_can_not_be_recorded_is_a_problem_until_it_is_done() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let control;
    (machine.keyring, control) = keys::moody();
    let mut window = Window::open(&machine);
    let id = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    refuse(&machine, true);
    control.be(Mood::Silent);
    window.act(Action::SignOut { profile: id, revoke: false });
    let unwritten = |status: &EngineStatus| {
        status.problems.iter().any(|problem| problem.kind() == ProblemKind::SignOutUnwritten).then_some(())
    };
    window.until("that it is not written down", unwritten).await;
    window.notice("is signed out, but the journal could not record it").await;
    control.be(Mood::Open);
    window.until("the end of that problem", |status| unwritten(status).is_none().then_some(())).await;
    assert_eq!(machine.keyring.token(id).await.expect("it is open"), None);
    window.quit().await;
}

#[tokio::test]
async fn quitting_while_the_journal_refuses_leaves_the_channel_and_reports_lost_messages() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    refuse(&machine, true);
    publish(&sandbox, "c-1").await;
    let not_kept = |event: &Event| matches!(event, Event::Unpersisted { .. }).then_some(());
    window.wait("what is not kept", not_kept).await;
    let received = window.quit().await;
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 0, "the channel was not left");
    let lost = |event: &Event| matches!(event, Event::Notice(notice) if notice.sentence().contains("and is lost"));
    assert!(received.iter().any(lost), "{received:#?}");
}
