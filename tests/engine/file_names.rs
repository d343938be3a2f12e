//! Names and paths of saved files: each spelling of a server's file name beside `curl -OJ`, and chosen folders and files whose
//! names are not UTF-8.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{
    DownloadFailure, Entry, Fact, LocalEvent, Seq, Timestamp, path_of_text, text_of_path,
};
use privicore_monitor::engine::{Action, Event};
use privicore_monitor::journal::{Journal, Opened};
use privicore_monitor::protocol::{DataTokenPage, RequestId};
use privicore_monitor::sandbox::{DEMO_USERNAME, DownloadFault, Fault, Limit};
use privicore_monitor::settings::SavingChange;

use crate::beside_curl::{BODY, answering, run_curl};
use crate::downloads::{bytes, data, end_of, no_hidden_parts, offer, put};
use crate::exporting::export_of_everything;
use crate::quiet;
use crate::window::{Machine, Window};

/// The name that curl 7.88 gives to a file.
enum Curl {
    /// The same name.
    Same,
    /// Another name, because curl takes neither extended values (RFC 8187, RFC 2231) nor mail's encoded words, reads the header
    /// without its quoting, and makes no name safe.
    Other(&'static [u8]),
    /// The last part of the address, because curl finds no name in the header.
    OfAddress,
    /// None: curl fails.
    Fails,
}
use Curl::{Fails, OfAddress, Other, Same};

/// The values of `Content-Disposition`, with the name that the file gets here, and the one that curl gives it.
#[rustfmt::skip]
const NAMES: &[(&[u8], &str, Curl)] = &[
    (b"attachment; filename=\"rates.csv\"", "rates.csv", Same),
    (b"attachment; filename=rates 1.csv; size=3", "rates 1.csv", Same),
    (b"filename=\"rates.csv\"", "rates.csv", Same),
    (b"attachment; filename=\"semi;colon.csv\"", "semi;colon.csv", Same),
    (b"attachment; filename=\"a.csv\"; filename=\"b.csv\"", "a.csv", Same),
    (b"attachment; filename=\"%e2%82%ac.csv\"", "%e2%82%ac.csv", Same),
    (b"attachment; filename=\"gr\xc3\xb6\xc3\x9fe.csv\"", "größe.csv", Same),
    (b"attachment; filename=\"../../rates.csv\"", "rates.csv", Same),
    (b"attachment; filename=\"C:\\\\data\\\\rates.csv\"", "rates.csv", Same),
    // Extended values, also beside a plain one.
    (b"attachment; filename=\"old.csv\"; filename*=UTF-8''%e2%82%ac%20rates.csv", "€ rates.csv", Other(b"old.csv")),
    (b"attachment; filename*=UTF-8''%e2%82%ac%20rates.csv; filename=\"old.csv\"", "€ rates.csv", Other(b"old.csv")),
    (b"attachment; filename*=UTF-8''%e2%82%ac%20rates.csv", "€ rates.csv", OfAddress),
    (b"attachment; filename*=utf8'de'gr%C3%B6%C3%9Fe.csv", "größe.csv", OfAddress),
    (b"attachment; filename*=ISO-8859-1''gr%F6%DFe.csv", "größe.csv", OfAddress),
    (b"attachment; filename*=%E2%82%AC.csv", "€.csv", OfAddress),
    (b"attachment; filename*0*=UTF-8''%e2%82; filename*1*=%ac.csv", "€.csv", OfAddress),
    (b"attachment; filename*=UTF-8''..%2F..%2Frates.csv", "rates.csv", OfAddress),
    // Encoded words, and bytes in ISO-8859-1.
    (b"attachment; filename=\"=?UTF-8?B?4oKsLmNzdg==?=\"", "€.csv", Other(b"=?UTF-8?B?4oKsLmNzdg==?=")),
    (b"attachment; filename=\"gr\xf6\xdfe.csv\"", "größe.csv", Other(b"gr\xf6\xdfe.csv")),
    // Names in capitals and quoted text are read as RFC 6266 has it.
    (b"inline; FileName=\"rates.csv\"", "rates.csv", OfAddress),
    (b"attachment; filename=\"q \\\"x\\\".csv\"", "q _x_.csv", OfAddress),
    (b"attachment; x=\";filename=evil.csv\"; filename=\"good.csv\"", "good.csv", Other(b"evil.csv\"")),
    // Names that are hidden, run when they are opened, or belong to a device are made safe.
    (b"attachment; filename=\".bashrc\"", "bashrc", Other(b".bashrc")),
    (b"attachment; filename=\"a.lnk\"", "a.lnk.download", Other(b"a.lnk")),
    (b"attachment; filename=\"CON\"", "_CON", Other(b"CON")),
    // Without a name in the header, the one of the data counts.
    (b"attachment; filename=\"\"", "2026-Q1.bin", Fails),
];

/// The names in a folder.
fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries.map(|entry| entry.expect("an entry").file_name()).collect()
}

#[tokio::test]
async fn a_servers_file_name_is_read_in_every_spelling_also_where_curl_does_not_read_it() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let answer = |header: &[u8]| {
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 18\r\nContent-Disposition: ";
        [&head[..], header, b"\r\n\r\n", BODY].concat()
    };
    let answers: BTreeMap<_, _> =
        NAMES.iter().zip(0_u32..).map(|((header, ..), n)| (format!("/{n}"), answer(header))).collect();
    let (port, _) = answering(answers).await;
    for ((header, ours, curl), number) in NAMES.iter().zip(0_u32..) {
        let what = String::from_utf8_lossy(header);
        let url = format!("http://127.0.0.1:{port}/{number}?auth=once");
        let [here, there] = ["here", "there"].map(|name| machine.file(&format!("{name} {number}")));
        std::fs::create_dir(&here).expect("a folder");
        std::fs::create_dir(&there).expect("a folder");

        let id = format!("r-{number}");
        offer(&mut window, &sandbox, &id, &url).await;
        let requests = vec![RequestId::from(id.as_str())];
        window.act(Action::DownloadAll { profile, requests, folder: here.clone() });
        let event = end_of(&mut window, &id).await;
        let LocalEvent::Saved { to, .. } = event else { panic!("{what}: {event:?}") };
        assert_eq!(path_of_text(&to), here.join(ours), "{what}");
        assert_eq!(names_in(&here), [*ours], "{what}");
        assert_eq!(std::fs::read(here.join(ours)).expect("the file"), BODY, "{what}");

        run_curl(&["-OJ".as_ref(), "--output-dir".as_ref(), there.as_ref(), url.as_ref()]).await;
        let theirs = names_in(&there);
        let of_this_version = match curl {
            Same => Some(OsStr::new(ours).to_owned()),
            Other(name) => Some(OsStr::from_bytes(name).to_owned()),
            OfAddress => Some(number.to_string().into()),
            Fails => None,
        };
        // A later version of curl may read more of them.
        assert!(theirs == Vec::from_iter(of_this_version) || theirs == [*ours], "{what}: curl says {theirs:?}");
    }
    window.quit().await;
}

/// A folder whose name is not UTF-8, and the one that a lossy conversion of its name to text names.
fn folders(machine: &Machine) -> [PathBuf; 2] {
    let folders = [&b"gr\xf6\xdfe"[..], "gr\u{fffd}\u{fffd}e".as_bytes()];
    let folders = folders.map(|name| machine.folder.path().join(OsStr::from_bytes(name)));
    for folder in &folders {
        std::fs::create_dir(folder).expect("a folder");
    }
    folders
}

#[tokio::test]
async fn a_chosen_folder_that_is_not_utf_8_is_used_byte_by_byte() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let [folder, other] = folders(&machine);
    let saved = |event: LocalEvent| match event {
        LocalEvent::Saved { to, .. } => path_of_text(&to),
        event => panic!("{event:?}"),
    };

    // A folder for several downloads.
    let link = sandbox.control().offer_download(b"chosen".to_vec(), Some("chosen.bin"));
    offer(&mut window, &sandbox, "chosen", link.expose()).await;
    let requests = vec![RequestId::from("chosen")];
    window.act(Action::DownloadAll { profile, requests, folder: folder.clone() });
    assert_eq!(saved(end_of(&mut window, "chosen").await), folder.join("chosen.bin"));

    // The folder of a data request, whose data is too large for a message.
    let requested = bytes(200_000);
    sandbox.control().store_data(DEMO_USERNAME, requested.clone(), "requested.bin", "scans").expect("stored");
    window.act(Action::ListDataTokens { profile, page: 1 });
    let page = |event: &Event| match event {
        Event::DataTokens { answer: Ok(page), .. } => Some(page.clone()),
        _ => None,
    };
    let DataTokenPage { items, .. } = window.wait("the data tokens", page).await;
    let wanted = items.into_iter().filter(|item| item.file_name == "requested.bin").collect();
    window.act(Action::RequestData { profile, data: wanted, folder: Some(folder.clone()) });
    let any_saved = |event: &Event| match event {
        Event::Committed { entries, .. } => entries.iter().find_map(|entry| match &entry.fact {
            Fact::Local(event @ LocalEvent::Saved { .. }) => Some(event.clone()),
            _ => None,
        }),
        _ => None,
    };
    assert_eq!(saved(window.wait("the requested data", any_saved).await), folder.join("requested.bin"));

    // The folder for everything that arrives.
    window.act(Action::ChangeSaving { profile, change: SavingChange::Folder(Some(folder.clone())) });
    window.settings("the folder", |settings| settings.profile(profile)?.saving.folder.as_ref().map(drop)).await;
    let link = sandbox.control().offer_download(b"automatic".to_vec(), Some("automatic.bin"));
    offer(&mut window, &sandbox, "automatic", link.expose()).await;
    assert_eq!(saved(end_of(&mut window, "automatic").await), folder.join("automatic.bin"));

    // What is left of a broken download.
    let cut = Fault::Downloads { fault: DownloadFault::Cut, limit: Limit::Times(1) };
    sandbox.control().inject(cut, None).expect("injected");
    let link = sandbox.control().offer_download(vec![7; 100_000], Some("half.bin"));
    offer(&mut window, &sandbox, "half", link.expose()).await;
    let event = end_of(&mut window, "half").await;
    let LocalEvent::NotSaved { why: DownloadFailure::Broken, part: Some(part), .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(path_of_text(&part), folder.join("half.bin.part"));

    for (name, content) in [("chosen", &b"chosen"[..]), ("requested", &requested), ("automatic", b"automatic")] {
        assert!(std::fs::read(folder.join(format!("{name}.bin"))).expect("the file") == content, "{name}: other bytes");
    }
    assert_eq!(std::fs::metadata(folder.join("half.bin.part")).expect("the part file").len(), 50_000);
    assert_eq!(names_in(&folder).len(), 4, "{:?}", names_in(&folder));
    assert_eq!(names_in(&other), [""; 0], "a folder that nobody chose was used");
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_download_interrupted_by_a_crash_is_found_in_a_folder_that_is_not_utf_8() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.quit().await;
    let [folder, other] = folders(&machine);
    // As a crash leaves it.
    let (to, part) = (folder.join("data.bin"), folder.join(".privicore-abc123.part"));
    put(&part, &[7; 500]);
    let Opened { journal, .. } = Journal::open(&machine.folder.path().join("data")).expect("the journal");
    let fetching = LocalEvent::Fetching { to: text_of_path(&to), part: Some(text_of_path(&part)), links: Vec::new() };
    let entry =
        Entry { seq: Seq::default(), at: Timestamp(1), key: data("r"), fact: Fact::Local(fetching), raw: "".into() };
    journal.append(profile, vec![entry]).await.expect("written");
    journal.close().await;
    drop(journal);

    let mut window = Window::open(&machine);
    let event = end_of(&mut window, "r").await;
    let LocalEvent::NotSaved { why: DownloadFailure::Broken, part: Some(kept), .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(path_of_text(&kept), folder.join("data.bin.part"));
    assert_eq!(std::fs::read(folder.join("data.bin.part")).expect("the part file"), [7; 500]);
    assert_eq!(names_in(&folder), ["data.bin.part"]);
    assert_eq!(names_in(&other), [""; 0], "a folder that nobody chose was used");
    window.quit().await;
}

#[tokio::test]
async fn an_export_to_a_path_that_is_not_utf_8_is_written_there_and_shown_there() {
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let [folder, other] = folders(&machine);
    let lossy = folder.join("caf\u{fffd}.csv");
    put(&lossy, b"mine");
    let to = folder.join(OsStr::from_bytes(b"caf\xe9.csv"));
    window.act(Action::Export(Box::new(export_of_everything(Format::Csv, &to))));
    let notice = window.notice("exported to").await;
    assert!(matches!(&notice.remedy, Some((_, Action::ShowInFolder(shown))) if *shown == to), "{notice:?}");
    assert!(std::fs::read_to_string(&to).expect("the file").starts_with("kind,"));
    assert_eq!(std::fs::read(&lossy).expect("the other file"), b"mine", "a file that nobody chose was replaced");
    assert_eq!(names_in(&folder).len(), 2, "{:?}", names_in(&folder));
    assert_eq!(names_in(&other), [""; 0], "a folder that nobody chose was used");
    window.quit().await;
}
