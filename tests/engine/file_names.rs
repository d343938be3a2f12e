//! Names of saved files: each spelling of a server's file name beside `curl -OJ`.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use privicore_monitor::activity::{LocalEvent, path_of_text};
use privicore_monitor::engine::Action;
use privicore_monitor::protocol::RequestId;

use crate::beside_curl::{BODY, answering, run_curl};
use crate::downloads::{end_of, offer};
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
