//! Settings: a choice takes effect at once, an incomplete number never does, and the window restores its state.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, ViewportCommand, ViewportId};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::Action;
use privicore_monitor::settings::{
    Motion, PreferenceChange, Preferences, ProxyChoice, Settings, Theme, WindowGeometry,
};

use super::harness::{LINK, Window, data};

/// Sends the engine's settings.
fn send_preferences(window: &mut Window, preferences: Preferences) {
    let profiles = vec![window.profile.clone()];
    window.send_settings(Settings { preferences, profiles });
    window.run();
}

/// The preferences that the engine was asked to store, once.
#[track_caller]
fn stored_preferences(window: &mut Window) -> Preferences {
    match &*window.actions() {
        [Action::ChangePreferences { .. }] => window.preferences(),
        other => panic!("not one wish: {other:?}"),
    }
}

#[test]
fn switches_take_effect_at_the_click() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Comma);
    assert!(window.has(Role::Dialog, "Settings"), "no dialog");
    window.click(Role::RadioButton, "Light");
    assert_eq!(stored_preferences(&mut window).theme, Theme::Light);
    window.press("Larger");
    assert_eq!(stored_preferences(&mut window).scale, 110);
    window.click(Role::CheckBox, "Reduce motion");
    assert_eq!(stored_preferences(&mut window).motion, Motion::Reduced);
}

#[test]
fn a_number_takes_effect_when_its_field_loses_focus_and_an_invalid_one_never() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Comma);
    let name = "Keep history for (days)";
    window.find(Role::TextInput, name).focus();
    window.run();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.type_text("3");
    assert!(window.actions().is_empty(), "half a number throws history away");
    window.type_text("0");
    window.key(Key::Enter);
    assert_eq!(stored_preferences(&mut window).retention_days, 30);
    let name = "Largest message (MiB)";
    window.find(Role::TextInput, name).focus();
    window.run();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.type_text("0");
    window.key(Key::Tab);
    assert!(window.actions().is_empty(), "a limit of nothing was taken");
    assert_eq!(window.all(Role::Alert), ["Enter a whole number from 1 to 1024."]);
}

#[test]
fn download_settings_are_in_the_dialog_with_a_button_to_data_settings() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Comma);
    for (name, typed) in [("Downloads at once", "5"), ("Idle limit (seconds)", "120")] {
        window.find(Role::TextInput, name).focus();
        window.run();
        window.key_with(Modifiers::COMMAND, Key::A);
        window.type_text(typed);
        window.key(Key::Enter);
    }
    let asked = window.actions();
    let [Action::ChangePreferences { changes: first, .. }, Action::ChangePreferences { changes: second, .. }] = &*asked
    else {
        panic!("{asked:?}")
    };
    assert_eq!(*first, [PreferenceChange::DownloadsAtOnce(5)]);
    assert_eq!(*second, [PreferenceChange::IdleLimit(120)]);
    window.press("Ready data settings…");
    assert!(window.has(Role::Dialog, "Ready data"), "{:?}", window.all(Role::Dialog));
    assert!(!window.has(Role::Dialog, "Settings"), "both are open");
}

#[test]
fn a_proxy_takes_effect_when_chosen_or_complete_and_never_with_a_password() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Comma);
    window.click(Role::RadioButton, "No proxy");
    assert_eq!(stored_preferences(&mut window).proxy, ProxyChoice::None);
    window.click(Role::RadioButton, "Address");
    assert!(window.actions().is_empty(), "no address is typed yet");
    window.find(Role::TextInput, "Proxy address").focus();
    window.run();
    window.type_text("http://me:secret@proxy.example.com:3128");
    window.key(Key::Enter);
    assert!(window.actions().is_empty(), "a password was taken");
    let alerts = window.all(Role::Alert);
    assert!(alerts.iter().any(|words| words.contains("are not kept in the settings")), "{alerts:?}");
    // Enter has left the field.
    window.find(Role::TextInput, "Proxy address").focus();
    window.run();
    window.key_with(Modifiers::COMMAND, Key::A);
    window.type_text("http://proxy.example.com:3128");
    assert!(window.actions().is_empty(), "half an address takes effect");
    window.key(Key::Tab);
    assert_eq!(stored_preferences(&mut window).proxy, ProxyChoice::from_text("http://proxy.example.com:3128"));
    window.find(Role::TextInput, "Authority file").focus();
    window.run();
    window.type_text("/etc/ssl/ours.pem");
    window.key(Key::Enter);
    assert_eq!(stored_preferences(&mut window).authority_file, Some("/etc/ssl/ours.pem".into()));
}

#[test]
fn the_scale_has_shortcuts_and_a_maximum_of_200_per_cent() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Plus);
    assert_eq!(stored_preferences(&mut window).scale, 110);
    send_preferences(&mut window, Preferences { scale: 200, ..Preferences::default() });
    assert!((window.harness.ctx.zoom_factor() - 2.0).abs() < 0.01, "it is not drawn larger");
    window.key_with(Modifiers::COMMAND, Key::Equals);
    assert!(window.actions().is_empty(), "beyond the end");
    window.key_with(Modifiers::COMMAND, Key::Num0);
    assert_eq!(stored_preferences(&mut window).scale, 100);
}

#[test]
fn a_change_before_the_engine_answers_builds_on_earlier_changes() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::Plus);
    window.key_with(Modifiers::COMMAND, Key::Plus);
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("Dark theme");
    window.key(Key::Enter);
    let wishes = window.actions();
    let last = window.preferences();
    assert_eq!((last.scale, last.theme), (120, Theme::Dark), "a choice was lost: {wishes:?}");
    assert!((window.harness.ctx.zoom_factor() - 1.0).abs() < 0.01, "it takes effect once the engine has taken it");
    send_preferences(&mut window, last);
    assert!((window.harness.ctx.zoom_factor() - 1.2).abs() < 0.01, "it is not drawn larger");
    assert_eq!(window.harness.ctx.theme(), egui::Theme::Dark);
}

#[test]
fn an_answer_to_an_older_change_undoes_no_newer_one() {
    let mut window = Window::live();
    let profiles = vec![window.profile.clone()];
    window.key_with(Modifiers::COMMAND, Key::Comma);
    window.press("Larger");
    let first = window.preferences();
    window.click(Role::CheckBox, "Notify of failures");
    // The engine has made the first change and not the second; something else has changed as well.
    let preferences = Preferences { retention_days: 7, ..first };
    window.send_settings_of(Settings { preferences, profiles: profiles.clone() }, 1);
    window.run();
    window.click(Role::CheckBox, "Notify of ready data");
    let asked = window.actions();
    let changes: Vec<_> = asked
        .iter()
        .filter_map(|action| match action {
            Action::ChangePreferences { changes, .. } => Some(changes.as_slice()),
            _ => None,
        })
        .flatten()
        .cloned()
        .collect();
    let wanted =
        [PreferenceChange::Scale(110), PreferenceChange::NotifyFailed(false), PreferenceChange::NotifyReady(false)];
    assert_eq!(changes, wanted, "a change was lost, taken back or sent twice");
    // A change without an answer is shown all the same.
    let is_on = |window: &Window, name: &str| {
        window.find(Role::CheckBox, name).accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    };
    assert!(!is_on(&window, "Notify of failures") && !is_on(&window, "Notify of ready data"), "it flickers back");
    // In the end the engine has all changes, and so has the window.
    let last = Preferences { retention_days: 7, ..window.preferences() };
    window.send_settings(Settings { preferences: last, profiles });
    window.run();
    assert!(!is_on(&window, "Notify of failures") && !is_on(&window, "Notify of ready data"));
    let days = window.find(Role::TextInput, "Keep history for (days)").accesskit_node().value();
    assert_eq!(days.as_deref(), Some("7"));
}

#[test]
fn at_every_scale_the_smallest_window_has_every_part_within_it() {
    for scale in [100_u16, 125, 150, 200] {
        // The minimum size grows with the scale.
        let times = f32::from(scale) / 100.0;
        let mut window = Window::live_in([800.0 * times, 500.0 * times]);
        send_preferences(&mut window, Preferences { scale, ..Preferences::default() });
        window.receive(&[data("r-1", "invoices/2026", 1, LINK)]);
        let whole = window.harness.ctx.content_rect().expand(0.5);
        for role in [Role::Button, Role::TextInput, Role::Label] {
            for node in window.nodes(role) {
                let name = node.accesskit_node().label().unwrap_or_default();
                assert!(whole.contains_rect(node.rect()), "{scale} %: {role:?} `{name}` at {} is cut", node.rect());
            }
        }
    }
}

#[test]
fn a_new_link_lifetime_applies_to_existing_links() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    window.wait(Duration::from_mins(2));
    send_preferences(&mut window, Preferences { link_lifetime: 60, ..Preferences::default() });
    assert_eq!(window.rows(), ["Data request r-1, Link expired"]);
    send_preferences(&mut window, Preferences { link_lifetime: 600, ..Preferences::default() });
    assert_eq!(window.rows(), ["Data request r-1, Ready"]);
}

#[test]
fn reduced_motion_scrolls_at_once_and_tints_nothing() {
    let mut window = Window::live();
    send_preferences(&mut window, Preferences { motion: Motion::Reduced, ..Preferences::default() });
    let style = window.harness.ctx.global_style();
    assert_eq!(style.scroll_animation, egui::style::ScrollAnimation::none());
    window.receive(&[data("r-1", "", 1, LINK)]);
    assert!(window.repaint_delay() >= Duration::from_millis(500), "a tint passes: {:?}", window.repaint_delay());
}

#[test]
fn the_window_geometry_is_stored_before_the_engine_stops() {
    let mut window = Window::live();
    let rect = egui::Rect::from_min_size(egui::pos2(10.0, 20.0), egui::vec2(1_100.0, 720.0));
    let root = window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default();
    root.inner_rect = Some(rect);
    root.maximized = Some(false);
    let commands = window.close();
    assert!(commands.contains(&ViewportCommand::CancelClose), "closed at once");
    let actions = window.actions();
    let [Action::ChangePreferences { changes, .. }, Action::Quit] = &*actions else { panic!("{actions:?}") };
    assert_eq!(changes.len(), 1, "more than the window was kept: {changes:?}");
    assert_eq!(window.preferences().window, Some(WindowGeometry { width: 1_100, height: 720, maximised: false }));
}
