//! A desktop without file dialogs: the window asks for the path itself.

use egui::Key;
use egui::accesskit::Role;
use privicore_monitor::engine::{Action, FileDialogError, FileKind, FileRequest, PathCheck};
use privicore_monitor::ui::FailedDialog;

use super::harness::{LINK, Window, data};

/// A window that asks for a path, because the desktop can't.
fn asking() -> Window {
    let mut window = Window::live();
    window.receive(&[data("r-1", "rates", 1, LINK)]);
    window.run();
    asks_for_a_path(&mut window, "r-1");
    window
}

/// Presses the download of a data request on a desktop without a file dialog.
pub(crate) fn asks_for_a_path(window: &mut Window, request: &str) {
    window.press(&format!("Download {request}"));
    let (suggestion, answer) = window.dialogs.with(Vec::pop).expect("the desktop is asked first");
    let request = FileRequest {
        kind: FileKind::Save,
        title: suggestion.title,
        folder: Some("/srv/data".into()),
        file_name: "rates.csv".to_owned(),
    };
    let failed = FailedDialog { error: FileDialogError::Unavailable, unanswered: Some((request, answer)) };
    window.desktop.failed.with(|all| all.push(failed));
    window.run();
}

/// Answers the path check in progress. Returns the typed path.
fn found(window: &mut Window, check: PathCheck) -> String {
    let (typed, kind, reply) = window.desktop.checks.with(Vec::pop).expect("the path is looked at");
    assert_eq!(kind, FileKind::Save);
    reply.send(check);
    window.run();
    typed
}

fn is_open(window: &Window) -> bool {
    window.has(Role::TextInput, "File path")
}

/// The path to which the window has data saved.
fn saved_to(window: &mut Window) -> Option<String> {
    window.run();
    window.actions().into_iter().find_map(|action| match action {
        Action::Download { to, .. } => Some(to.display().to_string()),
        _ => None,
    })
}

#[test]
fn without_a_desktop_dialog_the_window_says_what_to_install_and_asks_for_a_path() {
    let mut window = asking();
    assert!(window.has(Role::Dialog, "Choose a file"));
    let labels = window.all(Role::Label);
    assert!(labels.iter().any(|label| label.contains("Install xdg-desktop-portal")), "{labels:?}");
    window.key(Key::Enter);
    assert_eq!(found(&mut window, PathCheck::Usable("/srv/data/rates.csv".into())), "/srv/data/rates.csv");
    assert!(!is_open(&window));
    assert_eq!(saved_to(&mut window).as_deref(), Some("/srv/data/rates.csv"));
}

/// Makes the window ask for a folder itself, because the desktop has no dialog.
pub(crate) fn asks_for_a_folder(window: &mut Window) {
    window.receive(&[data("r-1", "rates", 1, LINK), data("r-2", "rates", 1, LINK)]);
    window.press("Menu");
    window.press_last("Download all ready…");
    let (suggestion, answer) = window.dialogs.with(Vec::pop).expect("the desktop is asked first");
    let request =
        FileRequest { kind: FileKind::Folder, title: suggestion.title, folder: None, file_name: String::new() };
    let failed = FailedDialog { error: FileDialogError::Unavailable, unanswered: Some((request, answer)) };
    window.desktop.failed.with(|all| all.push(failed));
    window.run();
}

#[test]
fn a_folder_is_asked_for_in_the_same_way() {
    let mut window = Window::live();
    asks_for_a_folder(&mut window);
    assert!(window.has(Role::Dialog, "Choose a folder"));
    window.type_into(Role::TextInput, "Folder path", "/in");
    window.press("Choose");
    let (typed, kind, reply) = window.desktop.checks.with(Vec::pop).expect("the path is looked at");
    assert_eq!((typed.as_str(), kind), ("~/in", FileKind::Folder));
    reply.send(PathCheck::Usable("/home/ops/in".into()));
    window.run();
    assert!(!window.has(Role::Dialog, "Choose a folder"), "the dialog stays open");
    window.run();
    let to = window.actions().into_iter().find_map(|action| match action {
        Action::DownloadAll { folder, requests, .. } => Some((folder, requests.len())),
        _ => None,
    });
    assert_eq!(to, Some(("/home/ops/in".into(), 2)));
}

#[cfg(unix)]
#[test]
fn a_suggested_folder_that_is_not_utf_8_is_left_out_because_its_text_names_another() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = std::ffi::OsStr::from_bytes(b"/srv/gr\xf6\xdfe");
    for (kind, press, typed) in [(FileKind::Save, "Save", "~/rates.csv"), (FileKind::Folder, "Choose", "~")] {
        let mut window = Window::live();
        window.receive(&[data("r-1", "rates", 1, LINK)]);
        window.run();
        window.press("Download r-1");
        let (suggestion, answer) = window.dialogs.with(Vec::pop).expect("the desktop is asked first");
        let (title, file_name) = (suggestion.title, "rates.csv".to_owned());
        let request = FileRequest { kind, title, folder: Some(folder.into()), file_name };
        let failed = FailedDialog { error: FileDialogError::Unavailable, unanswered: Some((request, answer)) };
        window.desktop.failed.with(|all| all.push(failed));
        window.run();
        window.press(press);
        let (text, ..) = window.desktop.checks.with(Vec::pop).expect("the path is looked at");
        assert_eq!(text, typed);
    }
}

#[test]
fn a_file_is_replaced_only_when_the_operator_says_so() {
    let mut window = asking();
    window.press("Save");
    found(&mut window, PathCheck::Exists("/srv/data/rates.csv".into()));
    assert_eq!(saved_to(&mut window), None, "it is replaced unasked");
    window.press("Replace");
    assert_eq!(saved_to(&mut window).as_deref(), Some("/srv/data/rates.csv"));
}

#[test]
fn another_path_is_checked_again() {
    let mut window = asking();
    window.press("Save");
    found(&mut window, PathCheck::Exists("/srv/data/rates.csv".into()));
    window.type_into(Role::TextInput, "File path", "2");
    assert!(window.has(Role::Button, "Save") && !window.has(Role::Button, "Replace"));
    window.press("Save");
    found(&mut window, PathCheck::Invalid("There is no folder /srv. Create it, or type another path.".to_owned()));
    assert!(
        window.all(Role::Alert).iter().any(|alert| alert.contains("no folder /srv")),
        "{:?}",
        window.all(Role::Alert)
    );
    assert!(is_open(&window));
    assert_eq!(saved_to(&mut window), None);
}

#[test]
fn after_cancelling_the_next_dialog_is_the_desktops_again() {
    for cancel in [|window: &mut Window| window.press("Cancel"), |window: &mut Window| window.key(Key::Escape)] {
        let mut window = asking();
        cancel(&mut window);
        window.run();
        assert!(!is_open(&window));
        assert_eq!(saved_to(&mut window), None);
        window.press("Download r-1");
        assert!(window.dialog_is_open(), "nothing is asked");
    }
}

#[test]
fn a_dialog_that_ended_is_reported_and_counts_as_cancelled() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "rates", 1, LINK)]);
    window.run();
    window.press("Download r-1");
    window.drop_dialog();
    window.desktop.failed.with(|all| all.push(FailedDialog { error: FileDialogError::Ended, unanswered: None }));
    window.run();
    assert!(window.all(Role::Alert).iter().any(|alert| alert.contains("ended without an answer")));
    window.press("Download r-1");
    assert!(window.dialog_is_open(), "nothing is asked");
}
