//! Several profiles at once: each tab tells what came behind it, and trouble in one never touches another.

use egui::accesskit::{Live, Role};
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::Seq;
use privicore_monitor::engine::{ConnectionState, Event};
use privicore_monitor::settings::{Profile, ProfileId, Theme};
use std::time::Duration;

use super::harness::{Window, command, ops};

/// A window of ten live profiles, the first in front.
pub(super) fn ten() -> (Window, Vec<Profile>) {
    let mut window = Window::live();
    let mut profiles = vec![window.profile.clone()];
    profiles.extend((2..=10).map(|number| Profile { name: format!("profile {number}"), ..ops() }));
    window.settings(profiles.clone(), Theme::Dark);
    for profile in &profiles {
        let profile = profile.id;
        window.say(Event::Connection { profile, state: ConnectionState::Live });
        window.say(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
    }
    window.run();
    // A new profile comes to the front; the tests look at the first.
    window.key_with(Modifiers::COMMAND, Key::Num1);
    (window, profiles)
}

/// A command of a profile is told.
pub(super) fn tell(window: &mut Window, profile: ProfileId, id: &str, status: i64, body: &str) {
    let entries = vec![window.entry(&command(id, status, body))];
    window.say(Event::Committed { profile, entries });
}

fn description(window: &Window, tab: &str) -> Option<String> {
    window.find(Role::Button, tab).accesskit_node().data().description().map(str::to_owned)
}

#[test]
fn a_tab_tells_how_many_are_new_behind_it_and_how_many_failed() {
    let (mut window, profiles) = ten();
    tell(&mut window, profiles[1].id, "c-1", 1, "");
    window.run();
    assert_eq!(description(&window, "Profile profile 2").as_deref(), Some("1 new"));
    tell(&mut window, profiles[1].id, "c-1", 3, "no");
    tell(&mut window, profiles[1].id, "c-2", 2, "done");
    window.run();
    assert_eq!(description(&window, "Profile profile 2").as_deref(), Some("2 new, 1 failed"));
    window.key_with(Modifiers::COMMAND, Key::Num2);
    window.key_with(Modifiers::COMMAND, Key::Num1);
    assert_eq!(description(&window, "Profile profile 2"), None, "what was seen is counted still");
}

#[test]
fn one_failing_profile_never_disturbs_another() {
    let (mut window, profiles) = ten();
    window.find(Role::TextInput, "Filter").focus();
    window.run();
    for profile in &profiles[1..] {
        let why = "The token is no longer valid.".to_owned();
        window.say(Event::Connection { profile: profile.id, state: ConnectionState::TokenRefused { why } });
    }
    window.type_text("c-");
    tell(&mut window, profiles[0].id, "c-1", 2, "done");
    window.run();
    assert!(window.reads("Connection: Live"), "{:?}", window.all(Role::Label));
    assert_eq!(window.focused().as_deref(), Some("Filter"), "what was typed into is gone");
    assert_eq!(window.rows(), ["Command c-1, Succeeded"]);
    assert!(window.all(Role::Alert).is_empty(), "{:?}", window.all(Role::Alert));
}

#[test]
fn ten_profiles_are_all_reached_though_there_is_no_room_for_their_tabs() {
    let (mut window, profiles) = ten();
    for (number, key) in
        [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9]
            .into_iter()
            .enumerate()
    {
        tell(&mut window, profiles[number].id, &format!("of-{number}"), 2, "done");
        window.key_with(Modifiers::COMMAND, key);
        assert_eq!(window.rows(), [format!("Command of-{number}, Succeeded")]);
    }
    tell(&mut window, profiles[9].id, "of-9", 2, "done");
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("profile 10");
    window.key(Key::Enter);
    assert_eq!(window.rows(), ["Command of-9, Succeeded"]);
}

#[test]
fn failures_are_said_aloud_together_and_not_one_by_one() {
    let (mut window, profiles) = ten();
    let said = |window: &Window| {
        let node = window.find_role(Role::Status)?.accesskit_node();
        assert_eq!(node.data().live(), Some(Live::Polite));
        node.label()
    };
    assert_eq!(said(&window), None);
    tell(&mut window, profiles[0].id, "c-1", 3, "no");
    window.run();
    assert_eq!(said(&window).as_deref(), Some("Failed: ops: c-1, no"));
    for number in 2..500 {
        tell(&mut window, profiles[1].id, &format!("c-{number}"), 3, "no");
    }
    window.run();
    assert_eq!(said(&window).as_deref(), Some("Failed: ops: c-1, no"), "another sentence came within seconds");
    window.wait(Duration::from_secs(6));
    window.run();
    assert_eq!(said(&window).as_deref(), Some("498 failed, the last: profile 2: c-499, no"));
}
