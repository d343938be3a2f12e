//! Saving many items, saving automatically, and following a request to the disk.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privicore_monitor::activity::{ActivityKey, Decryption, DownloadReceipt, Fact, LocalEvent};
use privicore_monitor::engine::{Action, Event, LinkPermission, WaitingDownload};
use privicore_monitor::protocol::{DataTokenPage, RequestId};
use privicore_monitor::sandbox::{DEMO_USERNAME, DownloadFault, Fault, Limit};
use privicore_monitor::settings::{Preferences, SavingChange};
use serde_json::json;

use crate::downloads::{bytes, data, end_of, no_hidden_parts, offer, publish, put};
use crate::quiet;
use crate::window::{Machine, Window, set};

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a text"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn many_downloads_are_saved_three_at_once_under_different_names() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let folder = machine.file("in");
    std::fs::create_dir(&folder).expect("a folder");
    put(&folder.join("a.bin"), b"was here before");
    let names = [Some("a.bin"), Some("../../a.bin"), Some("a.lnk"), None, Some("CON")];
    let mut requests = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let id = format!("r-{number}");
        let link = sandbox.control().offer_download(vec![7; 100 + number], name);
        offer(&mut window, &sandbox, &id, link.expose()).await;
        requests.push(RequestId::from(id.as_str()));
    }
    let inline = json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": "inline", "data_context": "notes/today", "output_type": 0,
        "body": STANDARD.encode([9; 40]),
    }});
    publish(&mut window, &sandbox, "inline", &inline).await;
    requests.push(RequestId::from("inline"));
    // Slow enough that some have to wait.
    let slow =
        Fault::Downloads { fault: DownloadFault::Slow(std::time::Duration::from_millis(50)), limit: Limit::Times(3) };
    sandbox.control().inject(slow, None).expect("injected");

    let mark = window.mark();
    window.act(Action::DownloadAll { profile, requests: requests.clone(), folder: folder.clone() });
    for request in &requests {
        let key = ActivityKey::Data(request.clone());
        window
            .since(mark, "the end of a download", |event| match event {
                Event::Committed { entries, .. } => entries
                    .iter()
                    .any(|entry| entry.key == key && matches!(entry.fact, Fact::Local(LocalEvent::Saved { .. })))
                    .then_some(()),
                _ => None,
            })
            .await;
    }
    window.until("an empty queue", |status| status.queue.is_empty().then_some(())).await;
    let waited: Vec<Vec<WaitingDownload>> = window.seen.iter().map(|status| status.queue.to_vec()).collect();
    let ids = |waiting: &[WaitingDownload]| waiting.iter().map(|one| one.request.to_string()).collect::<Vec<_>>();
    let order = ["r-3", "r-4", "inline"].map(str::to_owned);
    assert!(
        waited.iter().all(|waiting| order.ends_with(&ids(waiting))),
        "three run, what never expires is last: {waited:?}"
    );
    assert_eq!(
        names_in(&folder),
        ["2026-Q1.bin", "_CON", "a (2).bin", "a (3).bin", "a.bin", "a.lnk.download", "today.bin"]
    );
    assert_eq!(std::fs::read_to_string(folder.join("a.bin")).expect("the file"), "was here before");
    window.quit().await;
}

#[tokio::test]
async fn data_is_saved_automatically_only_from_allowed_hosts() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let folder = machine.file("by itself");
    std::fs::create_dir(&folder).expect("a folder");
    let before = sandbox.control().offer_download(b"before the rule".to_vec(), Some("before.bin"));
    offer(&mut window, &sandbox, "before", before.expose()).await;
    let change = SavingChange::Folder(Some(folder.clone()));
    window.act(Action::ChangeSaving { profile, change: change.clone() });
    window.settings("the folder", |settings| settings.profile(profile)?.saving.folder.as_ref().map(drop)).await;

    let link = sandbox.control().offer_download(b"by itself".to_vec(), Some("itself.txt"));
    offer(&mut window, &sandbox, "itself", link.expose()).await;
    let LocalEvent::Saved { to, receipt, .. } = end_of(&mut window, "itself").await else { panic!("not saved") };
    assert_eq!(to, folder.join("itself.txt").display().to_string());
    assert_eq!(receipt.gets, 1);
    assert_eq!(names_in(&folder), ["itself.txt"], "what came before the rule is left to the operator");

    // The same server by a name other than the download address's.
    let link = sandbox.control().offer_download(b"elsewhere".to_vec(), Some("elsewhere.txt"));
    let elsewhere = link.expose().replace("127.0.0.1", "localhost");
    // The notice may come before the row, because another task reports it.
    let mark = window.mark();
    offer(&mut window, &sandbox, "elsewhere", &elsewhere).await;
    let notice = window.since(mark, "a notice of the link", |event| match event {
        Event::Notice(notice) if notice.sentence().contains("was not fetched without being asked for") => {
            Some(notice.clone())
        }
        _ => None,
    });
    let notice = notice.await;
    let (words, remedy) = notice.remedy.expect("a remedy");
    assert_eq!(words, "Allow localhost");
    assert!(matches!(remedy, Action::AllowHost { permission: LinkPermission::Automatic, .. }), "{remedy:?}");
    window.act(remedy);
    window
        .settings("the permission", |settings| {
            let saving = &settings.profile(profile)?.saving;
            saving.automatic_hosts.iter().any(|host| host == "localhost").then_some(())
        })
        .await;
    // The link is still valid: the operator can use it.
    window.act(Action::DownloadAll { profile, requests: vec![RequestId::from("elsewhere")], folder: folder.clone() });
    assert!(matches!(end_of(&mut window, "elsewhere").await, LocalEvent::Saved { .. }));
    assert_eq!(names_in(&folder), ["elsewhere.txt", "itself.txt"]);
    window.quit().await;
}

#[tokio::test]
async fn a_request_is_saved_automatically_with_a_complete_receipt() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let folder = machine.file("requested");
    std::fs::create_dir(&folder).expect("a folder");
    let payload = bytes(200_000);
    let token = sandbox.control().store_data(DEMO_USERNAME, payload.clone(), "scan.tiff", "scans").expect("stored");
    window.act(Action::ListDataTokens { profile, page: 1 });
    let DataTokenPage { items, .. } = window
        .wait("the data tokens", |event| match event {
            Event::DataTokens { answer: Ok(page), .. } => Some(page.clone()),
            _ => None,
        })
        .await;
    let wanted = items.into_iter().find(|item| item.token == token).expect("the token");
    window.act(Action::RequestData { profile, data: vec![wanted], folder: Some(folder.clone()) });
    let saved = window
        .wait("the saved file", |event| match event {
            Event::Committed { entries, .. } => entries.iter().find_map(|entry| match &entry.fact {
                Fact::Local(deed @ LocalEvent::Saved { .. }) => Some(deed.clone()),
                _ => None,
            }),
            _ => None,
        })
        .await;
    let LocalEvent::Saved { to, size, receipt } = saved else { panic!("{saved:?}") };
    assert_eq!((to, size), (folder.join("scan.tiff").display().to_string(), 200_000));
    let digest = ring::digest::digest(&ring::digest::SHA256, &payload);
    let sha256 = format!("{digest:?}").trim_start_matches("SHA256:").to_owned();
    let DownloadReceipt { began, .. } = receipt;
    assert!(began.is_some());
    let wanted = DownloadReceipt {
        sha256,
        gets: 1,
        began,
        host: "127.0.0.1".to_owned(),
        token: Some(token),
        decryption: Decryption::Off,
        length_unproved: false,
    };
    assert_eq!(receipt, wanted);
    assert_eq!(std::fs::read(folder.join("scan.tiff")).expect("the file"), payload);
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_queued_download_can_be_cancelled_and_its_link_stays_usable() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.act(set(&Preferences { downloads_at_once: 1, ..Preferences::default() }));
    let stall = Fault::Downloads { fault: DownloadFault::Stall, limit: Limit::Times(1) };
    sandbox.control().inject(stall, None).expect("injected");
    for id in ["first", "second"] {
        let link = sandbox.control().offer_download(vec![1; 1_000], None);
        offer(&mut window, &sandbox, id, link.expose()).await;
    }
    let download = |id: &str| Action::Download { profile, request: RequestId::from(id), to: machine.file(id) };
    window.act(download("first"));
    window.act(download("second"));
    window
        .until("the queue", |status| {
            (status.queue.len() == 1 && status.queue[0].request == RequestId::from("second")).then_some(())
        })
        .await;
    window.progress("half of the first", |progress| (progress.received == 500).then_some(())).await;
    window.act(Action::ClearHistory(profile));
    window.notice("can't be forgotten while data is being saved").await;
    window.act(Action::CancelDownload { profile, request: RequestId::from("second") });
    window.until("the empty queue", |status| status.queue.is_empty().then_some(())).await;
    window.act(Action::CancelDownload { profile, request: RequestId::from("first") });
    assert!(matches!(end_of(&mut window, "first").await, LocalEvent::NotSaved { .. }));
    window.act(download("second"));
    assert!(matches!(end_of(&mut window, "second").await, LocalEvent::Saved { size: 1_000, .. }));
    assert!(window.heard.iter().all(|event| match event {
        Event::Committed { entries, .. } => {
            let fetching = |entry: &&privicore_monitor::activity::Entry| {
                entry.key == data("second") && matches!(entry.fact, Fact::Local(LocalEvent::Fetching { .. }))
            };
            entries.iter().filter(fetching).count() <= 1
        }
        _ => true,
    }));
    window.quit().await;
}
