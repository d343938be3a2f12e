//! The filter: one language, errors shown during typing, and an empty table that states the reason.

use std::time::Duration;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{Seq, Timestamp};
use privicore_monitor::engine::Event;

use super::harness::{Window, command, data};

fn filled() -> Window {
    let mut window = Window::live();
    window.receive(&[
        command("aa-1", 2, "first"),
        command("bb-2", 3, "profile.not_an_owner"),
        data("cc-3", "invoices/2026-Q1", 0, "Collecting"),
    ]);
    window
}

/// Replaces the field's text.
fn retype(window: &mut Window, text: &str) {
    window.find(Role::TextInput, "Filter").focus();
    window.run();
    window.key_with(egui::Modifiers::COMMAND, Key::A);
    window.type_into(Role::TextInput, "Filter", text);
}

#[test]
fn the_whole_language_can_be_typed() {
    let mut window = filled();
    for (typed, rows) in [
        ("status:failed", &["Command bb-2, Failed"][..]),
        ("-kind:data -status:failed", &["Command aa-1, Succeeded"]),
        ("context:INVOICES /^coll/", &["Data request cc-3, Preparing"]),
        ("\"not_an_owner\"", &["Command bb-2, Failed"]),
    ] {
        retype(&mut window, typed);
        assert_eq!(window.rows(), rows, "{typed}");
    }
}

#[test]
fn a_date_is_the_day_that_the_table_shows() {
    let mut window = Window::live();
    window.receive(&[command("aa-1", 2, "first")]);
    // At 12:04 UTC.
    let shown = |window: &mut Window, zone: &str, typed: &str| {
        window.clock.with(|clock| clock.zone = jiff::tz::TimeZone::get(zone).expect("a zone"));
        retype(window, typed);
        window.run();
        window.rows().len()
    };
    for (zone, today, tomorrow) in [
        ("UTC", "since:2026-03-02", "since:2026-03-03"),
        ("Pacific/Kiritimati", "since:2026-03-03", "since:2026-03-04"),
        ("Etc/GMT+12", "since:2026-03-02", "since:2026-03-03"),
    ] {
        assert_eq!((shown(&mut window, zone, today), shown(&mut window, zone, tomorrow)), (1, 0), "{zone}");
    }
    // In the night, west of UTC, it is still the day before.
    window.set_clock("03:00:00");
    window.receive(&[command("bb-2", 2, "second")]);
    for (zone, typed, rows) in [("UTC", "since:2026-03-02 bb", 1), ("America/Los_Angeles", "since:2026-03-02 bb", 0)] {
        assert_eq!(shown(&mut window, zone, typed), rows, "{zone}");
    }
    assert_eq!(shown(&mut window, "Pacific/Kiritimati", "since:2026-03-03 aa"), 1, "it is the 3rd there");
    // Another zone applies at once, also to text typed before.
    window.clock.with(|clock| clock.zone = jiff::tz::TimeZone::UTC);
    window.run();
    assert_eq!(window.rows().len(), 0);
}

#[test]
fn a_syntax_error_is_shown_while_typing_and_the_last_valid_filter_stays() {
    let mut window = filled();
    window.type_into(Role::TextInput, "Filter", "aa-1");
    assert_eq!(window.rows(), ["Command aa-1, Succeeded"]);
    window.type_into(Role::TextInput, "Filter", " staus:failed");
    assert_eq!(window.rows(), ["Command aa-1, Succeeded"], "the table changed");
    let told = |window: &Window| window.all(Role::Label).into_iter().find(|words| words.contains("Is status meant?"));
    assert!(told(&window).is_some(), "{:?}", window.all(Role::Label));
    let field = window.find(Role::TextInput, "Filter").accesskit_node();
    let description = field.data().description().unwrap_or_default().to_owned();
    assert!(description.contains("no field staus"), "a screen reader is not told: {description:?}");
    retype(&mut window, "status:failed");
    assert_eq!(window.rows(), ["Command bb-2, Failed"]);
    assert!(told(&window).is_none(), "the mistake is mended, and still told");
}

#[test]
fn an_empty_table_says_which_filter_hides_its_rows() {
    let mut window = filled();
    window.type_into(Role::TextInput, "Filter", "Nowhere -left");
    assert!(window.reads("No activity matches Nowhere -left."), "{:?}", window.all(Role::Label));
    window.press("Show failed (1)");
    assert!(window.reads("No activity that is failed matches Nowhere -left."), "{:?}", window.all(Role::Label));
    window.press("Show everything");
    window.press("Show other (0)");
    assert!(window.reads("There is no activity that is other."), "{:?}", window.all(Role::Label));
}

#[test]
fn a_field_typed_as_a_word_gets_a_suggestion() {
    let mut window = filled();
    let told = |window: &Window, words: &str| {
        assert!(window.all(Role::Label).iter().any(|label| label.contains(words)), "{:?}", window.all(Role::Label));
    };
    window.type_into(Role::TextInput, "Filter", "status=failed");
    told(&window, "“status=failed” is looked for as a word. Did you mean status:failed?");
    window.press("Change to status:failed");
    assert_eq!(window.rows(), ["Command bb-2, Failed"]);

    // Extended from a word without matches, it has a syntax error: the table is still empty.
    retype(&mut window, "staus");
    told(&window, "“staus” is looked for as a word. Did you mean the field status?");
    window.type_text(":succeeded aa");
    told(&window, "so this is the last filter that could. Did you mean status:succeeded?");
    window.press("Change to status:succeeded");
    assert_eq!(window.rows(), ["Command aa-1, Succeeded"]);

    // An incomplete term is completed at its place.
    retype(&mut window, "stau -kind:data");
    window.press("Change to status:");
    assert_eq!(window.focused().as_deref(), Some("Filter"));
    window.type_text("failed");
    assert_eq!(window.rows(), ["Command bb-2, Failed"]);

    retype(&mut window, "nowhere");
    assert!(!window.all(Role::Button).iter().any(|name| name.starts_with("Change to")), "a word is a word");
}

#[test]
fn a_pause_in_an_empty_window_says_so() {
    let mut window = Window::live();
    window.press("Pause");
    window.receive(&[command("c-1", 2, "")]);
    assert!(window.reads("Paused."), "{:?}", window.all(Role::Label));
    assert!(window.reads("1 waiting"), "{:?}", window.all(Role::Label));
}

#[test]
fn rows_leave_an_age_filter_when_they_are_too_old() {
    let mut window = filled();
    window.type_into(Role::TextInput, "Filter", "since:10m");
    assert_eq!(window.rows().len(), 3);
    let due = window.repaint_delay();
    assert!(due <= Duration::from_mins(11), "the window would sleep over it: {due:?}");
    window.wait(Duration::from_mins(11));
    window.run();
    assert_eq!(window.rows().len(), 0, "they are 11 minutes old");
}

#[test]
fn many_rows_are_filtered_and_sorted_without_delaying_the_typed_text() {
    let mut window = Window::live();
    let profile = window.id();
    let mut entries = Vec::new();
    for number in 0..60_000 {
        let mut entry = window.entry(&command(&format!("c-{number:05}"), if number % 100 == 0 { 3 } else { 2 }, "x"));
        entry.at = Timestamp(entry.at.0 - 1_000_000);
        entries.push(entry);
    }
    window.send_event(Event::Restored { profile, entries, live_from: Seq(1), complete: true });
    window.run();
    window.type_into(Role::TextInput, "Filter", "status:failed -id:c-59");
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c-58900, Failed"));
    window.click(Role::ColumnHeader, "Id");
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c-00000, Failed"));
    window.press("Clear filter");
    assert_eq!(window.rows().get(1).map(String::as_str), Some("Command c-00001, Succeeded"));
}
