//! Receipts, requesting the same data again, and the warning that a link was refused.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use privicore_monitor::activity::{ActivityKey, DownloadFailure, DownloadReceipt, Entry, Fact, LocalEvent, Requested};
use privicore_monitor::engine::{Action, Event, Notice, NoticeReason, Severity};
use privicore_monitor::protocol::DataToken;

use super::harness::{LINK, LINK_LIFETIME, Window, data};

/// Opens the details of the only row and answers for the journal.
fn open(window: &mut Window, entries: Vec<Entry>) {
    window.commit(entries.clone());
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    let profile = window.id();
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    window.send_event(Event::History { profile, key, entries, is_cut: false });
    window.run();
}

/// A request that was made in this window and saved, with its receipt.
fn saved_story(window: &mut Window) -> Vec<Entry> {
    let key = ActivityKey::Data("r-1".into());
    let requested = Requested {
        token: DataToken::new("dtk-7f3a"),
        file_name: "q1.pdf".to_owned(),
        context: "invoices/2026-Q1".to_owned(),
        size: Some(1_800),
        command: Some("c-9".into()),
        again: None,
    };
    let first = window.fact(key.clone(), Fact::Local(LocalEvent::Requested(requested)), "");
    let link = window.entry(&data("r-1", "invoices/2026-Q1", 1, LINK));
    let receipt = DownloadReceipt {
        sha256: "a5".repeat(32),
        gets: 1,
        began: Some(link.at),
        host: "download.example.com".to_owned(),
        token: Some(DataToken::new("dtk-7f3a")),
        ..DownloadReceipt::default()
    };
    window.wait(std::time::Duration::from_secs(2));
    let saved = LocalEvent::Saved { to: "/home/ops/q1.pdf".to_owned(), size: 4_200_123, receipt };
    vec![first, link, window.fact(key, Fact::Local(saved), "")]
}

/// The text that a button copies, operated by keyboard.
fn copied(window: &mut Window, name: &str) -> String {
    window.find(Role::Button, name).focus();
    window.run();
    // Only the press: after the release, the copied text is gone.
    window.harness.event(egui::Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: egui::Modifiers::NONE,
    });
    window.harness.step();
    let copied = window.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    copied.unwrap_or_else(|| panic!("{name} copies nothing"))
}

#[test]
fn a_receipt_shows_how_the_file_was_obtained_and_each_part_can_be_copied() {
    let mut window = Window::live();
    let entries = saved_story(&mut window);
    open(&mut window, entries);
    for words in [
        "Request id r-1",
        "Data token dtk-7f3a",
        "Command id c-9",
        "Requested 12:04:33",
        "File /home/ops/q1.pdf",
        "Size 4.2 MB",
        "From download.example.com",
        "Began 12:04:33",
        "Saved 12:04:35",
        "GETs 1",
    ] {
        assert!(window.reads(words), "no {words}: {:?}", window.all(Role::Label));
    }
    assert_eq!(copied(&mut window, "Copy SHA-256"), "a5".repeat(32));
    assert_eq!(copied(&mut window, "Copy size"), "4200123", "for a machine");
    assert_eq!(copied(&mut window, "Copy data token"), "dtk-7f3a");
    assert_eq!(copied(&mut window, "Copy file"), "/home/ops/q1.pdf");
}

#[test]
fn data_with_a_known_token_can_be_requested_again_and_its_row_is_selected() {
    let mut window = Window::live();
    let entries = saved_story(&mut window);
    open(&mut window, entries);
    window.press("Request selected again");
    match &*window.actions() {
        [Action::RequestAgain { request, .. }] => assert_eq!(request.as_str(), "r-1"),
        other => panic!("{other:?}"),
    }
    let again = Requested {
        token: DataToken::new("dtk-7f3a"),
        file_name: String::new(),
        context: String::new(),
        size: None,
        command: None,
        again: Some("r-1".into()),
    };
    let entry = window.fact(ActivityKey::Data("r-2".into()), Fact::Local(LocalEvent::Requested(again)), "");
    window.commit(vec![entry]);
    assert_eq!(window.selected(), ["Data request r-2, Preparing"]);
}

#[test]
fn the_palette_requests_the_data_of_the_selected_rows_again() {
    let mut window = Window::live();
    let entries = saved_story(&mut window);
    window.commit(entries);
    window.receive(&[data("r-9", "not this one", 1, LINK)]);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("request again");
    window.key(Key::Enter);
    match &*window.actions() {
        [Action::RequestAgain { request, .. }] => assert_eq!(request.as_str(), "r-1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_with_an_unknown_token_can_not_be_requested_again() {
    let mut window = Window::live();
    let link = window.entry(&data("r-1", "invoices/2026-Q1", 1, LINK));
    open(&mut window, vec![link]);
    window.wait(LINK_LIFETIME);
    window.run();
    assert_eq!(window.rows(), ["Data request r-1, Link expired"]);
    assert!(!window.has(Role::Button, "Request selected again"), "it can't be");
    assert!(!window.has(Role::Button, "Request r-1 again"), "it can't be");
}

#[test]
fn a_refused_link_is_shown_until_it_is_acknowledged() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "invoices", 1, LINK)]);
    let sentence = "The link has been used or has expired. This monitor has not requested it before.";
    let profile = window.id();
    let read = Action::AcknowledgeWarning { profile, request: "r-1".into() };
    window.send_event(Event::Notice(Notice {
        severity: Severity::Error,
        profile: Some(profile),
        reason: NoticeReason::stored(sentence),
        remedy: Some(("I have read this".to_owned(), read)),
    }));
    let spent = LocalEvent::NotSaved { why: DownloadFailure::Refused, sentence: sentence.to_owned(), part: None };
    let spent = window.fact(ActivityKey::Data("r-1".into()), Fact::Local(spent), "");
    window.commit(vec![spent.clone()]);
    assert_eq!(window.rows(), ["Data request r-1, Link expired"], "nobody here has used it");
    window.key(Key::Escape);
    window.key(Key::Escape);
    assert!(window.all(Role::Alert).iter().any(|alert| alert == sentence), "gone unread");
    assert!(!window.has(Role::Button, "Dismiss"), "it can be dismissed unread");
    window.press("I have read this");
    let journaled =
        |action: &Action| matches!(action, Action::AcknowledgeWarning { request, .. } if request.as_str() == "r-1");
    assert!(window.actions().iter().any(journaled), "not journaled");
    assert!(!window.all(Role::Alert).iter().any(|alert| alert == sentence), "still there");
}
