//! The download settings of a profile: the folder, the hosts, and that changes take effect at once.

use std::path::Path;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{Action, DataKeyStatus};
use privicore_monitor::protocol::DataKey;
use privicore_monitor::settings::{DownloadSettings, Preferences, Settings, Theme};

use super::harness::Window;

/// Opens the dialog from the menu.
fn open(window: &mut Window) {
    window.press("Menu");
    window.press("Ready data settings…");
    assert!(window.has(Role::Dialog, "Ready data"), "no dialog");
}

/// The change that the engine was asked for, stored as the engine stores it.
#[track_caller]
fn stored_settings(window: &mut Window) -> DownloadSettings {
    let asked = window.actions().into_iter().find_map(|action| match action {
        Action::ChangeSaving { change, .. } => Some(change),
        _ => None,
    });
    window.profile.saving.apply(asked.expect("no change was asked for"));
    let saving = window.profile.saving.clone();
    let preferences = Preferences { theme: Theme::Dark, ..Preferences::default() };
    let profiles = vec![window.profile.clone()];
    window.send_settings(Settings { preferences, profiles });
    window.run();
    saving
}

#[test]
fn automatic_saving_asks_for_a_folder_first_and_can_be_turned_off() {
    let mut window = Window::live();
    open(&mut window);
    let automatic = "Save ready data of ops automatically";
    window.click(Role::CheckBox, automatic);
    assert!(window.actions().is_empty(), "on without a folder");
    window.answer_file_dialog(Some("/home/ops/in"));
    assert_eq!(stored_settings(&mut window).folder.as_deref(), Some(Path::new("/home/ops/in")));
    assert!(window.reads("Folder /home/ops/in"), "{:?}", window.all(Role::Label));
    window.press("Choose folder…");
    window.answer_file_dialog(Some("/home/ops/other"));
    assert_eq!(stored_settings(&mut window).folder.as_deref(), Some(Path::new("/home/ops/other")));
    window.click(Role::CheckBox, automatic);
    assert_eq!(stored_settings(&mut window).folder, None);
}

#[test]
fn a_dialog_that_grows_stays_under_the_pointer() {
    let mut window = Window::live();
    open(&mut window);
    let automatic = "Save ready data of ops automatically";
    let before = window.find(Role::CheckBox, automatic).rect();
    window.profile.saving.folder = Some("/home/ops/in".into());
    window.settings(vec![window.profile.clone()], Theme::Dark);
    window.run();
    assert!(window.reads("Folder /home/ops/in"), "{:?}", window.all(Role::Label));
    // Only the next frame, whatever causes it, knows this one's height.
    window.run();
    assert_eq!(window.find(Role::CheckBox, automatic).rect(), before);
}

#[test]
fn hosts_are_allowed_by_name_and_removed_again() {
    let mut window = Window::live();
    open(&mut window);
    assert!(window.reads("download.example.com, the download address"), "{:?}", window.all(Role::Label));
    window.type_into(Role::TextInput, "Host", "https://x/");
    window.press("Allow host");
    assert!(window.actions().is_empty(), "that is no host");
    assert!(window.all(Role::Alert).iter().any(|alert| alert.starts_with("Enter a host alone")));
    window.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    window.type_into(Role::TextInput, "Host", "");
    open_again_and_type(&mut window, "Files.Example.com");
    assert_eq!(stored_settings(&mut window).automatic_hosts, ["files.example.com"]);
    window.press("Remove files.example.com");
    assert!(stored_settings(&mut window).automatic_hosts.is_empty());
}

/// Opens the dialog again and types a host, followed by Enter.
fn open_again_and_type(window: &mut Window, host: &str) {
    window.key(Key::Escape);
    window.key(Key::Escape);
    open(window);
    window.type_into(Role::TextInput, "Host", host);
    window.key(Key::Enter);
}

#[test]
fn a_key_is_entered_masked_and_deleted_again() {
    let mut window = Window::live();
    open(&mut window);
    let switch = "Decrypt on the way";
    assert!(!window.has(Role::PasswordInput, "Key"), "asked for although nothing is decrypted");
    window.click(Role::CheckBox, switch);
    assert!(stored_settings(&mut window).decrypt);
    assert!(window.reads("No key is known: data is kept encrypted."), "{:?}", window.all(Role::Label));
    window.type_into(Role::PasswordInput, "Key", "00ff");
    window.press("Use key");
    assert!(window.actions().is_empty(), "half a key was taken");
    assert_eq!(window.all(Role::Alert), ["A key has 64 hex digits; there are 4 here."]);
    let key = "00ff".repeat(16);
    window.find(Role::PasswordInput, "Key").focus();
    window.run();
    window.key_with(egui::Modifiers::COMMAND, Key::A);
    window.type_text(&key);
    window.click(Role::CheckBox, "Keep in the keyring");
    window.press("Use key");
    match &*window.actions() {
        [Action::SetDataKey { key: given, persist: true, .. }] => assert_eq!(*given, DataKey::from_hex(&key)),
        other => panic!("{other:?}"),
    }
    let profile = window.id();
    window.status(profile, |status| status.data_key = DataKeyStatus { known: true, persisted: true });
    window.run();
    assert!(window.reads("The key is known, and kept in the keyring."), "{:?}", window.all(Role::Label));
    let use_key = window.find(Role::Button, "Use key").accesskit_node();
    let why_not = use_key.description();
    assert_eq!(why_not.as_deref(), Some("A key has 64 hex digits; there are 0 here."), "it is still in the field");
    window.press("Forget key");
    match &*window.actions() {
        [Action::SetDataKey { key: None, .. }] => {}
        other => panic!("{other:?}"),
    }
    window.click(Role::CheckBox, switch);
    assert!(!stored_settings(&mut window).decrypt);
}

#[test]
fn a_private_host_that_was_allowed_can_be_forbidden() {
    let mut window = Window::live();
    window.profile.saving.private_hosts = vec!["nas.local".to_owned()];
    window.settings(vec![window.profile.clone()], Theme::Dark);
    window.run();
    open(&mut window);
    window.press("Forbid nas.local");
    assert!(stored_settings(&mut window).private_hosts.is_empty());
    assert!(!window.has(Role::Button, "Forbid nas.local"), "still listed");
}
