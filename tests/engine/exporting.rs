//! Exporting from the running engine: the filtered rows, a complete file or none, and a message either way.

use std::path::{Path, PathBuf};

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{ActivityKey, Filter, Seq, StatusFilter};
use privicore_monitor::engine::{Action, Event, ExportProgress, ExportRequest};
use privicore_monitor::sandbox::DEMO_USERNAME;
use privicore_monitor::settings::ProfileId;

use super::child;
use super::pending::{fill, kill_when_it_says, pending, say, until};
use super::quiet;
use super::window::{Machine, Window};

#[tokio::test]
async fn exactly_the_rows_that_match_both_filters_are_in_the_file() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    for (id, status) in [("a-1", 2), ("a-2", 3), ("b-1", 3)] {
        let message =
            serde_json::json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "x"}});
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
        window.entry(&ActivityKey::Command(id.into()), |_| true).await;
    }
    let export = |to: &Path| {
        let filter = Filter::parse("id:a").expect("a filter");
        let profile = Some(profile);
        let everything = export_of_everything(Format::Ndjson, to);
        let status_filter = StatusFilter::Failed;
        Action::Export(Box::new(ExportRequest { profile, filter, status_filter, ..everything }))
    };
    let file = machine.file("out.ndjson");
    window.act(export(&file));
    let notice = window.notice("1 line exported to").await;
    assert!(matches!(&notice.remedy, Some((_, Action::ShowInFolder(shown))) if *shown == file), "{notice:?}");
    let text = std::fs::read_to_string(&file).expect("the file");
    let line: serde_json::Value = serde_json::from_str(&text).expect("one line");
    assert_eq!((&line["id"], &line["status"]), (&"a-2".into(), &"Failed".into()), "{text}");
    let nowhere = machine.file("gone").join("out.csv");
    window.act(export(&nowhere));
    window.notice("Nothing was exported").await;
    assert!(!nowhere.exists(), "something is there");
    window.quit().await;
}

#[tokio::test]
async fn exactly_the_selected_rows_are_in_the_file() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let mut seqs = Vec::new();
    for (id, status) in [("a-1", 1), ("a-2", 3), ("b-1", 1), ("a-1", 2)] {
        let message =
            serde_json::json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "x"}});
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
        let is_it = |text: &str| text.contains(&format!(r#""command_status":{status}"#));
        seqs.push(window.entry(&ActivityKey::Command(id.into()), |entry| is_it(&entry.raw)).await.seq);
    }
    let [first, failed, pending, settled] = *seqs else { panic!("{seqs:?}") };
    let never = Seq(settled.0 + 1_000);
    for (number, (rows, messages, expected)) in [
        (vec![first, pending], false, &["a-1 Succeeded", "b-1 Pending"][..]),
        // Each entry of an activity stands for all of it.
        (vec![settled, failed], false, &["a-1 Succeeded", "a-2 Failed"]),
        (vec![first, settled], false, &["a-1 Succeeded"]),
        (vec![settled, pending], true, &["a-1 Pending", "b-1 Pending", "a-1 Succeeded"]),
        (vec![never], false, &[]),
        (Vec::new(), false, &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let to = machine.file(&format!("{number}.ndjson"));
        let (profile, everything) = (Some(profile), export_of_everything(Format::Ndjson, &to));
        window.act(Action::Export(Box::new(ExportRequest {
            profile,
            messages,
            rows: Some(rows.clone()),
            ..everything
        })));
        window.notice(&format!("exported to {}", to.display())).await;
        let text = std::fs::read_to_string(&to).expect("the file");
        let line = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", line["id"].as_str().expect("an id"), line["status"].as_str().expect("a status"))
        };
        assert_eq!(text.lines().map(line).collect::<Vec<_>>(), expected, "{rows:?}, messages: {messages}");
    }
    window.quit().await;
}

/// An export of all rows of all profiles.
pub(crate) fn export_of_everything(format: Format, to: &Path) -> ExportRequest {
    ExportRequest {
        profile: None,
        format,
        filter: Filter::default(),
        status_filter: StatusFilter::All,
        messages: false,
        bom: false,
        rows: None,
        to: to.to_owned(),
    }
}

/// More than can be written at once.
const MANY: usize = 100_000;

/// Requests an export of everything into a separate folder, and waits until it has started.
async fn begin(window: &mut Window, folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let to = folder.join("all.csv");
    window.act(Action::Export(Box::new(export_of_everything(Format::Csv, &to))));
    let under_way = |event: &Event| match event {
        Event::Export(Some(ExportProgress { file_name, .. })) => (file_name == "all.csv").then_some(()),
        _ => None,
    };
    window.wait("the export", under_way).await;
    to
}

fn files_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder");
    files.map(|file| file.expect("a file").file_name().into_string().expect("text")).collect()
}

#[tokio::test]
async fn a_cancelled_export_leaves_no_file_and_another_can_start() {
    let machine = Machine::new();
    let data = machine.folder.path().join("data");
    fill(&data, ProfileId::from_u128(77), MANY).await;
    let mut window = Window::open(&machine);
    let folder = machine.file("out");
    let to = begin(&mut window, &folder).await;
    window.act(Action::Export(Box::new(export_of_everything(Format::Csv, &to))));
    window.notice("Another export is under way.").await;
    window.act(Action::CancelExport);
    window.wait("its end", |event| matches!(event, Event::Export(None)).then_some(())).await;
    window.notice("The export was cancelled, and no file was written.").await;
    assert_eq!(files_in(&folder), [""; 0]);
    assert_eq!(pending(&data, 4), 0);

    // This one runs to its end, and reports its progress.
    begin(&mut window, &folder).await;
    let half = |event: &Event| match event {
        Event::Export(Some(ExportProgress { read, total, .. })) => (*read > 0 && *total == MANY as u64).then_some(()),
        _ => None,
    };
    window.wait("progress", half).await;
    window.notice("100000 lines exported to").await;
    assert_eq!(files_in(&folder), ["all.csv"]);
    assert_eq!(pending(&data, 4), 0);
    window.quit().await;
}

#[tokio::test]
async fn quitting_during_an_export_leaves_no_file() {
    let machine = Machine::new();
    fill(&machine.folder.path().join("data"), ProfileId::from_u128(77), MANY).await;
    let mut window = Window::open(&machine);
    let folder = machine.file("out");
    begin(&mut window, &folder).await;
    until("the file", async || (!files_in(&folder).is_empty()).then_some(())).await;
    window.quit().await;
    assert_eq!(files_in(&folder), [""; 0]);
}

/// A folder for files, whose name is not UTF-8 where that is possible.
fn out_in(folder: &Path) -> PathBuf {
    #[cfg(target_os = "linux")]
    return folder.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"out \xe4"));
    #[cfg(not(target_os = "linux"))]
    folder.join("out")
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test owns the task and the folder")]
async fn the_file_of_a_killed_export_is_deleted_at_the_next_start() {
    const TEST: &str = "exporting::the_file_of_a_killed_export_is_deleted_at_the_next_start";
    if let Some(folder) = child::folder() {
        let machine = Machine::at(&folder);
        let mut window = Window::open(&machine);
        begin(&mut window, &out_in(&folder)).await;
        until("the promise", async || (pending(&folder.join("data"), 4) == 1).then_some(())).await;
        say("exporting");
        return std::future::pending().await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fill(&data, ProfileId::from_u128(77), MANY).await;
    let path = folder.path().to_owned();
    let killing = tokio::task::spawn_blocking(move || kill_when_it_says(TEST, &path, "exporting", &[]));
    killing.await.expect("killed");
    let out = out_in(folder.path());
    assert!(matches!(&*files_in(&out), [left] if left.starts_with(".new-")), "{:?}", files_in(&out));
    // A file that only looks like a leftover stays.
    std::fs::write(out.join(".new-ours"), "x").expect("written");
    let window = Window::open(&Machine::at(folder.path()));
    until("the end of the work", async || (pending(&data, 4) == 0).then_some(())).await;
    assert_eq!(files_in(&out), [".new-ours"]);
    window.quit().await;
}
