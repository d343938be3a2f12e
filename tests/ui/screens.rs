//! More screens in sizes without snapshots, and texts that are longer than the available space.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use privicore_monitor::activity::{ActivityKey, Entry, Fact, LocalEvent};
use privicore_monitor::engine::{
    Action, ConnectionState, DownloadProgress, Event, ExportProgress, Notice, NoticeReason, PathCheck, RestError,
    Severity, TokenRefusal,
};
use privicore_monitor::protocol::{Body, Message};
use privicore_monitor::settings::{DownloadSettings, Profile, Theme};
use privicore_monitor::ui::Prefill;

use super::file_path::{asks_for_a_folder, asks_for_a_path};
use super::harness::{Window, command, ops};
use super::snapshots::{Screen, filled, twelve_profiles};

/// Screens in addition to those with snapshots.
pub(super) const MORE: [Screen; 27] = [
    ("more profiles", [1280.0, 800.0], more_profiles),
    ("menu", [1280.0, 800.0], menu),
    ("profile menu", [1280.0, 800.0], profile_menu),
    ("row menu", [1280.0, 800.0], row_menu),
    ("saved filters", [1280.0, 800.0], saved_filters),
    ("token sign-in", [1280.0, 800.0], token_sign_in),
    ("new profile", [1280.0, 800.0], new_profile),
    ("notices", [1280.0, 800.0], notices),
    ("nothing matches", [1280.0, 800.0], nothing_matches),
    ("a mistyped filter", [1280.0, 800.0], mistyped_filter),
    ("edit label", [1280.0, 800.0], edit_label),
    ("sign out", [1280.0, 800.0], sign_out),
    ("long words", [1280.0, 800.0], long_words),
    ("long words in twelve tabs", [1280.0, 800.0], long_tabs),
    ("menu of a long name", [1280.0, 800.0], long_profile_menu),
    ("a long notice", [1280.0, 800.0], long_notice),
    ("a path with an error", [1280.0, 800.0], wrong_path),
    ("export of a filter and a selection", [1280.0, 800.0], export_of_filter),
    ("track with a mistake", [1280.0, 800.0], wrong_track),
    ("no stored data", [1280.0, 800.0], no_stored_data),
    ("search older", [1280.0, 800.0], search_older),
    ("clear history", [1280.0, 800.0], clear_history),
    ("remove profile", [1280.0, 800.0], remove_profile),
    ("save filter", [1280.0, 800.0], save_filter),
    ("closing", [1280.0, 800.0], closing),
    ("choose a folder", [1280.0, 800.0], choose_folder),
    ("another host", [1280.0, 800.0], other_host),
];

/// German compounds are single words.
pub(super) const LONG_NAME: &str = "Landeshauptarchivverwaltungsgesellschaft Donaudampfschifffahrt Außenstelle";
pub(super) const LONG_SENTENCE: &str = "Die Datenschutzgrundverordnungskonformitätsbescheinigung konnte nicht ausgestellt werden, weil die \
    Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung noch nicht hinterlegt ist.";
pub(super) const LONG_ID: &str = "Grundstücksverkehrsgenehmigungszuständigkeitsübertragung-2026-0001";
/// The longest host that a certificate may name.
const LONG_HOST: &str = "herunterladen.rechenzentrum-niederschlesische-oberlausitz.verwaltungsgesellschaft.example.com";

fn more_profiles(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = twelve_profiles(theme, size);
    let more = window.all(Role::Button).into_iter().find(|name| name.starts_with("More profiles ("));
    window.press(&more.expect("not all twelve fit"));
    window
}

fn menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Menu");
    window
}

fn profile_menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Profile ops");
    window
}

fn row_menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::F10);
    window
}

fn saved_filters(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Saved filters");
    window
}

fn token_sign_in(theme: Theme, size: [f32; 2]) -> Window {
    let mut window =
        Window::silent(size, Prefill { api: Some("http://cab.example.com".to_owned()), ..Prefill::default() });
    window.settings(Vec::new(), theme);
    window.run();
    window.click(Role::RadioButton, "Authorization token");
    window.press("Sign in");
    window
}

fn new_profile(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Add profile");
    window
}

/// A refused token, and the notices at the window's lower edge.
fn notices(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let profile = window.id();
    let words = "It has expired, or the server had a passing fault; try once more if it had".to_owned();
    let why = TokenRefusal::Join { words };
    window.status(profile, |status| status.connection = Some(ConnectionState::TokenRefused { why }));
    for sentence in [
        "The disk is full, so the newest messages are in memory only. Free some space; they are written as soon as there is room.",
        "Links to data are kept in memory only: the system keyring is locked or has no default collection. Unlock it.",
    ] {
        window.send_event(Event::Notice(Notice::new(Severity::Warning, None, NoticeReason::stored(sentence))));
    }
    window.run();
    window
}

fn nothing_matches(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::F);
    window.type_text("status=failed label:\"a rather long label that nobody has given yet\"");
    window
}

fn mistyped_filter(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::F);
    window.type_text("status:fialed label:\"a rather long label that nobody has given yet\"");
    window
}

fn edit_label(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key(Key::ArrowDown);
    window.key(Key::L);
    window
}

fn sign_out(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Menu");
    window.press("Sign out");
    window
}

/// A profile, a label and a message that are too long for the available space.
pub(super) fn long_words(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    LONG_NAME.clone_into(&mut window.profile.name);
    "sachbearbeiterin.grundstuecksverkehr@landeshauptarchivverwaltung.example.com"
        .clone_into(&mut window.profile.username);
    window.settings(vec![window.profile.clone()], theme);
    let id = LONG_ID;
    window.receive(&[command(id, 3, LONG_SENTENCE)]);
    let label = Fact::Local(LocalEvent::Labelled { label: LONG_NAME.repeat(2) });
    let label = window.fact(ActivityKey::Command(id.into()), label, "");
    window.commit(vec![label]);
    window.click(Role::Row, &format!("Command {id}, Failed"));
    window.key(Key::Enter);
    window
}

fn long_tabs(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = twelve_profiles(theme, size);
    let named = |number| Profile { name: format!("{LONG_NAME} {number}"), ..ops() };
    let all: Vec<Profile> = std::iter::once(window.profile.clone()).chain((2..=12).map(named)).collect();
    window.settings(all, theme);
    window.run();
    window.key_with(Modifiers::COMMAND, Key::Num3);
    window
}

fn long_profile_menu(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = long_words(theme, size);
    window.press(&format!("Profile {LONG_NAME}"));
    window
}

pub(super) fn long_notice(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let sentence = format!("{LONG_SENTENCE} {LONG_SENTENCE} {}{LONG_SENTENCE}", "0123456789abcdef".repeat(24));
    let mut notice = Notice::new(Severity::Warning, None, NoticeReason::stored(sentence));
    notice.remedy = Some(("Raise the limit".to_owned(), Action::SetMessageLimit(1 << 22)));
    window.send_event(Event::Notice(notice));
    window.run();
    window
}

pub(super) fn wrong_path(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    asks_for_a_path(&mut window, "b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004");
    window.press("Save");
    let (.., reply) = window.desktop.checks.with(Vec::pop).expect("the path is looked at");
    let folder = format!("/srv/{}", LONG_NAME.replace(' ', "/").repeat(3));
    reply.send(PathCheck::Invalid(format!("There is no folder {folder}. Create it, or enter another path.")));
    window.run();
    window
}

/// The most that an export can offer: another profile, a long filter, and several selected rows.
pub(super) fn export_of_filter(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let audit = Profile { name: LONG_NAME.to_owned(), ..ops() };
    window.profile.name = LONG_NAME.to_uppercase();
    window.settings(vec![window.profile.clone(), audit], theme);
    window.run();
    // A new profile's tab is active.
    window.key_with(Modifiers::COMMAND, Key::Num1);
    window.press("Show succeeded (4)");
    window.type_into(Role::TextInput, "Filter", &format!("-label:\"{LONG_SENTENCE}\" -id:{}", "0123456789".repeat(12)));
    window.key(Key::Enter);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::ArrowDown);
    window.key_with(Modifiers::COMMAND, Key::E);
    window
}

pub(super) fn wrong_data_settings(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    LONG_NAME.clone_into(&mut window.profile.name);
    window.profile.saving = DownloadSettings {
        folder: Some(format!("/home/ops/{LONG_NAME}/{LONG_NAME}").into()),
        automatic_hosts: vec![LONG_HOST.to_owned()],
        private_hosts: vec![LONG_HOST.to_owned()],
        decrypt: true,
    };
    window.settings(vec![window.profile.clone()], theme);
    window.run();
    window.press("Menu");
    window.press("Ready data settings…");
    window.type_into(Role::TextInput, "Host", "https://x/");
    window.type_into(Role::PasswordInput, "Key", "00ff");
    window.key(Key::Enter);
    window
}

fn wrong_track(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::T);
    window.type_text(&"0123456789".repeat(21));
    window
}

fn no_stored_data(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::R);
    let profile = window.id();
    let failed =
        RestError::Status { host: LONG_HOST.to_owned(), status: 500, words: LONG_SENTENCE.to_owned(), wait: None };
    window.send_event(Event::DataTokens { profile, page: 1, answer: Err(failed) });
    window.run();
    window
}

fn clear_history(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = long_words(theme, size);
    window.press(&format!("Profile {LONG_NAME}"));
    window.press("Forget this profile…");
    window
}

fn remove_profile(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = long_words(theme, size);
    window.key_with(Modifiers::COMMAND, Key::K);
    window.type_text("remove profile");
    window.key(Key::Enter);
    window
}

fn save_filter(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.press("Saved filters");
    window.press("Save filter…");
    window.type_text(LONG_NAME);
    window
}

/// A download and an export are in progress.
fn closing(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let profile = window.id();
    window.status(profile, |status| _ = status.downloads.insert(LONG_ID.into(), DownloadProgress::default()));
    let file_name = format!("{LONG_NAME}.csv");
    window.send_event(Event::Export(Some(ExportProgress { file_name, read: 1_000, total: 1_000_000 })));
    window.run();
    window.close();
    window.run();
    window
}

fn choose_folder(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    asks_for_a_folder(&mut window);
    window
}

/// A download that was sent on to another host.
fn other_host(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let profile = window.id();
    let sentence = format!("r-1 was not downloaded: example.com sends you on to {LONG_HOST}. The link was not used.");
    let mut notice = Notice::new(Severity::Error, Some(profile), NoticeReason::stored(sentence));
    let again = Action::Download { profile, request: "r-1".into(), to: "/tmp/a.csv".into() };
    notice.remedy = Some((format!("Go on to {LONG_HOST}"), again));
    window.send_event(Event::Notice(notice));
    window.run();
    window
}

/// A filter that may have missed activities that are only in the journal.
fn search_older(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.key_with(Modifiers::COMMAND, Key::A);
    cut_text(&mut window, "deep");
    window.type_into(Role::TextInput, "Filter", "NEEDLE");
    window
}

/// A command whose reason is cut in memory, with `NEEDLE` at its end. Returns its entry in the journal.
pub(super) fn cut_text(window: &mut Window, id: &str) -> Entry {
    let mut entry = window.entry(&command(id, 3, "reason"));
    if let Fact::Received(Message::Command(report)) = &mut entry.fact {
        report.body = Body::Text("reason ".repeat(10_000_000) + "NEEDLE");
    }
    window.commit(vec![entry.clone()]);
    entry
}
