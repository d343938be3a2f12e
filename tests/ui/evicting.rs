//! More rows than may be in memory: the counts say so, what is looked at stays, and a message brings a row back.

use std::time::Duration;

use egui::Key;
use egui::accesskit::Role;
use privicore_monitor::engine::Event;
use privicore_monitor::settings::{Preferences, Settings};

use super::harness::{LINK, Window, command, data};

/// The fewest rows that can be chosen.
const LEAST: usize = 10_000;

/// A live window with as few rows in memory as there may be.
fn small() -> Window {
    let mut window = Window::live();
    hold(&mut window, 10_000);
    window
}

fn hold(window: &mut Window, rows_in_memory: u32) {
    let preferences = Preferences { rows_in_memory, ..Preferences::default() };
    let profiles = vec![window.profile.clone()];
    window.tell_settings(Settings { preferences, profiles });
    window.run();
}

/// So many commands that succeeded, `c-00000` first.
fn fill(window: &mut Window, count: usize) {
    let raws: Vec<_> = (0..count).map(|number| command(&format!("c-{number:05}"), 2, "done")).collect();
    window.hear(&raws);
}

fn status(window: &Window) -> String {
    window.all(Role::Label).into_iter().find(|words| words.contains(" activit")).expect("the status bar")
}

#[test]
fn beyond_the_rows_in_memory_the_settled_ones_that_were_seen_first_go() {
    let mut window = small();
    window.hear(&[command("open", 1, ""), data("ready", "", 1, LINK), data("inline", "", 0, super::harness::INLINE)]);
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
fn a_new_limit_holds_at_once() {
    let mut window = Window::live();
    fill(&mut window, LEAST + 5_000);
    assert!(status(&window).starts_with("15000 activities"), "{}", status(&window));
    hold(&mut window, 10_000);
    assert!(status(&window).starts_with("10000 newest of 15000 activities"), "{}", status(&window));
    hold(&mut window, 20_000);
    let raws: Vec<_> = (0..12_000).map(|number| command(&format!("d-{number:05}"), 2, "done")).collect();
    window.hear(&raws);
    assert!(status(&window).starts_with("20000 newest of 27000 activities"), "{}", status(&window));
}

#[test]
fn what_fails_behind_another_tab_stays_until_it_was_looked_at() {
    let (mut window, profiles) = super::profiles::ten();
    let preferences = Preferences { rows_in_memory: 10_000, ..Preferences::default() };
    window.tell_settings(Settings { preferences, profiles: profiles.clone() });
    window.run();
    let behind = profiles[1].id;
    let mut entries = vec![window.entry(&command("failed", 3, "no"))];
    entries.extend((0..11_000).map(|number| window.entry(&command(&format!("c-{number}"), 2, ""))));
    window.say(Event::Committed { profile: behind, entries });
    window.run();
    window.key_with(egui::Modifiers::COMMAND, Key::Num2);
    assert!(window.has(Role::Button, "Show failed (1)"), "{:?}", window.all(Role::Button));
    let more = (0..10_100).map(|number| window.entry(&command(&format!("d-{number}"), 2, ""))).collect();
    window.say(Event::Committed { profile: behind, entries: more });
    window.run();
    assert!(window.has(Role::Button, "Show failed (0)"), "{:?}", window.all(Role::Button));
}

#[test]
fn the_row_whose_details_are_open_stays_and_a_selection_lets_go_of_what_went() {
    let mut window = small();
    fill(&mut window, 3);
    window.key_with(egui::Modifiers::COMMAND, Key::A);
    window.key(Key::Enter);
    assert!(window.has(Role::Group, "Details"));
    let raws: Vec<_> = (0..LEAST + 10).map(|number| command(&format!("d-{number:05}"), 2, "done")).collect();
    window.hear(&raws);
    assert!(status(&window).starts_with("10000 newest of 10013 activities"), "{}", status(&window));
    assert!(!status(&window).contains("selected"), "{}", status(&window));
    window.key(Key::End);
    assert!(window.rows().contains(&"Command c-00002, Succeeded".to_owned()), "{:?}", window.rows());
    window.wait(Duration::from_secs(1));
    window.key(Key::Escape);
    window.hear(&[command("e", 2, "")]);
    window.key(Key::End);
    assert!(!window.rows().contains(&"Command c-00002, Succeeded".to_owned()), "{:?}", window.rows());
}
