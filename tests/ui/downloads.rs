//! The downloads drawer: what runs, what waits, what is ready; and the question if there is not enough space.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use privicore_monitor::activity::{ActivityKey, DownloadReceipt, Fact, LocalEvent};
use privicore_monitor::engine::{Action, DownloadProgress, DownloadStage, WaitingDownload};
use privicore_monitor::protocol::RequestId;

use super::harness::{INLINE, LINK, Window, command, data};

fn progress(name: &str, stage: DownloadStage) -> DownloadProgress {
    DownloadProgress {
        file_name: name.to_owned(),
        received: 18_000_000,
        total: Some(29_000_000),
        rate: 41e6,
        left: Some(Duration::from_millis(270)),
        stage,
    }
}

fn running(window: &mut Window, request: &str, progress: DownloadProgress) {
    let fetching = Fact::Local(LocalEvent::Fetching { to: "/x".into(), part: None, links: Vec::new() });
    let fetching = window.fact(ActivityKey::Data(request.into()), fetching, "");
    window.commit(vec![fetching]);
    let profile = window.id();
    window.status(profile, |status| _ = status.downloads.insert(request.into(), progress));
    window.run();
}

fn waits(window: &Window, request: &str, to: &str, in_folder: bool) -> WaitingDownload {
    WaitingDownload {
        profile: window.id(),
        request: request.into(),
        to: to.into(),
        in_folder,
        size: Some(1_400_000_000),
        expires: None,
        too_late: false,
    }
}

fn ready(window: &mut Window, requests: &[&str]) {
    window.receive(&requests.iter().map(|id| data(id, &format!("reports/{id}.csv"), 1, LINK)).collect::<Vec<_>>());
}

#[test]
fn all_ready_data_is_saved_into_one_folder_earliest_expiry_first() {
    let mut window = Window::live();
    ready(&mut window, &["r-1"]);
    assert!(!window.has(Role::Group, "Downloads"), "one link has its own button");
    window.wait(Duration::from_mins(1));
    ready(&mut window, &["r-2", "r-3"]);
    assert!(window.reads("3 ready · the first link expires in 9:00"), "{:?}", window.all(Role::Label));
    window.press("Download all ready…");
    assert!(window.actions().is_empty(), "a link was touched before a folder was chosen");
    window.answer_file_dialog(Some("/home/ops/reports"));
    match &*window.actions() {
        [Action::DownloadAll { profile, requests, folder }, Action::ChangePreferences { .. }] => {
            assert_eq!(*profile, window.id());
            assert_eq!(requests.iter().map(RequestId::as_str).collect::<Vec<_>>(), ["r-1", "r-2", "r-3"]);
            assert_eq!(folder, Path::new("/home/ops/reports"));
            assert_eq!(window.preferences().last_folder.as_deref(), Some(Path::new("/home/ops/reports")));
        }
        other => panic!("not one wish for all: {other:?}"),
    }
}

#[test]
fn inline_data_is_saved_with_all_other_ready_data_and_only_once() {
    let mut window = Window::live();
    window.receive(&[data("r-0", "in the message", 0, INLINE)]);
    assert!(!window.has(Role::Group, "Downloads"), "what does not expire does not hurry");
    ready(&mut window, &["r-1", "r-2"]);
    assert!(window.reads("3 ready · the first link expires in 10:00"), "{:?}", window.all(Role::Label));
    window.press("Download all ready…");
    window.answer_file_dialog(Some("/home/ops/reports"));
    match window.actions().first() {
        Some(Action::DownloadAll { requests, .. }) => {
            assert_eq!(requests.iter().map(RequestId::as_str).collect::<Vec<_>>(), ["r-1", "r-2", "r-0"]);
        }
        other => panic!("not one wish for all: {other:?}"),
    }
    let saved =
        LocalEvent::Saved { to: "/home/ops/reports/r-0".to_owned(), size: 5, receipt: DownloadReceipt::default() };
    let entry = window.fact(ActivityKey::Data("r-0".into()), Fact::Local(saved), "");
    window.commit(vec![entry]);
    assert!(window.reads("2 ready · the first link expires in 10:00"), "{:?}", window.all(Role::Label));
}

#[test]
fn the_download_key_asks_once_for_a_folder_for_the_selected_rows_with_data() {
    let mut window = Window::live();
    ready(&mut window, &["r-1", "r-2", "r-3"]);
    window.receive(&[command("c-1", 2, "done")]);
    window.click(Role::Row, "Data request r-2, Ready");
    window.key_with(Modifiers::SHIFT, Key::Home);
    assert_eq!(window.selected().len(), 3, "{:?}", window.selected());
    window.key(Key::D);
    assert_eq!(window.suggestion().title, "Folder for the selected data");
    assert!(window.actions().is_empty(), "a link was touched before a folder was chosen");
    window.answer_file_dialog(Some("/home/ops/reports"));
    match window.actions().first() {
        Some(Action::DownloadAll { requests, folder, .. }) => {
            assert_eq!(requests.iter().map(RequestId::as_str).collect::<Vec<_>>(), ["r-2", "r-3"]);
            assert_eq!(folder, Path::new("/home/ops/reports"));
        }
        other => panic!("not one wish for what is selected: {other:?}"),
    }
}

#[test]
fn a_cancelled_folder_dialog_downloads_nothing_and_expired_links_are_reported() {
    let mut window = Window::live();
    ready(&mut window, &["r-1", "r-2"]);
    window.press("Download all ready…");
    window.answer_file_dialog(None);
    assert!(window.actions().is_empty(), "fetched all the same");
    window.press("Download all ready…");
    window.wait(super::harness::LINK_LIFETIME);
    window.run();
    window.answer_file_dialog(Some("/home/ops"));
    assert!(window.actions().is_empty(), "expired links were asked for");
    assert!(window.all(Role::Alert).iter().any(|alert| alert.starts_with("Nothing is ready any more")));
}

#[test]
fn a_queued_download_shows_its_position_and_a_warning_if_it_will_be_late() {
    let mut window = Window::live();
    ready(&mut window, &["r-1", "r-2", "r-3"]);
    running(&mut window, "r-1", progress("one.bin", DownloadStage::Receiving));
    let late = WaitingDownload { too_late: true, ..waits(&window, "r-3", "/home/ops", true) };
    let queue = vec![waits(&window, "r-2", "/home/ops/two.bin", false), late];
    window.queue(queue);
    window.run();
    for words in [
        "Downloads 3",
        "two.bin: Waits, next in line",
        "r-3.csv: Waits, number 2 in line",
        "r-3.csv will not finish in time",
        "1 s left of one.bin",
    ] {
        assert!(window.reads(words), "no {words}: {:?}", window.all(Role::Label));
    }
    assert!(!window.has(Role::Button, "Download r-2"), "what waits is offered again");
    assert!(!window.has(Role::Button, "Download all ready…"), "nothing is left to fetch");
    window.press("Cancel download two.bin");
    assert!(matches!(&*window.actions(), [Action::CancelDownload { request, .. }] if request.as_str() == "r-2"));
    window.queue(Vec::new());
    window.run();
    assert!(window.has(Role::Button, "Download r-2"), "it cannot be fetched any more");
}

#[test]
fn without_disk_space_the_operator_is_asked_and_each_answer_is_one_press() {
    let mut window = Window::live();
    ready(&mut window, &["r-1"]);
    let stage = DownloadStage::NoSpace { needed: 1_400_000_000, free: 112_000_000, folder: PathBuf::from("/home/ops") };
    running(&mut window, "r-1", progress("one.bin", stage));
    let asked = "Not enough disk space for one.bin: 1.4 GB needed, 112 MB free in /home/ops. Free some space or choose another \
                 folder; the download waits.";
    assert!(window.all(Role::Alert).iter().any(|alert| alert == asked), "{:?}", window.all(Role::Alert));
    window.press("Try again one.bin");
    assert!(matches!(&*window.actions(), [Action::ResumeDownload { request, .. }] if request.as_str() == "r-1"));
    window.press("Choose another place for one.bin");
    assert_eq!(window.suggestion().file_name, "one.bin");
    window.answer_file_dialog(Some("/mnt/large/one.bin"));
    assert!(
        matches!(&window.actions()[0], Action::MoveDownload { to, .. } if to == Path::new("/mnt/large/one.bin")),
        "not moved"
    );
    window.press("Give up one.bin");
    assert!(matches!(&*window.actions(), [Action::CancelDownload { .. }]), "not given up");
}

#[test]
fn a_stalled_download_shows_for_how_long() {
    let mut window = Window::live();
    ready(&mut window, &["r-1"]);
    let stage = DownloadStage::Stalled { silent: Duration::from_secs(12), limit: Duration::from_mins(1) };
    running(&mut window, "r-1", progress("one.bin", stage));
    assert!(window.reads("one.bin: silent for 12 s, of 1 min 0 s"), "{:?}", window.all(Role::Label));
}

#[test]
fn the_small_window_shows_one_line_and_more_when_asked() {
    let mut window = Window::live_in([800.0, 500.0]);
    ready(&mut window, &["r-1", "r-2"]);
    assert!(window.has(Role::Button, "Download all ready…"), "no way to fetch them together");
    running(&mut window, "r-1", progress("one.bin", DownloadStage::Receiving));
    let queue = vec![waits(&window, "r-2", "/home/ops/two.bin", false)];
    window.queue(queue);
    window.run();
    assert!(!window.has(Role::Button, "Cancel download two.bin"), "two lines");
    window.press("Show every download");
    assert!(window.has(Role::Button, "Cancel download two.bin"), "still one line");
}
