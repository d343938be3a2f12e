//! The details of one activity.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use privicore_monitor::activity::{ActivityKey, DownloadReceipt, Entry, Fact, LocalEvent, Seq};
use privicore_monitor::engine::{Action, Event};
use privicore_monitor::protocol::UnmaskedMessage;

use super::harness::{LINK, Window, command, data};

/// Opens the details of the only row and answers for the journal.
fn open(window: &mut Window, entries: Vec<Entry>) {
    window.commit(entries.clone());
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    answer(window, entries);
}

fn answer(window: &mut Window, entries: Vec<Entry>) {
    let profile = window.id();
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    window.send_event(Event::History { profile, key, entries, is_cut: false });
    window.run();
}

fn story(window: &mut Window) -> Vec<Entry> {
    let first = window.entry(&data("r-1", "invoices/2026-Q1", 0, "Collecting 3 parts"));
    window.wait(std::time::Duration::from_millis(2_470));
    let second = window.entry(&data("r-1", "invoices/2026-Q1", 1, LINK));
    vec![first, second]
}

#[test]
fn enter_opens_the_details_with_every_message_in_order() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries);
    assert!(window.has(Role::Group, "Details"), "no details");
    let labels = window.all(Role::Label);
    let first = labels.iter().position(|words| words == "12:04:33.120, Collecting 3 parts, by socket");
    let second = labels.iter().position(|words| words == "12:04:35.590, Single-use link received, by socket");
    assert!(first.is_some() && first < second, "{labels:?}");
    for name in ["Copy id", "Copy message", "Copy JSON", "Edit label", "Download selected", "Close details"] {
        assert!(window.has(Role::Button, name), "no {name}");
    }
    assert!(labels.iter().any(|words| words.starts_with("Download before 12:14:35.")), "{labels:?}");
}

#[test]
fn the_details_say_if_there_are_more_messages() {
    let more = "Only the newest messages are shown; an export has all";
    let in_all = |labels: &[String]| labels.iter().any(|words| words.ends_with("in all"));
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries.clone());
    let labels = window.all(Role::Label);
    assert!(in_all(&labels) && !labels.iter().any(|words| words == more), "{labels:?}");
    let third = window.entry(&data("r-1", "invoices/2026-Q1", 0, "Once more"));
    window.commit(vec![third.clone()]);
    window.run();
    let profile = window.id();
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    let entries = [entries, vec![third]].concat();
    window.send_event(Event::History { profile, key, entries, is_cut: true });
    window.run();
    let labels = window.all(Role::Label);
    assert!(!in_all(&labels) && labels.iter().any(|words| words == more), "{labels:?}");
}

#[test]
fn a_masked_secret_is_shown_as_masked() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries);
    let json: String = window.all(Role::Label).concat();
    assert!(json.contains("?auth=hidden"), "{json}");
    window.press("Copy JSON");
}

#[test]
fn the_journal_is_read_once_and_again_after_a_change() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries.clone());
    window.run();
    assert!(window.journal_requests().is_empty(), "asked again for what is known");
    let saved = LocalEvent::Saved { to: "/home/ops/q1.bin".to_owned(), size: 3, receipt: DownloadReceipt::default() };
    let saved = window.fact(ActivityKey::Data("r-1".into()), Fact::Local(saved), "");
    window.commit(vec![saved.clone()]);
    answer(&mut window, [entries, vec![saved]].concat());
    assert!(window.all(Role::Label).iter().any(|words| words.ends_with("Saved as q1.bin, 3 B")), "not told");
}

#[test]
fn a_row_whose_messages_are_no_longer_in_the_journal_says_so() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    assert!(window.reads("Reading the journal…"), "{:?}", window.all(Role::Label));
    answer(&mut window, Vec::new());
    let says = window.all(Role::Label);
    assert!(says.iter().any(|words| words.starts_with("The journal has no messages of this row")), "{says:?}");
    assert!(!window.reads("Reading the journal…"), "it waits for ever");
}

#[test]
fn a_busy_engine_is_asked_again() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "")]);
    window.key(Key::ArrowDown);
    window.busy(true);
    window.key(Key::Enter);
    window.busy(false);
    window.run();
    assert_eq!(window.journal_requests().len(), 1);
}

#[test]
fn the_details_follow_the_selection_and_escape_closes_them() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, ""), command("c-2", 3, "")]);
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    assert!(window.reads("Command c-2"), "{:?}", window.all(Role::Label));
    window.key(Key::ArrowDown);
    assert!(window.reads("Command c-1"), "they stay with the other row");
    window.key(Key::Escape);
    assert!(!window.has(Role::Group, "Details"), "still open");
    assert_eq!(window.selected(), ["Command c-1, Succeeded"], "one step at a time: the selection stays");
}

#[test]
fn the_row_with_open_details_stays_visible() {
    let mut window = Window::live();
    window.receive(&(0..100).map(|number| command(&format!("c-{number}"), 2, "")).collect::<Vec<_>>());
    let lowest = window.rows().iter().rev().nth(2).cloned().expect("there are rows");
    window.click(Role::Row, &lowest);
    window.key(Key::Enter);
    let (row, head) = (window.find(Role::Row, &lowest).rect(), window.find(Role::Button, "Copy JSON").rect());
    assert!(row.bottom() <= head.top(), "the row at {row:?} is behind the details, whose head is at {head:?}");
}

#[test]
fn a_double_click_opens_the_details_and_a_button_closes_them() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "")]);
    let row = window.find(Role::Row, "Command c-1, Succeeded");
    row.click();
    row.click();
    window.run();
    assert!(window.has(Role::Group, "Details"), "not open");
    window.press("Close details");
    assert!(!window.has(Role::Group, "Details"), "still open");
}

#[test]
fn an_activity_is_labelled_through_the_engine() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "")]);
    window.key(Key::ArrowDown);
    window.key(Key::L);
    assert!(window.has(Role::Dialog, "Edit label"), "no dialog");
    window.type_into(Role::TextInput, "Label", "approve device");
    window.key(Key::Enter);
    match &*window.actions() {
        [Action::SetLabel { keys, label, .. }] => assert_eq!((keys[0].id(), label.as_str()), ("c-1", "approve device")),
        other => panic!("{other:?}"),
    }
    assert!(!window.has(Role::Dialog, "Edit label"), "the dialog stays");
}

#[test]
fn earlier_json_is_folded_and_can_be_unfolded() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries);
    let fold = window.find(Role::Button, "Unfold 12:04:33.120");
    assert_eq!(fold.accesskit_node().data().is_expanded(), Some(false));
    fold.click();
    window.run();
    assert!(window.has(Role::Button, "Fold 12:04:33.120"), "still folded");
    assert!(window.harness.query_by_role_and_label(Role::Button, "Fold 12:04:35.590").is_some(), "the last is open");
}

/// A message with more foldable values than the page shows at once.
fn nested() -> String {
    let list: Vec<_> = (0..12)
        .map(|number| serde_json::json!({"n": number, "words": "as long as a line is wide, and more"}))
        .collect();
    serde_json::json!({"data": {"type": "NEW", "id": "m-1", "list": list, "owner": {"name": "ops"}}}).to_string()
}

#[test]
fn json_is_folded_by_keyboard_and_screen_readers_get_the_state() {
    let mut window = Window::live();
    let entry = window.entry(&nested());
    open(&mut window, vec![entry]);
    let list = |open: bool| format!("{} list, 12 items", if open { "Fold" } else { "Unfold" });
    for _ in 0..60 {
        window.key(Key::Tab);
        if window.focused() == Some(list(true)) {
            break;
        }
    }
    let told = |window: &Window, open: bool| {
        assert_eq!(window.focused(), Some(list(open)), "the focus is elsewhere");
        let expanded = window.find(Role::Button, &list(open)).accesskit_node().data().is_expanded();
        assert_eq!(expanded, Some(open), "a screen reader is told otherwise");
    };
    told(&window, true);
    for (key, open) in [
        (Key::Enter, false),
        (Key::Space, true),
        (Key::ArrowRight, true),
        (Key::ArrowLeft, false),
        (Key::ArrowLeft, false),
        (Key::ArrowRight, true),
    ] {
        window.key(key);
        told(&window, open);
    }
    // Parts outside the viewport are reached as well, and the table keeps its position.
    let selected = window.selected();
    let mut seen = Vec::new();
    for _ in 0..14 {
        window.key(Key::ArrowDown);
        seen.extend(window.focused());
    }
    assert_eq!(seen.len(), 14, "the focus was lost");
    assert_eq!(seen.iter().filter(|name| *name == "Fold item, 2 members").count(), 12, "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("Fold owner, 1 member"), "it goes on below the last");
    for _ in 0..13 {
        window.key(Key::ArrowUp);
    }
    told(&window, true);
    assert_eq!(window.selected(), selected);
}

#[test]
fn a_megabyte_is_cut_with_a_note() {
    let mut window = Window::live();
    let huge = window.entry(&command("c-1", 2, &"x".repeat(1_000_000)));
    open(&mut window, vec![huge]);
    let drawn = window.all(Role::Label).len();
    assert!(drawn < 100, "{drawn} labels were drawn");
    window.press("Copy message");
}

/// The text that was copied in the last frame.
fn copied(window: &Window) -> Option<String> {
    window.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn every_part_can_be_copied_separately() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries);
    for (button, text) in [
        ("Copy message of 12:04:33.120", "Collecting 3 parts"),
        ("Copy message of 12:04:35.590", "Single-use link received"),
        ("Copy JSON of 12:04:33.120", &data("r-1", "invoices/2026-Q1", 0, "Collecting 3 parts")),
        ("Copy JSON of 12:04:35.590", &data("r-1", "invoices/2026-Q1", 1, LINK)),
    ] {
        window.find(Role::Button, button).click();
        window.harness.step();
        assert_eq!(copied(&window).as_deref(), Some(text), "{button}");
    }
    assert!(window.reads("2.470 s in all"), "{:?}", window.all(Role::Label));
}

#[test]
fn a_megabyte_costs_a_frame_no_more_than_a_page() {
    let mut window = Window::live();
    let huge = window.entry(&command("c-1", 1, &"word ".repeat(210_000)));
    let list = window.entry(&data("r-1", "x", 0, &"é".repeat(500_000)));
    window.receive(&[list.raw.to_string()]);
    open(&mut window, vec![huge]);
    let drawn: usize = window.harness.output().shapes.iter().map(|shape| glyphs(&shape.shape)).sum();
    assert!(drawn < 20_000, "{drawn} characters were laid out and drawn");
}

/// What was redacted in the last message.
const SECRET: &str = "https://download.example.com/p?auth=canary";

/// Asks for the secrets. Returns which of the row's messages could be revealed.
fn ask_for_secrets(window: &mut Window, entries: &[Entry]) -> (ActivityKey, Vec<(Seq, UnmaskedMessage)>) {
    window.press("Show secrets");
    let [first, .., last] = entries else { panic!("too few") };
    match &*window.actions() {
        [Action::Reveal { key, from, to, .. }] => {
            assert_eq!((*from, *to), (first.seq, last.seq));
            (key.clone(), vec![(last.seq, UnmaskedMessage::new(data("r-1", "invoices/2026-Q1", 1, SECRET)))])
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_are_shown_on_request_and_copied_past_the_clipboards_history() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries.clone());
    let (key, messages) = ask_for_secrets(&mut window, &entries);
    let profile = window.id();
    let labels = |window: &Window| window.all(Role::Label).concat();
    assert!(!labels(&window).contains("canary"), "shown before they are known");
    window.send_event(Event::Revealed { profile, key, messages: messages.clone() });
    window.run();
    assert!(labels(&window).contains("?auth=canary"), "{}", labels(&window));
    assert!(!window.copies("Copy JSON").contains("canary"), "it went through the history");
    window.press("Copy JSON of 12:04:35.590 with its secrets");
    assert_eq!(window.clipboard.with(|clipboard| clipboard.copied.clone()), [messages[0].1.expose()]);
    assert!(window.all(Role::Alert).concat().contains("copied with its secrets"), "{:?}", window.all(Role::Alert));
    window.clipboard.with(|clipboard| clipboard.broken = Some("Nothing was copied.".to_owned()));
    window.press("Copy JSON of 12:04:35.590 with its secrets");
    assert!(window.all(Role::Alert).concat().contains("Nothing was copied."), "{:?}", window.all(Role::Alert));
    window.press("Hide secrets");
    assert!(!labels(&window).contains("canary"), "still shown");
}

#[test]
fn secrets_are_masked_again_when_the_details_change_or_close() {
    type Change = fn(&mut Window);
    let changes: [(&str, Change); 3] = [
        ("closed", |window| {
            window.key(Key::Escape);
            window.key(Key::Enter);
        }),
        ("another row", |window| {
            window.key(Key::ArrowDown);
            window.key(Key::ArrowUp);
        }),
        ("another message", |window| {
            let more = window.entry(&data("r-1", "invoices/2026-Q1", 1, LINK));
            window.commit(vec![more]);
        }),
    ];
    for (name, change) in changes {
        let mut window = Window::live();
        window.receive(&[command("c-1", 2, "")]);
        let entries = story(&mut window);
        open(&mut window, entries.clone());
        let (key, messages) = ask_for_secrets(&mut window, &entries);
        let profile = window.id();
        window.send_event(Event::Revealed { profile, key: key.clone(), messages: messages.clone() });
        window.run();
        assert!(window.has(Role::Button, "Hide secrets"), "{name}: not shown");
        change(&mut window);
        answer(&mut window, entries.clone());
        assert!(!window.all(Role::Label).concat().contains("canary"), "{name}: still shown");
        assert!(window.has(Role::Button, "Show secrets"), "{name}: they can't be asked for");
        // An answer that arrives too late is ignored.
        window.send_event(Event::Revealed { profile, key, messages });
        window.run();
        assert!(!window.all(Role::Label).concat().contains("canary"), "{name}: shown unasked");
    }
}

#[test]
fn secrets_that_are_not_stored_are_shown_as_missing() {
    let mut window = Window::live();
    let entries = story(&mut window);
    open(&mut window, entries.clone());
    let (key, _) = ask_for_secrets(&mut window, &entries);
    let profile = window.id();
    window.send_event(Event::Revealed { profile, key, messages: Vec::new() });
    window.run();
    assert!(window.reads("Some secrets are no longer stored, or never were."), "{:?}", window.all(Role::Label));
}

#[test]
fn without_masked_secrets_the_button_is_disabled() {
    let mut window = Window::live();
    let entry = window.entry(&command("c-1", 2, "done"));
    open(&mut window, vec![entry]);
    assert!(!window.has(Role::Button, "Show secrets"), "there are none");
}

#[test]
fn secrets_are_shown_and_hidden_from_the_palette_while_details_with_some_are_open() {
    /// Types a command into the palette. Returns the reason if it can't be run.
    fn typed(window: &mut Window, command: &str) -> Option<String> {
        window.key_with(egui::Modifiers::COMMAND, Key::K);
        window.type_text(command);
        let entry = window.find(Role::ListBoxOption, command).accesskit_node();
        entry.is_disabled().then(|| entry.data().description().unwrap_or_default().to_owned())
    }
    let mut window = Window::live();
    let why_not = |window: &mut Window, command: &str, why: &str| {
        assert_eq!(typed(window, command).as_deref(), Some(why), "{command}");
        window.key(Key::Escape);
    };
    why_not(&mut window, "Show secrets", "Open the details of a row first.");
    let entries = story(&mut window);
    open(&mut window, entries.clone());
    why_not(&mut window, "Hide secrets", "No secrets are shown.");
    assert_eq!(typed(&mut window, "Show secrets"), None);
    window.key(Key::Enter);
    let Some(Action::Reveal { key, .. }) = window.actions().pop() else { panic!("they were not asked for") };
    let messages = vec![(entries[1].seq, UnmaskedMessage::new(data("r-1", "invoices/2026-Q1", 1, SECRET)))];
    let profile = window.id();
    window.send_event(Event::Revealed { profile, key, messages });
    window.run();
    assert!(window.all(Role::Label).concat().contains("canary"), "not shown");
    why_not(&mut window, "Show secrets", "They are shown.");
    assert_eq!(typed(&mut window, "Hide secrets"), None);
    window.key(Key::Enter);
    assert!(!window.all(Role::Label).concat().contains("canary"), "still shown");
    // The engine is too busy to accept the request: it can be repeated.
    window.busy(true);
    window.press("Show secrets");
    window.busy(false);
    window.press("Show secrets");
    assert!(matches!(&*window.actions(), [Action::Reveal { .. }]), "they were not asked for again");
    // Commands without a key are not in the list of keys.
    window.key(Key::F1);
    assert!(!window.reads("Show secrets"), "it has no key");
    window.key(Key::Escape);
    window.key(Key::Escape);
    let plain = window.entry(&command("c-1", 2, "done"));
    open(&mut window, vec![plain]);
    why_not(&mut window, "Show secrets", "Nothing in these messages is masked.");
}

/// The number of characters that a shape draws.
fn glyphs(shape: &egui::Shape) -> usize {
    match shape {
        egui::Shape::Text(text) => text.galley.text().len(),
        egui::Shape::Vec(shapes) => shapes.iter().map(glyphs).sum(),
        _ => 0,
    }
}
