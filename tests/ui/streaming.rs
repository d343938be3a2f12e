//! A stream that is too much for one frame is applied over several frames, with the same result.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, ViewportId};
use privicore_monitor::activity::{Entry, Seq};
use privicore_monitor::engine::{ConnectionState, Event};
use privicore_monitor::settings::{Profile, Theme};
use privicore_monitor::ui::Prefill;

use super::harness::{Window, command, ops};

/// This many commands, of which every tenth failed.
fn commands(window: &mut Window, from: usize, count: usize) -> Vec<Entry> {
    (from..from + count)
        .map(|number| {
            let (status, body) = if number % 10 == 0 { (3, "refused") } else { (2, "done") };
            window.entry(&command(&format!("c-{number}"), status, body))
        })
        .collect()
}

fn commit(window: &mut Window, entries: Vec<Entry>) {
    let profile = window.id();
    window.send_event(Event::Committed { profile, entries });
}

/// Draws until a button of this name appears, which takes more than one frame.
#[track_caller]
fn draw_until(window: &mut Window, button: &str) {
    assert!(!window.has(Role::Button, button), "{button} without a frame");
    window.harness.step();
    assert!(!window.has(Role::Button, button), "{button} after one frame");
    for _ in 0..200 {
        if window.has(Role::Button, button) {
            return;
        }
        window.harness.step();
    }
    panic!("no {button}: {:?}", window.all(Role::Button));
}

#[test]
fn a_flood_is_applied_completely_and_in_order_while_frames_are_drawn() {
    let mut window = Window::live_slow();
    for batch in 0..40 {
        let entries = commands(&mut window, batch * 500, 500);
        commit(&mut window, entries);
        window.harness.step();
    }
    // A few, queued after many.
    let last = vec![window.entry(&command("c-1", 3, "after all"))];
    commit(&mut window, last);
    draw_until(&mut window, "Show failed (2001)");
    assert!(window.has(Role::Button, "Show all (20000)"), "{:?}", window.all(Role::Button));
    assert!(window.has(Role::Button, "Show succeeded (17999)"), "{:?}", window.all(Role::Button));
    window.run();
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c-19999, Succeeded"));
    let said: Vec<_> = window
        .nodes(Role::Status)
        .filter_map(|node| {
            use egui_kittest::kittest::NodeT as _;
            node.accesskit_node().label()
        })
        .collect();
    assert!(said.iter().any(|said| said.contains("failed")), "{said:?}");
}

#[test]
fn clearing_and_renumbering_are_applied_after_earlier_entries() {
    let mut window = Window::live_slow();
    let profile = window.id();
    let (before, after) = (commands(&mut window, 0, 5_000), commands(&mut window, 5_000, 300));
    commit(&mut window, before);
    window.send_event(Event::HistoryCleared { profile });
    commit(&mut window, after);
    draw_until(&mut window, "Show all (300)");
    for _ in 0..10 {
        window.harness.step();
    }
    assert!(window.has(Role::Button, "Show all (300)"), "what was forgotten came back");
}

#[test]
fn a_hidden_window_applies_entries_and_notifies_of_failures() {
    let mut window = Window::live_slow();
    window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default().focused = Some(false);
    window.run();
    for batch in 0..8 {
        let entries = commands(&mut window, batch * 1_000, 1_000);
        commit(&mut window, entries);
    }
    // As while it is minimised: events are processed, but nothing is drawn. It wakes itself as long as entries are pending.
    let context = window.harness.ctx.clone();
    for _ in 0..100 {
        window.harness.state_mut().update(&context);
    }
    window.wait(Duration::from_secs(3));
    window.harness.state_mut().update(&context);
    let told = window.notified.with(|notified| notified.iter().map(|one| one.title.clone()).collect::<Vec<_>>());
    window.wait(Duration::from_secs(3));
    window.harness.state_mut().update(&context);
    let told_later = window.notified.with(|notified| notified.iter().map(|one| one.title.clone()).collect::<Vec<_>>());
    assert_eq!(told_later, ["800 commands failed"], "{told:?}");
    window.harness.step();
    assert!(window.has(Role::Button, "Show all (8000)"), "{:?}", window.all(Role::Button));
}

#[test]
fn all_profiles_follows_what_is_applied_over_several_frames() {
    let mut window = Window::live_slow();
    let other = Profile { name: "audit".to_owned(), ..ops() };
    window.settings(vec![window.profile.clone(), other.clone()], Theme::Dark);
    window.status(other.id, |status| status.connection = Some(ConnectionState::Live));
    window.send_event(Event::Restored { profile: other.id, entries: Vec::new(), live_from: Seq(0), complete: true });
    window.run();
    window.key_with(Modifiers::COMMAND, Key::Num3);
    assert!(window.has(Role::Button, "Show all (0)"), "{:?}", window.all(Role::Button));
    let (ours, theirs) = (commands(&mut window, 0, 2_000), commands(&mut window, 2_000, 1_000));
    commit(&mut window, ours);
    window.send_event(Event::Committed { profile: other.id, entries: theirs });
    draw_until(&mut window, "Show all (3000)");
    assert!(window.has(Role::Button, "Show failed (300)"), "{:?}", window.all(Role::Button));
}

#[test]
fn a_long_journal_is_restored_while_messages_arrive() {
    let mut window = Window::silent([1280.0, 800.0], Prefill::default());
    window.clock.with(|clock| clock.tick = Duration::from_millis(3));
    window.settings(vec![window.profile.clone()], Theme::Dark);
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(ConnectionState::Live));
    let (older, newer) = (commands(&mut window, 0, 3_000), commands(&mut window, 3_000, 2_000));
    let live = commands(&mut window, 5_000, 300);
    let live_from = Seq(5_001);
    window.send_event(Event::Restored { profile, entries: newer, live_from, complete: false });
    commit(&mut window, live);
    window.send_event(Event::Restored { profile, entries: older, live_from, complete: true });
    draw_until(&mut window, "Show all (5300)");
    window.run();
    assert!(window.has(Role::Button, "Show failed (530)"), "{:?}", window.all(Role::Button));
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c-5299, Succeeded"));
    let labels = window.all(Role::Label);
    assert!(labels.iter().all(|label| !label.contains("Reading earlier")), "{labels:?}");
}
