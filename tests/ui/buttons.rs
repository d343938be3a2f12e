//! Actions that are not available are disabled and state the reason: in the tooltip, and to screen readers.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{Event, PathCheck};
use privicore_monitor::protocol::{DataToken, DataTokenPage, StoredData};
use privicore_monitor::settings::{Preferences, SavedFilter, Settings, TableLayout, Theme};

use super::file_path::asks_for_a_path;
use super::harness::{LINK, Window, command, data};
use super::screens::MORE;
use super::snapshots::{SCREENS, Screen};

/// Why a button is disabled; `None` if it is enabled.
#[track_caller]
fn why_not(window: &Window, name: &str) -> Option<String> {
    let node = window.find(Role::Button, name).accesskit_node();
    node.is_disabled().then(|| node.description().expect("it does not say why"))
}

/// Replaces a field's text by typing.
fn type_anew(window: &mut Window, role: Role, name: &str, text: &str) {
    window.find(role, name).focus();
    window.run();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key(Key::Delete);
    window.harness.event(egui::Event::Text(text.to_owned()));
    // A multi-line field scrolls to the caret.
    window.harness.run_steps(12);
    window.run();
}

#[test]
fn nothing_is_tracked_until_there_is_an_id() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::T);
    let many = (0..1_001).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
    for (typed, wanted, is_mistake) in [
        ("", Some("Paste at least one command id."), false),
        (" \n,\"'[] ", Some("Paste at least one command id."), false),
        (&*"x".repeat(201), Some("An id is longer than 200 characters. Paste command ids, one per line."), true),
        (&*many, Some("These are 1001 ids. Track at most 1000 at once."), true),
        ("c-1", None, false),
        ("", Some("Paste at least one command id."), false),
    ] {
        type_anew(&mut window, Role::MultilineTextInput, "Command ids", typed);
        assert_eq!(why_not(&window, "Track").as_deref(), wanted);
        assert_eq!(!window.all(Role::Alert).is_empty(), is_mistake, "{wanted:?}");
    }
    type_anew(&mut window, Role::MultilineTextInput, "Command ids", "c-1");
    type_anew(&mut window, Role::TextInput, "Label", &"l".repeat(201));
    let long = "The label is longer than 200 characters. Enter a shorter one.";
    assert_eq!((why_not(&window, "Track").as_deref(), &*window.all(Role::Alert)), (Some(long), &[long.to_owned()][..]));
    window.press("Track");
    assert!(window.actions().is_empty(), "it was tracked all the same");
}

#[test]
fn nothing_is_requested_until_something_is_chosen() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::R);
    let choose = Some("Choose what to request: a click, or Space on a row.".to_owned());
    assert_eq!(why_not(&window, "Request"), choose);
    let items = (0..1_001)
        .map(|number| StoredData {
            token: DataToken::new(format!("dtk-{number}")),
            context: "invoices".to_owned(),
            file_name: format!("{number}.pdf"),
            size: None,
            created: None,
        })
        .collect();
    let profile = window.id();
    window.send_event(Event::DataTokens { profile, page: 1, answer: Ok(DataTokenPage { items, count: Some(1_001) }) });
    window.run();
    window.key(Key::ArrowDown);
    window.key(Key::Space);
    assert_eq!(why_not(&window, "Request"), None);
    window.key(Key::Space);
    assert_eq!(why_not(&window, "Request"), choose);
    window.key_with(Modifiers::COMMAND, Key::A);
    let many = "1001 are chosen. Request at most 1000 at once.";
    assert_eq!(why_not(&window, "Request").as_deref(), Some(many));
    assert_eq!(window.all(Role::Alert), [many], "it is said in the tooltip alone");
}

#[test]
fn a_filter_can_be_saved_once_it_has_a_name_and_there_is_room() {
    let mut window = Window::live();
    let layout = TableLayout { filter: "status:failed".to_owned(), ..TableLayout::default() };
    let saved = |number| SavedFilter { name: format!("filter {number}"), layout: layout.clone() };
    let preferences = Preferences { saved_filters: (0..30).map(saved).collect(), ..Preferences::default() };
    for (preferences, name, wanted) in [
        (Preferences::default(), "", Some("Enter a name.")),
        (Preferences::default(), "  ", Some("Enter a name.")),
        (Preferences::default(), "mine", None),
        (Preferences::default(), &*"n".repeat(61), Some("The name is longer than 60 characters. Enter a shorter one.")),
        (
            preferences.clone(),
            "mine",
            Some("There are 30 saved filters. Remove one first, or enter the name of the one to replace."),
        ),
        (preferences, "filter 7", None),
    ] {
        window.send_settings(Settings { preferences, profiles: vec![window.profile.clone()] });
        window.run();
        window.key_with(Modifiers::COMMAND, Key::K);
        window.type_text("Save filter");
        window.key(Key::Enter);
        window.type_into(Role::TextInput, "Name", name);
        assert_eq!(why_not(&window, "Save filter").as_deref(), wanted);
        window.actions();
        // Enter does not bypass the disabled button.
        window.key(Key::Enter);
        assert_eq!(window.has(Role::Dialog, "Save filter"), wanted.is_some(), "{name:?}");
        assert_eq!(window.actions().is_empty(), wanted.is_some(), "{name:?}");
        window.key(Key::Escape);
        window.key(Key::Escape);
    }
}

#[test]
fn a_label_has_a_maximum_length_and_can_be_removed() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, "")]);
    window.key(Key::ArrowDown);
    window.key(Key::L);
    assert_eq!(why_not(&window, "Save label"), None, "an empty one takes it away");
    window.type_text(&"l".repeat(201));
    let long = "The label is longer than 200 characters. Enter a shorter one.";
    assert_eq!(
        (why_not(&window, "Save label").as_deref(), &*window.all(Role::Alert)),
        (Some(long), &[long.to_owned()][..])
    );
    window.key(Key::Enter);
    assert!(window.actions().is_empty(), "it was saved all the same");
}

#[test]
fn a_host_and_a_key_are_accepted_once_they_are_complete() {
    let mut window = Window::live();
    window.profile.saving.decrypt = true;
    window.settings(vec![window.profile.clone()], Theme::Dark);
    window.run();
    window.press("Menu");
    window.press("Ready data settings…");
    let host = "Enter a host alone, such as files.example.com.";
    for (typed, wanted) in
        [("", Some(host)), ("https://x/", Some(host)), ("a b", Some(host)), ("files.example.com", None)]
    {
        type_anew(&mut window, Role::TextInput, "Host", typed);
        assert_eq!(why_not(&window, "Allow host").as_deref(), wanted, "{typed:?}");
        assert!(window.all(Role::Alert).is_empty(), "half a host that is being typed is pointed out");
    }
    let (empty, short) = ("A key has 64 hex digits; there are 0 here.", "A key has 64 hex digits; there are 4 here.");
    for (typed, wanted) in [("", Some(empty)), ("00ff", Some(short)), (&*"00ff".repeat(16), None)] {
        type_anew(&mut window, Role::PasswordInput, "Key", typed);
        assert_eq!(why_not(&window, "Use key").as_deref(), wanted);
        assert!(window.all(Role::Alert).is_empty(), "half a key that is being typed is pointed out");
    }
    type_anew(&mut window, Role::PasswordInput, "Key", "00ff");
    type_anew(&mut window, Role::TextInput, "Host", "https://x/");
    assert_eq!(window.all(Role::Alert), [short], "a field that was left says what is wrong");
    window.key(Key::Tab);
    assert_eq!(window.all(Role::Alert), [host, short]);
}

#[test]
fn a_path_is_checked_once_and_not_while_it_is_empty() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "rates", 1, LINK)]);
    window.run();
    asks_for_a_path(&mut window, "r-1");
    assert_eq!(why_not(&window, "Save"), None);
    type_anew(&mut window, Role::TextInput, "File path", "");
    assert_eq!(why_not(&window, "Save").as_deref(), Some("Enter a path."));
    window.key(Key::Enter);
    assert!(window.desktop.checks.with(Vec::pop).is_none(), "an empty path is looked at");
    type_anew(&mut window, Role::TextInput, "File path", "/srv/a");
    window.press("Save");
    assert_eq!(why_not(&window, "Save").as_deref(), Some("The path is being checked."));
    let (.., reply) = window.desktop.checks.with(Vec::pop).expect("the path is looked at");
    reply.send(PathCheck::Invalid("There is no folder /srv. Create it, or enter another path.".to_owned()));
    window.run();
    assert_eq!(why_not(&window, "Save"), None, "the folder may be there by now");
}

/// The disabled buttons of screens that state no reason.
fn silent(screens: &[Screen]) -> Vec<String> {
    let mut silent = Vec::new();
    for (name, size, open) in screens {
        let window = open(Theme::Dark, *size);
        let buttons = window.nodes(Role::Button).map(|node| node.accesskit_node());
        let disabled = buttons.filter(|node| node.is_disabled() && node.description().is_none());
        silent.extend(disabled.map(|node| format!("{name}: {:?}", node.label())));
    }
    silent
}

#[test]
fn every_disabled_control_says_why_on_every_screen() {
    assert_eq!(silent(&SCREENS), Vec::<String>::new());
    assert_eq!(silent(&MORE), Vec::<String>::new());
}
