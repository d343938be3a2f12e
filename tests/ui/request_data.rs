//! Requests stored data from the window and follows it until it is saved, entirely by keyboard.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{ActivityKey, DownloadReceipt, Fact, LocalEvent, Requested};
use privicore_monitor::engine::{Action, ConnectionState, Event, RestError};
use privicore_monitor::protocol::{DataToken, DataTokenPage, StoredData};

use super::harness::{LINK, Window, data};

fn stored(token: &str, context: &str, file_name: &str) -> StoredData {
    StoredData {
        token: DataToken::new(token),
        context: context.to_owned(),
        file_name: file_name.to_owned(),
        size: Some(1_800),
        created: "2026-03-02T08:15:00Z".parse().ok(),
    }
}

/// The stored data of a small profile.
fn few() -> Vec<StoredData> {
    vec![
        stored("dtk-1", "invoices/2026-Q1", "q1.pdf"),
        stored("dtk-2", "contracts", "nda.pdf"),
        stored("dtk-3", "invoices/2026-Q2", "q2.pdf"),
        stored("dtk-4", "keys", ""),
    ]
}

/// Presses the dialog's key. Returns the page that the engine was asked for.
#[track_caller]
fn open(window: &mut Window) -> u32 {
    window.key_with(Modifiers::COMMAND, Key::R);
    assert!(window.has(Role::Dialog, "Request data"), "no dialog");
    match &*window.actions() {
        [Action::ListDataTokens { page, .. }] => *page,
        other => panic!("not one question: {other:?}"),
    }
}

fn answer(window: &mut Window, page: u32, answer: Result<Vec<StoredData>, RestError>, count: Option<u64>) {
    let answer = answer.map(|items| DataTokenPage { items, count });
    let profile = window.id();
    window.send_event(Event::DataTokens { profile, page, answer });
    window.run();
}

/// Types into whatever has the focus.
fn type_text(window: &mut Window, text: &str) {
    window.harness.event(egui::Event::Text(text.to_owned()));
    window.run();
}

/// The names of the chosen visible rows.
fn chosen(window: &Window) -> Vec<String> {
    use egui_kittest::kittest::Queryable as _;
    window
        .harness
        .query_all_by_role(Role::ListBoxOption)
        .map(|node| node.accesskit_node())
        .filter(|node| node.is_selected() == Some(true))
        .filter_map(|node| node.label())
        .collect()
}

fn requested(token: &str, file_name: &str) -> Fact {
    Fact::Local(LocalEvent::Requested(Requested {
        token: DataToken::new(token),
        file_name: file_name.to_owned(),
        context: "invoices/2026-Q1".to_owned(),
        size: Some(1_800),
        command: Some("c-1".into()),
        again: None,
    }))
}

#[test]
fn data_is_found_requested_and_saved_by_key_presses_alone() {
    let mut window = Window::live();
    window.receive(&[data("r-0", "older", 0, "Preparing")]);
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), Some(4));
    type_text(&mut window, "invoices");
    assert_eq!(window.all(Role::ListBoxOption).len(), 2, "{:?}", window.all(Role::ListBoxOption));
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    match &*window.actions() {
        [Action::RequestData { profile, data, .. }] => {
            assert_eq!((*profile, data.len(), data[0].file_name.as_str()), (window.id(), 1, "q1.pdf"));
        }
        other => panic!("not one request: {other:?}"),
    }
    assert!(!window.has(Role::Dialog, "Request data"), "the dialog stays");
    let entry = window.fact(ActivityKey::Data("r-1".into()), requested("dtk-1", "q1.pdf"), "");
    window.commit(vec![entry]);
    assert_eq!(window.selected(), ["Data request r-1, Preparing"], "the keyboard is elsewhere");
    window.receive(&[data("r-1", "invoices/2026-Q1", 1, LINK)]);
    window.key(Key::D);
    assert_eq!(window.suggestion().file_name, "q1.pdf", "the name known for the data token");
    window.answer_file_dialog(Some("/home/ops/q1.pdf"));
    assert!(matches!(&*window.actions(), [Action::Download { request, .. }, ..] if request.as_str() == "r-1"));
    let saved =
        LocalEvent::Saved { to: "/home/ops/q1.pdf".to_owned(), size: 1_812, receipt: DownloadReceipt::default() };
    let saved = window.fact(ActivityKey::Data("r-1".into()), Fact::Local(saved), "");
    window.commit(vec![saved]);
    assert_eq!(window.selected(), ["Data request r-1, Saved"]);
}

#[test]
fn many_are_chosen_with_space_and_requested_together() {
    let mut window = Window::live();
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), None);
    window.key(Key::ArrowDown);
    window.key(Key::Space);
    window.key(Key::End);
    window.key(Key::Space);
    assert_eq!(
        chosen(&window),
        ["q1.pdf, invoices/2026-Q1, 1.8 kB, 08:15:00", "dtk-4, keys, 1.8 kB, 08:15:00"],
        "a row says what is known of it"
    );
    assert!(window.reads("2 chosen · 4 data tokens"), "{:?}", window.all(Role::Label));
    window.key(Key::Enter);
    let tokens = match &*window.actions() {
        [Action::RequestData { data, .. }] => {
            data.iter().map(|data| data.token.as_str().to_owned()).collect::<Vec<_>>()
        }
        other => panic!("not one request: {other:?}"),
    };
    assert_eq!(tokens, ["dtk-1", "dtk-4"]);
    for (request, token) in [("r-1", "dtk-1"), ("r-4", "dtk-4")] {
        let entry = window.fact(ActivityKey::Data(request.into()), requested(token, ""), "");
        window.commit(vec![entry]);
    }
    assert_eq!(window.selected().len(), 2, "both are at hand: {:?}", window.selected());
}

#[test]
fn the_pointer_selects_too_and_an_empty_selection_can_not_be_requested() {
    let mut window = Window::live();
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), None);
    assert!(window.find(Role::Button, "Request").accesskit_node().is_disabled(), "there is nothing to request");
    window.click(Role::ListBoxOption, "nda.pdf, contracts, 1.8 kB, 08:15:00");
    window.press("Request");
    assert!(matches!(&*window.actions(), [Action::RequestData { data, .. }] if data[0].token.as_str() == "dtk-2"));
}

#[test]
fn each_state_of_the_list_is_a_sentence() {
    let mut window = Window::live();
    let page = open(&mut window);
    assert!(window.reads("Reading the list…"), "{:?}", window.all(Role::Label));
    answer(&mut window, page, Err(RestError::TimedOut { host: "localhost".to_owned() }), None);
    assert!(window.reads("The list could not be read."));
    assert!(window.reads("localhost did not answer in time. Try again."));
    window.press("Try again");
    assert!(matches!(&*window.actions(), [Action::ListDataTokens { page: 1, .. }]), "not asked again");
    answer(&mut window, 1, Ok(Vec::new()), Some(0));
    assert!(window.reads("No stored data yet."), "{:?}", window.all(Role::Label));
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(ConnectionState::SignedOut));
    window.run();
    assert!(window.reads("Signed out."), "{:?}", window.all(Role::Label));
}

#[test]
fn a_search_finds_items_on_later_pages() {
    let mut window = Window::live();
    let page = open(&mut window);
    let rows =
        |from: usize| (from..from + 100).map(|n| stored(&format!("dtk-{n}"), "audit", &format!("{n}.log"))).collect();
    answer(&mut window, page, Ok(rows(0)), Some(200));
    assert!(window.actions().is_empty(), "a page that nobody needs was asked for");
    type_text(&mut window, "150.log");
    assert!(window.reads("Searching…"), "{:?}", window.all(Role::Label));
    assert!(matches!(&*window.actions(), [Action::ListDataTokens { page: 2, .. }]), "the rest was not asked for");
    answer(&mut window, 2, Ok(rows(100)), Some(200));
    assert_eq!(window.all(Role::ListBoxOption), ["150.log, audit, 1.8 kB, 08:15:00"]);
    type_text(&mut window, " nowhere");
    assert!(window.reads("Nothing matches."), "{:?}", window.all(Role::Label));
}

#[test]
fn a_busy_engine_leaves_the_dialog_as_it_is() {
    let mut window = Window::live();
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), None);
    window.key(Key::ArrowDown);
    window.key(Key::Space);
    window.busy(true);
    window.key(Key::Enter);
    assert!(window.has(Role::Dialog, "Request data"), "what was chosen is lost");
    window.busy(false);
    window.key(Key::Enter);
    assert!(matches!(&*window.actions(), [Action::RequestData { .. }]), "not requested");
}

#[test]
fn the_dialog_works_in_a_small_window() {
    let mut window = Window::live_in([800.0, 500.0]);
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), None);
    let request = window.find(Role::Button, "Request").rect();
    assert!(request.bottom() < 500.0, "the buttons are outside: {request:?}");
    window.key(Key::Escape);
    assert!(!window.has(Role::Dialog, "Request data"), "Escape does not close it");
}

#[test]
fn requested_data_can_be_saved_to_a_folder_as_soon_as_it_is_ready() {
    let mut window = Window::live();
    let page = open(&mut window);
    answer(&mut window, page, Ok(few()), None);
    window.click(Role::CheckBox, "Save to a folder as soon as it is ready");
    window.answer_file_dialog(Some("/home/ops/in"));
    assert!(window.reads("Folder /home/ops/in"), "{:?}", window.all(Role::Label));
    window.click(Role::ListBoxOption, "nda.pdf, contracts, 1.8 kB, 08:15:00");
    window.press("Request");
    let folder = window.actions().into_iter().find_map(|action| match action {
        Action::RequestData { folder, .. } => Some(folder),
        _ => None,
    });
    assert_eq!(folder.flatten().as_deref(), Some(std::path::Path::new("/home/ops/in")));
}
