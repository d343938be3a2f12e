//! A real disk that fills up during a download: the received bytes wait for space, or move to another folder.

#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use privicore_monitor::activity::LocalEvent;
use privicore_monitor::engine::{Action, DownloadStage};
use privicore_monitor::protocol::RequestId;
use privicore_monitor::sandbox::SandboxHandle;
use privicore_monitor::settings::ProfileId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::downloads::{bytes, end_of, offer};
use crate::window::{Machine, Window};
use crate::{child, quiet};

/// Half of it arrives before the disk is full.
const SIZE: usize = 2_000_000;

/// A server of one payload, which sends the second half on a signal. Returns its link.
async fn serve(payload: Vec<u8>, rest: oneshot::Receiver<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let link = format!("http://{}/?auth=once", listener.local_addr().expect("an address"));
    let serving = async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut asked).await.expect("a request") > 0, "no request");
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        let (first, second) = payload.split_at(SIZE / 2);
        stream.write_all(&[head.as_bytes(), first].concat()).await.expect("sent");
        rest.await.expect("the rest is asked for");
        stream.write_all(second).await.expect("sent");
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    drop(tokio::spawn(serving));
    link
}

/// Fills the disk.
fn fill(ballast: &Path) {
    let mut file = std::fs::File::options().write(true).create_new(true).open(ballast).expect("a file");
    for size in [1 << 20, 1 << 12, 1] {
        loop {
            match file.write(&vec![0; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Downloads to a disk that is full after the first half, and waits until that is reported.
async fn fill_in_the_middle(
    window: &mut Window,
    (sandbox, profile): (&SandboxHandle, ProfileId),
    id: &str,
    to: PathBuf,
    ballast: &Path,
) {
    let (go, rest) = oneshot::channel();
    let link = serve(bytes(SIZE), rest).await;
    offer(window, sandbox, id, &link).await;
    window.act(Action::Download { profile, request: RequestId::from(id), to });
    window.progress("half of it", |progress| (progress.received == SIZE as u64 / 2).then_some(())).await;
    fill(ballast);
    go.send(()).expect("the server waits");
    window
        .progress("the question", |progress| matches!(progress.stage, DownloadStage::NoSpace { .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn a_download_waits_for_a_full_disk_or_moves_to_another() {
    let Some(disk) = child::folder() else {
        return child::with_mounts("full_disk::a_download_waits_for_a_full_disk_or_moves_to_another");
    };
    // More than the reserve that is kept free for a payload of unknown length.
    child::mount("size=80m", &disk);
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let of = (&sandbox, profile);
    let ballast = disk.join("ballast");

    let to = disk.join("waits.bin");
    fill_in_the_middle(&mut window, of, "waits", to.clone(), &ballast).await;
    std::fs::remove_file(&ballast).expect("the room is given back");
    let event = end_of(&mut window, "waits").await;
    assert!(matches!(event, LocalEvent::Saved { size: 2_000_000, .. }), "{event:?}");
    assert!(std::fs::read(&to).expect("the file") == bytes(SIZE), "other bytes");

    fill_in_the_middle(&mut window, of, "moves", disk.join("moves.bin"), &ballast).await;
    let full = disk.join("still full.bin");
    window.act(Action::MoveDownload { profile, request: RequestId::from("moves"), to: full });
    window.notice("Choose another place").await;
    let elsewhere = machine.file("elsewhere.bin");
    window.act(Action::MoveDownload { profile, request: RequestId::from("moves"), to: elsewhere.clone() });
    let deed = end_of(&mut window, "moves").await;
    let LocalEvent::Saved { to, size: 2_000_000, .. } = deed else { panic!("{deed:?}") };
    assert_eq!(to, elsewhere.display().to_string());
    assert!(std::fs::read(&elsewhere).expect("the file") == bytes(SIZE), "other bytes");
    let left: Vec<_> =
        std::fs::read_dir(&disk).expect("the disk").map(|file| file.expect("a file").file_name()).collect();
    assert_eq!(left.len(), 2, "something was left on the full disk beside the ballast and the first file: {left:?}");
    window.quit().await;
}
