//! Commands: the palette, the rows' menu, several rows at once, the help, and the focus, which is never lost.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{Action, ConnectionState, DisconnectReason};

use super::harness::{LINK, Window, command, data};

/// Opens the palette and types into it.
fn palette(typed: &str) -> Window {
    let mut window = Window::live();
    window.receive(&[
        command("23f7978a-1", 2, "done"),
        command("a91f0c6e-2", 3, "no"),
        data("r-1", "invoices/2026", 1, LINK),
    ]);
    window.key_with(Modifiers::COMMAND, Key::K);
    assert!(window.has(Role::Dialog, "Command palette"), "no dialog");
    window.type_text(typed);
    window
}

/// The palette's results, and which of them Enter would run.
fn offered(window: &Window) -> (Vec<String>, Vec<String>) {
    let chosen = window
        .nodes(Role::ListBoxOption)
        .filter(|node| node.accesskit_node().is_selected() == Some(true))
        .filter_map(|node| node.accesskit_node().label())
        .collect();
    (window.all(Role::ListBoxOption), chosen)
}

#[test]
fn the_palette_lists_every_command_and_finds_by_a_few_letters() {
    let window = palette("");
    let (all, chosen) = offered(&window);
    assert!(all.len() > 30, "{all:?}");
    assert_eq!(chosen.len(), 1, "what Enter runs is not told");
    let (found, chosen) = offered(&palette("ks"));
    assert_eq!(found.first().map(String::as_str), Some("Keyboard shortcuts"), "{found:?}");
    assert_eq!(chosen, ["Keyboard shortcuts"]);
    let (found, _) = offered(&palette("re"));
    assert!(found.iter().all(|words| words.to_lowercase().contains("re")), "letters here and there: {found:?}");
    let (found, _) = offered(&palette("fail"));
    assert!(found.iter().any(|words| words == "Show failed (1)"), "no count: {found:?}");
    let (found, _) = offered(&palette("eyshc"));
    assert_eq!(found.first().map(String::as_str), Some("Keyboard shortcuts"), "nothing is closer: {found:?}");
}

#[test]
fn arrows_choose_enter_runs_and_escape_leaves() {
    let mut window = palette("theme");
    let (found, _) = offered(&window);
    window.key(Key::ArrowDown);
    let (_, chosen) = offered(&window);
    assert_eq!(chosen.as_slice(), &found[1..2]);
    window.key(Key::ArrowUp);
    window.key(Key::ArrowUp);
    let (_, chosen) = offered(&window);
    assert_eq!(chosen.as_slice(), found.last().map(std::slice::from_ref).unwrap_or_default(), "not around the end");
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    assert!(!window.has(Role::Dialog, "Command palette"), "it stays");
    assert!(matches!(&*window.actions(), [Action::ChangePreferences { .. }]), "nothing was run");
    window.key_with(Modifiers::COMMAND, Key::K);
    window.key(Key::Escape);
    assert!(!window.has(Role::Dialog, "Command palette"), "Escape does not close it");
}

#[test]
fn an_unavailable_command_says_why_and_is_not_run() {
    let mut window = palette("retry");
    let node = window.find(Role::ListBoxOption, "Retry now").accesskit_node();
    assert_eq!(node.data().description(), Some("Not reconnecting."));
    assert!(node.is_disabled(), "it looks as if it could be run");
    window.key(Key::Enter);
    assert!(window.actions().is_empty(), "it was run");
    assert!(window.has(Role::Dialog, "Command palette"), "it closed as if it had done something");
}

#[test]
fn rows_are_found_by_label_and_id_and_opened() {
    let mut window = palette("invoices");
    let (found, _) = offered(&window);
    assert!(found.contains(&"invoices/2026, Ready".to_owned()), "{found:?}");
    window.key(Key::Enter);
    assert!(window.has(Role::Group, "Details"), "its details are not open");
    assert_eq!(window.selected(), ["Data request r-1, Ready"]);
    let (found, _) = offered(&palette("a91f"));
    assert!(found.contains(&"a91f0c6e-2, Failed".to_owned()), "{found:?}");
}

#[test]
fn a_click_runs_an_entry() {
    let mut window = palette("about");
    window.click(Role::ListBoxOption, "About Privicore Monitor");
    assert!(window.has(Role::Dialog, "About Privicore Monitor"), "not run");
}

#[test]
fn the_guide_opens_in_the_window() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("guide");
    window.key(Key::Enter);
    assert!(window.has(Role::Dialog, "Operator’s guide"), "no guide: {:?}", window.all(Role::Dialog));
    assert!(window.reads("What may be missing") || window.has(Role::Heading, "What may be missing"), "it is empty");
    let texts = window.all(Role::Label).concat();
    assert!(texts.contains("changes ids which look like numbers or dates: import that column as text"), "{texts}");
}

#[test]
fn rows_are_copied_as_cells_and_as_json() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "=cmd\tno"), command("c-2", 2, "done")]);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key_with(Modifiers::SHIFT, Key::F10);
    let tsv = window.copies("Copy rows as tab-separated cells");
    let lines: Vec<&str> = tsv.lines().collect();
    assert_eq!(lines[0], "kind\tid\tprofile\tstatus\tmessage\tlabel\tcontext\tsource\tfirst_seen\tat");
    assert!(lines[1].starts_with("command\tc-2\tops\tSucceeded\tdone\t"), "{tsv}");
    assert!(lines[2].contains("\t'=cmd no\t"), "a spreadsheet would run it: {tsv}");
    window.key_with(Modifiers::SHIFT, Key::F10);
    let json = window.copies("Copy rows as JSON");
    let rows: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["message"], "=cmd\tno");
    assert_eq!(rows[1]["at"], "2026-03-02T12:04:33.120000Z");
}

#[test]
fn several_rows_are_labelled_and_checked_at_once() {
    let mut window = Window::live();
    window.receive(&[
        command("c-1", 1, ""),
        command("c-2", 1, ""),
        command("c-3", 2, "done"),
        data("r-1", "", 1, LINK),
    ]);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key(Key::S);
    let [Action::CheckStatus { commands, .. }] = &*window.actions() else { panic!("not one question") };
    let mut asked: Vec<_> = commands.iter().map(|command| command.as_str().to_owned()).collect();
    asked.sort();
    assert_eq!(asked, ["c-1", "c-2"], "what is settled or no command is not asked for");
    window.key(Key::L);
    assert!(window.has(Role::Dialog, "Edit labels"), "no dialog");
    window.type_text("night run");
    window.press("Save label");
    let [Action::SetLabel { keys, label, .. }] = &*window.actions() else { panic!("not one wish") };
    assert_eq!((keys.len(), label.as_str()), (4, "night run"));
}

#[test]
fn the_menu_of_the_rows_opens_by_pointer_and_by_key_and_takes_the_row_under_it() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), command("c-2", 1, "")]);
    window.find(Role::Row, "Command c-1, Pending").click_secondary();
    window.run();
    assert_eq!(window.selected(), ["Command c-1, Pending"]);
    window.press_last("Check status");
    assert!(
        matches!(&*window.actions(), [Action::CheckStatus { commands, .. }] if commands == &["c-1".into()]),
        "not asked"
    );
    window.key_with(Modifiers::SHIFT, Key::F10);
    window.press("Open details");
    assert!(window.has(Role::Group, "Details"), "the menu does nothing");
}

#[test]
fn the_focus_goes_back_where_it_was_when_a_dialog_closes() {
    let mut window = Window::live();
    window.find(Role::Button, "Pause").focus();
    window.run();
    window.key(Key::F1);
    assert_ne!(window.focused().as_deref(), Some("Pause"), "the dialog does not take the focus");
    window.key(Key::Escape);
    assert_eq!(window.focused().as_deref(), Some("Pause"));
}

#[test]
fn the_focus_goes_to_the_table_when_the_focused_widget_is_gone() {
    let mut window = Window::live();
    let profile = window.id();
    let now = privicore_monitor::ui::Clock::instant(&window.clock);
    let state = ConnectionState::Reconnecting { at: now, attempt: 1, why: DisconnectReason::Broken.into() };
    window.status(profile, |status| status.connection = Some(state));
    window.run();
    window.find(Role::Button, "Retry now").focus();
    window.run();
    window.status(profile, |status| status.connection = Some(ConnectionState::Live));
    window.run();
    assert_eq!(window.focused().as_deref(), Some("Activity"));
}
