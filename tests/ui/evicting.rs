//! More rows than may be in memory: the counts show it, the visible row stays, and a message restores a row.

use std::time::Duration;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{ActivityKey, Entry, Fact, LocalEvent, Seq};
use privicore_monitor::engine::{Action, Event, SearchEnd};
use privicore_monitor::settings::{Preferences, Settings};

use super::harness::{LINK, Window, command, data};
use super::screens::cut_text;

/// The smallest limit of rows in memory.
const LEAST: usize = 10_000;

/// A live window with the smallest limit of rows in memory.
fn small() -> Window {
    let mut window = Window::live();
    hold(&mut window, 10_000);
    window
}

fn hold(window: &mut Window, rows_in_memory: u32) {
    let preferences = Preferences { rows_in_memory, ..Preferences::default() };
    let profiles = vec![window.profile.clone()];
    window.send_settings(Settings { preferences, profiles });
    window.run();
}

/// This many commands that succeeded, `c-00000` first.
fn fill(window: &mut Window, count: usize) {
    let raws: Vec<_> = (0..count).map(|number| command(&format!("c-{number:05}"), 2, "done")).collect();
    window.receive(&raws);
}

fn status(window: &Window) -> String {
    window.all(Role::Label).into_iter().find(|words| words.contains(" activit")).expect("the status bar")
}

#[test]
fn beyond_the_limit_the_oldest_settled_rows_are_evicted() {
    let mut window = small();
    window.receive(&[
        command("open", 1, ""),
        data("ready", "", 1, LINK),
        data("inline", "", 0, super::harness::INLINE),
    ]);
    fill(&mut window, LEAST + 2_342);
    assert!(status(&window).starts_with("10000 newest of 12345 activities"), "{}", status(&window));
    assert!(window.has(Role::Button, "Show all (10000)") && window.has(Role::Button, "Show pending (1)"));
    assert!(window.has(Role::Button, "Show data ready (2)"), "{:?}", window.all(Role::Button));
    window.key(Key::End);
    let rows = window.rows();
    let last = &rows[rows.len() - 4..];
    assert_eq!(last[0], "Command c-02345, Succeeded");
    assert_eq!(last[1..], ["Data request inline, Inline", "Data request ready, Ready", "Command open, Pending"]);
}

#[test]
fn a_new_limit_applies_at_once() {
    let mut window = Window::live();
    fill(&mut window, LEAST + 5_000);
    assert!(status(&window).starts_with("15000 activities"), "{}", status(&window));
    hold(&mut window, 10_000);
    assert!(status(&window).starts_with("10000 newest of 15000 activities"), "{}", status(&window));
    hold(&mut window, 20_000);
    let raws: Vec<_> = (0..12_000).map(|number| command(&format!("d-{number:05}"), 2, "done")).collect();
    window.receive(&raws);
    assert!(status(&window).starts_with("20000 newest of 27000 activities"), "{}", status(&window));
}

#[test]
fn a_failure_in_an_inactive_tab_stays_until_it_was_seen() {
    let (mut window, profiles) = super::profiles::ten();
    let preferences = Preferences { rows_in_memory: 10_000, ..Preferences::default() };
    window.send_settings(Settings { preferences, profiles: profiles.clone() });
    window.run();
    let behind = profiles[1].id;
    let mut entries = vec![window.entry(&command("failed", 3, "no"))];
    entries.extend((0..11_000).map(|number| window.entry(&command(&format!("c-{number}"), 2, ""))));
    window.send_event(Event::Committed { profile: behind, entries });
    window.run();
    window.key_with(egui::Modifiers::COMMAND, Key::Num2);
    assert!(window.has(Role::Button, "Show failed (1)"), "{:?}", window.all(Role::Button));
    let more = (0..10_100).map(|number| window.entry(&command(&format!("d-{number}"), 2, ""))).collect();
    window.send_event(Event::Committed { profile: behind, entries: more });
    window.run();
    assert!(window.has(Role::Button, "Show failed (0)"), "{:?}", window.all(Role::Button));
}

#[test]
fn the_row_with_open_details_stays_and_evicted_rows_are_deselected() {
    let mut window = small();
    fill(&mut window, 3);
    window.key_with(egui::Modifiers::COMMAND, Key::A);
    window.key(Key::Enter);
    assert!(window.has(Role::Group, "Details"));
    let raws: Vec<_> = (0..LEAST + 10).map(|number| command(&format!("d-{number:05}"), 2, "done")).collect();
    window.receive(&raws);
    assert!(status(&window).starts_with("10000 newest of 10013 activities"), "{}", status(&window));
    assert!(!status(&window).contains("selected"), "{}", status(&window));
    window.key(Key::End);
    assert!(window.rows().contains(&"Command c-00002, Succeeded".to_owned()), "{:?}", window.rows());
    window.wait(Duration::from_secs(1));
    window.key(Key::Escape);
    window.receive(&[command("e", 2, "")]);
    window.key(Key::End);
    assert!(!window.rows().contains(&"Command c-00002, Succeeded".to_owned()), "{:?}", window.rows());
}

/// The journal's entries of a command that arrived as the entry with this number.
fn journal_entries(window: &mut Window, id: &str, seq: u64) -> (ActivityKey, Vec<Entry>) {
    let entry = Entry { seq: Seq(seq), ..window.entry(&command(id, 2, "done")) };
    (entry.key.clone(), vec![entry])
}

#[test]
fn a_late_message_for_an_evicted_row_hides_neither_its_outcome_nor_its_label() {
    let mut window = small();
    let (profile, key) = (window.id(), ActivityKey::Command("x".into()));
    let label = Fact::Local(LocalEvent::Labelled { label: "approve".to_owned() });
    let history = vec![window.fact(key.clone(), label, ""), window.entry(&command("x", 2, "done"))];
    window.commit(history.clone());
    fill(&mut window, LEAST + 50);
    assert!(status(&window).starts_with("10000 newest of 10051 activities"), "{}", status(&window));
    window.actions();
    window.receive(&[command("x", 1, "late")]);
    assert_eq!(window.rows()[0], "Command x, Pending", "as far as is known");
    let asked = window.actions().into_iter().find_map(|action| match action {
        Action::ReadEarlierEntries { rows, .. } => Some(rows),
        _ => None,
    });
    let asked = asked.expect("the journal is asked");
    assert_eq!((asked.len(), &asked[0].key), (1, &key));
    for entry in &history {
        assert!(asked[0].ranges.iter().any(|stretch| stretch.contains(&entry.seq)), "{asked:?}");
    }
    window.send_event(Event::EarlierEntries { profile, rows: vec![(key, history)] });
    window.run();
    // At its place in the order: it was first seen before all others.
    window.key(Key::End);
    assert_eq!(window.rows().last().map(String::as_str), Some("Command x, Succeeded"));
    assert!(status(&window).starts_with("10000 newest of 10051 activities"), "{}", status(&window));
    assert!(
        !window.actions().iter().any(|action| matches!(action, Action::ReadEarlierEntries { .. })),
        "it is asked again"
    );
}

#[test]
fn entries_that_could_not_be_read_are_requested_again() {
    let mut window = small();
    fill(&mut window, LEAST + 50);
    window.busy(true);
    window.receive(&[command("c-00007", 1, "late")]);
    window.busy(false);
    window.actions();
    let asks =
        |window: &mut Window| window.actions().iter().any(|action| matches!(action, Action::ReadEarlierEntries { .. }));
    window.run();
    assert!(asks(&mut window), "a busy engine is not asked again");
    window.run();
    assert!(!asks(&mut window), "it is asked although the answer is awaited");
    window.wait(Duration::from_secs(11));
    window.run();
    assert!(asks(&mut window), "an answer that does not come is not asked for again");
}

#[test]
fn a_filter_offers_to_search_the_journal_for_older_rows() {
    let mut window = small();
    fill(&mut window, LEAST + 2_000);
    let profile = window.id();
    assert!(!window.has(Role::Button, "Search older…"), "nothing is filtered");
    window.type_into(Role::TextInput, "Filter", "id:c-0000");
    assert_eq!(window.rows(), Vec::<String>::new());
    window.actions();
    window.press("Search older…");
    let searched = window.actions().into_iter().find_map(|action| match action {
        Action::SearchOlder { search, filter, before, .. } => Some((search, filter.to_string(), before)),
        _ => None,
    });
    let (search, filter, before) = searched.expect("the engine is asked");
    assert_eq!((filter.as_str(), before), ("id:c-0000", Seq(2_001)));
    assert!(status(&window).contains("searching older…"), "{}", status(&window));
    let rows = vec![journal_entries(&mut window, "c-00007", 8)];
    window.send_event(Event::SearchResults { profile, search, rows, percent: 40, end: None });
    window.run();
    assert_eq!(window.rows(), ["Command c-00007, Succeeded"]);
    let progress = window.find(Role::ProgressIndicator, "Searching older messages").accesskit_node();
    assert_eq!(progress.data().value(), Some("40 %"));
    window.press("Cancel search");
    assert!(window.actions().iter().any(|action| matches!(action, Action::CancelSearch(of) if *of == profile)));
    assert!(!window.has(Role::ProgressIndicator, "Searching older messages"));
    assert_eq!(window.rows(), ["Command c-00007, Succeeded"], "what was found stays");
    // The results of a cancelled search are not shown.
    let rows = vec![journal_entries(&mut window, "c-00008", 9)];
    window.send_event(Event::SearchResults { profile, search, rows, percent: 60, end: None });
    window.run();
    assert_eq!(window.rows().len(), 1);
    // Clearing the filter also removes the search results.
    window.key(Key::Escape);
    window.key(Key::Escape);
    assert!(status(&window).starts_with("10000 newest of 12000 activities"), "{}", status(&window));
}

#[test]
fn a_long_reason_is_found_by_its_end_without_the_journal() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, &("reason ".repeat(57) + "NEEDLE")), command("c-2", 3, "reason")]);
    for filter in ["NEEDLE", "message:needle", "/NEEDLE$/", "reason NEEDLE"] {
        window.type_into(Role::TextInput, "Filter", filter);
        assert_eq!(window.rows(), ["Command c-1, Failed"], "{filter}");
        assert!(!window.has(Role::Button, "Search older…"), "all of it is in memory");
        window.press("Clear filter");
    }
    window.type_into(Role::TextInput, "Filter", "-NEEDLE");
    assert_eq!(window.rows(), ["Command c-2, Failed"]);
}

#[test]
fn a_long_context_is_found_by_its_end() {
    let mut window = Window::live();
    window.receive(&[data("r-1", &("context ".repeat(50) + "NEEDLE"), 0, "soon"), data("r-2", "context", 0, "soon")]);
    for filter in ["NEEDLE", "context:needle", "/NEEDLE$/"] {
        window.type_into(Role::TextInput, "Filter", filter);
        assert_eq!(window.rows().len(), 1, "{filter}");
        window.press("Clear filter");
    }
    window.type_into(Role::TextInput, "Filter", "-NEEDLE");
    assert_eq!(window.rows().len(), 1);
}

#[test]
fn a_text_shortened_in_memory_is_found_in_the_journal() {
    let mut window = Window::live();
    let profile = window.id();
    window.receive(&[command("other", 3, "reason")]);
    let whole = cut_text(&mut window, "deep");
    assert_eq!(window.rows(), ["Command deep, Failed", "Command other, Failed"]);
    window.type_into(Role::TextInput, "Filter", "NEEDLE");
    assert_eq!(window.rows(), Vec::<String>::new());
    window.actions();
    window.press("Search older…");
    let searched = window.actions().into_iter().find_map(|action| match action {
        Action::SearchOlder { search, filter, before, .. } => Some((search, filter.to_string(), before)),
        _ => None,
    });
    let (search, filter, before) = searched.expect("the engine is asked");
    assert_eq!((filter.as_str(), before), ("NEEDLE", Seq::FIRST_UNPERSISTED), "what is in memory is searched as well");
    let rows = vec![(whole.key.clone(), vec![whole])];
    window.send_event(Event::SearchResults { profile, search, rows, percent: 100, end: Some(SearchEnd::Complete) });
    window.run();
    assert_eq!(window.rows(), ["Command deep, Failed"]);
    assert!(!window.has(Role::Button, "Search older…"), "all was searched");
    window.press("Clear filter");
    assert_eq!(window.rows(), ["Command deep, Failed", "Command other, Failed"], "the row is there twice, or gone");
}

#[test]
fn another_filter_or_escape_ends_the_search() {
    let mut window = small();
    fill(&mut window, LEAST + 2_000);
    let cancels = |window: &mut Window| window.actions().iter().any(|action| matches!(action, Action::CancelSearch(_)));
    window.type_into(Role::TextInput, "Filter", "id:c-0000");
    window.press("Search older…");
    assert!(!cancels(&mut window));
    window.type_into(Role::TextInput, "Filter", "1");
    assert!(cancels(&mut window), "the search goes on for what nobody looks for");
    assert!(!window.has(Role::ProgressIndicator, "Searching older messages"));
    window.press("Search older…");
    window.key(Key::Escape);
    if window.has(Role::ProgressIndicator, "Searching older messages") {
        // The first Escape left the field.
        window.key(Key::Escape);
    }
    assert!(cancels(&mut window) && !window.has(Role::ProgressIndicator, "Searching older messages"));
    window.press("Search older…");
    let (profile, search) = (window.id(), 3);
    window.send_event(Event::SearchResults {
        profile,
        search,
        rows: Vec::new(),
        percent: 100,
        end: Some(SearchEnd::Complete),
    });
    window.run();
    assert!(!window.has(Role::Button, "Search older…"), "all was searched");
}

#[test]
fn purged_rows_are_removed_if_they_are_settled() {
    let mut window = Window::live();
    window.receive(&[command("open", 1, "")]);
    fill(&mut window, 10);
    window.send_event(Event::Purged { oldest_left: None, before: Seq(7), gaps: Vec::new() });
    window.run();
    let rows = window.rows();
    assert_eq!((rows.len(), rows.last().map(String::as_str)), (6, Some("Command open, Pending")), "{rows:?}");
    assert!(status(&window).starts_with("6 activities"), "{}", status(&window));
}

/// The journal reports which entries it has removed.
fn purge(window: &mut Window, before: u64) {
    window.send_event(Event::Purged { oldest_left: None, before: Seq(before), gaps: Vec::new() });
    window.run();
}

#[test]
fn a_purge_removes_rows_that_are_only_in_the_journal_from_the_count() {
    let mut window = small();
    window.receive(&[command("open", 1, "")]);
    fill(&mut window, LEAST + 4_999);
    assert!(status(&window).starts_with("10000 newest of 15000 activities"), "{}", status(&window));
    // Counted in blocks of 256 entries.
    purge(&mut window, 256 * 8);
    assert!(status(&window).starts_with("10000 newest of 12954 activities"), "{}", status(&window));
    // More than was evicted: rows in memory are removed too, and nothing is left that is not in memory.
    purge(&mut window, 7_001);
    assert!(status(&window).starts_with("8001 activities"), "{}", status(&window));
    fill_more(&mut window, LEAST);
    assert!(status(&window).starts_with("10000 newest of 18001 activities"), "{}", status(&window));
}

fn fill_more(window: &mut Window, count: usize) {
    let raws: Vec<_> = (0..count).map(|number| command(&format!("d-{number:05}"), 2, "done")).collect();
    window.receive(&raws);
}

#[test]
fn a_purge_removes_unrestored_rows_from_the_count() {
    let mut window = small();
    let profile = window.id();
    // These entries are from earlier runs, of which the newest were restored.
    window.skip(5_120);
    fill(&mut window, LEAST);
    let older = || vec![(Seq(0), 1_000), (Seq(1_024), 1_000), (Seq(4_096), 500)];
    window.send_event(Event::Older { profile, rows: older() });
    window.run();
    assert!(status(&window).starts_with("10000 newest of 12500 activities"), "{}", status(&window));
    purge(&mut window, 1_024);
    assert!(status(&window).starts_with("10000 newest of 11500 activities"), "{}", status(&window));
    // An index that was counted before the purge and arrives after it leaves out the removed entries.
    window.send_event(Event::Older { profile, rows: older() });
    window.run();
    assert!(status(&window).starts_with("10000 newest of 11500 activities"), "{}", status(&window));
    purge(&mut window, 5_000);
    assert!(status(&window).starts_with("10000 activities"), "{}", status(&window));
    // So does an entry that was read before the purge and arrives after it.
    let late = vec![Entry { seq: Seq(4_200), ..window.entry(&command("late", 2, "")) }];
    window.send_event(Event::Restored { profile, entries: late, live_from: Seq(1), complete: true });
    window.run();
    assert!(!window.rows().contains(&"Command late, Succeeded".to_owned()));
    assert!(status(&window).starts_with("10000 activities"), "{}", status(&window));
}
