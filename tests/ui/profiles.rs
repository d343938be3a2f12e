//! Several profiles at once: each tab counts what arrived while it was inactive, and a problem of one never affects
//! another.

use egui::accesskit::{Live, Role};
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::Seq;
use privicore_monitor::engine::{Action, ConnectionState, Event, TokenRefusal};
use privicore_monitor::settings::{Profile, ProfileId, Theme};
use std::time::Duration;

use super::drawn::texts_of;
use super::harness::{LINK, Window, command, data, ops};

/// A window of ten live profiles, with the first in the active tab.
pub(super) fn ten() -> (Window, Vec<Profile>) {
    let mut window = Window::live();
    let mut profiles = vec![window.profile.clone()];
    profiles.extend((2..=10).map(|number| Profile { name: format!("profile {number}"), ..ops() }));
    window.settings(profiles.clone(), Theme::Dark);
    for profile in &profiles {
        let profile = profile.id;
        window.status(profile, |status| status.connection = Some(ConnectionState::Live));
        window.send_event(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
    }
    window.run();
    // A new profile's tab becomes active; the tests look at the first.
    window.key_with(Modifiers::COMMAND, Key::Num1);
    (window, profiles)
}

/// Sends a command of a profile.
pub(super) fn send_command(window: &mut Window, profile: ProfileId, id: &str, status: i64, body: &str) {
    let entries = vec![window.entry(&command(id, status, body))];
    window.send_event(Event::Committed { profile, entries });
}

fn description(window: &Window, tab: &str) -> Option<String> {
    window.find(Role::Button, tab).accesskit_node().data().description().map(str::to_owned)
}

#[test]
fn an_inactive_tab_shows_how_many_rows_are_new_and_failed() {
    let (mut window, profiles) = ten();
    send_command(&mut window, profiles[1].id, "c-1", 1, "");
    window.run();
    assert_eq!(description(&window, "Profile profile 2").as_deref(), Some("1 new"));
    send_command(&mut window, profiles[1].id, "c-1", 3, "no");
    send_command(&mut window, profiles[1].id, "c-2", 2, "done");
    window.run();
    assert_eq!(description(&window, "Profile profile 2").as_deref(), Some("2 new, 1 failed"));
    window.key_with(Modifiers::COMMAND, Key::Num2);
    window.key_with(Modifiers::COMMAND, Key::Num1);
    assert_eq!(description(&window, "Profile profile 2"), None, "what was seen is counted still");
}

#[test]
fn a_profile_named_profile_does_not_repeat_the_word() {
    let mut window = Window::live();
    let profile = |name: &str| Profile { name: name.to_owned(), ..ops() };
    let names = ["profile number 0", "Profiles of B", "PROFILE", "profil"];
    let profiles: Vec<Profile> =
        names.into_iter().map(profile).chain((1..12).map(|n| profile(&format!("profile {n}")))).collect();
    window.settings(profiles, Theme::Dark);
    window.run();
    let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0));
    let drawn = |window: &Window| texts_of(window, screen).into_iter().map(|text| text.words).collect::<Vec<_>>();
    let tabs = drawn(&window);
    for (name, shown) in names.into_iter().zip(["profile number 0", "Profiles of B", "PROFILE", "Profile profil"]) {
        assert!(window.has(Role::Button, &format!("Profile {name}")), "the accessible name of {name} has changed");
        assert!(tabs.iter().any(|words| words == shown), "{shown} is not in {tabs:?}");
    }
    let more =
        window.all(Role::Button).into_iter().find(|name| name.starts_with("More profiles (")).expect("not all fit");
    window.press(&more);
    assert!(window.has(Role::Button, "Profile profile 9"), "the accessible name has changed");
    let menu = drawn(&window);
    window.key(Key::Escape);
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("profile number");
    let palette = drawn(&window);
    for (place, texts) in [("a tab", tabs), ("the menu", menu), ("the palette", palette)] {
        assert!(
            texts.iter().any(|words| words.to_lowercase().starts_with("profile ")),
            "{place} is not seen: {texts:?}"
        );
        let twice = texts.iter().find(|words| words.to_lowercase().starts_with("profile profile"));
        assert_eq!(twice, None, "in {place}");
    }
}

#[test]
fn one_failing_profile_never_disturbs_another() {
    let (mut window, profiles) = ten();
    window.find(Role::TextInput, "Filter").focus();
    window.run();
    for profile in &profiles[1..] {
        let why = TokenRefusal::Join { words: String::new() };
        window.status(profile.id, |status| status.connection = Some(ConnectionState::TokenRefused { why }));
    }
    window.type_text("c-");
    send_command(&mut window, profiles[0].id, "c-1", 2, "done");
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
        send_command(&mut window, profiles[number].id, &format!("of-{number}"), 2, "done");
        window.key_with(Modifiers::COMMAND, key);
        assert_eq!(window.rows(), [format!("Command of-{number}, Succeeded")]);
    }
    send_command(&mut window, profiles[9].id, "of-9", 2, "done");
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("profile 10");
    window.key(Key::Enter);
    assert_eq!(window.rows(), ["Command of-9, Succeeded"]);
}

#[test]
fn failures_are_announced_together_and_not_one_by_one() {
    let (mut window, profiles) = ten();
    let said = |window: &Window| {
        let node = window.find_role(Role::Status)?.accesskit_node();
        assert_eq!(node.data().live(), Some(Live::Polite));
        node.label()
    };
    assert_eq!(said(&window), None);
    send_command(&mut window, profiles[0].id, "c-1", 3, "no");
    window.run();
    assert_eq!(said(&window).as_deref(), Some("Failed: ops: c-1, no"));
    for number in 2..500 {
        send_command(&mut window, profiles[1].id, &format!("c-{number}"), 3, "no");
    }
    window.run();
    assert_eq!(said(&window).as_deref(), Some("Failed: ops: c-1, no"), "another sentence came within seconds");
    window.wait(Duration::from_secs(6));
    window.run();
    assert_eq!(said(&window).as_deref(), Some("498 failed, the last: profile 2: c-499, no"));
}

/// A window with two profiles, each with a command, showing the tab of all profiles.
fn all() -> (Window, Vec<Profile>) {
    let mut window = Window::live();
    let audit = Profile { name: "audit".to_owned(), ..ops() };
    let (of_ops, profile) = (window.id(), audit.id);
    let profiles = vec![window.profile.clone(), audit];
    window.settings(profiles.clone(), Theme::Dark);
    window.status(profile, |status| status.connection = Some(ConnectionState::Live));
    window.send_event(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
    send_command(&mut window, of_ops, "of-ops", 1, "");
    send_command(&mut window, profile, "of-audit", 1, "");
    window.run();
    window.press("All profiles");
    (window, profiles)
}

#[test]
fn all_profiles_are_one_table_whose_rows_name_their_profile() {
    let (mut window, profiles) = all();
    assert_eq!(window.rows(), ["Command of-audit, Pending", "Command of-ops, Pending"]);
    let profile_name = |window: &Window, row: &str| {
        let node = window.find(Role::Row, row).accesskit_node();
        node.data().description().map(str::to_owned).unwrap_or_default()
    };
    assert!(profile_name(&window, "Command of-audit, Pending").starts_with("of audit"));
    assert!(profile_name(&window, "Command of-ops, Pending").starts_with("of ops"));
    assert!(window.reads("Connection: 2 of 2 live"), "{:?}", window.all(Role::Label));
    send_command(&mut window, profiles[0].id, "of-ops", 3, "no");
    send_command(&mut window, profiles[0].id, "new", 2, "done");
    window.run();
    assert_eq!(
        window.rows(),
        ["Command new, Succeeded", "Command of-audit, Pending", "Command of-ops, Failed"],
        "it does not follow"
    );
    assert!(window.has(Role::Button, "Show failed (1)"), "{:?}", window.all(Role::Button));
    let back = description(&window, "Profile ops");
    assert_eq!(back, None, "what was seen here counts as unseen there");
}

#[test]
fn actions_on_rows_of_several_profiles_go_to_each_rows_profile() {
    let (mut window, profiles) = all();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key(Key::S);
    let actions = window.actions();
    let mut asked: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::CheckStatus { profile, commands } => (*profile, commands[0].as_str().to_owned(), commands.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    asked.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(asked, [(profiles[1].id, "of-audit".to_owned(), 1), (profiles[0].id, "of-ops".to_owned(), 1)]);
    window.key(Key::Home);
    window.key(Key::Enter);
    let asked = window.journal_requests();
    assert!(
        matches!(asked.last(), Some(Action::History { profile, .. }) if *profile == profiles[1].id),
        "the details ask another profile: {asked:?}"
    );
}

#[test]
fn ready_data_of_all_profiles_is_saved_into_one_folder() {
    let (mut window, profiles) = all();
    for (number, profile) in profiles.iter().enumerate() {
        let entry = window.entry(&data(&format!("r-{number}"), "", 1, LINK));
        window.send_event(Event::Committed { profile: profile.id, entries: vec![entry] });
    }
    window.run();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.key(Key::D);
    assert_eq!(window.dialogs_open(), 1, "one folder is asked for");
    window.answer_file_dialog(Some("/home/ops/data"));
    let mut fetched: Vec<_> = window
        .actions()
        .into_iter()
        .filter_map(|action| match action {
            Action::DownloadAll { profile, requests, folder } => Some((profile, requests, folder)),
            _ => None,
        })
        .collect();
    fetched.sort_by_key(|(_, requests, _)| requests.clone());
    let expected: Vec<_> = (0..)
        .zip(&profiles)
        .map(|(number, profile)| (profile.id, vec![format!("r-{number}").as_str().into()], "/home/ops/data".into()))
        .collect();
    assert_eq!(fetched, expected);
}

#[test]
fn the_filter_of_all_profiles_matches_in_each_and_for_new_rows() {
    let (mut window, profiles) = all();
    for profile in &profiles {
        send_command(&mut window, profile.id, &format!("c-{}", profile.name), 3, "profile.not_an_owner");
    }
    window.run();
    window.key_with(Modifiers::COMMAND, Key::F);
    window.type_text("status:failed owner");
    assert_eq!(window.rows(), ["Command c-audit, Failed", "Command c-ops, Failed"]);
    send_command(&mut window, profiles[0].id, "late", 3, "no owner");
    send_command(&mut window, profiles[1].id, "other", 3, "refused");
    window.run();
    assert_eq!(window.rows(), ["Command late, Failed", "Command c-audit, Failed", "Command c-ops, Failed"]);
    window.press("Profile ops");
    assert_eq!(window.rows().len(), 3, "a tab's filter is its own");
}

#[test]
fn commands_of_one_profile_are_disabled_in_all_profiles() {
    let (mut window, _profiles) = all();
    let can_press = |window: &Window, name: &str| !window.find(Role::Button, name).accesskit_node().is_disabled();
    for name in ["Request data…", "Track commands…"] {
        assert!(!can_press(&window, name), "{name}");
    }
    window.press("Profile ops");
    for name in ["Request data…", "Track commands…"] {
        assert!(can_press(&window, name), "{name}");
    }
}

#[test]
fn all_profiles_are_rebuilt_when_one_is_removed() {
    let (mut window, profiles) = all();
    let third = Profile { name: "third".to_owned(), ..ops() };
    window.settings(vec![profiles[0].clone(), third], Theme::Dark);
    window.run();
    window.press("All profiles");
    assert_eq!(window.rows(), ["Command of-ops, Pending"]);
    window.settings(vec![profiles[0].clone()], Theme::Dark);
    window.run();
    assert!(!window.has(Role::Button, "All profiles"), "one profile is not several");
    assert_eq!(window.rows(), ["Command of-ops, Pending"], "nothing is in front");
}
