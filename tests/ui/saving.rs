//! From a click to a file: the dialog first, then one action; the progress, and what is offered afterwards.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{ActivityKey, DownloadReceipt, Entry, Fact, LocalEvent};
use privicore_monitor::engine::{Action, DownloadProgress, Event};
use privicore_monitor::protocol::{UnreadableReason, redact};
use privicore_monitor::settings::ProfileId;

use super::harness::{INLINE, LINK, LINK_LIFETIME, Window, data};

fn progress(received: u64) -> DownloadProgress {
    DownloadProgress {
        file_name: "invoice.bin".to_owned(),
        received,
        total: Some(29_000_000),
        rate: 41e6,
        ..DownloadProgress::default()
    }
}

#[test]
fn a_download_asks_for_a_path_before_it_starts() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "invoices/2026-Q1", 1, LINK)]);
    window.press("Download r-1");
    assert!(window.actions().is_empty(), "the link was touched before a place was chosen");
    assert_eq!(window.suggestion().file_name, "2026-Q1.bin", "the best name known so far");
    window.answer_file_dialog(Some("/home/ops/q1.bin"));
    match &*window.actions() {
        [Action::Download { profile, request, to }, Action::ChangePreferences { .. }] => {
            assert_eq!((*profile, request.as_str()), (window.id(), "r-1"));
            assert_eq!(to, std::path::Path::new("/home/ops/q1.bin"));
            assert_eq!(window.preferences().last_folder.as_deref(), Some(std::path::Path::new("/home/ops")));
        }
        other => panic!("not one download: {other:?}"),
    }
}

#[test]
fn a_cancelled_dialog_does_nothing_and_can_be_opened_again() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    window.press("Download r-1");
    window.press("Download r-1");
    assert_eq!(window.dialogs_open(), 1, "one dialog at a time");
    window.answer_file_dialog(None);
    assert!(window.actions().is_empty(), "the link was used all the same");
    window.press("Download r-1");
    window.drop_dialog();
    window.press("Download r-1");
    assert_eq!(window.dialogs_open(), 1, "a dialog that went away without an answer blocks the next");
}

#[test]
fn inline_data_is_saved_from_the_message() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "keys/rotation-note", 0, INLINE)]);
    window.press("Save inline data r-1");
    assert_eq!(window.suggestion().file_name, "rotation-note.bin");
    window.answer_file_dialog(Some("/home/ops/note.bin"));
    assert!(matches!(&*window.actions(), [Action::SaveInline { .. }, ..]), "not saved from the message");
}

/// A binary message, as the engine stores it.
fn bytes(window: &mut Window, id: &str, raw: &str) -> Entry {
    let fact = Fact::Unreadable { reason: UnreadableReason::Binary, size: 4 };
    window.fact(ActivityKey::Message(id.into()), fact, raw)
}

/// Opens the details of the only row.
fn open_details(window: &mut Window, entry: Entry) {
    window.key(egui::Key::ArrowDown);
    window.key(egui::Key::Enter);
    let profile = window.id();
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    window.send_event(Event::History { profile, key, entries: vec![entry], is_cut: false });
    window.run();
}

#[test]
fn a_binary_message_is_saved_from_its_row_and_from_its_details() {
    let mut window = Window::live();
    let entry = bytes(&mut window, "m-1", redact::HIDDEN_BYTES);
    window.commit(vec![entry.clone()]);
    assert_eq!(window.rows(), ["Message m-1, Unrecognised"]);
    window.press("Save inline data m-1");
    window.answer_file_dialog(Some("/home/ops/row.bin"));
    assert_eq!(saved_message(&mut window), (window.id(), "m-1".to_owned(), "/home/ops/row.bin".into()));
    open_details(&mut window, entry);
    window.press("Download selected");
    window.answer_file_dialog(Some("/home/ops/details.bin"));
    assert_eq!(saved_message(&mut window), (window.id(), "m-1".to_owned(), "/home/ops/details.bin".into()));
}

/// Which message the engine was asked to save, and where.
fn saved_message(window: &mut Window) -> (ProfileId, String, PathBuf) {
    let actions = window.actions();
    let Some(Action::SaveMessage { profile, key: ActivityKey::Message(id), to, .. }) = actions.first() else {
        panic!("{actions:?}")
    };
    (*profile, id.to_string(), to.clone())
}

#[test]
fn bytes_that_are_not_stored_can_not_be_saved_and_the_details_say_why() {
    let mut window = Window::live();
    let entry = bytes(&mut window, "m-1", redact::UNSTORED_BYTES);
    window.commit(vec![entry.clone()]);
    assert!(!window.has(Role::Button, "Save inline data m-1"), "it is offered");
    open_details(&mut window, entry);
    for name in ["Download selected", "Show secrets"] {
        assert!(!window.has(Role::Button, name), "{name} is offered");
    }
    let why = "Its bytes can't be saved: they are not kept, because there was no system keyring to encrypt them with.";
    assert!(window.reads(why), "{:?}", window.all(Role::Label));
}

#[test]
fn a_download_shows_its_progress_and_can_be_cancelled() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    let fetching = window.fact(
        ActivityKey::Data("r-1".into()),
        Fact::Local(LocalEvent::Fetching { to: "/x".into(), part: None, links: Vec::new() }),
        "",
    );
    window.commit(vec![fetching]);
    let profile = window.id();
    window.status(profile, |status| _ = status.downloads.insert("r-1".into(), progress(18_000_000)));
    window.run();
    let bar = window.find(Role::ProgressIndicator, "Downloading invoice.bin").accesskit_node();
    assert_eq!(bar.numeric_value(), Some(62.0));
    assert_eq!(window.rows(), ["Data request r-1, Downloading"]);
    assert!(window.has(Role::Group, "Downloads"), "no drawer");
    window.press_first("Cancel download invoice.bin");
    assert!(
        matches!(&*window.actions(), [Action::CancelDownload { request, .. }] if request.as_str() == "r-1"),
        "not cancelled"
    );
    window.status(profile, |status| _ = status.downloads.remove(&"r-1".into()));
    window.run();
    assert!(!window.has(Role::Group, "Downloads"), "the drawer stays");
}

#[test]
fn a_saved_file_can_be_opened_and_shown() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    let saved = LocalEvent::Saved {
        to: "/home/ops/nda-2026.bin".to_owned(),
        size: 4_200_000,
        receipt: DownloadReceipt::default(),
    };
    let saved = window.fact(ActivityKey::Data("r-1".into()), Fact::Local(saved), "");
    window.commit(vec![saved]);
    assert_eq!(window.rows(), ["Data request r-1, Saved"]);
    window.press("Open nda-2026.bin");
    window.press("Show nda-2026.bin in folder");
    let path = std::path::Path::new("/home/ops/nda-2026.bin");
    match &*window.actions() {
        [Action::OpenFile(opened), Action::ShowInFolder(shown)] => assert_eq!((&**opened, &**shown), (path, path)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_that_expires_is_updated_on_screen() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    window.wait(LINK_LIFETIME);
    window.run();
    assert_eq!(window.rows(), ["Data request r-1, Link expired"]);
    assert!(!window.has(Role::Button, "Download r-1"), "it is still offered");
}
