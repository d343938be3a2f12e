//! Insight: what arrived, why commands failed, how long they took; found by its texts, operated by pointer and keys.

use std::time::Duration;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{Entry, Seq};
use privicore_monitor::engine::{Action, Event};
use privicore_monitor::settings::{InsightLayout, InsightSpan, Preferences, Profile, Settings};

use super::harness::{Window, command, ops};

/// A command that is first reported at a time of the day and ends some time later.
pub(crate) fn ended(window: &mut Window, id: &str, time: &str, took: Duration, failed: Option<&str>) -> [Entry; 2] {
    window.set_clock(time);
    let begun = window.entry(&command(id, 1, ""));
    window.wait(took);
    let (status, body) = failed.map_or((2, "Command completed successfully"), |reason| (3, reason));
    let ended = window.entry(&command(id, status, body));
    [begun, ended]
}

/// A window in which a few commands ended within the last hour, and one before.
fn busy(mut window: Window) -> Window {
    for (id, time, took, failed) in [
        ("c-0", "10:30:00", 5_000, Some("device.not_found")),
        ("c-1", "11:40:00", 500, None),
        ("c-2", "11:50:00", 900, Some("profile.not_an_owner")),
        ("c-3", "11:50:10", 1_100, Some("profile.not_an_owner")),
        ("c-4", "11:55:00", 1_000, Some("policy.already_active")),
        ("c-5", "12:04:00", 20_000, Some("")),
    ] {
        let entries = ended(&mut window, id, time, Duration::from_millis(took), failed);
        window.commit(entries.to_vec());
    }
    window.set_clock("12:04:33.120");
    window.run();
    window
}

/// The layout that the window last asked the engine to store.
fn stored_layout(window: &mut Window) -> Option<InsightLayout> {
    let asked = window.actions();
    let changed = asked.iter().any(|action| matches!(action, Action::ChangePreferences { .. }));
    changed.then(|| window.preferences().insight)
}

fn is_open(window: &Window) -> bool {
    window.has(Role::Group, "Insight")
}

/// A chart's text for screen readers.
fn description(window: &Window, chart: &str) -> String {
    window.find(Role::Image, chart).accesskit_node().description().unwrap_or_default()
}

#[test]
fn insight_opens_by_its_key_and_describes_every_number() {
    let mut window = busy(Window::live());
    assert!(!is_open(&window));
    window.key(Key::I);
    assert!(is_open(&window));
    assert_eq!(
        stored_layout(&mut window),
        Some(InsightLayout { open: true, span: InsightSpan::Hour }),
        "not remembered"
    );
    for words in ["Throughput", "Failure reasons", "Time to outcome"] {
        assert!(window.has(Role::Heading, words), "{words}");
    }
    assert!(window.reads("2 messages in the last minute, 0.2 a minute on average"), "{:?}", window.all(Role::Label));
    assert!(window.reads("4 of 5 commands failed, 80.0 %"), "{:?}", window.all(Role::Label));
    let messages = description(&window, "Messages and failures over time");
    assert!(messages.starts_with("Messages in each minute from 11:05 on: 0, 0,"), "{messages}");
    assert!(messages.ends_with("Commands that failed: 2 at 11:50, 1 at 11:55, 1 at 12:04."), "{messages}");
    let times = description(&window, "Commands by time to outcome");
    assert!(times.starts_with("Median 1.") && times.ends_with("1 up to 21 s."), "{times}");
    window.press("Close insight");
    assert!(!is_open(&window));
}

#[test]
fn a_single_item_is_written_in_the_singular() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "no")]);
    window.key(Key::I);
    let labels = window.all(Role::Label);
    assert!(labels.iter().any(|label| label.starts_with("1 message in the last minute, ")), "{labels:?}");
    for words in ["1 message in the last minute", "1 of 1 command failed, 100.0 %"] {
        assert!(window.reads(words), "{words}: {labels:?}");
    }
    window.receive(&[command("c-2", 2, "")]);
    assert!(window.reads("2 messages in the last minute"), "{:?}", window.all(Role::Label));
    assert!(window.reads("1 of 2 commands failed, 50.0 %"), "{:?}", window.all(Role::Label));
}

#[test]
fn a_reason_shows_its_commands_by_pointer_and_by_keyboard() {
    let mut window = busy(Window::live());
    window.key(Key::Num3);
    window.key(Key::I);
    window.press("Show failed with profile.not_an_owner (2)");
    assert_eq!(window.rows(), ["Command c-3, Failed", "Command c-2, Failed"]);
    assert!(window.has(Role::Button, "Show all (6)"));
    window.find(Role::Button, "Show failed without a reason (1)").focus();
    window.run();
    window.key(Key::Enter);
    assert_eq!(window.rows(), ["Command c-5, Failed"]);
}

#[test]
fn escape_clears_filters_before_it_closes_insight() {
    let mut window = busy(Window::live());
    window.key(Key::I);
    window.press("Show failed with policy.already_active (1)");
    window.key(Key::Num4);
    window.key(Key::Escape);
    assert!(is_open(&window), "the filter comes first");
    window.key(Key::Escape);
    assert!(is_open(&window), "then the chip");
    assert_eq!(window.rows().len(), 6);
    window.key(Key::Escape);
    assert!(!is_open(&window));
}

#[test]
fn another_time_range_is_shown_and_stored() {
    let mut window = busy(Window::live());
    window.key(Key::I);
    window.press("Time span last hour");
    window.press("Last 6 hours");
    assert!(window.has(Role::Button, "Show failed with device.not_found (1)"));
    let layout = stored_layout(&mut window).expect("not remembered");
    assert_eq!(layout, InsightLayout { open: true, span: InsightSpan::SixHours });
    let mut window = Window::silent([1280.0, 800.0], privicore_monitor::ui::Prefill::default());
    let preferences = Preferences { insight: layout, ..Preferences::default() };
    let profiles = vec![window.profile.clone()];
    window.send_settings(Settings { preferences, profiles });
    window.run();
    assert!(is_open(&window));
    assert!(window.has(Role::Button, "Time span last 6 hours"));
    assert!(window.reads("Nothing came in the last 6 hours."));
}

#[test]
fn in_the_small_window_insight_is_below_the_table_and_hidden_by_details() {
    // The higher one would have space for both.
    for height in [500.0, 1_000.0] {
        let mut window = busy(Window::live_in([800.0, height]));
        window.key(Key::I);
        let insight = window.find(Role::Heading, "Insight").rect();
        let table = window.find(Role::Table, "Activity").rect();
        assert!(insight.top() >= table.bottom() && table.height() >= 140.0, "{insight:?} {table:?}");
        assert!(window.has(Role::Button, "Show failed with profile.not_an_owner (2)"));
        window.click(Role::Row, "Command c-5, Failed");
        window.key(Key::Enter);
        assert!(window.has(Role::Group, "Details") && !is_open(&window), "at a height of {height}");
        window.key(Key::Escape);
        assert!(is_open(&window), "it comes back when the details are closed");
    }
}

#[test]
fn at_rest_insight_is_updated_once_a_minute() {
    let mut window = busy(Window::live());
    window.key(Key::I);
    window.set_clock("12:50:20");
    window.run();
    assert!(window.reads("2 of 2 commands failed, 100.0 %"), "{:?}", window.all(Role::Label));
    window.step();
    let delay = window.repaint_delay();
    assert!(delay > Duration::from_secs(30) && delay < Duration::from_secs(45), "{delay:?}");
    window.set_clock("13:30:00");
    window.run();
    assert!(window.reads("Nothing came in the last hour."), "{:?}", window.all(Role::Label));
    window.step();
    assert!(window.repaint_delay() > Duration::from_mins(2), "an empty panel waits for nothing");
}

#[test]
fn all_profiles_are_summarised_together_without_cleared_history() {
    let audit = Profile { name: "audit".to_owned(), ..ops() };
    let mut window = Window::live();
    window.settings(vec![window.profile.clone(), audit.clone()], privicore_monitor::settings::Theme::Dark);
    window.send_event(Event::Restored { profile: audit.id, entries: Vec::new(), live_from: Seq(0), complete: true });
    window.run();
    let mut window = busy(window);
    let entry = window.entry(&command("a-1", 3, "profile.not_an_owner"));
    window.send_event(Event::Committed { profile: audit.id, entries: vec![entry] });
    window.run();
    window.press("All profiles");
    window.key(Key::I);
    assert!(window.has(Role::Button, "Show failed with profile.not_an_owner (3)"), "{:?}", window.all(Role::Button));
    let profile = window.id();
    window.send_event(Event::HistoryCleared { profile });
    window.run();
    assert!(window.has(Role::Button, "Show failed with profile.not_an_owner (1)"), "{:?}", window.all(Role::Button));
}
