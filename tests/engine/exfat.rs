//! A real disk of exFAT through FUSE, as on many USB sticks: it has no hard links, no rename that replaces nothing, and no
//! extended attributes. Each file gets its name nevertheless, and replaces none that nobody chose.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{DownloadFailure, LocalEvent};
use privicore_monitor::engine::Action;
use privicore_monitor::protocol::RequestId;
use privicore_monitor::sandbox::{DownloadFault, Fault, Limit};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::downloads::{bytes, download, end_of, offer, put};
use crate::exporting::export_of_everything;
use crate::window::{Machine, Window};
use crate::{child, quiet};

/// A mounted disk in a file. Dropping it unmounts it, so that its driver ends with the test.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one; `None` if this system has no driver for it in user space, or lets nobody mount it.
    fn mount(folder: &Path) -> Option<Self> {
        let (image, disk) = (folder.join("image"), folder.join("disk"));
        std::fs::create_dir(&disk).expect("a folder");
        std::fs::File::create_new(&image).and_then(|file| file.set_len(256 << 20)).expect("a file");
        let ran = |program: &str, arguments: &[&OsStr]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        let is_mounted = ran("mkfs.exfat", &[image.as_ref()])
            && ran(
                "mount",
                &["-t".as_ref(), "exfat-fuse".as_ref(), "-o".as_ref(), "loop".as_ref(), image.as_ref(), disk.as_ref()],
            );
        is_mounted.then_some(Self(disk))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names on it, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the disk");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Files that are still open delay only the end of the driver.
        if let Err(error) = Command::new("umount").arg("--lazy").arg(&self.0).status() {
            println!("{} stays mounted: {error}", self.0.display());
        }
    }
}

#[tokio::test]
async fn files_get_their_names_on_a_disk_that_renames_only_by_replacing() {
    let Some(folder) = child::folder() else {
        return child::with_mounts("exfat::files_get_their_names_on_a_disk_that_renames_only_by_replacing");
    };
    let Some(disk) = Disk::mount(&folder) else {
        println!(
            "left out: this system mounts no exFAT (packages exfat-fuse and exfatprogs; errors were injected instead)"
        );
        return;
    };
    let existing = disk.file("data.bin");
    put(&existing, b"mine");
    let renamed = renameat_with(CWD, &existing, CWD, disk.file("other"), RenameFlags::NOREPLACE);
    assert_eq!(renamed, Err(Errno::INVAL), "this disk can rename without replacing");
    assert!(std::fs::hard_link(&existing, disk.file("other")).is_err(), "this disk has hard links");

    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let payload = bytes(100_000);
    // The name that the server suggests is taken.
    for (id, number) in [("r-2", 2), ("r-3", 3)] {
        let link = sandbox.control().offer_download(payload.clone(), Some("data.bin"));
        offer(&mut window, &sandbox, id, link.expose()).await;
        window.act(Action::DownloadAll { profile, requests: vec![RequestId::from(id)], folder: disk.0.clone() });
        let event = end_of(&mut window, id).await;
        let LocalEvent::Saved { to, .. } = event else { panic!("{event:?}") };
        let numbered = disk.file(&format!("data ({number}).bin"));
        assert_eq!(Path::new(&to), numbered);
        assert!(std::fs::read(&numbered).expect("the file") == payload, "other bytes");
    }
    assert_eq!(std::fs::read(&existing).expect("the file"), b"mine", "a file that nobody chose was replaced");

    // A chosen new name, and one whose replacement the operator confirmed.
    for name in ["chosen.bin", "data.bin"] {
        let link = sandbox.control().offer_download(payload.clone(), None);
        offer(&mut window, &sandbox, name, link.expose()).await;
        let event = download(&mut window, profile, name, &disk.file(name)).await;
        assert!(matches!(event, LocalEvent::Saved { size: 100_000, .. }), "{event:?}");
        assert!(std::fs::read(disk.file(name)).expect("the file") == payload, "other bytes");
    }

    // What is left of a broken download gets its name in the same way.
    for kept in ["half.bin.part", "half.bin (2).part"] {
        let cut = Fault::Downloads { fault: DownloadFault::Cut, limit: Limit::Times(1) };
        sandbox.control().inject(cut, None).expect("injected");
        let link = sandbox.control().offer_download(payload.clone(), None);
        offer(&mut window, &sandbox, kept, link.expose()).await;
        let event = download(&mut window, profile, kept, &disk.file("half.bin")).await;
        let LocalEvent::NotSaved { why: DownloadFailure::Broken, part: Some(part), .. } = event else {
            panic!("{event:?}")
        };
        assert_eq!(Path::new(&part), disk.file(kept));
        assert!(std::fs::read(&part).expect("the part file") == payload[..50_000], "other bytes");
    }

    let export = disk.file("all.csv");
    window.act(Action::Export(Box::new(export_of_everything(Format::Csv, &export))));
    window.notice("exported to").await;
    assert!(std::fs::read_to_string(&export).expect("the file").starts_with("kind,"));

    let names =
        ["all.csv", "chosen.bin", "data (2).bin", "data (3).bin", "data.bin", "half.bin (2).part", "half.bin.part"];
    assert_eq!(disk.names(), names, "something was left behind");
    window.quit().await;
}
