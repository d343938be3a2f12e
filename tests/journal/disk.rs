//! A real disk that is full or read-only: a small one in memory, mounted by a child with private mounts.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "a file that takes the room away is written in place")]

use std::fs;
use std::process::Command;

use privicore_monitor::activity::Seq;
use privicore_monitor::journal::{DataDirLock, Journal, JournalError};

use crate::{child, entry, profile};

#[tokio::test]
async fn on_a_full_disk_appends_come_back_whole_and_go_on_once_there_is_room() {
    let Some(folder) = child::folder() else {
        return child::with_mounts("disk::on_a_full_disk_appends_come_back_whole_and_go_on_once_there_is_room");
    };
    child::mount("size=2m", &folder);
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![0; 1024 * 1024]).unwrap();
    let _holder = DataDirLock::take(&folder).unwrap();
    let journal = Journal::open(&folder).unwrap().journal;
    let mut committed = 0;
    let refused = loop {
        let entries: Vec<_> = (committed + 1..=committed + 500).map(entry).collect();
        match journal.append(profile(), entries.clone()).await {
            Ok(_) => committed += 500,
            Err(refused) => {
                assert_eq!(refused.entries, entries, "an acknowledgement was lost");
                break refused;
            }
        }
        assert!(committed < 100_000, "the disk does not fill up");
    };
    assert!(committed > 500, "it is full at once");
    assert!(matches!(refused.source, JournalError::Full { .. }), "{refused:?}");
    let sentence = refused.to_string();
    assert!(sentence.contains("the disk is full. Free some space") && sentence.ends_with('.'), "{sentence}");
    // It stays full for a while.
    let refused = journal.append(profile(), refused.entries).await.unwrap_err();
    let kept = journal.entries_from(profile(), Seq(0), usize::MAX).await.unwrap();
    assert_eq!(kept.len() as u64, committed, "what is there can't be read any more");
    fs::remove_file(&ballast).unwrap();
    let later = journal.append(profile(), refused.entries).await.unwrap();
    assert_eq!(later.first().map(|entry| entry.seq), Some(Seq(committed + 1)), "numbers were skipped");
    journal.close().await;
    let again = Journal::open(&folder).unwrap();
    assert_eq!(again.recovered, None, "the full disk damaged it");
    let kept = again.journal.entries_from(profile(), Seq(0), usize::MAX).await.unwrap();
    assert_eq!(kept.len() as u64, committed + 500);
}

#[tokio::test]
async fn a_journal_on_a_read_only_disk_is_refused_with_a_sentence_and_left_untouched() {
    let Some(folder) = child::folder() else {
        return child::with_mounts("disk::a_journal_on_a_read_only_disk_is_refused_with_a_sentence_and_left_untouched");
    };
    child::mount("size=4m", &folder);
    let journal = Journal::open(&folder).unwrap().journal;
    journal.append(profile(), (1..=10).map(entry).collect()).await.unwrap();
    journal.close().await;
    drop(journal);
    let before = fs::read(folder.join("journal.sqlite")).unwrap();
    child::mount("remount,ro", &folder);
    let sentence = Journal::open(&folder).err().unwrap().to_string();
    assert!(sentence.contains("the file system is read-only. Check the folder"), "{sentence}");
    assert_eq!(fs::read(folder.join("journal.sqlite")).unwrap(), before);
    child::mount("remount,rw", &folder);
    let journal = Journal::open(&folder).unwrap().journal;
    assert_eq!(journal.entries_from(profile(), Seq(0), usize::MAX).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_disk_that_is_unmounted_and_mounted_again_is_written_again_by_the_same_handle() {
    let Some(folder) = child::folder() else {
        return child::with_mounts(
            "disk::a_disk_that_is_unmounted_and_mounted_again_is_written_again_by_the_same_handle",
        );
    };
    let (disk, kept) = (folder.join("disk"), folder.join("kept"));
    fs::create_dir(&disk).unwrap();
    fs::create_dir(&kept).unwrap();
    child::mount("size=4m", &kept);
    let bind = |options: &[&str]| {
        let done = Command::new("mount").args(options).arg(&kept).arg(&disk).status().unwrap();
        assert!(done.success(), "mount {options:?}: {done}");
    };
    bind(&["--bind"]);
    let journal = Journal::open(&disk).unwrap().journal;
    journal.append(profile(), (1..=10).map(entry).collect()).await.unwrap();
    // Unplugged: below the mount there is an empty folder.
    assert!(Command::new("umount").arg("--lazy").arg(&disk).status().unwrap().success());
    let refused = journal.append(profile(), (11..=20).map(entry).collect()).await.unwrap_err();
    assert!(matches!(refused.source, JournalError::Replaced { .. }), "{refused:?}");
    let elsewhere = journal.append(profile(), refused.entries).await.unwrap();
    assert_eq!(elsewhere.first().map(|entry| entry.seq), Some(Seq(11)));
    // Plugged in again: the earlier journal is there, and is continued.
    bind(&["--bind"]);
    let refused = journal.append(profile(), (21..=30).map(entry).collect()).await.unwrap_err();
    assert!(matches!(refused.source, JournalError::Replaced { .. }), "{refused:?}");
    journal.append(profile(), refused.entries).await.unwrap();
    let entries = journal.entries_from(profile(), Seq(0), usize::MAX).await.unwrap();
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.seq.0).collect();
    // The batch that was refused when the disk disappeared had reached it: it is there as well as in the journal between.
    let expected: Vec<u64> = (1..=20).chain(21..=30).collect();
    assert_eq!(numbers, expected);
}
