//! Disks and files that fail: nothing is lost silently, and the same handle recovers.

use crate::credentials::Keyring;
use crate::protocol::Link;

use super::*;

/// Fills a journal and closes it.
async fn filled(folder: &Path, count: u32) -> Vec<Entry> {
    let journal = open(folder);
    let entries = journal.append(profile(), commands(0..count)).await.unwrap();
    journal.close().await;
    entries
}

/// Changes bytes of the database in place.
fn overwrite(folder: &Path, at: usize, with: &[u8]) {
    let path = folder.join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at..at + with.len()].copy_from_slice(with);
    settle(&path, &bytes);
}

/// The journals that were moved aside, without their logs.
fn broken(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.to_string_lossy().contains(".broken-") && path.to_string_lossy().ends_with(".sqlite"))
        .collect()
}

#[tokio::test]
async fn a_journal_damaged_in_its_middle_is_moved_aside_when_read_and_the_rest_is_salvaged() {
    const PAGES: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let before = filled(folder.path(), 5_000).await;
    let middle = fs::read(folder.path().join(FILE)).unwrap().len() / 2 / 4096 * 4096;
    overwrite(folder.path(), middle, &vec![0xa5; PAGES * 4096]);
    let damaged = fs::read(folder.path().join(FILE)).unwrap();
    let opened = Journal::open(folder.path()).unwrap();
    let name = opened.id;
    assert_eq!(opened.recovered, None, "the start reads the whole journal");
    let error = opened.journal.restore(profile(), None, usize::MAX).await.unwrap_err();
    let JournalError::Repaired(recovery) = &error else { panic!("{error:?}") };
    assert_eq!(broken(folder.path()), std::slice::from_ref(&recovery.moved_to));
    assert_eq!(fs::read(&recovery.moved_to).unwrap(), damaged, "what was moved aside is not what it was");
    let sentence = error.to_string();
    assert!(sentence.contains(&*recovery.moved_to.to_string_lossy()) && sentence.ends_with('.'), "{sentence}");
    assert!(sentence.contains(&format!("{} entries could be read", recovery.salvaged)), "{sentence}");
    // A retry works, and so does everything else.
    let after = opened.journal.restore(profile(), None, usize::MAX).await.unwrap();
    assert_eq!(after.len() as u64, recovery.salvaged);
    assert!(after.len() < before.len(), "nothing was damaged");
    assert!(after.len() > before.len() - PAGES * 60, "only {} entries of {} were salvaged", after.len(), before.len());
    assert!(after.is_sorted_by(|a, b| a.seq < b.seq));
    let mut whole = before.iter();
    assert!(after.iter().all(|entry| whole.any(|before| before == entry)), "an entry is not what it was");
    assert_eq!(seqs(&opened.journal.append(profile(), commands(0..1)).await.unwrap()), [5_001]);
    opened.journal.close().await;
    let again = Journal::open(folder.path()).unwrap();
    assert_eq!((again.recovered, again.id), (None, name));
    assert_eq!(all(&again.journal, profile()).await.len(), after.len() + 1);
}

#[tokio::test]
async fn a_journal_damaged_at_its_end_is_repaired_at_the_start_and_reuses_no_number() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3_000).await;
    // The leaf with the newest entries, found by its content.
    let newest = commands(2_999..3_000)[0].raw.to_string();
    let bytes = fs::read(folder.path().join(FILE)).unwrap();
    let leaf = memchr::memmem::rfind(&bytes, newest.as_bytes()).unwrap() / 4096 * 4096;
    overwrite(folder.path(), leaf, &[0xa5; 4096]);
    let opened = Journal::open(folder.path()).unwrap();
    let recovery = opened.recovered.expect("it was not noticed");
    let kept = all(&opened.journal, profile()).await;
    assert_eq!(kept.len() as u64, recovery.salvaged);
    assert!(kept.len() > 2_900 && kept.len() < 3_000, "{} entries were salvaged", kept.len());
    assert!(opened.live_from > Seq(3_000), "number {:?} is given twice", opened.live_from);
}

#[tokio::test]
async fn an_unreadable_journal_is_moved_aside_and_a_fresh_one_is_created() {
    let cases: [(&str, usize, Vec<u8>); 3] = [
        ("its first page is of zeros", 0, vec![0; 4096]),
        ("its tables' list is garbled", 100, vec![0xa5; 200]),
        ("its header is garbled behind the magic words", 16, vec![0xff; 84]),
    ];
    for (case, at, with) in cases {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 100).await;
        overwrite(folder.path(), at, &with);
        let opened = match Journal::open(folder.path()) {
            Ok(opened) => opened,
            Err(error) => panic!("{case}: {error:?}"),
        };
        let recovery = opened.recovered.expect(case);
        assert_eq!(recovery.salvaged, 0, "{case}");
        assert!(recovery.to_string().contains("Nothing in it could be read"), "{recovery}");
        assert_eq!(all(&opened.journal, profile()).await, []);
        opened.journal.append(profile(), commands(0..3)).await.unwrap();
        assert_eq!(broken(folder.path()).len(), 1, "{case}");
    }
}

#[tokio::test]
async fn an_append_that_detects_damage_fails_and_can_be_retried_with_the_same_encryption() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3_000).await;
    let opened = Journal::open(folder.path()).unwrap();
    let keys = Keyring::in_memory();
    opened.journal.seal_with(keys.seal_key(opened.id).await).await.unwrap();
    // The whole tree of entries except what the start has read: it continues from memory until it reads again.
    let journal = &opened.journal;
    execute_externally(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let length = fs::read(folder.path().join(FILE)).unwrap().len();
    overwrite(folder.path(), 4096, &vec![0xa5; length - 4096]);
    let secret = RequestSecret {
        request: RequestId::from("r"),
        secret: Secret::Link(Link::new("https://h/?auth=1")),
        at: Timestamp(1),
        expires: Some(Timestamp(2)),
    };
    let mut told = Vec::new();
    let mut entries = commands(0..400);
    let committed = loop {
        match journal.append_with(profile(), entries, vec![secret.clone()].into()).await {
            Ok(committed) => break committed,
            Err(refused) => {
                assert_eq!(refused.entries, commands(0..400), "an acknowledgement was lost");
                assert_eq!(refused.secrets.requests, std::slice::from_ref(&secret));
                told.push(refused.to_string());
                entries = refused.entries;
            }
        }
        assert!(told.len() < 5, "it is not mended: {told:?}");
    };
    assert!(told.iter().any(|sentence| sentence.contains("damaged and was moved to")), "{told:?}");
    assert!(committed[0].seq > Seq(3_000));
    assert_eq!(all(journal, profile()).await.len(), 400);
    assert_eq!(journal.secrets(profile()).await.unwrap().secrets, [secret]);
    assert_eq!(journal.sealing(), Sealing::On);
}

#[tokio::test]
async fn changed_bytes_anywhere_end_in_a_working_journal_and_never_in_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1_500).await;
    let whole = fs::read(folder.path().join(FILE)).unwrap();
    for (number, byte) in (0..60_usize).zip(1_u8..) {
        let folder = tempfile::tempdir().unwrap();
        settle(&folder.path().join(FILE), &whole);
        // Spread over the pages, and over the parts of a page: header, pointers, cells.
        let at = (number * whole.len() / 60 / 4096 * 4096 + number * 67 % 4000).max(100);
        overwrite(folder.path(), at, &[byte.wrapping_mul(0xe7); 64]);
        let journal = match Journal::open(folder.path()) {
            Ok(opened) => opened.journal,
            Err(error) => panic!("with bytes changed at {at}: {error:?}"),
        };
        let mut outcome = journal.restore(profile(), None, usize::MAX).await;
        if matches!(outcome, Err(JournalError::Repaired(_))) {
            outcome = journal.restore(profile(), None, usize::MAX).await;
        }
        let kept = outcome.unwrap_or_else(|error| panic!("with bytes changed at {at}: {error:?}"));
        let mut committed = journal.append(profile(), commands(0..1)).await;
        if matches!(&committed, Err(refused) if matches!(refused.source, JournalError::Repaired(_))) {
            committed = journal.append(profile(), commands(0..1)).await;
        }
        committed.unwrap_or_else(|error| panic!("with bytes changed at {at}: {error:?}"));
        assert!(kept.len() > 1_000 || at < 4096 * 8, "only {} entries are left of a change at {at}", kept.len());
    }
}

#[tokio::test]
async fn a_repair_interrupted_by_a_crash_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (aside, fresh) =
        (folder.path().join("journal.broken-X.sqlite"), folder.path().join("journal.salvaged-X.sqlite"));
    filled(folder.path(), 30).await;
    let salvaged = fs::read(&path).unwrap();
    // The fresh one is unfinished: it is created again when the damage is found again.
    settle(&fresh, b"half");
    let journal = open(folder.path());
    assert_eq!(all(&journal, profile()).await.len(), 30);
    journal.close().await;
    assert!(!fresh.exists(), "what is of no use stays");
    // The damaged one has been moved, its log has not; the fresh one waits to be moved into place.
    settle(&fresh, &salvaged);
    settle(&aside, b"damaged");
    settle(&schema::log_of(&path), b"a log that belongs to the damaged one");
    fs::remove_file(&path).unwrap();
    let journal = open(folder.path());
    assert_eq!(all(&journal, profile()).await.len(), 30, "what was salvaged is lost");
    assert_eq!(fs::read(schema::log_of(&aside)).unwrap(), b"a log that belongs to the damaged one");
    assert!(!fresh.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_missing_folder_is_recreated_with_a_new_journal_and_a_report() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    fs::create_dir(&folder).unwrap();
    let _holder = DataDirLock::take(&folder).unwrap();
    let opened = Journal::open(&folder).unwrap();
    let keys = Keyring::in_memory();
    opened.journal.seal_with(keys.seal_key(opened.id).await).await.unwrap();
    opened.journal.append(profile(), commands(0..3)).await.unwrap();
    for (round, first) in [(1, 4), (2, 6)] {
        fs::remove_dir_all(&folder).unwrap();
        let entries = commands(3..5);
        let refused = opened.journal.append(profile(), entries.clone()).await.unwrap_err();
        assert!(matches!(refused.source, JournalError::Replaced { .. }), "{refused:?}");
        assert_eq!(refused.entries, entries, "an acknowledgement was lost");
        let sentence = refused.to_string();
        assert!(
            sentence.contains("journal.sqlite was moved, deleted or replaced") && sentence.ends_with('.'),
            "{sentence}"
        );
        let committed = opened.journal.append(profile(), refused.entries).await.unwrap();
        assert_eq!(seqs(&committed), [first, first + 1], "in round {round}, a number of this run was given twice");
        assert_eq!(all(&opened.journal, profile()).await, committed, "the reader did not follow");
        assert_eq!(opened.journal.sealing(), Sealing::On);
        assert!(matches!(DataDirLock::take(&folder), Err(JournalError::Locked { .. })), "the new folder has no holder");
    }
    opened.journal.close().await;
    let again = Journal::open(&folder).unwrap();
    assert_eq!(again.id, opened.id, "the key of its seal would not be found");
    assert_eq!(all(&again.journal, profile()).await.len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn appends_fail_while_the_folder_can_not_be_recreated_and_work_afterwards() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    fs::create_dir(&folder).unwrap();
    let journal = open(&folder);
    journal.append(profile(), commands(0..1)).await.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    // A file has replaced the folder.
    settle(&folder, b"in the way");
    for _ in 0..3 {
        let refused = journal.append(profile(), commands(1..3)).await.unwrap_err();
        assert_eq!(refused.entries, commands(1..3));
        assert!(refused.to_string().contains("could not be opened") && refused.to_string().ends_with('.'), "{refused}");
    }
    fs::remove_file(&folder).unwrap();
    let told = journal.append(profile(), commands(1..3)).await.unwrap_err();
    assert!(
        matches!(told.source, JournalError::Replaced { .. }),
        "that earlier activity is gone is not said: {told:?}"
    );
    journal.append(profile(), told.entries).await.unwrap();
    assert_eq!(seqs(&all(&journal, profile()).await), [2, 3]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_journal_put_in_place_of_the_open_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 10).await;
    let backup = fs::read(folder.path().join(FILE)).unwrap();
    let journal = open(folder.path());
    journal.append(profile(), commands(10..30)).await.unwrap();
    for file in [folder.path().join(FILE), schema::log_of(&folder.path().join(FILE))] {
        fs::remove_file(file).unwrap();
    }
    settle(&folder.path().join(FILE), &backup);
    let told = journal.append(profile(), commands(30..31)).await.unwrap_err();
    assert!(matches!(told.source, JournalError::Replaced { .. }), "{told:?}");
    assert_eq!(seqs(&journal.append(profile(), told.entries).await.unwrap()), [31]);
    assert_eq!(all(&journal, profile()).await.len(), 11);
}

#[cfg(unix)]
#[tokio::test]
async fn deleting_the_log_of_an_open_journal_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let journal = open(folder.path());
    journal.append(profile(), commands(0..5)).await.unwrap();
    for round in 0..3 {
        fs::remove_file(schema::log_of(&path)).unwrap();
        journal.append(profile(), commands(0..1)).await.unwrap();
        // The machine crashes here.
        let crashed = tempfile::tempdir().unwrap();
        let copy = crashed.path().join(FILE);
        fs::copy(&path, &copy).unwrap();
        if let Ok(log) = fs::read(schema::log_of(&path)) {
            settle(&schema::log_of(&copy), &log);
        }
        assert_eq!(all(&open(crashed.path()), profile()).await.len(), 6 + round, "a commit was lost");
        assert_eq!(all(&journal, profile()).await.len(), 6 + round);
    }
}
