//! Copied rows: whole texts, cells that a spreadsheet keeps apart and does not run, and the selection behind a filter.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use privicore_monitor::activity::{ActivityKey, Fact};
use privicore_monitor::engine::{Action, Event};
use privicore_monitor::protocol::{Incoming, incoming};

use super::harness::{Window, command, data};

#[test]
fn copied_rows_are_lines_of_cells() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "no\nowner"), command("c-2", 2, "done")]);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.harness.event(egui::Event::Copy);
    window.harness.step();
    let copied = window.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!(
        copied.as_deref(),
        Some("12:04:33.120\tCommand\tc-2\t\tSucceeded\tdone\n12:04:33.120\tCommand\tc-1\t\tFailed\tno⏎owner\n")
    );
}

/// The text that was copied in the last frame.
fn copied(window: &Window) -> Option<String> {
    window.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn copied_cells_are_no_formulas_and_stay_separate_in_a_spreadsheet() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "\"quoted\" at the beginning"), command("c-2", 3, "=1+1")]);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.harness.event(egui::Event::Copy);
    window.harness.step();
    let lines = copied(&window).expect("nothing was copied");
    let lines: Vec<_> = lines.lines().map(|line| line.split('\t').next_back().expect("cells")).collect();
    assert_eq!(lines, ["'=1+1", "\"\"\"quoted\"\" at the beginning\""]);
}

#[test]
fn an_unreadable_message_is_explained_in_its_row_and_in_its_details() {
    for (raw, size, wrong) in [
        (r#"{"data":{"type":"X-DPT-CAB-ID","id":"c-1"}}"#, "43", "the status of a command without a command_status"),
        ("5", "1", "not a JSON object"),
    ] {
        let Incoming::Unreadable(reason) = incoming::parse(raw) else { panic!("{raw} can be read") };
        let mut window = Window::live();
        let fact = Fact::Unreadable { reason, size: raw.len() as u64 };
        let entry = window.fact(ActivityKey::Message("m-1".into()), fact, raw);
        window.commit(vec![entry.clone()]);
        assert_eq!(window.rows(), ["Message m-1, Unrecognised"]);
        window.key(Key::ArrowDown);
        window.harness.event(egui::Event::Copy);
        window.harness.step();
        let text = copied(&window).expect("nothing was copied");
        let noun = if size == "1" { "byte" } else { "bytes" };
        // A cell with quotation marks is quoted.
        let plain = text.replace("\"\"", "\"");
        assert!(plain.contains(&format!("{size} {noun} received: {wrong}. {raw}")), "{text:?}");
        window.run();
        window.key(Key::Enter);
        let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
            panic!("the journal was not asked")
        };
        window.send_event(Event::History { profile: window.id(), key, entries: vec![entry], is_cut: false });
        window.run();
        let said = format!("{size} B that could not be read: {wrong}, by socket");
        assert!(window.all(Role::Label).iter().any(|label| label.ends_with(&said)), "{:?}", window.all(Role::Label));
    }
}

#[test]
fn a_long_text_is_copied_in_full_once_it_is_read() {
    let mut window = Window::live();
    let (long, context) = ("reason ".repeat(60), "invoices/".repeat(60));
    window.receive(&[command("c-1", 3, &long), command("c-2", 2, "done"), data("r-1", &context, 0, "Collecting")]);
    window.key_with(Modifiers::COMMAND, Key::A);
    window.harness.event(egui::Event::Copy);
    window.run();
    assert_eq!(copied(&window), None, "the beginning was copied");
    let actions = window.actions();
    let [Action::ReadTexts { profile, rows }] = &*actions else { panic!("{actions:?}") };
    let keys: Vec<_> = rows.iter().map(|text| text.key.clone()).collect();
    let command = ActivityKey::Command("c-1".into());
    let request = ActivityKey::Data("r-1".into());
    assert_eq!((*profile, &*keys), (window.id(), &[request.clone(), command.clone()][..]));
    assert!(
        rows.iter().all(|text| [&long, &context].iter().any(|whole| whole.starts_with(&text.beginning))),
        "{rows:?}"
    );
    let texts = vec![(request, context.clone()), (command, long.clone())];
    window.send_event(Event::FullTexts { profile: window.id(), texts });
    window.harness.step();
    let text = copied(&window).expect("nothing was copied");
    assert!(text.contains(&long) && text.contains(&context) && !text.contains('…'), "{text}");
    assert_eq!(text.lines().count(), 3);
    for form in ["Copy rows as tab-separated cells", "Copy rows as JSON"] {
        window.run();
        window.actions();
        window.key_with(Modifiers::SHIFT, Key::F10);
        window.press(form);
        assert!(matches!(&*window.actions(), [Action::ReadTexts { rows, .. }] if rows.len() == 2), "{form}");
        let texts = vec![
            (ActivityKey::Data("r-1".into()), context.clone()),
            (ActivityKey::Command("c-1".into()), long.clone()),
        ];
        window.send_event(Event::FullTexts { profile: window.id(), texts });
        window.harness.step();
        let text = copied(&window).unwrap_or_else(|| panic!("{form}: nothing was copied"));
        assert!(text.contains(long.trim_end()) && text.contains(&context) && !text.contains('…'), "{form}: {text}");
    }
    window.run();
    // Entries removed from the journal are reported.
    window.harness.event(egui::Event::Copy);
    window.run();
    window.actions();
    window.send_event(Event::FullTexts { profile: window.id(), texts: Vec::new() });
    window.harness.step();
    assert!(copied(&window).is_some_and(|text| text.contains('…')));
    window.run();
    assert!(window.all(Role::Alert).concat().contains("Some texts were copied incompletely"));
}

#[test]
fn the_selected_rows_are_copied_even_if_a_filter_hides_them() {
    let mut window = Window::live();
    window.receive(&[command("aa-1", 3, "no"), command("bb-2", 2, "done"), command("cc-3", 2, "done")]);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::ArrowDown);
    window.type_into(Role::TextInput, "Filter", "aa-1");
    window.key(Key::Escape);
    assert_eq!(window.rows(), ["Command aa-1, Failed"]);
    assert!(window.all(Role::Label).concat().contains("2 selected, 2 of them hidden"), "{:?}", window.all(Role::Label));
    window.harness.event(egui::Event::Copy);
    window.harness.step();
    let text = copied(&window).expect("nothing was copied");
    let ids: Vec<_> = text.lines().filter_map(|line| line.split('\t').nth(2)).collect();
    assert_eq!(ids, ["cc-3", "bb-2"]);
    window.run();
    window.actions();
    window.key(Key::L);
    assert!(window.all(Role::Label).concat().contains("Applies to 2 rows"), "another number of rows is named");
}

#[test]
fn every_key_acts_on_the_selected_rows_even_if_filters_hide_them() {
    for hide in [
        |window: &mut Window| {
            window.type_into(Role::TextInput, "Filter", "aa-1");
            window.key(Key::Escape);
        },
        |window: &mut Window| window.press("Show failed (1)"),
    ] {
        let mut window = Window::live();
        window.receive(&[command("aa-1", 3, "no"), command("bb-2", 1, ""), command("cc-3", 1, "")]);
        window.key(Key::ArrowDown);
        window.key_with(Modifiers::SHIFT, Key::ArrowDown);
        hide(&mut window);
        assert_eq!(window.rows(), ["Command aa-1, Failed"]);
        window.actions();
        window.key(Key::S);
        let [Action::CheckStatus { commands, .. }] = &*window.actions() else { panic!("not one question") };
        let mut asked: Vec<_> = commands.iter().map(|command| command.as_str().to_owned()).collect();
        asked.sort();
        assert_eq!(asked, ["bb-2", "cc-3"]);
        window.key(Key::L);
        window.type_text("night");
        window.press("Save label");
        let [Action::SetLabel { keys, .. }] = &*window.actions() else { panic!("not one label") };
        let mut labelled: Vec<_> = keys.iter().map(|key| key.id().to_owned()).collect();
        labelled.sort();
        assert_eq!(labelled, ["bb-2", "cc-3"]);
        window.key_with(Modifiers::COMMAND, Key::E);
        assert!(window.has(Role::RadioButton, "The 2 selected"), "{:?}", window.all(Role::RadioButton));
    }
}
